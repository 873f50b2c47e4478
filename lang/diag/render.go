package diag

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"probe/lang/source"
)

// HeldBack is the number of messages a renderer shows by default.
const HeldBack = 10

// Options controls how Render shows messages. The zero Options is plain text
// with at most HeldBack messages.
type Options struct {
	Color bool // with the colours of a terminal
	Limit int  // messages to show; 0 means HeldBack, negative all of them
}

// Render writes messages for people: headline, place, the source lines with
// carets, notes and helps. The list is shown in its order; call Sort first.
func Render(w io.Writer, list *List, opt Options) error {
	shown, held := limit(list, opt.Limit)
	var b strings.Builder
	for i, d := range shown {
		if i > 0 {
			b.WriteByte('\n')
		}
		render(&b, d, style(opt.Color))
	}
	if held > 0 {
		fmt.Fprintf(&b, "\n%d more held back\n", held)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String returns the message as Render shows it without colours.
func (d *Diagnostic) String() string {
	var b strings.Builder
	render(&b, d, false)
	return b.String()
}

// limit cuts a list to the number of messages to show and counts the rest.
func limit(list *List, n int) (shown []*Diagnostic, held int) {
	if n == 0 {
		n = HeldBack
	}
	if n < 0 || n >= len(list.All) {
		return list.All, 0
	}
	return list.All[:n], len(list.All) - n
}

// style adds terminal colours to text when it is true.
type style bool

// The colours: red errors, yellow warnings, blue frame and second labels.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	blue   = "\x1b[1;34m"
	cyan   = "\x1b[1;36m"
	reset  = "\x1b[0m"
)

func (s style) paint(color, text string) string {
	if !s || text == "" {
		return text
	}
	return color + text + reset
}

// severityColor returns the colour of a headline and its carets.
func severityColor(s Severity) string {
	switch s {
	case Error:
		return red
	case Warning:
		return yellow
	}
	return cyan
}

// render writes one message.
func render(b *strings.Builder, d *Diagnostic, st style) {
	head := d.Severity.String()
	if d.Code != "" {
		head += "[" + string(d.Code) + "]"
	}
	b.WriteString(st.paint(severityColor(d.Severity), head))
	b.WriteString(st.paint(bold, ": "+visible(d.Message)))
	b.WriteByte('\n')
	if d.Span.Valid() {
		frame(b, d, st)
	}
	for _, n := range d.Notes {
		remark(b, "note", n, st)
	}
	for _, h := range d.Helps {
		remark(b, "help", h, st)
	}
}

// remark writes a note or help; its further lines are indented.
func remark(b *strings.Builder, word, text string, st style) {
	lines := strings.Split(visible(text), "\n")
	fmt.Fprintf(b, "%s: %s\n", st.paint(cyan, word), lines[0])
	for _, l := range lines[1:] {
		b.WriteString(strings.TrimRight("      "+l, " ") + "\n")
	}
}

// mark is a label prepared for drawing.
type mark struct {
	Label
	primary     bool
	first, last int // lines, from 1
}

// frame writes the place and the marked source lines of a message.
func frame(b *strings.Builder, d *Diagnostic, st style) {
	marks := []mark{newMark(Label{d.Span, d.Label}, true)}
	for _, l := range d.Labels {
		if l.Span.Valid() {
			marks = append(marks, newMark(l, false))
		}
	}
	width := 0
	for _, m := range marks {
		width = max(width, len(fmt.Sprint(m.last)))
	}
	for i := 0; len(marks) > 0; i++ {
		file := marks[0].Span.File
		own := slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return m.Span.File != file })
		marks = slices.DeleteFunc(marks, func(m mark) bool { return m.Span.File == file })
		arrow := "-->"
		if i > 0 {
			arrow = ":::"
		}
		fmt.Fprintf(b, "%s%s %s\n", strings.Repeat(" ", width+1), st.paint(blue, arrow), visible(own[0].Span.String()))
		drawFile(b, file, own, d.Severity, width, st)
	}
}

func newMark(l Label, primary bool) mark {
	first, _ := l.Span.File.Position(l.Span.Start)
	last, col := l.Span.File.Position(max(l.Span.End, l.Span.Start))
	if last > first && col == 1 {
		last-- // ends with the line end
	}
	l.Text = visible(l.Text)
	return mark{l, primary, first, last}
}

// drawFile writes the marked lines of one file.
func drawFile(b *strings.Builder, file *source.File, marks []mark, sev Severity, width int, st style) {
	gutter := func(n int) {
		num := strings.Repeat(" ", width+2)
		if n > 0 {
			num = fmt.Sprintf(" %*d ", width, n)
		}
		b.WriteString(st.paint(blue, num+"|"))
	}
	blank := func() {
		gutter(0)
		b.WriteByte('\n')
	}
	blank()
	var lines []int
	for _, m := range marks {
		lines = append(lines, m.first, m.last)
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	prev := 0
	for _, n := range lines {
		if prev > 0 && n > prev+1 {
			if n == prev+2 { // one line in between costs no more than the dots
				gutter(n - 1)
				b.WriteString(strings.TrimRight(" "+newLine(file, n-1, nil, maxWidth).text, " ") + "\n")
			} else {
				b.WriteString(st.paint(blue, "...") + "\n")
			}
		}
		prev = n
		var here []mark
		for _, m := range marks {
			if m.first == n || m.last == n {
				here = append(here, m)
			}
		}
		slices.SortStableFunc(here, func(a, b mark) int { return cmp.Compare(rank(a), rank(b)) })
		line := newLine(file, n, here, maxWidth)
		gutter(n)
		b.WriteString(strings.TrimRight(" "+line.text, " ") + "\n")
		for _, m := range here {
			from, to := line.columns(m, n)
			sign, color := "-", blue
			if m.primary {
				sign, color = "^", severityColor(sev)
			}
			text := ""
			if m.last == n && m.Text != "" {
				text = " " + m.Text
			}
			gutter(0)
			b.WriteString(" " + strings.Repeat(" ", from) + st.paint(color, strings.Repeat(sign, to-from)+text) + "\n")
		}
	}
	blank()
}

// rank draws the primary mark first.
func rank(m mark) int {
	if m.primary {
		return 0
	}
	return 1
}
