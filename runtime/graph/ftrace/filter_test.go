package ftrace

import (
	"os"
	"path/filepath"
	"testing"

	"probe/runtime/tracefs"
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
