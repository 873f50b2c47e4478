package guest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DependOnSources makes the result of the running test depend on the source
// tree. "go test" keeps results for as long as the package and the files that
// the test has looked at are the same; it does not see the sources of programs
// that a test builds.
func DependOnSources() error {
	root, err := sourceRoot()
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := e.Name()
		if e.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "docs") {
				return filepath.SkipDir
			}
			return nil
		}
		if e.Type().IsRegular() && !strings.HasSuffix(name, "_test.go") {
			_, err = os.Stat(path)
		}
		return err
	})
}
