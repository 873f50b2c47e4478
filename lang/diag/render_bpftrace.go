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
// Columns count bytes from 1, the second one is exclusive. Messages are written in
// the order of the list, all but syntax errors behind the first. With color the
// headlines of errors are red and those of warnings yellow.
func RenderBpftrace(w io.Writer, list *List, color bool) error {
	b := compatText{color: color}
	var later []*Diagnostic // the warnings beside errors, which follow all errors
	parsed, clang := false, false
	for _, d := range single(list.All) {
		if e, ok := Lookup(d.Code); ok && e.Phase == PhaseParse && d.Severity == Error && !d.Compat.Omit {
			// Its parser ends with the first error.
			if parsed {
				continue
			}
			parsed = true
		}
		if d.Compat.Clang != "" {
			b.WriteString(d.Compat.Clang + "\n")
			clang = true
			continue
		}
		beside := &Diagnostic{Severity: Warning, Span: d.Span, Compat: Compat{Text: d.Compat.Warn, Span: d.Compat.Span}}
		switch {
		case d.Compat.Warn == "":
		case d.Severity == Error:
			later = append(later, beside)
		default:
			beside.bpftrace(&b)
		}
		if d.Severity != Error {
			flush(&b, &later)
		}
		if !d.Compat.Omit && d.Compat.Plain == "" {
			d.bpftrace(&b)
		}
	}
	flush(&b, &later)
	if clang {
		b.WriteString("Clang parse error\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// single returns a list in which each message that sums up others is replaced by
// those.
func single(list []*Diagnostic) []*Diagnostic {
	out := make([]*Diagnostic, 0, len(list))
	for _, d := range list {
		if d.Compat.Each == nil {
			out = append(out, d)
			continue
		}
		each := List{All: append([]*Diagnostic{}, d.Compat.Each...)}
		each.Sort()
		out = append(out, each.All...)
	}
	return out
}

// compatText collects the text of messages.
type compatText struct {
	strings.Builder
	color bool
}

// headline writes the first line of a message of a severity.
func (b *compatText) headline(word, text string) {
	if b.color {
		code := "31"
		if word == "WARNING" {
			code = "33"
		}
		text = "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	b.WriteString(text + "\n")
}

func flush(b *compatText, list *[]*Diagnostic) {
	for _, d := range *list {
		d.bpftrace(b)
	}
	*list = nil
}

// bpftrace writes one message. Where bpftrace has words of its own for it, they
// replace everything but the callers of macros.
func (d *Diagnostic) bpftrace(b *compatText) {
	word, text, at := strings.ToUpper(d.Severity.String()), d.Message, d.Span
	labels, hints := d.Labels, append(append([]string{}, d.Notes...), d.Helps...)
	if c := d.Compat; c.Text != "" {
		text, labels, hints = c.Text, c.More, c.Hints
		for _, l := range d.Labels {
			if l.Text == Expanded {
				labels = append(labels[:len(labels):len(labels)], l)
			}
		}
	} else {
		text = strings.ReplaceAll(text, "`", "'")
	}
	if d.Compat.Span.Valid() {
		at = d.Compat.Span
	}
	if e, ok := Lookup(d.Code); ok && e.Phase == PhaseParse && d.Severity == Error {
		text = "syntax: " + text
	}
	if d.Compat.NoWord {
		b.WriteString(visible(text) + "\n")
		return
	}
	if d.Compat.Bare {
		b.headline(word, word+": "+visible(text))
		return
	}
	compat(b, at, word, text)
	for _, l := range labels {
		if l.Text == Expanded {
			l.Text = "expanded from"
		}
		compat(b, l.Span, word, l.Text)
	}
	for _, h := range hints {
		fmt.Fprintf(b, "HINT: %s\n", strings.ReplaceAll(visible(h), "\n", "\n      "))
	}
}

// compat writes one place with its text.
func compat(b *compatText, s source.Span, word, text string) {
	text = visible(text)
	if !s.Valid() {
		b.headline(word, word+": "+text)
		return
	}
	name := visible(s.File.Name)
	line, col := s.File.Position(s.Start)
	last, end := s.File.Position(max(s.End, s.Start))
	if last > line {
		b.headline(word, fmt.Sprintf("%s:%d-%d: %s: %s", name, line, last, word, text))
		for n := line; n <= last; n++ {
			b.WriteString(plainLine(s.File.Line(n)) + "\n")
		}
		return
	}
	atEnd := s.Start >= len(s.File.Text) // nothing there could be underlined
	if end == col && !atEnd {
		end++
	}
	b.headline(word, fmt.Sprintf("%s:%d:%d-%d: %s: %s", name, line, col, end, word, text))
	shown := newLine(s.File, line, []mark{newMark(Label{Span: s}, true)}, compatWidth)
	from, to := shown.columns(newMark(Label{Span: s}, true), line)
	b.WriteString(strings.TrimRight(shown.text, " ") + "\n")
	if atEnd {
		to = from
	}
	b.WriteString(strings.Repeat(" ", from) + strings.Repeat("~", to-from) + "\n")
}

// plainLine returns a source line with its tabs expanded and its control characters
// visible, cut if it is very long.
func plainLine(s string) string {
	s = strings.ReplaceAll(s, "\t", strings.Repeat(" ", tabWidth))
	if len(s) > compatWidth {
		s = strings.ToValidUTF8(s[:compatWidth], "") + "…"
	}
	return visible(s)
}
