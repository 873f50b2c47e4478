package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"probe/runtime/watchdog"
)

// startLimit is how long a client or server may take to start its work. An
// emulated guest with one slow CPU needs a few seconds.
const startLimit = 30 * time.Second

// stopLimit is how long a client or server may take to send its last report.
const stopLimit = 5 * time.Second

// A process is the parent's view of a client or server.
type process struct {
	role   string
	cmd    *exec.Cmd
	stdin  io.Closer // closing it asks the child to end
	stderr tail
	done   chan struct{} // closed when the child has ended and err is set

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each message
	seen    map[event]bool
	local   netip.AddrPort
	remote  netip.AddrPort
	log     []transfer
	queued  int
	err     error
}

// startProcess starts the running binary again, as a client or server. inside
// runs a function in a thread that is in the right namespace.
func startProcess(inside func(func() error) error, config childConfig) (*process, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	p := &process{
		role: config.Role, done: make(chan struct{}),
		changed: make(chan struct{}), seen: make(map[event]bool),
	}
	// Not the path of the binary, which "go run" for example has deleted by
	// now.
	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Args = []string{config.Role}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		// A process group of its own: Ctrl-C signals the whole foreground group
		// of the terminal, and must not end the traffic before the tracer has
		// reported what it saw.
		Setpgid:   true,
		Pdeathsig: syscall.SIGKILL,
	}
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	if err := inside(p.cmd.Start); err != nil {
		if p.cmd.Process != nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
		return nil, fmt.Errorf("start %s: %w", config.Role, err)
	}
	go func() {
		defer watchdog.Report()
		p.listen(stdout)
	}()
	return p, nil
}

// pid returns the process id of the child.
func (p *process) pid() int { return p.cmd.Process.Pid }

// listen reads the child's messages until its end.
func (p *process) listen(stdout io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	var bad error
	for bad == nil && lines.Scan() {
		var m message
		if m, bad = parseMessage(lines.Bytes()); bad == nil {
			p.take(m)
		}
	}
	bad = errors.Join(bad, lines.Err())
	if bad != nil {
		p.cmd.Process.Kill()
	}
	waitErr := p.cmd.Wait()

	p.mu.Lock()
	defer p.mu.Unlock()
	switch text := strings.TrimSpace(p.stderr.String()); {
	case p.err != nil:
	case bad != nil:
		p.err = fmt.Errorf("%s: %w", p.role, bad)
	case waitErr != nil && text != "":
		p.err = fmt.Errorf("%s ended early: %w: %s", p.role, waitErr, text)
	case waitErr != nil:
		p.err = fmt.Errorf("%s ended early: %w", p.role, waitErr)
	}
	p.wake()
}

// take adds a message of the child to what is known of it.
func (p *process) take(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[m.Event] = true
	if m.Local.IsValid() {
		p.local = m.Local
	}
	if m.Remote.IsValid() {
		p.remote = m.Remote
	}
	p.log = append(p.log, m.Transfers...)
	p.queued = m.Queued
	if m.Event == eventFailed {
		p.err = fmt.Errorf("%s: %s", p.role, m.Error)
	}
	p.wake()
}

// wake wakes all waiters after a change; mu is held.
func (p *process) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// await waits until ok, which is called with mu held, or until the child fails
// or ends, ctx ends, or limit is over. what names the condition in errors.
func (p *process) await(ctx context.Context, what string, limit time.Duration, ok func() bool) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		p.mu.Lock()
		met, err, changed := ok(), p.err, p.changed
		p.mu.Unlock()
		if err != nil {
			return err
		}
		if met {
			return nil
		}
		select {
		case <-changed:
		case <-p.done:
			p.mu.Lock()
			met, err = ok(), p.err
			p.mu.Unlock()
			if err == nil && !met {
				err = fmt.Errorf("%s ended while the lab waited for %s", p.role, what)
			}
			return err
		case <-timer.C:
			return fmt.Errorf("wait for %s: %s had not got there after %v", what, p.role, limit)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitEvent waits for a message of the given kind.
func (p *process) awaitEvent(ctx context.Context, e event) error {
	return p.await(ctx, string(e), startLimit, func() bool { return p.seen[e] })
}

// awaitTransfer waits until a first send or read succeeded.
func (p *process) awaitTransfer(ctx context.Context) error {
	return p.await(ctx, "the first bytes", startLimit, func() bool {
		for _, t := range p.log {
			if t.Error == "" {
				return true
			}
		}
		return false
	})
}

// ended returns the error for a child that ended although nobody asked it to.
func (p *process) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	return fmt.Errorf("%s ended early", p.role)
}

// finish asks the child for its last report and waits for its end; one that
// does not end is killed. It is an error if there is no last report.
func (p *process) finish() error {
	p.stdin.Close()
	select {
	case <-p.done:
	case <-time.After(stopLimit):
		p.cmd.Process.Kill()
		<-p.done
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && !p.seen[eventFinal] {
		return fmt.Errorf("%s sent no last report within %v", p.role, stopLimit)
	}
	return p.err
}

// kill ends the child at once.
func (p *process) kill() {
	p.stdin.Close()
	p.cmd.Process.Kill()
	<-p.done
}

// result returns what is known of the child: its addresses, transfers in order,
// and the bytes that were sent and not acknowledged.
func (p *process) result() (local, remote netip.AddrPort, log []transfer, queued int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.local, p.remote, p.log, p.queued
}

// A tail keeps the last few KiB written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// tailSize is enough for an error, and for the interesting end of a stack
// trace.
const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
