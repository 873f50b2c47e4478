package repl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"probe/lang/hir"
)

var (
	configuring = pattern(`\bconfig\s*=\s*\{([^{}]*)$`)
	setting     = pattern(`^\s*(\w+)\s*=\s*"?(\w*)$`)
	option      = pattern(`:(\w*)(?:=(\w*))?$`)
)

// completeConfig completes the name or the value of a configuration variable at
// the end of a text, which begins with the name. at is -1 if neither can stand
// there.
func completeConfig(text string) (at int, list []string) {
	if m := setting().FindStringSubmatchIndex(text); m != nil {
		v := hir.FindConfig(text[m[2]:m[3]])
		if v == nil {
			return -1, nil
		}
		return m[4], starting(configValues(v), text[m[4]:])
	}
	word := strings.TrimLeft(text, " \t\n")
	if lastWord(word) != word {
		return -1, nil
	}
	var names []string
	for _, v := range hir.ConfigVars() {
		if v.Settable() {
			names = append(names, v.Name+" = ")
		}
	}
	return len(text) - len(word), starting(names, word)
}

// configValues returns the values of a variable that has a list of them.
func configValues(v *hir.ConfigVar) []string {
	switch v.Kind {
	case hir.ConfigBool:
		return []string{"true", "false"}
	case hir.ConfigWord:
		return slices.Clone(v.Words)
	case hir.ConfigInt, hir.ConfigString:
		return nil
	}
	return []string{"enable", "warn", "error"}
}

// completeOption completes an option of an attach point, or the value of one,
// at the end of its text. at is -1 if none can stand there.
func completeOption(kind *hir.ProbeKind, text string) (at int, list []string) {
	m := option().FindStringSubmatchIndex(text)
	if m == nil || len(kind.Options) == 0 {
		return -1, nil
	}
	if m[4] >= 0 {
		for _, o := range kind.Options {
			if o.Name == text[m[2]:m[3]] {
				return m[4], starting(o.Values, text[m[4]:])
			}
		}
		return -1, nil
	}
	var names []string
	for _, o := range kind.Options {
		names = append(names, o.Name+"=")
	}
	return m[2], starting(names, text[m[2]:])
}

// inPath returns the programs in PATH whose names start with a prefix, each with
// the colon before a symbol.
func inPath(prefix string) []string {
	var out []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), prefix) {
				continue
			}
			if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				out = append(out, e.Name()+":")
			}
		}
	}
	return sorted(out)
}
