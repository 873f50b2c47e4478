package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// tracer is a running tracer.
type tracer struct {
	cmd   *exec.Cmd
	start time.Time
	out   buffer
	ended chan struct{}
	err   error
}

// buffer collects both streams of a tracer.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// last returns the end of the output, for messages.
func (b *buffer) last() string {
	s := b.text()
	return s[max(0, len(s)-500):]
}

// launch starts a tracer. out replaces the buffer for its standard output.
func launch(o *options, args []string, out *os.File) (*tracer, error) {
	t := &tracer{ended: make(chan struct{})}
	t.cmd = &exec.Cmd{Path: args[0], Args: args, Env: append(os.Environ(), "HOME=/root"), Dir: "/"}
	if o.root != "" {
		t.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: o.root}
	}
	t.cmd.Stdout, t.cmd.Stderr = &t.out, &t.out
	if out != nil {
		t.cmd.Stdout = out
	}
	t.start = time.Now()
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		t.err = t.cmd.Wait()
		close(t.ended)
	}()
	return t, nil
}

// startLimit is the maximum time until a tracer sees its first event. In a
// guest that counts instructions the clock runs with the CPU.
const startLimit = 2 * time.Minute

// awaitEvent makes events until a BPF program has run for one, and returns the
// time since exec.
func (t *tracer) awaitEvent(known programs) (time.Duration, error) {
	for time.Since(t.start) < startLimit {
		getppid(1)
		at := time.Since(t.start)
		now, err := newPrograms(known)
		if err != nil {
			return 0, err
		}
		if now.runs > 0 {
			return at, nil
		}
		select {
		case <-t.ended:
			return 0, fmt.Errorf("%w and ended (%v): %s", errNotAttached, t.cmd.ProcessState, t.out.last())
		case <-time.After(500 * time.Microsecond):
		}
	}
	t.cmd.Process.Kill()
	<-t.ended
	return 0, fmt.Errorf("%w in %v: %s", errNotAttached, startLimit, t.out.last())
}

// stop ends a tracer as Ctrl-C does.
func (t *tracer) stop() error {
	if err := t.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	return t.wait()
}

// wait waits for a tracer's end and kills it if that does not come.
func (t *tracer) wait() error {
	select {
	case <-t.ended:
		return nil
	case <-time.After(startLimit):
		t.cmd.Process.Kill()
		<-t.ended
		return fmt.Errorf("the tracer did not end: %s", t.out.last())
	}
}
