package repl

import (
	"context"

	"probe/compiler/object"
	"probe/lang/value"
	"probe/runtime/engine"
)

// tracer runs compiled inputs. The real one is a session of the engine; tests
// have their own.
type tracer interface {
	// Add attaches a script. Its begin probes have run when it returns.
	Add(ctx context.Context, c *engine.Compiled) (handle, error)
	// Remove detaches a script. When it returns, everything that the script
	// printed is on the screen.
	Remove(h handle)
	// Figures returns what a script has done since it was added.
	Figures(h handle) engine.Figures
	// Data and Clear read and clear maps of added scripts; Forget drops one.
	Data(m *object.Map) (*value.MapData, error)
	Clear(m *object.Map) error
	Forget(m *object.Map)
	// End detaches everything and prints the maps.
	End()
	// Close releases all resources; End need not have been called.
	Close()
}

// handle identifies a script that was added.
type handle interface {
	Probes() int // number of places it is attached to
}

// starter creates a tracer. exited is called as soon as a script calls exit().
type starter func(cfg Config, opts engine.SessionOptions, exited func(h handle, code int)) (tracer, error)

// background is a session of the engine as a tracer.
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

// Figures implements tracer.
func (b background) Figures(h handle) engine.Figures { return b.Session.Figures(h.(*engine.Clause)) }
