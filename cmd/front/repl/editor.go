package repl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/peterh/liner"
	"golang.org/x/sys/unix"

	"probe/runtime/watchdog"
)

// errInterrupted is the error of ReadLine for Ctrl-C.
var errInterrupted = errors.New("interrupted")

// reader is the source of input lines. ReadLine returns a line without its end,
// io.EOF, or errInterrupted.
type reader interface {
	ReadLine(prompt string) (string, error)
	// Remember adds an input to the history.
	Remember(input string)
	// Done is called before the end of the session is printed, after the last
	// line was read. It restores the terminal.
	Done()
}

// isTerminal reports whether f is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// canEdit reports whether lines can be edited: the line editor works on the
// process's own standard streams, on terminals that move the cursor.
func canEdit() bool {
	return isTerminal(os.Stdin) && isTerminal(os.Stdout) && liner.TerminalSupported()
}

// editor reads lines from a terminal with liner.
type editor struct {
	liner  *liner.State
	screen *screen
	stdout *os.File // what os.Stdout was
	pipe   *os.File // what liner writes to
	drawn  chan struct{}
	ended  chan struct{}
	mode   *unix.Termios // of the terminal, before
	busy   atomic.Bool   // a line is being read
}

// mark is a byte that ReadLine writes into the pipe of the editor's output, and
// that the editor itself never writes. When pump reads it, everything before it
// was drawn, and pump signals that on editor.drawn.
const mark = 0

// newEditor takes over the terminal of the standard streams until Done.
func newEditor(s *screen, complete liner.WordCompleter, history []string) (*editor, error) {
	mode, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("ask for the mode of the terminal: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe for the line editor: %w", err)
	}
	e := &editor{screen: s, stdout: os.Stdout, pipe: w, mode: mode, drawn: make(chan struct{}), ended: make(chan struct{})}
	os.Stdout = w
	e.liner = liner.NewLiner()
	e.liner.SetCtrlCAborts(true)
	e.liner.SetBeep(false)
	e.liner.SetTabCompletionStyle(liner.TabPrints)
	e.liner.SetWordCompleter(complete)
	for _, h := range history {
		e.liner.AppendHistory(h)
	}
	watchdog.OnCrash(func() { _ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, mode) })
	go func() {
		defer watchdog.Report()
		e.pump(r)
	}()
	return e, nil
}

// pump copies the output of the line editor to the screen.
func (e *editor) pump(r *os.File) {
	defer close(e.ended)
	defer r.Close()
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			i := bytes.IndexByte(b, mark)
			if i < 0 {
				e.screen.edit(b)
				break
			}
			if i > 0 {
				e.screen.edit(b[:i])
			}
			e.drawn <- struct{}{}
			b = b[i+1:]
		}
		if err != nil {
			return
		}
	}
}

// ReadLine implements reader.
func (e *editor) ReadLine(prompt string) (string, error) {
	e.busy.Store(true)
	defer e.busy.Store(false)
	line, err := e.liner.Prompt(prompt)
	// The end of the line must be on the terminal before the output of the
	// input.
	if _, err := e.pipe.Write([]byte{mark}); err == nil {
		<-e.drawn
	}
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		return "", errInterrupted
	case errors.Is(err, io.EOF):
		e.screen.edit([]byte("\n"))
		return "", io.EOF
	case err != nil:
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return line, nil
}

// Remember implements reader.
func (e *editor) Remember(input string) { e.liner.AppendHistory(input) }

// Done implements reader. When a signal ends the session, a line is still being
// read and nothing can stop that before the process ends. Done then restores
// only the mode of the terminal; closing the editor would wait for the line.
func (e *editor) Done() {
	if e.busy.Load() {
		// Ignore the error: if the terminal is gone nobody can read it.
		_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, e.mode)
		e.screen.leave()
		return
	}
	e.liner.Close()
	os.Stdout = e.stdout
	e.pipe.Close()
	<-e.ended
	e.screen.leave()
}

// plain reads lines without editing, from pipes, files and terminals that
// cannot move the cursor.
type plain struct {
	in     *lineReader
	prompt io.Writer // nil when the input is not a terminal
}

// ReadLine implements reader.
func (p *plain) ReadLine(prompt string) (string, error) {
	if p.prompt != nil {
		fmt.Fprint(p.prompt, prompt)
	}
	line, err := p.in.next()
	if err == io.EOF && p.prompt != nil {
		fmt.Fprintln(p.prompt)
	}
	return line, err
}

// Remember implements reader: there is no history without an editor.
func (p *plain) Remember(string) {}

// Done implements reader.
func (p *plain) Done() {}

// maxLine is the length of the longest line that is read, in bytes. Lines of
// scripts have up to a few thousand; a longer one is binary data that was piped
// in by mistake.
const maxLine = 1 << 20

// lineReader splits a stream into lines. The last line need not end with a
// newline.
type lineReader struct {
	r   io.Reader
	buf []byte
	err error
}

func (l *lineReader) next() (string, error) {
	for {
		if i := bytes.IndexByte(l.buf, '\n'); i >= 0 {
			line := string(l.buf[:i])
			l.buf = l.buf[i+1:]
			return strings.TrimSuffix(line, "\r"), nil
		}
		if l.err != nil {
			if l.err == io.EOF && len(l.buf) > 0 {
				line := string(l.buf)
				l.buf = nil
				return line, nil
			}
			return "", l.err
		}
		if len(l.buf) > maxLine {
			return "", fmt.Errorf("the input has a line of more than %d bytes", maxLine)
		}
		chunk := make([]byte, 4096)
		n, err := l.r.Read(chunk)
		l.buf, l.err = append(l.buf, chunk[:n]...), err
	}
}

// oneLine returns an input as a single line for the history. ok is false for an
// input that cannot be joined, because it has comments to the end of a line,
// and for one with control characters.
func oneLine(input string) (string, bool) {
	lines := strings.Split(input, "\n")
	for i, l := range lines {
		if len(lines) > 1 && (strings.Contains(l, "//") || strings.HasPrefix(strings.TrimSpace(l), "#")) {
			return "", false
		}
		lines[i] = strings.ReplaceAll(strings.TrimRight(l, " \t\r"), "\t", " ")
		if i > 0 {
			lines[i] = strings.TrimLeft(lines[i], " ")
		}
	}
	out := strings.TrimSpace(strings.Join(lines, " "))
	bad := strings.ContainsFunc(out, func(r rune) bool { return unicode.IsControl(r) })
	return out, out != "" && !bad && utf8.ValidString(out)
}
