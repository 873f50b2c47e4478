// Package filename completes the names of files for command lines and prompts.
package filename

import (
	"os"
	"path/filepath"
	"strings"
)

// Complete returns the folders, and those files that keep accepts (nil accepts
// all), whose names start with a word, in the order of their names. A name is
// given as the word begins it; that of a folder ends with a slash. Hidden files
// are left out unless the word begins with their dot. A folder that cannot be read
// has no files.
func Complete(word string, keep func(name string) bool) []string {
	dir, base := filepath.Split(word)
	from := dir
	if from == "" {
		from = "."
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case !strings.HasPrefix(name, base) || base == "" && name[0] == '.':
		case isDir(from, e):
			out = append(out, dir+name+"/")
		case keep == nil || keep(name):
			out = append(out, dir+name)
		}
	}
	return out
}

// isDir reports whether an entry of a folder is a folder, or a link to one.
func isDir(folder string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	st, err := os.Stat(filepath.Join(folder, e.Name()))
	return err == nil && st.IsDir()
}
