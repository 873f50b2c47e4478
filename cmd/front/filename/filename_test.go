package filename

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.pr", "a.txt", "b.pr", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "apart"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("apart", filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	scripts := func(name string) bool { return strings.HasSuffix(name, ".pr") }
	t.Chdir(dir)
	for _, tc := range []struct {
		word string
		keep func(string) bool
		want string
	}{
		{"", nil, "a.pr a.txt alias/ apart/ b.pr"},
		{"a", nil, "a.pr a.txt alias/ apart/"},
		{"a", scripts, "a.pr alias/ apart/"},
		{"./a.", nil, "./a.pr ./a.txt"},
		{dir + "/b", nil, dir + "/b.pr"},
		{".", nil, ".hidden"},
		{"none/", nil, ""},
		{"apart/", nil, ""},
	} {
		if got := strings.Join(Complete(tc.word, tc.keep), " "); got != tc.want {
			t.Errorf("Complete(%q) = %q, want %q", tc.word, got, tc.want)
		}
	}
}
