package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stable is how long no program may be added until a tool is taken to have loaded all.
const stable = 3 * time.Second

// tool measures a whole script: what its programs are after the kernel has translated
// them, and what they cost on a fixed mix of work, divided by the times they ran.
func tool(o *options, args []string) (*Result, error) {
	var further *more
	if o.more {
		var err error
		if further, err = prepareMore(o); err != nil {
			return nil, err
		}
		defer further.end()
		further.withPID(args)
	}
	t, known, err := begin(o, args, nil)
	if err != nil {
		return nil, err
	}
	defer t.cmd.Process.Kill() // where the measurement fails
	if err := t.awaitPrograms(known); err != nil {
		return nil, err
	}
	before, err := newPrograms(known)
	if err != nil {
		return nil, err
	}
	for range o.rounds {
		work()
		if further != nil {
			if err := further.work(); err != nil {
				return nil, err
			}
		}
		time.Sleep(pause)
	}
	after, err := newPrograms(known)
	if err != nil {
		return nil, err
	}
	if err := t.stop(); err != nil {
		return nil, err
	}
	r := &Result{Insns: after.insns, Events: after.runs - before.runs, Exit: t.cmd.ProcessState.ExitCode()}
	if r.Events > 0 {
		r.Program = float64(after.time-before.time) / float64(r.Events)
	}
	return r, statistics(false)
}

// awaitPrograms waits until the tracer has loaded programs and then no more of them.
func (t *tracer) awaitPrograms(known programs) error {
	last, since := 0, time.Now()
	for time.Since(t.start) < startLimit {
		now, err := newPrograms(known)
		if err != nil {
			return err
		}
		if n := len(now.ids) - len(known.ids); n != last {
			last, since = n, time.Now()
		}
		if last > 0 && time.Since(since) > stable {
			return nil
		}
		select {
		case <-t.ended:
			return fmt.Errorf("%w and ended (%v): %s", errNotAttached, t.cmd.ProcessState, t.out.last())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.cmd.Process.Kill()
	<-t.ended
	return fmt.Errorf("%w in %v: %s", errNotAttached, startLimit, t.out.last())
}

// work does some of all that the tools look at: files, processes, signals, connections
// that succeed and that fail, switches between threads. Failures are part of it.
func work() {
	dir, err := os.MkdirTemp("", "work-*")
	if err != nil {
		return
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "file")
	for range 10 {
		os.WriteFile(name, make([]byte, 4096), 0o600)
		os.ReadFile(name)
		os.Stat(name)
		os.Stat(name + ".missing")
		os.Open(name + ".missing")
		time.Sleep(time.Millisecond)
	}
	syscall.Kill(os.Getpid(), 0)
	unix.Setuid(os.Getuid())
	if f, err := os.Open(dir); err == nil {
		unix.Syncfs(int(f.Fd()))
		f.Close()
	}
	exec.Command("/bin/meter", "-nothing").Run()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	addr := l.Addr().String()
	for range 3 {
		if c, err := net.Dial("tcp", addr); err == nil {
			if s, err := l.Accept(); err == nil {
				s.Write(make([]byte, 100))
				s.Close()
			}
			c.Read(make([]byte, 100))
			c.Close()
		}
	}
	l.Close()
	net.DialTimeout("tcp", addr, time.Second)
}
