package diag

import (
	"fmt"
	"io"
	"strings"

	"probe/lang/source"
)

// RenderBpftrace writes messages in the form of bpftrace (rows O-DIAG-01 and
// following), for tools that parse them:
//
//	FILE:LINE:COL-COL: ERROR: text
//	  source line
//	  ~~~~
//	HINT: text
//
// Columns count bytes from 1, the second one is exclusive. All messages are
// written, in the order of the list.
func RenderBpftrace(w io.Writer, list *List) error {
	var b strings.Builder
	for _, d := range list.All {
		text := d.Message
		if e, ok := Lookup(d.Code); ok && e.Phase == PhaseParse && d.Severity == Error {
			text = "syntax: " + text
		}
		if d.Compat != "" {
			text = d.Compat
		}
		word := strings.ToUpper(d.Severity.String())
		if d.CompatBare {
			fmt.Fprintf(&b, "%s: %s\n", word, text)
			continue
		}
		compat(&b, d.Span, word, text)
		for _, l := range d.Labels {
			compat(&b, l.Span, word, l.Text)
		}
		for _, n := range append(append([]string{}, d.Notes...), d.Helps...) {
			fmt.Fprintf(&b, "HINT: %s\n", strings.ReplaceAll(n, "\n", "\n      "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// compat writes one place with its text.
func compat(b *strings.Builder, s source.Span, word, text string) {
	if !s.Valid() {
		fmt.Fprintf(b, "%s: %s\n", word, text)
		return
	}
	line, col := s.File.Position(s.Start)
	last, end := s.File.Position(max(s.End, s.Start))
	if last > line {
		fmt.Fprintf(b, "%s:%d-%d: %s: %s\n", s.File.Name, line, last, word, text)
		for n := line; n <= last; n++ {
			b.WriteString(plainLine(s.File.Line(n)) + "\n")
		}
		return
	}
	if end == col {
		end++
	}
	fmt.Fprintf(b, "%s:%d:%d-%d: %s: %s\n", s.File.Name, line, col, end, word, text)
	shown := newLine(s.File, line, []mark{newMark(Label{Span: s}, true)})
	from, to := shown.columns(newMark(Label{Span: s}, true), line)
	b.WriteString(strings.TrimRight(shown.text, " ") + "\n")
	b.WriteString(strings.Repeat(" ", from) + strings.Repeat("~", to-from) + "\n")
}

// plainLine returns a source line with its tabs expanded, cut if it is very
// long.
func plainLine(s string) string {
	s = strings.ReplaceAll(s, "\t", strings.Repeat(" ", tabWidth))
	if len(s) > maxWidth {
		s = strings.ToValidUTF8(s[:maxWidth], "") + "…"
	}
	return s
}
