package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"probe/internal/rowid"
	"probe/lang/reference"
)

// TestReference looks up every row id that code, scripts, tests and documents
// mention: each must be a row of the language reference.
func TestReference(t *testing.T) {
	kinds := []string{".go", ".pr", ".bt", ".md", ".cases", ".txt", ".txtar"}
	skip := []string{"../docs/reference", "../lang/reference", "../internal/rowid"}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && path != ".." || slices.Contains(skip, filepath.ToSlash(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains(kinds, filepath.Ext(path)) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		unknown := map[string]bool{}
		for _, id := range rowid.In(string(b)) {
			if r, ok := reference.Lookup(id); (!ok || r.ID != id) && !unknown[id] {
				unknown[id] = true
				t.Errorf("%s mentions %s, which lang/reference/rows.txt does not have", strings.TrimPrefix(path, "../"), id)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
