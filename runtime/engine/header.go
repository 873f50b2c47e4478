package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"probe/lang/source"
	"probe/runtime/trust"
)

// headers returns how the headers of a script are found (L-PRE-11): one in
// quotes beside the file that includes it, then in the working directory, where
// it must not be writable by others, since nothing names that folder; all of
// them in dirs, in order. A header in dirs is read even if the kernel has one of
// the same name. Headers that are installed for compilers are looked for only
// where asked.
func headers(dirs []string) func(from *source.File, path string, system, installed bool) (*source.File, error) {
	return func(from *source.File, path string, system, installed bool) (*source.File, error) {
		var places []string
		switch {
		case filepath.IsAbs(path):
			if !installed {
				places = []string{""}
			}
		case installed:
			places = []string{"/usr/local/include", "/usr/include/" + multiarch(), "/usr/include"}
		case system:
			places = dirs
		default:
			if from != nil {
				places = append(places, filepath.Dir(from.Name))
			}
			places = append(append(places, "."), dirs...)
		}
		for _, dir := range places {
			full := filepath.Join(dir, path)
			st, err := os.Stat(full)
			switch {
			case err == nil && st.Mode().IsRegular():
				if dir == "." && from != nil && filepath.Dir(from.Name) != "." && !slices.Contains(dirs, ".") {
					if err := trust.File(full, trust.Process()); err != nil {
						return nil, fmt.Errorf("the working directory has %s, which is not read, since others may change it: %w", full, err)
					}
				}
				text, err := ReadFile(full)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", full, reason(err))
				}
				return source.New(full, text), nil
			case err == nil && !st.IsDir():
				return nil, fmt.Errorf("%s is no regular file", full)
			case err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err):
				return nil, fmt.Errorf("%s: %w", full, reason(err))
			}
		}
		return nil, nil
	}
}

// isNotDir reports whether a part of a path that should be a folder is a file,
// or the path is none at all: nothing is there then.
func isNotDir(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, fs.ErrInvalid)
}

// multiarch returns the name of the folder with the headers of this processor.
func multiarch() string {
	return map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
}
