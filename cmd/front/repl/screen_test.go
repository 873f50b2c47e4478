package repl

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// What the editor draws, on terminals of either kind, is the line that a person sees.
func TestLine(t *testing.T) {
	for _, c := range []struct {
		name, drawn, want string
		col               int
	}{
		{"nothing", "", "", 0},
		{"prompt", "probe> ", "probe> ", 7},
		{"typed at the end", "probe> 1+", "probe> 1+", 9},
		{"xterm redraw", "probe> x\x1b[1Gprobe> xy\x1b[0K\x1b[10G", "probe> xy", 9},
		{"xterm two redraws", "\x1b[1Gprobe> a\x1b[0K\x1b[9G\x1b[1Gprobe> b\x1b[0K\x1b[8G", "probe> b", 7},
		{"a shorter line", "\x1b[1Gprobe> abc\x1b[0K\x1b[11G\x1b[1Gprobe> b\x1b[0K\x1b[8G", "probe> b", 7},
		{"other redraw", "probe> x\rprobe> xy\x1b[0K\r\x1b[9C", "probe> xy", 9},
		{"typed behind a redraw", "\rprobe> x\x1b[0K\r\x1b[8Cy", "probe> xy", 9},
		{"half a redraw", "\rprobe> x\x1b[0K\r\x1b[8C\rprobe> ", "probe> x", 7},
		{"beep", "probe> \a\a", "probe> ", 7},
		{"cleared screen and redraw", "probe> x\x1b[H\x1b[2J\rprobe> x\x1b[0K\r\x1b[8C", "probe> x", 8},
		{"characters of two bytes", "\rprobe> äü\x1b[0K\r\x1b[9C", "probe> äü", 9},
		{"wide characters", "\rprobe> 日本\x1b[0K\r\x1b[11C", "probe> 日本", 11},
		{"marks", "\rprobe> e\u0301x\x1b[0K\r\x1b[9C", "probe> e\u0301x", 9},
	} {
		var l line
		for _, b := range []byte(c.drawn) {
			l.add(b)
		}
		if got, _ := text(l.cells); got != c.want || l.col != c.col {
			t.Errorf("%s: %q is the line %q with the cursor at %d, want %q at %d", c.name, c.drawn, got, l.col, c.want, c.col)
		}
	}
}

func TestScreenShowsAboveTheLine(t *testing.T) {
	var tty bytes.Buffer
	s := newScreen(&tty)
	s.Write([]byte("before\n"))
	s.edit([]byte("probe> 1 +"))
	tty.Reset()
	s.Write([]byte("event\nsecond\n"))
	if got, want := tty.String(), "\r\x1b[Kevent\nsecond\nprobe> 1 +"; got != want {
		t.Errorf("drew %q, want %q", got, want)
	}
	tty.Reset()
	s.edit([]byte("\n"))
	s.Write([]byte("result\n"))
	if got, want := tty.String(), "\nresult\n"; got != want {
		t.Errorf("after Enter drew %q, want %q", got, want)
	}
}

func TestScreenHoldsOpenLines(t *testing.T) {
	var tty bytes.Buffer
	s := newScreen(&tty)
	s.Write([]byte("a"))
	s.Write([]byte("b\nc"))
	if got := tty.String(); got != "ab\n" {
		t.Errorf("showed %q, want the whole line only", got)
	}
	s.Flush()
	s.Flush()
	if got := tty.String(); got != "ab\nc\n" {
		t.Errorf("after Flush there is %q", got)
	}
	tty.Reset()
	s.Write([]byte(strings.Repeat("x", maxOpen+1)))
	if got := tty.Len(); got != maxOpen+2 {
		t.Errorf("a long line without end showed %d bytes, want %d", got, maxOpen+2)
	}
}

func TestScreenShowsOpenLinesInTime(t *testing.T) {
	shown := make(chan string, 1)
	s := newScreen(writerFunc(func(p []byte) { shown <- string(p) }))
	s.Write([]byte("."))
	select {
	case got := <-shown:
		if got != ".\n" {
			t.Errorf("showed %q", got)
		}
	case <-time.After(10 * openTime):
		t.Error("a line without end never showed")
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
