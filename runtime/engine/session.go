package engine

import (
	"context"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/machine"
	"probe/runtime/session"
	"probe/runtime/watchdog"
)

// Hidden marks the names of maps that a Session does not print at its end.
const Hidden = session.Hidden

// Clause is a script in a Session.
type Clause = session.Clause

// Session runs several scripts, which are added and removed while others run
// and share their maps by name. It needs the running kernel.
type Session struct {
	s      *session.Session
	done   func() error
	cancel context.CancelFunc
	ended  chan struct{}
}

// SessionOptions says how a session runs. With the zero value it traces every
// process, and prints on the standard streams.
type SessionOptions struct {
	// Sink, Resolver, AllErrors, Verbose and Report are as in RunOptions.
	Sink      event.Sink
	Resolver  *Resolver
	AllErrors bool
	Verbose   func(text string)
	Report    func(d *diag.Diagnostic)

	// PID restricts all scripts to a process, whose end does not end the
	// session; 0 means no restriction.
	PID int
	// Exited, if set, is called when a script calls exit(), which ends that
	// script. It is called from the goroutine that reads events and must not
	// wait for the session.
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
		defer watchdog.Report()
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

// Remove detaches a script. When it returns, everything that the script printed
// has been shown.
func (s *Session) Remove(c *Clause) { s.s.Remove(c) }

// Figures says what a script in a Session has done.
type Figures = session.Figures

// Figures returns what a script has done since it was added.
func (s *Session) Figures(c *Clause) Figures { return s.s.Figures(c) }

// Data reads a map that the session keeps.
func (s *Session) Data(m *object.Map) (*value.MapData, error) { return s.s.Data(m) }

// Clear deletes all keys of a map that the session keeps.
func (s *Session) Clear(m *object.Map) error { return s.s.Clear(m) }

// Forget drops a map that the session keeps. Scripts that use it keep it; those
// added later get a new one.
func (s *Session) Forget(m *object.Map) { s.s.Forget(m) }

// End detaches everything and prints the maps.
func (s *Session) End() {
	s.cancel()
	<-s.ended
}

// Close releases all resources. End need not have been called.
func (s *Session) Close() {
	s.End()
	s.s.Close()
	_ = s.done() // the sink of a session reports its failures by Done
}
