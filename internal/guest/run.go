package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"probe/internal/guest/wire"
)

// DefaultTimeout is the time limit of a command whose Cmd.Timeout is 0.
const DefaultTimeout = 2 * time.Minute

// DefaultMaxOutput is the limit of a command's output, in bytes for each of its
// two streams, when Cmd.MaxOutput is 0.
const DefaultMaxOutput = 64 << 20

// killGrace is how long the guest may take to report the end of a killed
// command before it counts as hung.
const killGrace = 30 * time.Second

// Cmd is a command to run in a guest.
type Cmd struct {
	Args    []string      // program and arguments; the program is searched in PATH
	Env     []string      // added to the guest's environment, as "NAME=value"
	Dir     string        // working directory; "/" when empty
	Stdin   string        // standard input; empty means none (/dev/null)
	Timeout time.Duration // by the host's clock; DefaultTimeout when 0

	// Input keeps standard input open for Proc.Send after Stdin was sent.
	Input bool
	// PTY runs the command on a terminal of Rows by Cols (24 by 80 when 0).
	// All its output is then Stdout, with the terminal's line ends.
	PTY        bool
	Rows, Cols int
	// Script is a dialogue with the running command: wait for output, then
	// answer.
	Script []Step

	MaxOutput int // DefaultMaxOutput when 0; more output kills the command

	// Stdout and Stderr receive a copy of the output as it arrives, complete
	// and in order; nil means none. A slow writer blocks all communication with
	// the guest.
	Stdout, Stderr io.Writer
}

// Step is one exchange with a running command. On a terminal, wait for what a
// program prints when it is ready for input, such as its prompt, and not for
// the echo of what was sent: keys that arrive while a program changes the
// terminal's mode may be lost or end its input.
type Step struct {
	Expect  string        // regular expression, sought after the last match
	Send    string        // bytes to send when it was found
	Timeout time.Duration // for Expect; 30 s when 0
}

// Result is the result of a command.
type Result struct {
	Stdout, Stderr string
	Code           int           // exit status; -1 when a signal ended it
	Signal         int           // number of that signal, or 0
	Wall           time.Duration // by the guest's clock
	User, System   time.Duration // CPU time of the command and its awaited children
	// MaxRSS is the peak resident set size in bytes. It is never below that of
	// the agent, about 10 MB, from which the command was forked.
	MaxRSS int64
}

// OK reports whether the command ended with status 0.
func (r Result) OK() bool { return r.Code == 0 }

// ScriptError is returned when a step of a script fails. The command was
// killed.
type ScriptError struct {
	Step   int    // index of the step
	Expect string // the regular expression that did not match
	Seen   string // the output since the last match
	Err    error  // why the wait ended
}

// Error shows the regular expression that did not match and what was seen.
func (e *ScriptError) Error() string {
	return fmt.Sprintf("step %d: %q did not appear: %v; output since the last step: %q", e.Step, e.Expect, e.Err, e.Seen)
}

// Unwrap returns why the wait ended.
func (e *ScriptError) Unwrap() error { return e.Err }

// ErrEnded is the reason when awaited output cannot come: the command ended.
var ErrEnded = errors.New("command ended")

// ErrOutput is returned when a command prints more than Cmd.MaxOutput.
var ErrOutput = errors.New("command printed more than Cmd.MaxOutput")

// Run runs a command to its end. A status other than 0 is no error. When the
// command is not found or takes too long, or its script fails, the error says
// so and the Result holds the output so far.
func (g *Guest) Run(ctx context.Context, c Cmd) (Result, error) {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	timed, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	p, err := g.Start(timed, c)
	if err != nil {
		return Result{}, err
	}
	err = p.play(timed, c.Script)
	if err == nil {
		err = p.await(timed)
	}
	if err != nil {
		p.Kill()
		var script *ScriptError
		if gone := g.Err(); gone != nil {
			err = gone
		} else if timed.Err() != nil && ctx.Err() == nil && !errors.As(err, &script) {
			err = &TimeoutError{Args: c.Args, After: c.Timeout}
		}
	}
	res, endErr := p.result()
	if err == nil {
		err = endErr
	}
	return res, err
}

// RunBatch boots a guest, runs the commands one after the other, and closes the
// guest. It returns the results so far with the first error; a status other
// than 0 is no error.
func RunBatch(ctx context.Context, o Options, cmds []Cmd) (out []Result, err error) {
	g, err := Boot(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, c := range cmds {
		res, err := g.Run(ctx, c)
		out = append(out, res)
		if err != nil {
			g.Close()
			return out, err
		}
	}
	return out, g.Close()
}

// Proc is a command that runs in a guest.
type Proc struct {
	Pid int // in the guest

	g    *Guest
	id   uint32
	max  int
	copy [2]io.Writer // of Stdout and Stderr; nil for none

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever a field below changes
	pid     int
	stdout  bytes.Buffer
	stderr  bytes.Buffer
	over    bool // MaxOutput was reached
	ended   bool
	exit    wire.ExitInfo
	err     error // why there is no exit
	matched int   // how much of stdout Expect has consumed
}

// Start starts a command and returns while it runs. Start ignores Timeout and
// Script: the caller waits with Wait or Expect and may call Kill.
func (g *Guest) Start(ctx context.Context, c Cmd) (*Proc, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Proc{g: g, max: c.MaxOutput, changed: make(chan struct{})}
	p.copy = [2]io.Writer{c.Stdout, c.Stderr}
	if p.max == 0 {
		p.max = DefaultMaxOutput
	}
	req := wire.RunRequest{
		Args: c.Args, Env: c.Env, Dir: c.Dir, PTY: c.PTY,
		Rows: uint16(c.Rows), Cols: uint16(c.Cols),
		Stdin: c.Input || c.Stdin != "" || len(c.Script) > 0,
	}
	if req.Rows == 0 {
		req.Rows = 24
	}
	if req.Cols == 0 {
		req.Cols = 80
	}
	var err error
	if p.id, err = g.request(p); err != nil {
		return nil, err
	}
	if err := g.sendJSON(wire.Run, p.id, req); err != nil {
		return nil, err
	}
	if c.Stdin != "" {
		if err := p.Send(c.Stdin); err != nil {
			return nil, err
		}
	}
	if c.Stdin != "" && !c.Input && len(c.Script) == 0 {
		if err := p.CloseStdin(); err != nil {
			return nil, err
		}
	}
	err = p.until(ctx, func() bool { return p.pid != 0 || p.ended })
	if err != nil {
		p.Kill()
		return nil, err
	}
	p.Pid = p.pid
	if p.pid == 0 && p.err != nil {
		return nil, fmt.Errorf("start %s: %w", strings.Join(c.Args, " "), p.err)
	}
	return p, nil
}

// frame takes a frame of the command.
func (p *Proc) frame(f wire.Frame) {
	for i, t := range []wire.Type{wire.Stdout, wire.Stderr} {
		if f.Type == t && p.copy[i] != nil {
			// Ignore the error: the command goes on without a reader.
			p.copy[i].Write(f.Payload)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch f.Type {
	case wire.Pid:
		var info wire.PidInfo
		if err := f.Decode(&info); err == nil {
			p.pid = info.Pid
		}
	case wire.Stdout:
		p.keep(&p.stdout, f.Payload)
	case wire.Stderr:
		p.keep(&p.stderr, f.Payload)
	case wire.Exit:
		p.ended = true
		p.err = f.Decode(&p.exit)
	case wire.Fail:
		p.ended = true
		p.err = errors.New(string(f.Payload))
	}
	p.wake()
}

// keep adds output up to the limit.
func (p *Proc) keep(b *bytes.Buffer, data []byte) {
	if b.Len()+len(data) > p.max {
		data = data[:max(0, p.max-b.Len())]
		p.over = true
	}
	b.Write(data)
}

// down ends all waits when the guest goes down.
func (p *Proc) down(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.err = true, err
	p.wake()
}

// wake wakes all waiters after a change. The lock is held.
func (p *Proc) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// until waits until cond, called with the lock held, is true.
func (p *Proc) until(ctx context.Context, cond func() bool) error {
	for {
		p.mu.Lock()
		ok, ch := cond(), p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await waits for the end of the command, or until it printed too much.
func (p *Proc) await(ctx context.Context) error {
	if err := p.until(ctx, func() bool { return p.ended || p.over }); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return fmt.Errorf("%w (%d bytes)", ErrOutput, p.max)
	}
	return nil
}

// Wait waits for the end of the command. It returns the error of ctx when
// that comes first; the command then still runs.
func (p *Proc) Wait(ctx context.Context) (Result, error) {
	if err := p.await(ctx); err != nil {
		if errors.Is(err, ErrOutput) {
			p.Kill()
		}
		res, _ := p.result()
		return res, err
	}
	return p.result()
}

// Output returns what the command has printed so far.
func (p *Proc) Output() (stdout, stderr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String(), p.stderr.String()
}

// result returns the result so far and the error, if any.
func (p *Proc) result() (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Result{
		Stdout: p.stdout.String(), Stderr: p.stderr.String(),
		Code: p.exit.Code, Signal: p.exit.Signal,
		Wall: time.Duration(p.exit.Wall), User: time.Duration(p.exit.User), System: time.Duration(p.exit.System),
		MaxRSS: p.exit.MaxRSS,
	}, p.err
}

// Expect waits until the regular expression matches standard output (or the
// terminal) after the previous match of Expect, and returns the submatches.
// It returns ErrEnded when the command ends without a match.
func (p *Proc) Expect(ctx context.Context, pattern string) ([]string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var found []string
	var over bool
	err = p.until(ctx, func() bool {
		text := p.stdout.Bytes()[p.matched:]
		if at := re.FindSubmatchIndex(text); at != nil {
			for i := 0; i < len(at); i += 2 {
				s := ""
				if at[i] >= 0 {
					s = string(text[at[i]:at[i+1]])
				}
				found = append(found, s)
			}
			p.matched += at[1]
			return true
		}
		over = p.over
		return p.ended || p.over
	})
	switch {
	case err != nil:
		return nil, err
	case found != nil:
		return found, nil
	case over:
		return nil, ErrOutput
	}
	if err := p.g.Err(); err != nil {
		return nil, err
	}
	return nil, ErrEnded
}

// ExpectStderr waits until the regular expression matches standard error as a
// whole, which programs use for messages such as "attached".
func (p *Proc) ExpectStderr(ctx context.Context, pattern string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	found := false
	err = p.until(ctx, func() bool {
		found = re.Match(p.stderr.Bytes())
		return found || p.ended || p.over
	})
	if err != nil || found {
		return err
	}
	if err := p.g.Err(); err != nil {
		return err
	}
	return ErrEnded
}

// stepTimeout is the default of Step.Timeout.
const stepTimeout = 30 * time.Second

// play carries out a script.
func (p *Proc) play(ctx context.Context, script []Step) error {
	for i, s := range script {
		if s.Timeout == 0 {
			s.Timeout = stepTimeout
		}
		if s.Expect != "" {
			sctx, cancel := context.WithTimeout(ctx, s.Timeout)
			_, err := p.Expect(sctx, s.Expect)
			cancel()
			if err != nil {
				if g := p.g.Err(); g != nil {
					return g
				}
				p.mu.Lock()
				seen := string(p.stdout.Bytes()[p.matched:])
				p.mu.Unlock()
				return &ScriptError{Step: i, Expect: s.Expect, Seen: seen, Err: err}
			}
		}
		if s.Send != "" {
			if err := p.Send(s.Send); err != nil {
				return err
			}
		}
	}
	if len(script) > 0 {
		return p.CloseStdin()
	}
	return nil
}

// Send writes to the command's standard input, or types on its terminal.
func (p *Proc) Send(text string) error {
	for len(text) > 0 {
		n := min(len(text), wire.ChunkSize)
		if err := p.g.send(wire.Stdin, p.id, []byte(text[:n])); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// CloseStdin ends the command's standard input. On a terminal, send "\x04"
// (Ctrl-D) instead.
func (p *Proc) CloseStdin() error { return p.g.send(wire.Stdin, p.id, nil) }

// Signal sends a signal to the command itself.
func (p *Proc) Signal(s syscall.Signal) error {
	return p.g.sendJSON(wire.Signal, p.id, wire.SignalRequest{Signal: int(s)})
}

// SignalGroup sends a signal to the command and all of its process group, as
// Ctrl-C on a terminal does.
func (p *Proc) SignalGroup(s syscall.Signal) error {
	return p.g.sendJSON(wire.Signal, p.id, wire.SignalRequest{Signal: int(s), Group: true})
}

// Kill kills the command with its process group and waits for the end. A guest
// that does not report the end counts as hung and is killed.
func (p *Proc) Kill() error {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ended {
		return nil
	}
	if err := p.SignalGroup(syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.g.grace)
	defer cancel()
	if err := p.until(ctx, func() bool { return p.ended }); err != nil {
		p.g.hang(fmt.Sprintf("a killed command did not end within %v", p.g.grace))
		return p.g.Err()
	}
	return nil
}
