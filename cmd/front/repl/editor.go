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

// errPasted is the error of ReadLine for a line that was pasted with others
// behind it: it is valid, and the input goes on even if it looks complete.
var errPasted = errors.New("pasted")

// reader is the source of input lines. ReadLine returns a line without its end,
// io.EOF, errInterrupted or errPasted. An input that was recalled from the
// history has several lines.
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
	keys   *keys
	ready  []string // pasted lines that were not read yet
	draft  string   // what the next line begins with
	behind string   // what stands behind the cursor in draft
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
	keysIn, keysOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe for the line editor: %w", err)
	}
	e := &editor{screen: s, stdout: os.Stdout, pipe: w, mode: mode, drawn: make(chan struct{}), ended: make(chan struct{})}
	tty := os.Stdin
	if e.keys, err = newKeys(tty, keysOut, e.suspend); err != nil {
		return nil, err
	}
	e.keys.screen = s
	os.Stdout, os.Stdin = w, keysIn
	e.liner = liner.NewLiner()
	os.Stdin = tty
	s.control(pasteOn)
	e.liner.SetCtrlCAborts(true)
	e.liner.SetBeep(false)
	e.liner.SetTabCompletionStyle(liner.TabPrints)
	e.liner.SetWordCompleter(func(line string, pos int) (string, []string, string) {
		if e.keys.asked() {
			s.is(line)
			return "", nil, ""
		}
		return complete(line, pos)
	})
	for _, h := range history {
		e.liner.AppendHistory(editable(h))
	}
	watchdog.OnCrash(func() {
		_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, mode)
		_, _ = io.WriteString(e.stdout, pasteOff)
	})
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
		n += e.rest(r, buf, n)
		for b := buf[:n]; len(b) > 0; {
			i := bytes.IndexByte(b, mark)
			if i < 0 {
				e.screen.edit(unmarked(b))
				break
			}
			if i > 0 {
				e.screen.edit(unmarked(b[:i]))
			}
			e.drawn <- struct{}{}
			b = b[i+1:]
		}
		if err != nil {
			return
		}
	}
}

// drawTime is for how long the editor is waited for: it draws a line in pieces, and
// each of them would be shown.
const drawTime = 2 // milliseconds

// rest reads more of what the editor writes, as long as it comes at once, behind
// the first n bytes of buf. It returns how much came.
func (e *editor) rest(r *os.File, buf []byte, n int) int {
	got := 0
	for n > 0 && n+got < len(buf) {
		fds := []unix.PollFd{{Fd: int32(r.Fd()), Events: unix.POLLIN}}
		if k, err := unix.Poll(fds, drawTime); err != nil || k == 0 {
			break
		}
		k, err := r.Read(buf[n+got:])
		got += k
		if err != nil {
			break
		}
	}
	return got
}

// unmarked returns output of the editor without the rune that only ReadLine
// needs.
func unmarked(b []byte) []byte { return bytes.ReplaceAll(b, []byte(string(pasteMark)), nil) }

// ReadLine implements reader. Pasted lines are read without the editor, but for
// the last, which can still be edited.
func (e *editor) ReadLine(prompt string) (string, error) {
	if len(e.ready) > 0 {
		line := e.ready[0]
		e.ready = e.ready[1:]
		e.screen.control(prompt + e.screen.painted(line) + "\n")
		return line, errPasted
	}
	e.busy.Store(true)
	defer e.busy.Store(false)
	e.keys.begin()
	draft := []rune(e.draft + e.behind)
	line, err := e.liner.PromptWithSuggestion(prompt, string(draft), len([]rune(e.draft)))
	e.draft, e.behind = "", ""
	e.keys.pause()
	// The end of the line must be on the terminal before the output of the
	// input.
	if _, err := e.pipe.Write([]byte{mark}); err == nil {
		<-e.drawn
	}
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		if e.keys.broken.Swap(false) {
			e.again(prompt, "^C") // the editor leaves the prompt of the search
		}
		return "", errInterrupted
	case errors.Is(err, io.EOF):
		e.screen.edit([]byte("\n"))
		return "", io.EOF
	case err != nil:
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	if lines := e.keys.taken(); lines != nil {
		before, behind, _ := strings.Cut(line, string(pasteMark))
		before = strings.TrimSuffix(before, editable(lines[0])) + lines[0]
		last := len(lines) - 1
		e.ready, e.draft, e.behind = lines[1:last], editable(lines[last]), behind
		e.again(prompt, fromEditor(before))
		return fromEditor(before), errPasted
	}
	text := fromEditor(line)
	if strings.Contains(text, "\n") {
		// Show an input from the history as it was typed.
		e.again(prompt, text)
	}
	return text, nil
}

// again draws the line that was just ended again with another text.
func (e *editor) again(prompt, text string) {
	e.screen.control("\x1b[A\r\x1b[J" + prompt + strings.ReplaceAll(e.screen.painted(text), "\n", "\n"+more) + "\n")
}

// suspend stops the process until the shell continues it. It is called while a
// line is being edited.
func (e *editor) suspend() {
	now, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	if err != nil {
		return
	}
	_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, e.mode)
	e.screen.control(pasteOff + "^Z\n")
	stopProcess()
	_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, now)
	e.screen.control(pasteOn)
	e.screen.redraw()
}

// Lend gives the terminal to f, which runs another program there.
func (e *editor) Lend(f func() error) error {
	now, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("ask for the mode of the terminal: %w", err)
	}
	_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, e.mode)
	e.screen.control(pasteOff)
	defer func() {
		_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, now)
		e.screen.control(pasteOn)
	}()
	return f()
}

// Remember implements reader.
func (e *editor) Remember(input string) { e.liner.AppendHistory(editable(input)) }

// Done implements reader. When a signal ends the session, a line is still being
// read and nothing can stop that before the process ends. Done then restores
// only the mode of the terminal; closing the editor would wait for the line.
func (e *editor) Done() {
	e.screen.control(pasteOff)
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

// keepable returns an input as the history keeps it, without blanks at the ends
// of its lines. ok is false for an input with control characters, and for one
// with the sign that the editor uses for the end of a line.
func keepable(input string) (text string, ok bool) {
	lines := strings.Split(input, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	text = strings.Trim(strings.Join(lines, "\n"), "\n")
	bad := strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
	return text, strings.TrimSpace(text) != "" && !bad && utf8.ValidString(text) && !strings.Contains(text, lineSign)
}

// maxListed is the maximum length of an input in lists, in runes.
const maxListed = 200

// oneLine returns an input as a single line for lists, without lines that are
// comments. What does not fit is replaced by an ellipsis.
func oneLine(input string) string {
	var lines []string
	for l := range strings.Lines(input) {
		l = strings.TrimSpace(l)
		if !strings.HasPrefix(l, "//") && !strings.HasPrefix(l, "#!") && l != "" {
			lines = append(lines, strings.ReplaceAll(l, "\t", " "))
		}
	}
	return shortened(strings.Join(lines, " "), maxListed)
}
