package graph

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// Style is the form in which a tree is printed.
type Style uint8

// The styles.
const (
	// Lines draws the tree with lines, durations and results in columns.
	Lines Style = iota
	// Braces is the form of ftrace's function_graph.
	Braces
)

// StyleNamed returns the style of a name that users type: "tree" or "ftrace".
func StyleNamed(name string) (Style, error) {
	switch name {
	case "tree":
		return Lines, nil
	case "ftrace":
		return Braces, nil
	}
	return 0, fmt.Errorf("no style %q: the styles are tree and ftrace", name)
}

// drawings is a pool of buffers for drawing trees.
var drawings = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const (
	// largeDrawing is the size, in bytes, from which a buffer is not returned
	// to the pool.
	largeDrawing = 1 << 20
	// piece is how much of a tree is written at once: one of a million calls may be
	// gigabytes of text.
	piece = 1 << 20
	// keptLabels bounds the text of the labels that are kept between the two times
	// that they are needed.
	keptLabels = 16 << 20
)

// Write prints a tree, one of less than a megabyte in one piece. What is missing is said on the first line,
// what was folded away on the last.
func (t *Tree) Write(w io.Writer, funcs *Funcs, style Style) error {
	if b, ok := w.(*bytes.Buffer); ok {
		t.draw(&drawing{Buffer: b}, funcs, style)
		return nil
	}
	var err error
	t.drawn(funcs, style, func(text []byte) { _, err = w.Write(text) }, func() bool { return err != nil })
	return err
}

// drawn calls use with the lines of a tree, piece by piece if stop is not nil, until
// stop reports true.
func (t *Tree) drawn(funcs *Funcs, style Style, use func(text []byte), stop func() bool) {
	b := &drawing{Buffer: drawings.Get().(*bytes.Buffer)}
	if stop != nil {
		b.use, b.stop = use, stop
	}
	t.draw(b, funcs, style)
	use(b.Bytes())
	if b.Reset(); b.Cap() < largeDrawing {
		drawings.Put(b.Buffer)
	}
}

// drawing is a buffer that a tree is drawn in.
type drawing struct {
	*bytes.Buffer
	use  func(text []byte) // takes each piece; nil where the whole is wanted
	stop func() bool
}

// ended is called after each line: it hands on a piece that is full, and reports
// whether nobody wants the rest.
func (d *drawing) ended() bool {
	if d.use == nil || d.Len() < piece {
		return false
	}
	d.use(d.Bytes())
	d.Reset()
	return d.stop()
}

func (t *Tree) draw(b *drawing, funcs *Funcs, style Style) {
	if note := t.missing(); note != "" {
		fmt.Fprintf(b, " incomplete: %s\n", note)
	}
	if style == Braces {
		t.braces(b, funcs)
	} else {
		t.lines(b, funcs)
	}
	if note := t.Folded.String(); note != "" {
		fmt.Fprintf(b, " (%s)\n", note)
	}
}

// String describes what was folded away, "" for nothing.
func (f Folded) String() string {
	if f.Interruptions == 0 {
		return ""
	}
	return fmt.Sprintf("left out: %s with %s, %s", count(f.Interruptions, "interruption"), count(f.Calls, "call"),
		strings.TrimSpace(FormatDuration(f.Time)))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// missing describes what is missing in the tree.
func (t *Tree) missing() string {
	noEntry, noExit := 0, 0
	for i := range t.Calls {
		if t.Calls[i].Flags&NoEntry != 0 {
			noEntry++
		}
		if t.Calls[i].Flags&NoExit != 0 {
			noExit++
		}
	}
	var parts []string
	if t.Lost > 0 {
		parts = append(parts, "at least "+count(int(t.Lost), "event")+" lost")
	}
	if noEntry > 0 {
		parts = append(parts, "the start of "+count(noEntry, "call")+" not seen")
	}
	if noExit > 0 {
		parts = append(parts, "the end of "+count(noExit, "call")+" not seen")
	}
	return strings.Join(parts, ", ")
}

// label returns the text of a call without lines and columns: name, arguments,
// module.
func (t *Tree) label(funcs *Funcs, c *Call) string {
	if c.Flags&Gap != 0 {
		if c.Ret > 0 {
			return fmt.Sprintf("… %s lost …", count(int(c.Ret), "event"))
		}
		return "… events lost …"
	}
	f := funcs.Func(c.Fn)
	s := f.Name
	if c.NArgs > 0 && f.Params != nil {
		s += "(" + t.args(funcs, &f, c) + ")"
	}
	if f.Module != "" {
		s += " [" + f.Module + "]"
	}
	return s
}

// args returns the arguments with their names.
func (t *Tree) args(funcs *Funcs, f *Func, c *Call) string {
	var b strings.Builder
	for i := range min(int(c.NArgs), len(f.Params)) {
		if i > 0 {
			b.WriteString(", ")
		}
		p := f.Params[i]
		if p.Name != "" {
			b.WriteString(p.Name)
			b.WriteByte('=')
		}
		b.WriteString(t.ArgText(funcs, c, i))
	}
	return b.String()
}

// appendTook appends how long a call took.
func appendTook(b []byte, c *Call) []byte {
	switch {
	case c.Flags&Gap != 0:
		return b
	case c.Flags&NoExit != 0, c.Flags&NoEntry != 0 && c.T0 == c.T1:
		return append(b, "?   "...)
	}
	return appendDuration(b, c.Duration())
}

// maxColumn is the maximum width of the column of names: a single long line
// must not push the durations further to the right.
const maxColumn = 100

// line holds what is computed for a call's line before any line is printed.
type line struct {
	label string // "" where it is made again
	level int32  // distance from the root
	width int32  // of the drawing and the label, in columns
	took  int32  // where its duration ends in the text of all durations
	left  int32  // length of the prefix of the children's lines
}

// lines draws the tree with lines.
func (t *Tree) lines(w *drawing, funcs *Funcs) {
	list := make([]line, len(t.Calls))
	durations := make([]byte, 0, 10*len(t.Calls))
	column, times, kept := 0, 0, 0
	for i := range t.Calls {
		c, l := &t.Calls[i], &list[i]
		if c.Parent >= 0 {
			l.level = list[c.Parent].level + 1
		}
		label := t.label(funcs, c)
		if kept < keptLabels {
			l.label, kept = label, kept+len(label)
		}
		l.width = 1 + 3*l.level + int32(utf8.RuneCountInString(label))
		if l.width <= maxColumn && c.Flags&Gap == 0 {
			column = max(column, int(l.width))
		}
		before := len(durations)
		durations = appendTook(durations, c)
		l.took = int32(len(durations))
		times = max(times, len(durations)-before)
	}
	var text []byte
	left := append(make([]byte, 0, 64), ' ') // the vertical lines to the left of children
	list[0].left = 1
	from := int32(0)
	for i := range t.Calls {
		c, l := &t.Calls[i], &list[i]
		text = append(w.AvailableBuffer(), left[:1]...)
		if c.Parent >= 0 {
			// The prefix of the parent's children is still at the start of
			// left.
			left = left[:list[c.Parent].left]
			text = append(text[:0], left...)
			if c.End == t.Calls[c.Parent].End {
				text, left = append(text, "└─ "...), append(left, "   "...)
			} else {
				text, left = append(text, "├─ "...), append(left, "│  "...)
			}
			l.left = int32(len(left))
		}
		if l.label == "" {
			l.label = t.label(funcs, c)
		}
		text = append(text, l.label...)
		l.label = ""
		d := durations[from:l.took]
		from = l.took
		if c.Flags&Gap == 0 {
			text = spaces(text, max(column-int(l.width)+3, 2)+times-len(d))
			short := bytes.TrimRight(d, " ")
			text = append(text, short...)
			if r := funcs.RetText(c); r != "" {
				text = spaces(text, len(d)-len(short)+2)
				text = append(append(text, "= "...), r...)
			}
		}
		w.Write(append(text, '\n'))
		if w.ended() {
			return
		}
	}
}

// spaces appends n blanks, none for a negative number.
func spaces(b []byte, n int) []byte {
	for range n {
		b = append(b, ' ')
	}
	return b
}

// braces prints the tree as function_graph does: CPU, duration with a mark for
// long ones, calls as nested blocks.
func (t *Tree) braces(w *drawing, funcs *Funcs) {
	w.WriteString("# CPU  DURATION                  FUNCTION CALLS\n# |     |   |                     |   |   |   |\n")
	var open []int32
	closeTo := func(i int32) {
		for len(open) > 0 && t.Calls[open[len(open)-1]].End <= i {
			c := &t.Calls[open[len(open)-1]]
			open = open[:len(open)-1]
			t.brace(w, c, true, len(open), "}"+ret(funcs, c)+" /* "+funcs.Name(c.Fn)+" */")
		}
	}
	for i := range t.Calls {
		c := &t.Calls[i]
		closeTo(int32(i))
		switch leaf := c.End == int32(i)+1; {
		case c.Flags&Gap != 0:
			fmt.Fprintf(w, "        /* %s */\n", t.label(funcs, c))
		case leaf:
			t.brace(w, c, true, len(open), t.call(funcs, c)+";"+ret(funcs, c))
		default:
			t.brace(w, c, false, len(open), t.call(funcs, c)+" {")
			open = append(open, int32(i))
		}
		if w.ended() {
			return
		}
	}
	closeTo(int32(len(t.Calls)))
}

func (t *Tree) call(funcs *Funcs, c *Call) string {
	f := funcs.Func(c.Fn)
	s := f.Name
	if f.Module != "" {
		s += " [" + f.Module + "]"
	}
	if c.NArgs == 0 || f.Params == nil {
		return s + "()"
	}
	return s + "(" + t.args(funcs, &f, c) + ")"
}

func ret(funcs *Funcs, c *Call) string {
	if r := funcs.RetText(c); r != "" {
		return " /* = " + r + " */"
	}
	return ""
}

// brace prints one line. ends says whether the line shows the call's duration.
func (t *Tree) brace(w *drawing, c *Call, ends bool, depth int, text string) {
	mark, d := ' ', ""
	if ends && c.Flags&NoExit == 0 {
		d = fmt.Sprintf("%.3f us", float64(c.Duration())/1e3)
		mark = overhead(c.Duration())
	}
	fmt.Fprintf(w, "%3d)  %c %13s  |  %s%s\n", c.CPU, mark, d, strings.Repeat("  ", depth), text)
}

// overhead returns the sign that the kernel puts before long durations
// (mark_duration in kernel/trace/trace_output.c).
func overhead(ns int64) rune {
	for _, m := range [...]struct {
		above int64
		sign  rune
	}{{1e9, '$'}, {1e8, '@'}, {1e7, '*'}, {1e6, '#'}, {1e5, '!'}, {1e4, '+'}} {
		if ns > m.above {
			return m.sign
		}
	}
	return ' '
}
