package engine

import (
	"context"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/machine"
	"probe/runtime/session"
)

// Hidden marks the names of maps that a Session does not print at its end.
const Hidden = session.Hidden

// Clause is a script in a Session.
type Clause = session.Clause

// Session runs scripts that come and go: each is added while others run, and
// they share their maps by name. It needs a kernel.
type Session struct {
	s      *session.Session
	done   func() error
	cancel context.CancelFunc
	ended  chan struct{}
}

// SessionOptions say how a session runs. The zero SessionOptions trace every
// process, and print on the standard streams.
type SessionOptions struct {
	// Sink, Resolver, AllErrors, Verbose and Report are as in RunOptions.
	Sink      event.Sink
	Resolver  *Resolver
	AllErrors bool
	Verbose   func(text string)
	Report    func(d *diag.Diagnostic)

	// PID limits all scripts to a process, whose end does not end the session; 0
	// does not.
	PID int
	// Exited, if set, is told of exit() of a script, which ends that script. It is
	// called while events are read and must not wait for the session.
	Exited func(c *Clause, code int)
}

// Open starts a session, which goes on until End.
func Open(m machine.Machine, o SessionOptions) (*Session, error) {
	run := RunOptions{Sink: o.Sink, Resolver: o.Resolver, AllErrors: o.AllErrors, Verbose: o.Verbose, Report: o.Report}
	opts, done, err := run.session(m)
	if err != nil {
		return nil, err
	}
	if opts.Machine == nil {
		_ = done()
		return nil, noKernel()
	}
	ready := make(chan struct{})
	opts.Stay, opts.PID, opts.Exited = true, o.PID, o.Exited
	opts.Ready = func(int) { close(ready) }
	s, err := session.New(opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Session{s: s, done: done, cancel: cancel, ended: make(chan struct{})}
	failed := make(chan error, 1)
	go func() {
		defer close(b.ended)
		if _, err := s.Run(ctx); err != nil {
			failed <- err
		}
	}()
	select {
	case <-ready:
		return b, nil
	case err := <-failed:
		cancel()
		s.Close()
		return nil, err
	}
}

// Add attaches a script that was compiled with CompileOptions.Live. Its begin
// probes have run when it returns.
func (s *Session) Add(ctx context.Context, c *Compiled) (*Clause, error) {
	return s.s.Add(ctx, c.Object)
}

// Remove detaches a script; everything that it printed is shown then.
func (s *Session) Remove(c *Clause) { s.s.Remove(c) }

// Data reads a map that the session keeps.
func (s *Session) Data(m *object.Map) (*value.MapData, error) { return s.s.Data(m) }

// Clear deletes all keys of a map that the session keeps.
func (s *Session) Clear(m *object.Map) error { return s.s.Clear(m) }

// Forget gives up a map that the session keeps. Scripts that use it go on with
// it; those added from now on get a new one.
func (s *Session) Forget(m *object.Map) { s.s.Forget(m) }

// End detaches everything and prints the maps.
func (s *Session) End() {
	s.cancel()
	<-s.ended
}

// Close gives everything back; End need not have been called.
func (s *Session) Close() {
	s.End()
	s.s.Close()
	_ = s.done() // a session shows things by its own sink
}
