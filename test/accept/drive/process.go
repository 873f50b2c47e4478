package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// process is a started program with its output.
type process struct {
	cmd      *exec.Cmd
	out, err *stream
	hold     io.WriteCloser // lets a held workload go when it is closed
	ended    chan struct{}
}

// maxOutput is the maximum output in bytes kept of a stream. More means a bug
// in the case or in probe, and stops the program by closing the pipe.
const maxOutput = 16 << 20

// stream holds what a program has written so far.
type stream struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	matched int           // how much of it expect has consumed
	changed chan struct{} // closed and replaced at each write and at the end
	eof     bool
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

func (s *stream) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buf.Len()+len(data) > maxOutput {
		return 0, fmt.Errorf("more than %d bytes of output", maxOutput)
	}
	s.buf.Write(data)
	close(s.changed)
	s.changed = make(chan struct{})
	return len(data), nil
}

// end marks the stream as complete.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eof = true
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.buf.Bytes())
}

// expect waits until the text after the last match matches. It returns io.EOF
// when the program ended without.
func (s *stream) expect(ctx context.Context, pattern string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	for {
		s.mu.Lock()
		at := re.FindIndex(s.buf.Bytes()[s.matched:])
		if at != nil {
			s.matched += at[1]
		}
		eof, changed := s.eof, s.changed
		s.mu.Unlock()
		switch {
		case at != nil:
			return nil
		case eof:
			return io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%q did not appear: %w", pattern, ctx.Err())
		}
	}
}

// start starts a program in a new process group.
func start(cmd *exec.Cmd, dir string, env []string, stdin io.Reader) (*process, error) {
	p := &process{cmd: cmd, out: newStream(), err: newStream(), ended: make(chan struct{})}
	cmd.Dir, cmd.Env, cmd.Stdin = dir, env, stdin
	cmd.Stdout, cmd.Stderr = p.out, p.err
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	// A child that keeps the output open must not make the case hang.
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait() // the state is in cmd.ProcessState
		p.out.end()
		p.err.end()
		close(p.ended)
	}()
	return p, nil
}

// startHeld starts the workload, which waits for the end of its input before
// it does anything, and says so first.
func startHeld(program string, args []string, dir string, env []string) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command(program, args...)
	p, err := start(cmd, dir, append(env, "WORKLOAD_HELD=1"), r)
	if err != nil {
		w.Close()
		return nil, err
	}
	p.hold = w
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.err.expect(ctx, `^held\n`); err != nil {
		p.kill()
		return nil, fmt.Errorf("start the workload: %w: %s", err, p.err.bytes())
	}
	return p, nil
}

// release lets a held workload run.
func (p *process) release() error { return p.hold.Close() }

// attached waits until probe says so, on either stream.
func (p *process) attached(ctx context.Context) error {
	found := make(chan error, 2)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { found <- p.err.expect(ctx, `^Attached \d+ probes?$`) }()
	go func() { found <- p.out.expect(ctx, `"type": "attached_probes".*$`) }()
	if err := <-found; err == nil {
		return nil
	}
	return <-found
}

// wait waits for the end.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dump makes a Go program write its stacks to standard error.
func (p *process) dump() {
	p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
	}
}

// kill ends the process group, if it still runs.
func (p *process) kill() {
	if p.hold != nil {
		p.hold.Close()
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}
