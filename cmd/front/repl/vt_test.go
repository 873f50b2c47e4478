package repl

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// vt is the part of a terminal that the line editor and the screen use: what a
// person would see.
type vt struct {
	mu       sync.Mutex
	lines    [][]shown
	row, col int
	columns  int    // where lines are broken; 0 for nowhere
	sgr      string // how what comes is shown
	seq      []byte // unfinished escape sequence or character
	bytes    int    // how much came
}

// shown is a column of a terminal: a character, empty in the second column of a wide
// one, and its colour.
type shown struct{ text, sgr string }

func (v *vt) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bytes += len(p)
	for _, c := range p {
		v.put(c)
	}
	return len(p), nil
}

func (v *vt) put(c byte) {
	switch {
	case len(v.seq) > 0 && v.seq[0] == '\x1b':
		v.seq = append(v.seq, c)
		if len(v.seq) > 2 && c >= '@' && c <= '~' {
			v.control(string(v.seq[2:len(v.seq)-1]), c)
			v.seq = nil
		}
	case c == '\x1b':
		v.seq = []byte{c}
	case c == '\r':
		v.col = 0
	case c == '\b':
		v.col = max(v.col-1, 0)
	case c == '\n':
		v.row++
	case c >= ' ':
		v.seq = append(v.seq, c)
		if utf8.FullRune(v.seq) {
			r, _ := utf8.DecodeRune(v.seq)
			v.rune(r)
			v.seq = nil
		}
	}
}

func (v *vt) rune(r rune) {
	w := runewidth.RuneWidth(r)
	if v.columns > 0 && v.col+w > v.columns {
		v.row, v.col = v.row+1, 0
	}
	for len(v.lines) <= v.row {
		v.lines = append(v.lines, nil)
	}
	for len(v.lines[v.row]) < v.col+w {
		v.lines[v.row] = append(v.lines[v.row], shown{text: " "})
	}
	switch w {
	case 0:
		if v.col > 0 && v.col <= len(v.lines[v.row]) {
			v.lines[v.row][v.col-1].text += string(r)
		}
		return
	case 2:
		v.lines[v.row][v.col+1] = shown{"", v.sgr}
	}
	v.lines[v.row][v.col] = shown{string(r), v.sgr}
	v.col += w
}

func (v *vt) control(arg string, c byte) {
	n, _ := strconv.Atoi(arg)
	switch c {
	case 'G':
		v.col = max(n, 1) - 1
	case 'A':
		v.row = max(v.row-max(n, 1), 0)
	case 'H':
		v.row, v.col = 0, 0
	case 'J':
		if n == 2 {
			v.lines = nil
			return
		}
		v.lines = v.lines[:min(len(v.lines), v.row+1)]
		v.control("", 'K')
	case 'C':
		v.col += max(n, 1)
	case 'K':
		if v.row < len(v.lines) && v.col < len(v.lines[v.row]) {
			v.lines[v.row] = v.lines[v.row][:v.col]
		}
	case 'm':
		v.sgr = strings.TrimPrefix(strings.TrimPrefix(arg, "0"), ";")
	}
}

// colored returns the line of the cursor with colours as "{NUMBERS:text}", and with
// "|" at the cursor.
func (v *vt) colored() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	sgr := ""
	to := func(next string) {
		if sgr != next && sgr != "" {
			b.WriteByte('}')
		}
		if sgr != next && next != "" {
			b.WriteString("{" + next + ":")
		}
		sgr = next
	}
	var row []shown
	if v.row < len(v.lines) {
		row = v.lines[v.row]
	}
	for i := 0; i < max(len(row), v.col+1); i++ {
		if i == v.col {
			to("")
			b.WriteByte('|')
		}
		if i < len(row) {
			to(row[i].sgr)
			b.WriteString(row[i].text)
		}
	}
	to("")
	return b.String()
}

// resize changes where lines are broken.
func (v *vt) resize(columns int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.columns = columns
}

// written returns how many bytes came.
func (v *vt) written() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.bytes
}

// text returns everything shown so far, without blanks at the ends of lines.
func (v *vt) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]string, len(v.lines))
	for i, l := range v.lines {
		for _, c := range l {
			out[i] += c.text
		}
		out[i] = strings.TrimRight(out[i], " ")
	}
	return strings.Join(out, "\n")
}

// Output that comes while a line is edited leaves the screen as if it had come
// before, on terminals of either kind.
func TestScreenLooksRight(t *testing.T) {
	for name, draw := range map[string]func(line string, at string) string{
		"xterm": func(line, at string) string { return "\x1b[1G" + line + "\x1b[0K\x1b[" + at + "G" },
		"other": func(line, at string) string {
			n, _ := strconv.Atoi(at)
			return "\r" + line + "\x1b[0K\r\x1b[" + strconv.Itoa(n-1) + "C"
		},
	} {
		v := &vt{}
		s := newScreen(crlf{v})
		s.edit([]byte("probe> "))
		s.Write([]byte("first\n"))
		s.edit([]byte("1 +"))
		s.Write([]byte("second\nthird\n"))
		s.edit([]byte(draw("probe> 12 +", "9")))
		s.Write([]byte("fourth\n"))
		if v.col != 8 {
			t.Errorf("%s: the cursor is in column %d, want 8", name, v.col)
		}
		s.edit([]byte("\n"))
		s.Write([]byte("result\n"))
		s.edit([]byte("probe> "))
		want := "first\nsecond\nthird\nfourth\nprobe> 12 +\nresult\nprobe>"
		if got := v.text(); got != want {
			t.Errorf("%s: the screen shows\n%s\nwant\n%s", name, got, want)
		}
	}
}

// crlf does what a terminal's driver does with line ends.
type crlf struct{ v *vt }

func (c crlf) Write(p []byte) (int, error) {
	_, err := c.v.Write([]byte(strings.ReplaceAll(string(p), "\n", "\r\n")))
	return len(p), err
}
