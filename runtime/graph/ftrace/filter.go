package ftrace

import (
	"path/filepath"
	"strconv"
	"strings"
)

// setFunctions writes a list of functions, one a line, sorted, to a file that
// chooses what is instrumented. It writes functions as numbers, their line
// numbers in available_filter_functions: the kernel finds a number directly,
// while it compares a name with those of all its functions. It reads the file
// back to see whether the kernel understood the numbers (they are new in 5.1).
// If not, it writes names, and patterns in place of the names they match.
func (s *Source) setFunctions(name, want string) error {
	path := filepath.Join(s.base, name)
	if want != "" {
		if lines, err := s.lines(want); err == nil && writeSetting(path, lines, true) == nil {
			if now, err := readSetting(path, true); err == nil && now == want {
				return nil
			}
		}
	}
	return writeSetting(path, s.shorten(name, want), true)
}

// lines returns the numbers of the lines at which functions are in the kernel's
// list. A name can occur on several lines.
func (s *Source) lines(names string) (string, error) {
	text, err := s.fs.FunctionList()
	if err != nil {
		return "", err
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(names, "\n") {
		wanted[name] = true
	}
	var out []string
	n := 0
	for line := range strings.Lines(text) {
		n++
		name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ") // "name [module]"
		if wanted[name] {
			out = append(out, strconv.Itoa(n))
		}
	}
	return strings.Join(out, "\n"), nil
}
