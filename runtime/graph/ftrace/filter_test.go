package ftrace

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"probe/runtime/machine/live/tracefs"
)

// Functions are found by their lines, whatever stands between them.
func TestLines(t *testing.T) {
	dir := files(t, map[string]string{"available_filter_functions": "a\nb [mod]\n__ftrace_invalid_address___24\nc\na\nd\n"})
	s := &Source{fs: tracefs.At(dir, ""), base: dir}
	got, err := s.lines("a\nb\nd\nzz")
	if want := "1\n2\n5\n6"; err != nil || got != want {
		t.Errorf("lines %q, %v, want %q", got, err, want)
	}
}

// A file that does not show the functions whose numbers were written gets
// their names.
func TestSetFunctionsByName(t *testing.T) {
	dir := files(t, map[string]string{"available_filter_functions": "a\nb\nc\nd\n", "set_ftrace_filter": ""})
	s := &Source{fs: tracefs.At(dir, ""), base: dir}
	for _, want := range []string{"", "a", "a\nb\nc"} {
		if err := s.setFunctions("set_ftrace_filter", want); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "set_ftrace_filter"))
		if want != "" {
			want += "\n"
		}
		if err != nil || string(text) != want {
			t.Errorf("the file has %q, %v, want %q", text, err, want)
		}
	}
}

// What was overwritten counts, whether a tree was open or not, and stays known
// when the source is closed.
func TestLost(t *testing.T) {
	p := &pager{time: 5, commit: 0xffffffffc0000000}
	p.entry(1, 0, 1, 1<<63, 0)
	counted := p.page(4096)
	binary.LittleEndian.PutUint64(counted[16+len(p.data):], 121)
	p.commit = lostBefore
	name := filepath.Join(t.TempDir(), "trace_pipe_raw")
	if err := os.WriteFile(name, append(counted, p.page(4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{fd: int(file.Fd()), file: file, page: make([]byte, 4096)}
	s := &Source{readers: []*reader{r}, decoder: decoder(t, "6.1")}
	if _, _, err := s.round(); err != nil {
		t.Fatal(err)
	}
	if n := s.Lost(); n != 122 {
		t.Errorf("%d lost, want 121 and one of unknown size", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := s.Lost(); n != 122 {
		t.Errorf("%d lost after closing", n)
	}
}
