package main

import (
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
)

// maxWord is how many letters of a word a message about the command line
// shows.
const maxWord = 40

// mark makes a message point at a word of the command line that follows
// "probe".
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

// quoted returns a word as one would type it into a shell, on one line and not
// too long.
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
