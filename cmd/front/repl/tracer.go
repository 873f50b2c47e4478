package repl

import (
	"context"

	"probe/compiler/object"
	"probe/lang/value"
	"probe/runtime/engine"
)

// tracer runs what was compiled. The real one is a session; tests have their
// own.
type tracer interface {
	// Add attaches a script. Its begin probes have run when it returns.
	Add(ctx context.Context, c *engine.Compiled) (handle, error)
	// Remove detaches it; everything that it printed is on the screen then.
	Remove(h handle)
	// Data and Clear work on maps of scripts that were added; Forget gives one
	// up.
	Data(m *object.Map) (*value.MapData, error)
	Clear(m *object.Map) error
	Forget(m *object.Map)
	// End detaches everything and prints the maps.
	End()
	// Close gives everything back; End need not have been called.
	Close()
}

// handle stands for a script that was added.
type handle interface {
	Probes() int // places it is attached to
}

// starter makes a tracer; exited is told of exit() at once.
type starter func(cfg Config, opts engine.SessionOptions, exited func(h handle, code int)) (tracer, error)

// background is a session of the engine.
type background struct{ *engine.Session }

func startSession(cfg Config, opts engine.SessionOptions, exited func(h handle, code int)) (tracer, error) {
	opts.Exited = func(c *engine.Clause, code int) { exited(c, code) }
	s, err := engine.Open(cfg.Machine, opts)
	if err != nil {
		return nil, err
	}
	return background{s}, nil
}

// Add implements tracer.
func (b background) Add(ctx context.Context, c *engine.Compiled) (handle, error) {
	h, err := b.Session.Add(ctx, c)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Remove implements tracer.
func (b background) Remove(h handle) { b.Session.Remove(h.(*engine.Clause)) }
