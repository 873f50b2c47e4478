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
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/watchdog"
)

// HoldArg is the hidden first argument with which the program runs itself again
// to hold a child; see Hold.
const HoldArg = "__hold"

// The file descriptors of a held child: it waits for a byte on one before it
// calls exec, and writes the reason of a failed exec to the other.
const (
	goFD     = 3
	reasonFD = 4
)

// A held child must call exec on its first thread. Perf events that are
// attached to the process belong to that thread; if another thread calls exec,
// the kernel gives it the first thread's id, but not its events. Only a
// goroutine locked in init is sure to be on the first thread.
func init() {
	if len(os.Args) > 1 && os.Args[1] == HoldArg {
		runtime.LockOSThread()
	}
}

// Child is a command that runs along with a script (R-CHILD rows). Its process
// exists, with its final pid, before anything is compiled, and runs the command
// once everything is attached.
type Child struct {
	proc   *os.Process
	word   *os.File
	reason *os.File
	done   chan struct{}
	run    bool
}

// NewChild starts a process that waits to become the command. It is an error if
// the command cannot be found.
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
		defer watchdog.Report()
		c.ended()
		// The child's status does not become probe's (R-CHILD-04).
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

// Hold waits in a held child until it may become the command, and calls exec.
// args holds the path of the program and its argument vector. Hold does not
// return.
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
		os.Exit(127) // the tracer has ended or given up
	}
	fail(syscall.Exec(args[0], args[1:], os.Environ()))
}

// wait waits until a child has ended or, with stopped (unix.WSTOPPED), is stopped, and
// reports whether it has ended and else the status of the stop. It takes nothing away from
// other waiters.
func (c *Child) wait(stopped int) (ended bool, status int32) {
	for {
		var info siginfoChild
		err := unix.Waitid(unix.P_PID, c.proc.Pid, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOWAIT|stopped, nil)
		if err == unix.EINTR {
			continue
		}
		// A stop for the tracer is told to everyone.
		return err != nil || info.Code != cldTrapped && info.Code != cldStopped, info.Status
	}
}

// siginfoChild is siginfo_t of SIGCHLD (include/uapi/asm-generic/siginfo.h).
type siginfoChild struct {
	Signo, Errno, Code, _ int32
	PID, UID              int32
	Status                int32
	_                     [100]byte
}

// Codes of SIGCHLD (include/uapi/asm-generic/siginfo.h).
const (
	cldTrapped = 4
	cldStopped = 5
)

// ended waits until the child has ended.
func (c *Child) ended() {
	for {
		if ended, _ := c.wait(0); ended {
			return
		}
		time.Sleep(time.Millisecond) // it is stopped by hold, for a moment
	}
}

// hold makes the child stop at exec. The function that it returns waits for that,
// runs do, and lets the child go on; it must be called on the same thread.
func (c *Child) hold(do func()) (release func()) {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(c.proc.Pid), 0, unix.PTRACE_O_TRACEEXEC, 0, 0); errno != 0 {
		return func() {}
	}
	return func() {
		for {
			ended, status := c.wait(unix.WSTOPPED)
			signal, event := status&0x7f, status>>8
			switch {
			case ended:
				return
			case event == unix.PTRACE_EVENT_EXEC:
				do()
				_ = unix.PtraceDetach(c.proc.Pid)
				return
			case event != 0:
				signal = 0 // the stop of a group, whose signal was delivered before
			}
			// The runtime of Go sends itself signals, and the terminal may send one.
			// The child does not get a signal that its tracer does not pass on.
			if err := unix.PtraceCont(c.proc.Pid, int(signal)); err != nil {
				return // it was killed
			}
		}
	}
}

// start releases the child and waits until exec has succeeded or failed. do, if not
// nil, is called between exec and the first instruction of the command.
func (c *Child) start(do func()) error {
	c.run = true
	release := func() {}
	if do != nil {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		release = c.hold(do)
	}
	_, err := c.word.Write([]byte{1})
	c.word.Close()
	release()
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

// kill ends the child if it still runs and reaps it.
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
	if err := c.start(s.held()); err != nil {
		return err
	}
	s.opts.Machine.Processes().Remember(c.PID())
	s.rememberChild(c)
	go func() {
		defer watchdog.Report()
		<-c.done
		s.call(func() { s.done = true })
	}()
	return nil
}
