package session

import (
	"os"
	"runtime"
	"sync/atomic"

	"probe/runtime/watchdog"
)

// Programs that probe itself runs (begin, end, interval and so on) see the thread
// that runs them: tid, curtask->pid. On the first thread it is always the same, and
// tid is pid, as in a program with one thread.

// first carries what the first thread is to run, while it serves.
var (
	first   = make(chan func())
	serving atomic.Bool
)

// KeepFirstThread makes sure that main runs on the first thread; it is called from
// an init function of a program that calls ServeFirstThread.
func KeepFirstThread() { runtime.LockOSThread() }

// ServeFirstThread runs main on another thread, and ends the process with the
// status that it returns. Meanwhile the calling thread, the first, runs the programs
// that user space runs.
func ServeFirstThread(main func() int) {
	serving.Store(true)
	go func() {
		defer watchdog.Report()
		os.Exit(main())
	}()
	for f := range first {
		f()
	}
}

// onFirstThread runs f on the first thread if that serves, else on this one, and
// returns when f has returned.
func onFirstThread(f func()) {
	if !serving.Load() {
		f()
		return
	}
	done := make(chan struct{})
	first <- func() { defer close(done); f() }
	<-done
}
