package watchdog

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// crashedArg is the hidden first argument of a process that has crashed and has
// become a new program to put the machine back.
const crashedArg = "__crashed"

// crashText is the descriptor with the text of the crash in that program.
const crashText = 3

// ExitCrashed is the exit status after a panic, the one of the Go runtime.
const ExitCrashed = 2

var (
	crashing sync.Mutex
	undo     struct {
		mu    sync.Mutex
		next  int
		calls map[int]func()
	}
)

// OnCrash registers a function that is called when the process ends by a panic:
// it puts back what is a matter of this process alone, such as the mode of the
// terminal. forget removes it.
func OnCrash(f func()) (forget func()) {
	undo.mu.Lock()
	defer undo.mu.Unlock()
	if undo.calls == nil {
		undo.calls = map[int]func(){}
	}
	n := undo.next
	undo.next++
	undo.calls[n] = f
	return func() {
		undo.mu.Lock()
		defer undo.mu.Unlock()
		delete(undo.calls, n)
	}
}

// Report ends the process if the goroutine panics. It is deferred, directly, by
// main and at the start of every goroutine. The process becomes the program
// anew, which has none of its descriptors and threads: so everything that they
// hold is released, whatever state the process was in. That program puts the
// machine back, prints the message, and ends with ExitCrashed.
//
// In a program that has not called Init the panic goes on.
func Report() {
	fault := recover()
	if fault == nil {
		return
	}
	if program.Load() == nil {
		panic(fault)
	}
	text := fmt.Sprintf("panic: %v\n\n%s", fault, debug.Stack())
	crashing.Lock() // the first panic is the one that counts
	undo.mu.Lock()
	for _, f := range undo.calls {
		f()
	}
	if err := becomeReport(text); err != nil {
		os.Stderr.WriteString(text)
		os.Exit(ExitCrashed)
	}
}

// becomeReport replaces the program. It returns only when that fails.
func becomeReport(text string) error {
	fd, err := unix.MemfdCreate("probe-crash", 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "crash")
	if _, err := f.WriteString(text[:min(len(text), maxCrash)]); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if fd != crashText {
		err = unix.Dup3(fd, crashText, 0)
	}
	if err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", []string{os.Args[0], crashedArg}, os.Environ())
}

// crashed is the program that a process becomes. It returns the exit status.
func crashed(p Program) int {
	text, err := io.ReadAll(io.LimitReader(os.NewFile(crashText, "crash"), maxCrash))
	if err != nil || len(text) == 0 {
		return ExitCrashed
	}
	p.Crashed(string(text), p.Restore())
	return ExitCrashed
}
