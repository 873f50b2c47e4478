package main

import (
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
)

// maxWord is the maximum number of letters of a word shown in a message about
// the command line. A whole script can be one word (-e).
const maxWord = 40

// mark adds to a message the command line, with a label at one of the words
// after "probe". at is the index of the word.
func mark(d *diag.Diagnostic, words []string, at int, label string) {
	var b strings.Builder
	b.WriteString("probe")
	var start, end int
	for i, w := range words {
		b.WriteByte(' ')
		if i == at {
			start = b.Len()
		}
		b.WriteString(quoted(w))
		if i == at {
			end = b.Len()
		}
	}
	d.Span = source.Span{File: source.New("command line", b.String()), Start: start, End: end}
	d.Label = label
}

// quoted returns a word as it would be typed into a shell, on one line and
// shortened to maxWord letters.
func quoted(w string) string {
	w = strings.Join(strings.Fields(" "+w+" "), " ")
	if r := []rune(w); len(r) > maxWord {
		w = string(r[:maxWord]) + "…"
	}
	if w != "" && !strings.ContainsAny(w, " '\"\\$`*?[]{}()<>|&;#~!") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
