package repl

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

// vt is the part of a terminal that the line editor and the screen use: what a
// person would see.
type vt struct {
	mu       sync.Mutex
	lines    [][]rune
	row, col int
	seq      []byte // unfinished escape sequence or character
}

func (v *vt) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range p {
		v.put(c)
	}
	return len(p), nil
}

func (v *vt) put(c byte) {
	switch {
	case len(v.seq) > 0:
		v.seq = append(v.seq, c)
		if len(v.seq) > 2 && c >= '@' && c <= '~' {
			v.control(string(v.seq[2:len(v.seq)-1]), c)
			v.seq = nil
		}
	case c == '\x1b':
		v.seq = []byte{c}
	case c == '\r':
		v.col = 0
	case c == '\n':
		v.row++
	case c >= ' ':
		for len(v.lines) <= v.row {
			v.lines = append(v.lines, nil)
		}
		for len(v.lines[v.row]) <= v.col {
			v.lines[v.row] = append(v.lines[v.row], ' ')
		}
		v.lines[v.row][v.col] = rune(c)
		v.col++
	}
}

func (v *vt) control(arg string, c byte) {
	n, _ := strconv.Atoi(arg)
	switch c {
	case 'G':
		v.col = max(n, 1) - 1
	case 'A':
		v.row = max(v.row-max(n, 1), 0)
	case 'J':
		v.lines = v.lines[:min(len(v.lines), v.row+1)]
		v.control("", 'K')
	case 'C':
		v.col += max(n, 1)
	case 'K':
		if v.row < len(v.lines) && v.col < len(v.lines[v.row]) {
			v.lines[v.row] = v.lines[v.row][:v.col]
		}
	}
}

// text returns everything shown so far, without blanks at the ends of lines.
func (v *vt) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]string, len(v.lines))
	for i, l := range v.lines {
		out[i] = strings.TrimRight(string(l), " ")
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
