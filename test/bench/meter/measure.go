package main

import (
	"bytes"
	"os"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// getppid makes n events: the cheapest system call, made directly.
func getppid(n int) {
	for range n {
		syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
}

// cpu runs a tracer to its end.
func cpu(o *options, args []string) (*Result, error) {
	t, err := launch(o, args, nil)
	if err != nil {
		return nil, err
	}
	if err := t.wait(); err != nil {
		return nil, err
	}
	st := t.cmd.ProcessState
	r := &Result{CPU: int64(st.UserTime() + st.SystemTime()), Exit: st.ExitCode()}
	if u, ok := st.SysUsage().(*syscall.Rusage); ok {
		r.Peak = u.Maxrss << 10
	}
	if r.Exit != 0 {
		r.Output = t.out.last()
	}
	return r, nil
}

// attached measures the time from exec to the first event that a program ran
// for: whatever a tracer prints about being attached proves less.
func attached(o *options, args []string) (*Result, error) {
	t, known, err := begin(o, args, nil)
	if err != nil {
		return nil, err
	}
	wall, err := t.awaitEvent(known)
	if err != nil {
		return nil, err
	}
	if err := t.stop(); err != nil {
		return nil, err
	}
	return &Result{Wall: int64(wall), Exit: t.cmd.ProcessState.ExitCode()}, statistics(false)
}

// begin starts a tracer with the statistics on.
func begin(o *options, args []string, out *os.File) (*tracer, programs, error) {
	known, err := allPrograms()
	if err != nil {
		return nil, known, err
	}
	if err := statistics(true); err != nil {
		return nil, known, err
	}
	t, err := launch(o, args, out)
	return t, known, err
}

// threadTime returns the CPU time of this thread.
func threadTime() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err) // the clock exists on every kernel
	}
	return ts.Nano()
}

// rounds makes calls in rounds, with pauses in which the tracer can read its
// buffers, and returns the CPU time of one call.
func rounds(o *options, calls func(n int)) float64 {
	var total int64
	for range o.rounds {
		start := threadTime()
		calls(o.calls)
		total += threadTime() - start
		time.Sleep(pause)
	}
	return float64(total) / float64(o.rounds*o.calls)
}

const (
	// pause is longer than the time after which a tracer looks at its buffers.
	pause = 120 * time.Millisecond
	// settle is for what a tracer does after it saw its first event.
	settle = time.Second
)

// event measures a program by the kernel's statistics, and the whole event by
// the CPU time of the calling process with the tracer and without it.
func event(o *options, args []string) (*Result, error) {
	without := rounds(o, getppid)
	t, known, err := begin(o, args, nil)
	if err != nil {
		return nil, err
	}
	if _, err := t.awaitEvent(known); err != nil {
		return nil, err
	}
	time.Sleep(settle)
	before, err := newPrograms(known)
	if err != nil {
		return nil, err
	}
	for range o.rounds {
		getppid(o.calls)
		time.Sleep(pause)
	}
	after, err := newPrograms(known)
	if err != nil {
		return nil, err
	}
	if err := statistics(false); err != nil {
		return nil, err
	}
	with := rounds(o, getppid)
	if err := t.stop(); err != nil {
		return nil, err
	}
	n := after.runs - before.runs
	r := &Result{Whole: with - without, Events: n, Exit: t.cmd.ProcessState.ExitCode()}
	if n > 0 {
		r.Program = float64(after.time-before.time) / float64(n)
	}
	if n < uint64(o.rounds*o.calls) {
		r.Output = t.out.last()
	}
	return r, nil
}

// lostPattern finds what tracers say about events they know to have lost.
var lostPattern = regexp.MustCompile(`(?i)lost (\d+) events|(\d+) event(?:s|\(s\))?(?: of \S+)? (?:were |was )?lost|overrun: (\d+)`)

// lost makes events without a pause, ends the tracer right after the last one,
// and counts what it printed: lines with the word "event".
func lost(o *options, args []string) (*Result, error) {
	f, err := os.CreateTemp("", "meter-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	t, known, err := begin(o, args, f)
	if err != nil {
		return nil, err
	}
	if _, err := t.awaitEvent(known); err != nil {
		return nil, err
	}
	if err := statistics(false); err != nil {
		return nil, err
	}
	time.Sleep(settle)
	made := o.rounds * o.calls
	earlier, err := countLines(f.Name())
	if err != nil {
		return nil, err
	}
	getppid(made)
	if err := t.stop(); err != nil {
		return nil, err
	}
	all, err := countLines(f.Name())
	if err != nil {
		return nil, err
	}
	r := &Result{Events: uint64(made), Printed: all - earlier, Exit: t.cmd.ProcessState.ExitCode()}
	r.Reported = sum(t.out.text(), lostPattern)
	if r.Printed != r.Events {
		r.Output = t.out.last()
	}
	return r, nil
}

// countLines counts the lines about events in a tracer's output.
func countLines(name string) (uint64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	return uint64(bytes.Count(b, []byte("event "))), nil
}
