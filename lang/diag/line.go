package diag

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"probe/lang/source"
)

const (
	tabWidth = 4   // spaces shown for a tab
	maxWidth = 160 // columns shown of a source line
	// compatWidth is the same for bpftrace, which does not cut lines: what is longer
	// was not written by people.
	compatWidth = 4096
)

// cells measures the width of characters. Characters of ambiguous width count
// as one column in every locale, so that the same script gives the same message
// everywhere.
var cells = &runewidth.Condition{}

// line is a source line prepared for a terminal: tabs expanded, characters
// that would disturb it replaced, and a very long one cut around its marks.
type line struct {
	text  string
	start int   // file offset of the first byte of the line
	cols  []int // display column of each byte shown and of the end
	from  int   // offset in the line of the first byte shown
}

// newLine prepares the 1-based line n of a file, of which width columns are shown.
func newLine(f *source.File, n int, marks []mark, width int) line {
	raw := f.Line(n)
	l := line{start: f.LineStart(n)}
	end := len(raw)
	var b strings.Builder
	if len(raw) > width {
		first := l.start + len(raw)
		for _, m := range marks {
			if m.first == n {
				first = min(first, m.Span.Start)
			}
		}
		if first == l.start+len(raw) {
			first = l.start
		}
		l.from = max(0, first-l.start-width/2)
		for l.from > 0 && l.from < len(raw) && !utf8.RuneStart(raw[l.from]) {
			l.from--
		}
		end = min(len(raw), l.from+width)
		for end < len(raw) && !utf8.RuneStart(raw[end]) {
			end++
		}
	}
	col := 0
	if l.from > 0 {
		b.WriteString("…")
		col = 1
	}
	for i := l.from; i < end; {
		r, size := utf8.DecodeRuneInString(raw[i:end])
		for range size {
			l.cols = append(l.cols, col)
		}
		text := raw[i : i+size]
		width := cells.RuneWidth(r)
		switch {
		case r == '\t':
			text, width = strings.Repeat(" ", tabWidth), tabWidth
		case hidden(r, size):
			text, width = "\ufffd", 1
		}
		b.WriteString(text)
		col += width
		i += size
	}
	l.cols = append(l.cols, col)
	if end < len(raw) {
		b.WriteString("…")
	}
	l.text = b.String()
	return l
}

// column returns the display column of a file offset, kept inside the line.
func (l *line) column(offset int) int {
	i := offset - l.start - l.from
	return l.cols[min(max(i, 0), len(l.cols)-1)]
}

// columns returns the part of the line n that a mark covers, at least one
// column. A mark of several lines covers the first one to its end and the last
// one from its first character on.
func (l *line) columns(m mark, n int) (from, to int) {
	end := l.cols[len(l.cols)-1]
	from, to = l.column(m.Span.Start), l.column(m.Span.End)
	if m.first != m.last {
		if m.first == n {
			to = end
		} else {
			from = len(l.text) - len(strings.TrimLeft(l.text, " "))
		}
	}
	if _, endCol := m.Span.File.Position(m.Span.End); m.last == n && endCol == 1 && m.Span.End > m.Span.Start {
		to = end
	}
	return from, max(to, from+1)
}

// hidden reports whether a character of size bytes is one that a terminal obeys or
// that changes how others are shown, or no character.
func hidden(r rune, size int) bool {
	return r < ' ' || r == 0x7f || r == utf8.RuneError && size == 1 || r >= 0x80 && r < 0xa0 ||
		r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}

// visible returns a text with the bytes of hidden characters as \xHH; line ends and
// tabs stay. Messages hold names of files and words that others may have chosen.
func visible(s string) string {
	var b strings.Builder
	from := 0 // start of what is not in b yet
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if hidden(r, size) && r != '\n' && r != '\t' {
			b.WriteString(s[from:i])
			for k := i; k < i+size; k++ {
				fmt.Fprintf(&b, `\x%02x`, s[k])
			}
			from = i + size
		}
		i += size
	}
	if from == 0 {
		return s
	}
	return b.String() + s[from:]
}
