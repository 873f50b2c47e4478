package repl

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// style is how a character of the edited line is shown.
type style uint8

// The styles.
const (
	plainText style = iota
	keyword
	function
	variable
	literal
	comment
	wrong
	faint // hints
	marked
)

// sgr has the terminal's numbers for the styles: the colours of messages, where these
// have one for it.
var sgr = [...]string{keyword: "35", function: "34", variable: "36", literal: "32", comment: "2", wrong: "31", faint: "2", marked: "1"}

// cell is a column of a line: a character with the marks that combine with it.
// The second column of a wide character is empty.
type cell struct {
	text  string
	style style
}

// put writes a character over the cells at a column and returns the column behind
// it.
func put(cells []cell, col int, r rune, st style) ([]cell, int) {
	w := runewidth.RuneWidth(r)
	if w == 0 {
		if col > 0 && col <= len(cells) {
			cells[col-1].text += string(r)
		}
		return cells, col
	}
	for len(cells) < col+w {
		cells = append(cells, cell{text: " "})
	}
	cells[col] = cell{string(r), st}
	if w == 2 {
		cells[col+1] = cell{"", st}
	}
	return cells, col + w
}

// line is what the line editor has drawn on the line where the cursor is, read from
// the characters and sequences that it writes.
type line struct {
	cells []cell
	col   int
	seq   []byte // a character or an escape sequence that is not complete
}

// change is what a byte of the editor does beyond the line.
type change uint8

// The changes.
const (
	unchanged change = iota
	ended            // the line ends
	cleared          // the screen was cleared
	rang             // the bell
)

// add reads a byte that the editor has written.
func (l *line) add(c byte) change {
	switch {
	case len(l.seq) > 0 && l.seq[0] == '\x1b':
		l.seq = append(l.seq, c)
		first := len(l.seq) == 2
		if first && c == '[' || !first && (c < '@' || c > '~') {
			return unchanged
		}
		seq := string(l.seq)
		l.seq = l.seq[:0]
		return l.control(seq)
	case len(l.seq) > 0 || c >= utf8.RuneSelf:
		l.seq = append(l.seq, c)
		if utf8.FullRune(l.seq) {
			r, _ := utf8.DecodeRune(l.seq)
			l.cells, l.col = put(l.cells, l.col, r, plainText)
			l.seq = l.seq[:0]
		}
	case c == '\x1b':
		l.seq = append(l.seq, c)
	case c == '\n':
		return ended
	case c == '\a':
		return rang
	case c == '\r':
		l.col = 0
	case c >= ' ':
		l.cells, l.col = put(l.cells, l.col, rune(c), plainText)
	}
	return unchanged
}

// control carries out an escape sequence of those that the editor uses.
func (l *line) control(seq string) change {
	if len(seq) < 3 {
		return unchanged
	}
	arg, last := seq[2:len(seq)-1], seq[len(seq)-1]
	n, _ := strconv.Atoi(arg)
	switch last {
	case 'G':
		l.col = max(n, 1) - 1
	case 'C':
		l.col += max(n, 1)
	case 'K':
		l.cells = l.cells[:min(len(l.cells), l.col)]
	case 'J':
		*l = line{}
		return cleared
	}
	return unchanged
}

// text returns the characters of cells, and for each its column.
func text(cells []cell) (s string, cols []int) {
	var b strings.Builder
	for i, c := range cells {
		for range utf8.RuneCountInString(c.text) {
			cols = append(cols, i)
		}
		b.WriteString(c.text)
	}
	return b.String(), cols
}

// redraw returns what changes a line with the cursor in column at into another one:
// only the columns that differ are written, since terminals can be slow.
func redraw(shown []cell, at int, want []cell, col int) string {
	var b strings.Builder
	from := 0
	for from < min(len(shown), len(want)) && shown[from] == want[from] {
		from++
	}
	to := len(want)
	if len(shown) == len(want) {
		for to > from && shown[to-1] == want[to-1] {
			to--
		}
	}
	for from > 0 && from < len(want) && want[from].text == "" {
		from-- // the first column of a wide character
	}
	if to < len(want) && want[to].text == "" {
		to++
	}
	if from < to || len(shown) > len(want) {
		move(&b, at, from)
		st := plainText
		for _, c := range want[from:to] {
			restyle(&b, &st, c.style)
			b.WriteString(c.text)
		}
		restyle(&b, &st, plainText)
		if len(shown) > len(want) {
			b.WriteString("\x1b[K")
		}
		at = to
	}
	move(&b, at, col)
	return b.String()
}

// restyle writes what changes the style of what follows.
func restyle(b *strings.Builder, st *style, to style) {
	switch {
	case *st == to:
		return
	case to == plainText:
		b.WriteString("\x1b[0m")
	case *st == plainText:
		b.WriteString("\x1b[" + sgr[to] + "m")
	default:
		b.WriteString("\x1b[0;" + sgr[to] + "m")
	}
	*st = to
}

// move writes what takes the cursor from a column to another one.
func move(b *strings.Builder, from, to int) {
	switch {
	case from == to:
	case to == 0:
		b.WriteByte('\r')
	case to < from && from-to <= 3:
		b.WriteString(strings.Repeat("\b", from-to))
	default:
		b.WriteString("\r\x1b[" + strconv.Itoa(to) + "C")
	}
}
