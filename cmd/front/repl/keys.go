package repl

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"probe/runtime/watchdog"
)

// The sequences of bracketed paste: a terminal that was sent pasteOn puts
// pasted text between pasteStart and pasteEnd.
const (
	pasteOn    = "\x1b[?2004h"
	pasteOff   = "\x1b[?2004l"
	pasteStart = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// pasteMark is the rune that the editor's line has behind the first of several
// pasted lines. It is invisible and takes no column.
const pasteMark = '\u2060'

// Keys with a meaning of their own.
const (
	ctrlC = 0x03
	ctrlE = 0x05
	ctrlF = 0x06
	ctrlH = 0x08
	ctrlR = 0x12
	ctrlS = 0x13
	ctrlZ = 0x1a
	esc   = 0x1b
)

// Sequences of keys that take what is offered behind the line.
const (
	right = "\x1b[C"
	end   = "\x1b[F"
)

// escTime is the maximum time between the bytes of an escape sequence.
const escTime = 30 * time.Millisecond

// keys passes what is typed from the terminal to the line editor, and handles
// what the editor does not know: pasted text, Ctrl-Z, Ctrl-C during a search.
// It reads only while a line is being edited, so that the programs that a
// session starts get their own input.
type keys struct {
	tty     *os.File
	out     *os.File    // what the editor reads
	wake    [2]*os.File // a pipe: a byte ends the reading
	start   chan struct{}
	stopped chan struct{}
	suspend func() // Ctrl-Z

	held      []byte // the beginning of what may be pasteStart
	rest      []byte // read, and not passed on yet
	pasting   bool
	pasted    []byte
	searching bool        // Ctrl-R was typed and the search goes on
	broken    atomic.Bool // Ctrl-C ended a search

	screen *screen // nil in tests of keys alone
	typed  int     // the keys since the line began

	mu    sync.Mutex
	lines []string // a paste of several lines that the editor is being given
	tabs  []bool   // the TABs that the editor was sent: whether they only ask for its text
}

// newKeys returns keys that write to out once they are started.
func newKeys(tty, out *os.File, suspend func()) (*keys, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe for the keys: %w", err)
	}
	k := &keys{tty: tty, out: out, wake: [2]*os.File{r, w}, start: make(chan struct{}), stopped: make(chan struct{}), suspend: suspend}
	go func() {
		defer watchdog.Report()
		for range k.start {
			k.pass()
			k.stopped <- struct{}{}
		}
	}()
	return k, nil
}

// begin starts to pass keys on.
func (k *keys) begin() {
	k.typed = 0
	k.start <- struct{}{}
}

// pause stops reading from the terminal. When it returns, nothing reads there.
func (k *keys) pause() {
	_, _ = k.wake[1].Write([]byte{0})
	<-k.stopped
	_, _ = k.wake[0].Read(make([]byte, 1))
}

// pass passes keys on until pause is called.
func (k *keys) pass() {
	done := false
	for {
		if len(k.rest) > 0 && !done {
			done = k.take()
		}
		timeout := -1
		if len(k.held) > 0 {
			timeout = int(escTime / time.Millisecond)
		}
		fds := []unix.PollFd{{Fd: int32(k.wake[0].Fd()), Events: unix.POLLIN}, {Fd: int32(k.tty.Fd()), Events: unix.POLLIN}}
		if done {
			// The line ends with what was passed on; what follows belongs to
			// the next one.
			fds, timeout = fds[:1], -1
		}
		n, err := unix.Poll(fds, timeout)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || fds[0].Revents != 0:
			return
		case n == 0:
			k.send(k.held)
			k.held = nil
			continue
		}
		// What follows the end of a line may be for a program that the line
		// starts, so it is left in the terminal.
		buf := make([]byte, 1)
		if k.pasting {
			buf = make([]byte, 4096)
		}
		n, err = unix.Read(int(k.tty.Fd()), buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil || n == 0:
			k.out.Close() // the editor reads the end of its input
			done = true
		default:
			k.rest = append(k.rest, buf[:n]...)
		}
	}
}

// take handles what was read, and reports whether that ends the line.
func (k *keys) take() (done bool) {
	for len(k.rest) > 0 {
		if k.pasting {
			k.pasted = append(k.pasted, k.rest...)
			k.rest = nil
			i := bytes.Index(k.pasted, []byte(pasteEnd))
			if i < 0 {
				return false
			}
			text := string(k.pasted[:i])
			k.rest = append(k.rest, k.pasted[i+len(pasteEnd):]...)
			k.pasted, k.pasting = nil, false
			if k.paste(text) {
				return true
			}
			continue
		}
		c := k.rest[0]
		k.rest = k.rest[1:]
		if len(k.held) > 0 || c == esc {
			k.held = append(k.held, c)
			if strings.HasPrefix(pasteStart, string(k.held)) {
				if len(k.held) == len(pasteStart) {
					k.held, k.pasting = nil, true
				}
				continue
			}
			if seq := string(k.held); seq != right && seq != end || !k.accept() {
				k.send(k.held)
			}
			k.held, k.searching = nil, false
			continue
		}
		k.key(c)
		if c == '\r' || c == '\n' || c == ctrlC {
			return true // what follows belongs to the next line
		}
	}
	return false
}

// key passes one key on.
func (k *keys) key(c byte) {
	switch {
	case c == ctrlZ:
		k.suspend()
		return
	case c == ctrlC && k.searching:
		k.broken.Store(true)
		k.searching = false
	case c == ctrlR:
		k.searching = true
	case (c == ctrlE || c == ctrlF) && !k.searching && k.accept():
		return
	case c < ' ' && c != ctrlS && c != ctrlH:
		k.searching = false
	}
	if c == '\t' {
		k.tab(false)
		return
	}
	k.send([]byte{c})
	k.typed++
	if edits := c >= ' ' && c < 0x80 || c == ctrlH; edits && !k.searching && k.screen != nil && k.screen.long(k.typed) {
		k.tab(true)
	}
}

// tab sends the editor a TAB. One that asks is not for the user: by it the editor
// says what its line is, of which it shows only a part where it is long.
func (k *keys) tab(asks bool) {
	k.mu.Lock()
	k.tabs = append(k.tabs, asks)
	k.mu.Unlock()
	k.send([]byte{'\t'})
}

// asked reports whether the next TAB that the editor reads only asks for its line.
func (k *keys) asked() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.tabs) == 0 {
		return false
	}
	asks := k.tabs[0]
	k.tabs = k.tabs[1:]
	return asks
}

// accept types what is offered behind the line, and reports whether anything is. The
// editor must have drawn what was typed before: the offer is for that text.
func (k *keys) accept() bool {
	if k.screen == nil {
		return false
	}
	for range 40 {
		left, err := unix.IoctlGetInt(int(k.out.Fd()), unix.TIOCINQ)
		offer, still := k.screen.offered()
		if err == nil && left == 0 && still >= 4*drawTime*time.Millisecond {
			k.send([]byte(offer))
			return offer != ""
		}
		time.Sleep(drawTime * time.Millisecond)
	}
	return false
}

// paste gives the editor pasted text, and reports whether that ends its line,
// as text of several lines does.
func (k *keys) paste(text string) (ends bool) {
	lines := strings.Split(pastedText(text), "\n")
	if k.searching {
		k.send([]byte{ctrlE}) // ends the search
		k.searching = false
	}
	first := editable(lines[0])
	if len(lines) == 1 {
		k.send([]byte(first))
		return false
	}
	k.mu.Lock()
	k.lines = lines
	k.mu.Unlock()
	k.send([]byte(first + string(pasteMark) + "\r"))
	return true
}

func (k *keys) send(b []byte) { _, _ = k.out.Write(b) }

// taken returns the lines of a paste of several lines, once.
func (k *keys) taken() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	lines := k.lines
	k.lines = nil
	return lines
}

// pastedText returns pasted text with line ends as scripts have them, without
// those at its end and without control characters.
func pastedText(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == pasteMark {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	return strings.TrimRight(text, "\n")
}

// lineSign stands for the end of a line in the texts of the editor, which has
// only one line.
const lineSign = "↵"

// editable returns an input as the editor can show it. fromEditor undoes it,
// apart from tabs, which become blanks.
func editable(text string) string {
	return strings.NewReplacer("\n", lineSign, "\t", " ").Replace(text)
}

// fromEditor returns an input that was edited as it is meant.
func fromEditor(line string) string { return strings.ReplaceAll(line, lineSign, "\n") }

// stopProcess stops the processes of the terminal's foreground group, as Ctrl-Z
// does elsewhere, and returns when this one continues.
func stopProcess() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	// The others of the group, such as a shell script around this process,
	// must stop as well.
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return
	}
	// The kernel ignores the signal where no shell could continue the group.
	select {
	case <-continued:
	case <-time.After(time.Second):
	}
}
