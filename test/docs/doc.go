// Package docs keeps the documents correct: README.md, CHANGELOG.md and docs/.
//
// The code writes what it knows into the documents. Fill replaces the text
// between two markers with a section of Sections: tables of probes, functions,
// configuration, messages and kernel features. "make docs" runs it (command
// gen), and a test fails when a file differs from what it would write.
//
// Everything else is tested. Every script in a document is checked and, in
// guests, loaded and attached; every script that a document says is refused is
// refused with the row it names; every command of the README is run; every file
// and link that is named exists.
package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Root returns the folder of the source tree, searched from the working
// directory upwards.
func Root() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			if first, _, _ := strings.Cut(string(text), "\n"); strings.TrimSpace(first) == "module probe" {
				return dir, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the source tree of probe", wd)
		}
	}
}

// The markers around a generated section. Markdown does not show them.
const (
	begin = "<!-- written by make docs: %s -->"
	end   = "<!-- end: %s -->"
)

// Fill returns a document with its generated sections replaced. Text without
// markers is returned unchanged; a marker without its end, or with a name that
// is not in sections, is an error.
func Fill(text string, sections map[string]string) (string, error) {
	var out strings.Builder
	prefix, suffix, _ := strings.Cut(begin, "%s")
	for {
		before, rest, found := strings.Cut(text, prefix)
		if !found {
			return out.String() + text, nil
		}
		name, rest, _ := strings.Cut(rest, suffix)
		section, known := sections[name]
		if !known {
			return "", fmt.Errorf("no generated section is named %q", name)
		}
		last := fmt.Sprintf(end, name)
		_, after, found := strings.Cut(rest, last)
		if !found {
			return "", fmt.Errorf("the generated section %q has no %q behind it", name, last)
		}
		fmt.Fprintf(&out, "%s"+begin+"\n\n%s\n\n%s", before, name, strings.TrimSpace(section), last)
		text = after
	}
}

// Files lists the documents below the root: the README, the change log and
// everything in docs/ and the folders in it.
func Files(root string) ([]string, error) {
	names := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CHANGELOG.md")}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	return names, nil
}

// Write fills the generated sections of all documents and returns the names of
// the files that changed. With dry it changes none and returns the names of
// those that it would change.
func Write(root string, dry bool) (changed []string, err error) {
	files, err := Files(root)
	if err != nil {
		return nil, err
	}
	sections, err := Sections(root)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		old, err := os.ReadFile(name)
		if err != nil {
			return changed, err
		}
		text, err := Fill(string(old), sections)
		if err != nil {
			return changed, fmt.Errorf("%s: %w", name, err)
		}
		if text == string(old) {
			continue
		}
		if !dry {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				return changed, err
			}
		}
		changed = append(changed, name)
	}
	return changed, nil
}
