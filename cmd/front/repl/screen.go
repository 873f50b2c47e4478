package repl

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// The maximum size and time of output without a newline that is held back.
const (
	maxOpen  = 4096
	openTime = 300 * time.Millisecond
)

// screen is a terminal on whose last line a text is being edited. What is
// written to it appears above that line, in whole lines.
type screen struct {
	mu    sync.Mutex
	tty   io.Writer
	frame frame  // what the editor drew on the last line
	open  []byte // output that has not ended its line yet
	idle  *time.Timer
}

func newScreen(tty io.Writer) *screen { return &screen{tty: tty} }

// Write shows output above the edited line. It never fails: reading from the
// terminal reports its end.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, p...)
	if i := bytes.LastIndexByte(s.open, '\n'); i >= 0 {
		s.show(s.open[:i+1])
		s.open = append(s.open[:0], s.open[i+1:]...)
	}
	switch {
	case len(s.open) > maxOpen:
		s.endLine()
	case len(s.open) > 0 && s.idle == nil:
		s.idle = time.AfterFunc(openTime, s.Flush)
	}
	return len(p), nil
}

// Flush ends a line that output has begun.
func (s *screen) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLine()
}

func (s *screen) endLine() {
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	if len(s.open) > 0 {
		s.show(append(s.open, '\n'))
		s.open = s.open[:0]
	}
}

// show writes whole lines, with a single write so that they remain together on
// the terminal.
func (s *screen) show(lines []byte) {
	if len(s.frame.drawn) == 0 {
		_, _ = s.tty.Write(lines)
		return
	}
	b := append([]byte("\r\x1b[K"), lines...)
	_, _ = s.tty.Write(append(b, s.frame.drawn...))
}

// edit passes the output of the line editor to the terminal and records it in
// the frame.
func (s *screen) edit(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range p {
		s.frame.add(c)
	}
	_, _ = s.tty.Write(p)
}

// control writes a sequence that changes the terminal and not what the edited
// line shows, or text outside of that line.
func (s *screen) control(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.tty, text)
}

// redraw draws the edited line again where the cursor is.
func (s *screen) redraw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.tty.Write(append([]byte("\r\x1b[K"), s.frame.drawn...))
}

// frame collects the bytes that drew the line the cursor is on, so that
// writing them again draws the same line. It knows the sequences that the
// editor uses: the start of a line is '\r' or CSI 1 G, where drawing begins
// anew; '\r' with CSI n C behind it is a place in the line.
type frame struct {
	drawn  []byte
	escape int // where the escape sequence that is being read starts, +1
	start  int // where a '\r' stands that may begin the line anew, +1
}

func (f *frame) add(c byte) {
	switch {
	case f.escape > 0:
		f.drawn = append(f.drawn, c)
		first := len(f.drawn) == f.escape+1
		if first && c == '[' || !first && (c < '@' || c > '~') {
			return
		}
		f.sequence(f.escape-1, first, c)
		f.escape = 0
	case c == '\n':
		*f = frame{drawn: f.drawn[:0]}
	case c == '\a':
	case c == '\x1b':
		f.drawn = append(f.drawn, c)
		f.escape = len(f.drawn)
	case c == '\r':
		f.restart()
		f.drawn = append(f.drawn, c)
		f.start = len(f.drawn)
	default:
		f.restart()
		f.drawn = append(f.drawn, c)
	}
}

// restart drops what stands before a '\r' at which the line was drawn anew.
func (f *frame) restart() {
	if f.start > 0 {
		f.drawn = f.drawn[:copy(f.drawn, f.drawn[f.start-1:])]
		f.start = 0
	}
}

// sequence looks at the escape sequence from at to the end of drawn, whose last
// byte is c.
func (f *frame) sequence(at int, short bool, c byte) {
	text := string(f.drawn[at:])
	switch {
	case !short && c == 'C': // a place in the line
		f.start = 0
	case text == "\x1b[1G":
		f.drawn = f.drawn[:copy(f.drawn, f.drawn[at:])]
		f.start = 0
	case !short && (c == 'H' || c == 'J'): // the screen was cleared
		*f = frame{drawn: f.drawn[:0]}
	case f.start > 0:
		f.restart()
	}
}

// leave forgets the edited line and shows the output that was held back. From
// then on output is written directly.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.frame.drawn) > 0 {
		_, _ = s.tty.Write([]byte("\n"))
	}
	s.frame = frame{}
	s.endLine()
}
