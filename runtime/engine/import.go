package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/runtime/trust"
	"probe/stdlib"
)

// Importer returns a file that a script imports. path is the operand of the
// import in the file from.
type Importer func(from *source.File, path string) (*source.File, error)

// Import looks for a file beside the script that imports it, then in the
// library. To a path without an ending it adds .pr or .bt. It rejects a file
// that users other than this one and root can write or replace (L-IMP-06),
// since its code would run with this user's rights.
func Import(from *source.File, path string) (*source.File, error) {
	candidates := []string{path}
	if filepath.Ext(path) == "" {
		candidates = []string{path + ".pr", path + ".bt", path}
	}
	dir := "."
	if from != nil {
		dir = filepath.Dir(from.Name)
	}
	for _, c := range candidates {
		full := c
		if !filepath.IsAbs(c) {
			full = filepath.Join(dir, c)
		}
		st, err := os.Stat(full)
		if err == nil && st.IsDir() || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := trust.File(full, trust.Process()); err != nil {
			if trust.IsError(err) {
				return nil, fmt.Errorf("%s is not imported, since others may change it: %w", full, err)
			}
			return nil, reason(err)
		}
		text, err := ReadFile(full)
		if err != nil {
			return nil, reason(err)
		}
		return source.New(full, text), nil
	}
	return Library(from, path)
}

// Library looks for a file in the library only.
func Library(_ *source.File, path string) (*source.File, error) {
	if text, ok := stdlib.Module(path); ok {
		return source.New("stdlib/"+strings.TrimSuffix(path, ".pr")+".pr", text), nil
	}
	if near, ok := diag.Nearest(path, stdlib.Modules()); ok {
		return nil, fmt.Errorf("not beside the script and not in the library; a module with a similar name exists: \"%s\"", near)
	}
	return nil, fmt.Errorf("not beside the script and not in the library, which has %s", strings.Join(stdlib.Modules(), ", "))
}

// maxScript is the maximum size of a script's text in bytes. A larger file is
// not a script but a mistake.
const maxScript = 32 << 20

var errDirectory = errors.New("it is a directory")

// ReadFile reads the text of a script from a file, with the rights of the user.
func ReadFile(name string) (string, error) {
	f, err := trust.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	if st.IsDir() {
		return "", errDirectory
	}
	text, err := read(f, st.Size())
	if errors.Is(err, errLarge) {
		err = fmt.Errorf("it is larger than %d bytes", maxScript)
	}
	return text, err
}

var errLarge = fmt.Errorf("more than %d bytes", maxScript)

// Read reads the text of a script to its end.
func Read(r io.Reader) (string, error) { return read(r, 0) }

// read makes room for the size that a file says to have.
func read(r io.Reader, size int64) (string, error) {
	var b strings.Builder
	b.Grow(int(min(size, maxScript)) + 1)
	_, err := io.Copy(&b, io.LimitReader(r, maxScript+1))
	if err == nil && b.Len() > maxScript {
		err = errLarge
	}
	return b.String(), err
}

// reason returns the reason in an *fs.PathError, since the message already
// names the path.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
