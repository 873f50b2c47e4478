package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"probe/lang/source"
	"probe/runtime/trust"
)

// What others can write is not imported, and does not hide behind the library.
func TestImportTrust(t *testing.T) {
	dir := t.TempDir()
	own, open := filepath.Join(dir, "own"), filepath.Join(dir, "open")
	for _, d := range []string{own, open} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"mine.pr", "net.bt"} {
			if err := os.WriteFile(filepath.Join(d, name), []byte("macro m() { 1 }"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	from := func(d string) *source.File { return source.New(filepath.Join(d, "script.pr"), "") }
	for _, path := range []string{"mine", "mine.pr", "net", "./net.bt"} {
		f, err := Import(from(own), path)
		if err != nil || f.Text != "macro m() { 1 }" {
			t.Errorf("%s in a folder of the user's: %v, %v", path, f, err)
		}
		_, err = Import(from(open), path)
		if !trust.IsError(err) || !strings.Contains(err.Error(), open+" can be written by everybody") {
			t.Errorf("%s in a folder that everybody can write: %v", path, err)
		}
	}
	// The library is in the binary.
	if _, err := Import(from(open), "route"); err != nil {
		t.Error(err)
	}
	writable := filepath.Join(own, "mine.pr")
	if err := os.Chmod(writable, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(from(own), "mine"); !trust.IsError(err) {
		t.Errorf("a file that everybody can write: %v", err)
	}
}
