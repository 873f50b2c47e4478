package syntax

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// The formatter writes a stream of layout operations and decides about line
// breaks afterwards, in the manner of Oppen's and Wadler's pretty printers: a
// group that fits on the rest of the line is written flat, otherwise its breaks
// become line breaks. Each fill break is decided separately, so that a long
// list of arguments fills its lines.

type opKind uint8

const (
	opText     opKind = iota
	opAligned         // text whose blanks at the start of a line stay
	opVerbatim        // text without indent
	opBreak           // a blank, or a line break in a broken group
	opFill            // a blank, or a line break if what follows does not fit
	opHard            // a line break
	opBlank           // an empty line
	opIndent          // one level in
	opDedent          // one level out
	opOpen            // start of a group
	opClose           // end of a group
)

type layoutOp struct {
	kind opKind
	text string
}

const (
	indentWidth = 4
	lineWidth   = 100
)

// layout turns operations into text.
type layout struct {
	ops    []layoutOp
	out    strings.Builder
	col    int
	indent int
	fresh  bool // at the start of a line, the indent not written yet
	broken []bool
}

// run writes all operations.
func (l *layout) run() string {
	l.fresh = true
	for i, op := range l.ops {
		switch op.kind {
		case opText:
			l.write(op.text)
		case opAligned:
			l.start()
			l.write(op.text)
		case opVerbatim:
			l.fresh = false
			l.write(op.text)
		case opHard:
			l.newline()
		case opBlank:
			l.newline()
			l.newline()
		case opBreak:
			if l.inBroken() {
				l.newline()
			} else {
				l.write(" ")
			}
		case opFill:
			if l.inBroken() && !l.fits(i+1, l.col+1) {
				l.newline()
			} else {
				l.write(" ")
			}
		case opIndent:
			l.indent++
		case opDedent:
			l.indent--
		case opOpen:
			l.broken = append(l.broken, !l.fits(i, l.column()))
		case opClose:
			l.broken = l.broken[:len(l.broken)-1]
		}
	}
	return l.out.String()
}

func (l *layout) inBroken() bool {
	n := len(l.broken)
	return n == 0 || l.broken[n-1]
}

// column returns where the next text starts.
func (l *layout) column() int {
	if l.fresh {
		return l.indent * indentWidth
	}
	return l.col
}

func (l *layout) newline() {
	l.out.WriteByte('\n')
	l.fresh = true
	l.col = 0
}

// write writes text; a blank at the start of a line is dropped.
func (l *layout) write(s string) {
	if l.fresh {
		if s = strings.TrimPrefix(s, " "); s == "" {
			return
		}
		l.start()
	}
	l.out.WriteString(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
		l.col = 0
	}
	l.col += width(s)
}

// start writes the indent of a line.
func (l *layout) start() {
	if l.fresh {
		l.out.WriteString(strings.Repeat(" ", l.indent*indentWidth))
		l.col = l.indent * indentWidth
		l.fresh = false
	}
}

// width returns the number of columns of a text.
func width(s string) int { return layoutCells.StringWidth(s) }

var layoutCells = &runewidth.Condition{}

// fits reports whether the text from operation i on fits on a line that is
// filled up to col. The text is measured flat, up to the next possible break:
// for a group the first one after its end, for anything else the next one in
// the same group or after the end of that group.
func (l *layout) fits(i, col int) bool {
	depth := 0
	group := i < len(l.ops) && l.ops[i].kind == opOpen
	for ; i < len(l.ops); i++ {
		switch op := l.ops[i]; op.kind {
		case opOpen:
			depth++
		case opClose:
			if depth--; depth < 0 || group && depth == 0 {
				return l.fitsUntilBreak(i+1, col)
			}
		case opHard, opBlank:
			return !group && depth == 0
		case opBreak, opFill:
			if !group && depth == 0 {
				return true
			}
			col++
		default:
			first, _, more := strings.Cut(op.text, "\n")
			if col += width(first); more {
				return !group && depth == 0 && col <= lineWidth
			}
		}
		if col > lineWidth {
			return false
		}
	}
	return true
}

// fitsUntilBreak reports whether the text from operation i to the next place
// where the line can break, in whatever group, still fits.
func (l *layout) fitsUntilBreak(i, col int) bool {
	for ; i < len(l.ops); i++ {
		switch op := l.ops[i]; op.kind {
		case opHard, opBlank, opBreak, opFill:
			return true
		case opText, opAligned, opVerbatim:
			first, _, more := strings.Cut(op.text, "\n")
			if col += width(first); col > lineWidth {
				return false
			}
			if more {
				return true
			}
		}
	}
	return true
}
