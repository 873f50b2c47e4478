package watchdog

import (
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// arg is the hidden first argument of the child.
const arg = "__watchdog"

// The descriptors of the child: the parent as a pidfd, and a pipe with what the
// Go runtime writes when the parent crashes.
const (
	parentFD = 3
	crashFD  = 4
)

// program is what Init was called with; nil in a program that did not call it,
// which must not be run again.
var program atomic.Pointer[Program]

// Program describes the program to this package.
type Program struct {
	// Restore puts back what ended processes have left in the machine. It is
	// called in a process of its own, and prints nothing.
	Restore func() error
	// Crashed prints the message about a crash, with the text of the Go runtime
	// and the error of Restore.
	Crashed func(text string, err error)
}

// Init makes Start and Report work in this program. In a process that this
// package has started it does not return. main calls it before it does anything
// else.
func Init(p Program) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case arg:
			watch(p)
			os.Exit(0)
		case crashedArg:
			os.Exit(crashed(p))
		}
	}
	program.Store(&p)
}

// dog is the child process, as long as somebody needs it.
var dog struct {
	mu    sync.Mutex
	users int
	proc  *os.Process
	crash *os.File
}

// Start starts the watchdog of this process unless it runs already. It is
// called before the machine is changed. The caller calls release, once, when the
// machine is as it was before; the last release ends the watchdog.
func Start() (release func()) {
	dog.mu.Lock()
	defer dog.mu.Unlock()
	if dog.users == 0 && program.Load() != nil {
		// Without a watchdog the next start restores what is left.
		_ = start()
	}
	dog.users++
	return sync.OnceFunc(func() {
		dog.mu.Lock()
		defer dog.mu.Unlock()
		if dog.users--; dog.users == 0 && dog.proc != nil {
			stop()
		}
	})
}

// PID returns the process id of the watchdog, 0 if there is none.
func PID() int {
	dog.mu.Lock()
	defer dog.mu.Unlock()
	if dog.proc == nil {
		return 0
	}
	return dog.proc.Pid
}

func start() error {
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	pidfd := os.NewFile(uintptr(self), "pidfd")
	defer pidfd.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		w.Close()
		return err
	}
	defer null.Close()
	// A session of its own keeps the signals of the terminal away.
	proc, err := os.StartProcess("/proc/self/exe", []string{os.Args[0], arg}, &os.ProcAttr{
		Dir: "/", Files: []*os.File{null, null, os.Stderr, pidfd, r}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		w.Close()
		return err
	}
	dog.proc, dog.crash = proc, w
	return debug.SetCrashOutput(w, debug.CrashOptions{})
}

func stop() {
	err := errors.Join(debug.SetCrashOutput(nil, debug.CrashOptions{}), dog.crash.Close(), dog.proc.Kill())
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		_, _ = dog.proc.Wait()
	}
	dog.proc, dog.crash = nil, nil
}
