package engine

import (
	"context"

	"probe/compiler/object"
	"probe/lang/value"
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
	done   func()
	cancel context.CancelFunc
	ended  chan struct{}
}

// Open starts a session, which goes on until End. exited, if set, is told of
// exit() of a script, which ends that script; it is called while events are read
// and must not wait for the session. Of the options Ready, For, MaxEvents and
// DryRun are not used.
func Open(m machine.Machine, o RunOptions, pid int, exited func(c *Clause, code int)) (*Session, error) {
	opts, done, err := o.session(m)
	if err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	opts.Stay, opts.PID, opts.Exited = true, pid, exited
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
	s.done()
}
