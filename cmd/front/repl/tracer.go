package repl

import (
	"context"

	"probe/compiler/object"
	"probe/lang/value"
	"probe/runtime/session"
)

// tracer runs what was compiled. The real one is a session; tests have their
// own.
type tracer interface {
	// Add attaches an object. Its begin probes have run when it returns.
	Add(ctx context.Context, obj *object.Object) (handle, error)
	// Remove detaches it; everything that it printed is on the screen then.
	Remove(h handle)
	// Data and Clear work on maps of objects that were added; Forget gives one
	// up.
	Data(m *object.Map) (*value.MapData, error)
	Clear(m *object.Map) error
	Forget(m *object.Map)
	// End detaches everything and prints the maps.
	End()
	// Close gives everything back; End need not have been called.
	Close()
}

// handle stands for an object that was added.
type handle interface {
	Probes() int // places it is attached to
}

// starter makes a tracer; exited is told of exit() at once.
type starter func(opts session.Options, exited func(h handle, code int)) (tracer, error)

// background is a session that runs on a goroutine of its own.
type background struct {
	*session.Session
	cancel context.CancelFunc
	ended  chan struct{}
}

func startSession(opts session.Options, exited func(h handle, code int)) (tracer, error) {
	ready := make(chan struct{})
	opts.Stay = true
	opts.Ready = func(int) { close(ready) }
	opts.Exited = func(c *session.Clause, code int) { exited(c, code) }
	s, err := session.New(opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &background{Session: s, cancel: cancel, ended: make(chan struct{})}
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

// Add implements tracer.
func (b *background) Add(ctx context.Context, obj *object.Object) (handle, error) {
	c, err := b.Session.Add(ctx, obj)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Remove implements tracer.
func (b *background) Remove(h handle) { b.Session.Remove(h.(*session.Clause)) }

// End implements tracer.
func (b *background) End() {
	b.cancel()
	<-b.ended
}

// Close implements tracer.
func (b *background) Close() {
	b.End()
	b.Session.Close()
}
