package engine

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"probe/lang/source"
)

// TestHeaders looks for headers in every place that they can be in.
func TestHeaders(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"script/beside.h": "beside", "script/both.h": "beside", "inc/both.h": "inc", "inc/sub/deep.h": "deep", "inc/linux/fs.h": "fs",
		"inc2/both.h": "inc2", "inc2/last.h": "last", "here.h": "here", "open.h": "open",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod("open.h", 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo("script/pipe.h", 0o600); err != nil {
		t.Fatal(err)
	}
	find := headers([]string{"inc", "inc2"})
	script := source.New("script/s.bt", "")
	for _, c := range []struct {
		path   string
		system bool
		want   string // what is in it, "" if it is not found, or the end of an error
	}{
		{"beside.h", false, "beside"},
		{"beside.h", true, ""},
		{"both.h", false, "beside"},
		{"both.h", true, "inc"},
		{"last.h", true, "last"},
		{"sub/deep.h", false, "deep"},
		{"linux/fs.h", true, "fs"},
		{"here.h", false, "here"},
		{"here.h", true, ""},
		{"none.h", false, ""},
		{"sub", false, ""},
		{"both.h/x.h", true, ""},
		{strings.Repeat("x", 5000), true, ""},
		{filepath.Join(dir, "inc2/last.h"), false, "last"},
		{"pipe.h", false, "error: script/pipe.h is no regular file"},
		{"open.h", false, "error: can be written by everybody"},
	} {
		f, err := find(script, c.path, c.system, false)
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else if f != nil {
			got = f.Text
		}
		if got != c.want && !(strings.HasPrefix(c.want, "error: ") && strings.HasPrefix(got, "error: ") && strings.HasSuffix(got, c.want[7:])) {
			t.Errorf("%.40s (system %v): %q, want %q", c.path, c.system, got, c.want)
		}
	}
	// What the user names is read whoever may write it.
	if f, err := headers([]string{"."})(script, "open.h", false, false); err != nil || f == nil {
		t.Errorf("in a folder of -I: %v, %v", f, err)
	}
	if f, err := find(source.New("command line", ""), "open.h", false, false); err != nil || f == nil {
		t.Errorf("of --include: %v, %v", f, err)
	}
	if f, err := find(script, "probe_no_such_header.h", true, true); f != nil || err != nil {
		t.Errorf("installed: %v, %v", f, err)
	}
}
