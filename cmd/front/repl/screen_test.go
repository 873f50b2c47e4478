package repl

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestFrame(t *testing.T) {
	for _, c := range []struct{ name, drawn, want string }{
		{"nothing", "", ""},
		{"prompt", "probe> ", "probe> "},
		{"typed at the end", "probe> 1+", "probe> 1+"},
		{"a new line", "probe> 1\n", ""},
		{"text after a new line", "probe> 1\nmore", "more"},
		{"xterm redraw", "probe> x\x1b[1Gprobe> xy\x1b[0K\x1b[10G", "\x1b[1Gprobe> xy\x1b[0K\x1b[10G"},
		{"xterm two redraws", "\x1b[1Gprobe> a\x1b[0K\x1b[9G\x1b[1Gprobe> b\x1b[0K\x1b[8G", "\x1b[1Gprobe> b\x1b[0K\x1b[8G"},
		{"other redraw", "probe> x\rprobe> xy\x1b[0K\r\x1b[9C", "\rprobe> xy\x1b[0K\r\x1b[9C"},
		{"typed behind a redraw", "\rprobe> x\x1b[0K\r\x1b[8Cy", "\rprobe> x\x1b[0K\r\x1b[8Cy"},
		{"other two redraws", "\rprobe> x\x1b[0K\r\x1b[8C\rprobe> z\x1b[0K\r\x1b[7C", "\rprobe> z\x1b[0K\r\x1b[7C"},
		{"half a redraw", "\rprobe> x\x1b[0K\r\x1b[8C\rprobe> ", "\rprobe> "},
		{"a bare return keeps the line until more comes", "\rprobe> x\r", "\rprobe> x\r"},
		{"beep", "probe> \a\a", "probe> "},
		{"cleared screen", "probe> x\x1b[H\x1b[2J", ""},
		{"cleared screen and redraw", "probe> x\x1b[H\x1b[2J\rprobe> x\x1b[0K\r\x1b[8C", "\rprobe> x\x1b[0K\r\x1b[8C"},
		{"wide characters", "\rprobe> äü\x1b[0K\r\x1b[9C", "\rprobe> äü\x1b[0K\r\x1b[9C"},
	} {
		var f frame
		for _, b := range []byte(c.drawn) {
			f.add(b)
		}
		if got := string(f.drawn); got != c.want {
			t.Errorf("%s: %q is remembered as %q, want %q", c.name, c.drawn, got, c.want)
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
