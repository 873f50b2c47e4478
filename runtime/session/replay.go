package session

import (
	"context"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/graph/store"
	"probe/runtime/machine/recording"
	"probe/runtime/ring"
)

// burst is the number of events of a recording that are replayed before limits,
// calls and signals are checked again.
const burst = 256

// Replay runs an object over a recording: the player takes the place of the
// kernel, and records, maps and output are handled as in Run. Nothing is loaded
// or attached. The error is a *LoadError.
func Replay(ctx context.Context, obj *object.Object, m *recording.Player, opts Options) (Result, error) {
	s := &Session{opts: opts, calls: make(chan func(), 16), pidfd: -1}
	c := &Clause{obj: obj, ringFD: -1, quiet: make(chan struct{}), timeless: make(chan struct{}), counters: make([]uint64, len(obj.Errors)),
		host: interpreted{m}, ring: m, data: m.Memory("p_data"), percpu: m.Memory("p_percpu"), decoder: ring.NewDecoder(obj.Events)}
	c.handler = handler{s: s, u: c}
	c.graphs = store.Replay(obj.HIR.Probes, s.graphOptions(), m.Trees)
	s.clauses = []*Clause{c}
	if opts.Verbose != nil {
		m.Plan(func(probe string, calls int) { s.verbose("%s: calls in the recording: %d", probe, calls) })
	}
	s.beginCalls()
	defer s.endCalls()
	s.handOut()
	err := c.run(hir.BeforeAttach)
	for more := true; err == nil && more && !s.done && !s.exited; {
		event.Hold(s.opts.Sink)
		s.drain(s.clauses, 0)
		for i := 0; i < burst && more && err == nil && !s.done && !s.exited; i++ {
			if more, err = m.Next(); more {
				s.drain(s.clauses, 0)
			}
		}
		event.Release(s.opts.Sink)
		s.runCalls()
		s.pollErrors(c)
		switch {
		case ctx.Err() != nil:
			s.done = true
		case s.sinkDone():
			s.done, s.discard = true, true
		}
	}
	if err != nil {
		return Result{}, replayError(err)
	}
	return s.finish(), nil
}

// replayError returns the message for a fault of the interpreter.
func replayError(err error) error {
	d, ok := err.(*diag.Diagnostic)
	if !ok {
		d = &diag.Diagnostic{Severity: diag.Error, Code: "internal", Message: err.Error()}
	}
	return &LoadError{Diag: d, err: err}
}
