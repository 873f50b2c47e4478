package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// HoldArg is the hidden first argument by which the command runs itself to
// hold a child: see Hold.
const HoldArg = "__hold"

// The descriptors a held child finds: the word to go comes on one, the reason
// of a failed exec goes out on the other.
const (
	goFD     = 3
	reasonFD = 4
)

// A held child has to become the command on its first thread: events that are
// attached to the process hang on that one, and the kernel gives its number,
// not its events, to another thread that calls exec. Only what init locks is
// sure to be the first thread.
func init() {
	if len(os.Args) > 1 && os.Args[1] == HoldArg {
		runtime.LockOSThread()
	}
}

// Child is a command that runs along with a script (R-CHILD rows). It exists,
// with its final pid, before anything is compiled, and runs once everything is
// attached.
type Child struct {
	proc   *os.Process
	word   *os.File
	reason *os.File
	done   chan struct{}
	run    bool
}

// NewChild starts the command held. The error says that it cannot be found.
func NewChild(argv []string) (*Child, error) {
	if len(argv) == 0 {
		return nil, errors.New("the command is empty")
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		var e *exec.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, fmt.Errorf("path '%s' must refer to an executable file: %w", argv[0], err)
	}
	wordR, wordW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("hold the child: %w", err)
	}
	defer wordR.Close()
	reasonR, reasonW, err := os.Pipe()
	if err != nil {
		wordW.Close()
		return nil, fmt.Errorf("hold the child: %w", err)
	}
	defer reasonW.Close()
	proc, err := os.StartProcess("/proc/self/exe", append([]string{os.Args[0], HoldArg, path}, argv...), &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, wordR, reasonW},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	})
	if err != nil {
		wordW.Close()
		reasonR.Close()
		return nil, fmt.Errorf("hold the child: %w", err)
	}
	c := &Child{proc: proc, word: wordW, reason: reasonR, done: make(chan struct{})}
	go func() {
		// Its own status is not ours (R-CHILD-04).
		_, _ = proc.Wait()
		close(c.done)
	}()
	return c, nil
}

// PID returns the child's process id; 0 for no child.
func (c *Child) PID() int {
	if c == nil {
		return 0
	}
	return c.proc.Pid
}

// Hold is the life of a held child until it becomes the command: args are the
// path of the program and its argument vector. It does not return.
func Hold(args []string) {
	fail := func(err error) {
		fmt.Fprint(os.NewFile(reasonFD, "reason"), err.Error())
		os.Exit(127)
	}
	word := os.NewFile(goFD, "word")
	reason := os.NewFile(reasonFD, "reason")
	if word == nil || reason == nil || len(args) < 2 {
		os.Exit(127)
	}
	syscall.CloseOnExec(reasonFD)
	syscall.CloseOnExec(goFD)
	var b [1]byte
	if n, _ := word.Read(b[:]); n != 1 {
		os.Exit(127) // the tracer is gone or has given up
	}
	fail(syscall.Exec(args[0], args[1:], os.Environ()))
}

// start lets the child go and waits until it is the command.
func (c *Child) start() error {
	c.run = true
	_, err := c.word.Write([]byte{1})
	c.word.Close()
	if err == nil {
		var why []byte
		why, err = io.ReadAll(c.reason)
		if err == nil && len(why) > 0 {
			err = errors.New(strings.TrimSpace(string(why)))
		}
	}
	c.reason.Close()
	if err != nil {
		return fmt.Errorf("failed to run child: %w", err)
	}
	return nil
}

// childWait is how long a child may take to end after SIGTERM.
const childWait = time.Second

// terminate asks a running child to end, and waits for it.
func (c *Child) terminate() {
	if c == nil {
		return
	}
	select {
	case <-c.done:
		return
	default:
	}
	_ = c.proc.Signal(unix.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(childWait):
	}
}

// kill makes sure that the child is gone.
func (c *Child) kill() {
	if c == nil {
		return
	}
	if !c.run {
		c.word.Close()
		c.reason.Close()
	}
	select {
	case <-c.done:
		return
	default:
	}
	_ = c.proc.Kill()
	<-c.done
}

// Close ends a child that no session has taken over.
func (c *Child) Close() { c.kill() }

// startChild lets the session's child run; its end ends the session.
func (s *Session) startChild() error {
	c := s.opts.Child
	if c == nil {
		return nil
	}
	if err := c.start(); err != nil {
		return err
	}
	s.opts.Machine.Processes().Remember(c.PID())
	go func() {
		<-c.done
		s.call(func() { s.done = true })
	}()
	return nil
}
