package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHelpFits: the help of every command and of every ready script fits a
// window of 100 columns, and in each section what the options do begins in one
// column.
func TestHelpFits(t *testing.T) {
	lines := [][]string{{"--help"}}
	for _, name := range app().Names() {
		lines = append(lines, []string{name, "--help"})
	}
	for _, name := range bundledNames() {
		lines = append(lines, []string{"run", name, "--help"})
	}
	for _, words := range lines {
		var out, errs bytes.Buffer
		if code := Main(append([]string{"probe"}, words...), stdio{out: &out, err: &errs}); code != exitOK || errs.Len() > 0 {
			t.Errorf("probe %s: status %d, %s", strings.Join(words, " "), code, errs.String())
			continue
		}
		text := out.String()
		if strings.Count(text, "\n") < 3 || strings.TrimSpace(text) == "" {
			t.Errorf("probe %s says nothing: %q", strings.Join(words, " "), text)
		}
		column := -1
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("probe %s: %d columns: %s", strings.Join(words, " "), n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("probe %s: a line ends with a blank: %q", strings.Join(words, " "), line)
			}
			if strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " ") {
				column = -1 // another section
			}
			option, about, ok := strings.Cut(strings.TrimLeft(line, " "), "  ")
			if !ok || !strings.HasPrefix(option, "-") || !strings.HasPrefix(line, "  -") && !strings.HasPrefix(line, "      --") {
				continue
			}
			at := utf8.RuneCountInString(line) - utf8.RuneCountInString(strings.TrimLeft(about, " "))
			if column < 0 {
				column = at
			}
			if at != column {
				t.Errorf("probe %s: the text begins in column %d, elsewhere in %d: %s", strings.Join(words, " "), at, column, line)
			}
		}
	}
}
