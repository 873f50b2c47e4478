package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const file = "What it shows.\nmode: loud\n-- in --\nhello\n-- out --\nHELLO\n"

// play opens a file and runs a test of upper-casing with it.
func play(t *testing.T, text string, write bool) (after string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.txtar")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := open(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "case" || c.Option("mode") != "loud" || c.Option("other") != "" {
		t.Errorf("got the name %q and the options %q, %q", c.Name, c.Option("mode"), c.Option("other"))
	}
	c.Out("nothing", "")
	c.Out("out", strings.ToUpper(c.In("in")))
	err = c.finish(write)
	data, readErr := os.ReadFile(path)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(data), err
}

func TestCompare(t *testing.T) {
	if after, err := play(t, file, false); err != nil || after != file {
		t.Errorf("a file that is right: %v\n%s", err, after)
	}
	for name, text := range map[string]string{
		"another result":  strings.Replace(file, "HELLO", "HELL", 1),
		"no result":       strings.Replace(file, "-- out --\nHELLO\n", "", 1),
		"one part more":   file + "-- stale --\nold\n",
		"another order":   "mode: loud\n-- out --\nHELLO\n-- in --\nhello\n",
		"no line's end":   strings.Replace(file, "HELLO", "HELLO\n\n", 1),
		"an empty result": strings.Replace(file, "HELLO\n", "", 1),
	} {
		after, err := play(t, text, false)
		if err == nil || after != text {
			t.Errorf("%s: got %v, and the file is\n%s", name, err, after)
			continue
		}
		if !strings.Contains(err.Error(), "-update") {
			t.Errorf("%s: the message does not say what to do: %v", name, err)
		}
		after, err = play(t, text, true)
		want := file
		if name == "another order" {
			want = strings.TrimPrefix(file, "What it shows.\n")
		}
		if err != nil || after != want {
			t.Errorf("%s: an update gives %v and\n%s", name, err, after)
		}
	}
}
