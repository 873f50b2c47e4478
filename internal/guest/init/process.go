package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"probe/internal/guest/wire"
)

// drainTime is how long the agent waits for output of a process's descendants
// after the process itself has ended. It must not wait for ever: a server left
// in the background may keep the output open.
const drainTime = 300 * time.Millisecond

// inputQueue is how many input frames may wait for a process to read them.
const inputQueue = 1024

// process is a running request.
type process struct {
	cmd   *exec.Cmd
	stdin chan []byte // nil when the process has no input
	mu    sync.Mutex  // guards the fields below
	ended bool
	full  bool // input was dropped because the process did not read it
}

func (s *server) process(id uint32) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.procs[id]
}

// run starts a process and reports its output and its end as frames.
func (s *server) run(id uint32, req wire.RunRequest) error {
	p, terminal, err := s.start(id, req)
	if err != nil {
		return s.reply(id, err)
	}
	start := time.Now()
	s.mu.Lock()
	s.procs[id] = p
	s.mu.Unlock()
	// The process has inherited the agent's protection from the OOM killer and
	// must lose it. Ignore the error: the process may have ended already.
	pid := p.cmd.Process.Pid
	os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("0"), 0)
	if err := s.conn.SendJSON(wire.Pid, id, wire.PidInfo{Pid: pid}); err != nil {
		return err
	}
	go s.wait(id, p, terminal, start)
	return nil
}

// start starts the process; terminal is the master side if it runs on one.
func (s *server) start(id uint32, req wire.RunRequest) (p *process, terminal *os.File, err error) {
	if len(req.Args) == 0 {
		return nil, nil, errors.New("no command given")
	}
	cmd := exec.Command(req.Args[0], req.Args[1:]...)
	cmd.Env = append(os.Environ(), req.Env...)
	cmd.Dir = "/"
	if req.Dir != "" {
		cmd.Dir = req.Dir
	}
	cmd.WaitDelay = drainTime
	p = &process{cmd: cmd}
	if req.PTY {
		terminal, err = pty.StartWithSize(cmd, &pty.Winsize{Rows: req.Rows, Cols: req.Cols})
		if err != nil {
			return nil, nil, err
		}
		p.feed(terminal, func() {})
		return p, terminal, nil
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout = output{s.conn, wire.Stdout, id}
	cmd.Stderr = output{s.conn, wire.Stderr, id}
	var stdin io.WriteCloser
	if req.Stdin {
		if stdin, err = cmd.StdinPipe(); err != nil {
			return nil, nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	if stdin != nil {
		p.feed(stdin, func() { stdin.Close() })
	}
	return p, nil, nil
}

// feed passes input frames on to w in the background, so that a process that
// does not read its input holds up nothing else. On a terminal end does
// nothing, since the input of a terminal has no end.
func (p *process) feed(w io.Writer, end func()) {
	p.stdin = make(chan []byte, inputQueue)
	go func() {
		open := true
		for b := range p.stdin {
			switch {
			case !open:
			case len(b) == 0:
				end()
				open = false
			default:
				_, err := w.Write(b)
				open = err == nil
			}
		}
	}()
}

// input queues bytes for the process. There is no flow control with the host:
// when the process does not read, input beyond the queue is dropped and the
// host is told.
func (p *process) input(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stdin == nil || p.ended || p.full {
		return
	}
	select {
	case p.stdin <- b:
	default:
		p.full = true
	}
}

// signal sends a signal unless the process has been reaped: its number may
// belong to another process by then.
func (p *process) signal(req wire.SignalRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	pid := p.cmd.Process.Pid
	if req.Group {
		pid = -pid
	}
	unix.Kill(pid, unix.Signal(req.Signal))
}

// wait reports the end of a process once its output is complete.
func (s *server) wait(id uint32, p *process, terminal *os.File, start time.Time) {
	copied := make(chan struct{})
	if terminal != nil {
		go func() {
			// The copy ends with EIO when the last process has closed the
			// terminal.
			io.Copy(output{s.conn, wire.Stdout, id}, terminal)
			close(copied)
		}()
	}
	err := p.cmd.Wait()
	wall := time.Since(start)
	if terminal != nil {
		select {
		case <-copied:
		case <-time.After(drainTime):
		}
		terminal.Close()
	}
	p.mu.Lock()
	p.ended = true
	full := p.full
	if p.stdin != nil {
		close(p.stdin)
	}
	p.mu.Unlock()
	s.mu.Lock()
	delete(s.procs, id)
	s.mu.Unlock()

	state := p.cmd.ProcessState
	if state == nil {
		s.reply(id, fmt.Errorf("wait for %s: %w", p.cmd.Path, err))
		return
	}
	if full {
		s.reply(id, fmt.Errorf("%s did not read its standard input: more than %d writes were waiting", p.cmd.Path, inputQueue))
		return
	}
	info := wire.ExitInfo{
		Code:   state.ExitCode(),
		Wall:   int64(wall),
		User:   int64(state.UserTime()),
		System: int64(state.SystemTime()),
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		info.Signal = int(ws.Signal())
	}
	if ru, ok := state.SysUsage().(*syscall.Rusage); ok {
		info.MaxRSS = ru.Maxrss * 1024
	}
	s.conn.SendJSON(wire.Exit, id, info)
}

// output sends what a process writes as frames.
type output struct {
	conn *wire.Conn
	kind wire.Type
	id   uint32
}

func (o output) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		n := min(len(p)-sent, wire.ChunkSize)
		if err := o.conn.Send(o.kind, o.id, p[sent:sent+n]); err != nil {
			return sent, err
		}
		sent += n
	}
	return len(p), nil
}
