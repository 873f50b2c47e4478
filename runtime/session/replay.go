package session

import (
	"cmp"
	"context"
	"probe/lang/hir"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/runtime/machine/recording"
	"probe/runtime/ring"
	"probe/stdlib/fgraph"
)

// burst is how many events of a recording are replayed before other things are
// looked at.
const burst = 256

// Replay runs an object over a recording: the machine stands for the kernel, and
// all that comes after, records, maps and their output, is as in Run. Nothing is
// loaded or attached. An error is a *LoadError.
func Replay(ctx context.Context, obj *object.Object, m *recording.Machine, opts Options) (Result, error) {
	s := &Session{opts: opts, calls: make(chan func(), 16), pidfd: -1}
	c := &Clause{obj: obj, ringFD: -1, quiet: make(chan struct{}), timeless: make(chan struct{}), counters: make([]uint64, len(obj.Errors)),
		machine: m, ring: m, data: m.Memory("p_data"), percpu: m.Memory("p_percpu"), decoder: ring.NewDecoder(obj.Events)}
	c.handler = handler{s: s, u: c}
	c.graphs = s.recordedGraphs(obj)
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

// replayError is a fault of the interpreter.
func replayError(err error) error {
	d, ok := err.(*diag.Diagnostic)
	if !ok {
		d = &diag.Diagnostic{Severity: diag.Error, Code: "internal", Message: err.Error()}
	}
	return &LoadError{Diag: d, err: err}
}

// recordedGraphs are the probes that use `graph`.
func (s *Session) recordedGraphs(obj *object.Object) *graphs {
	g := &graphs{store: s.opts.Resolver.graphs, probes: map[uint32]*graphProbe{}}
	for i, pr := range obj.HIR.Probes {
		if spec := fgraph.Of(pr.Site); spec != nil {
			p := newGraphProbe(spec, pr.Site)
			p.only = onlyOf(spec)
			g.probes[uint32(i)] = p
		}
	}
	return g
}

// keepRecorded keeps the tree of the recording that the program ran for. Where
// several probes had their own tree of the call recorded, that is the one that
// has most of what this probe asks for.
func (h *handler) keepRecorded(r *fgraph.Record) {
	g := h.u.graphs
	p := g.probes[r.ID.Probe]
	trees, funcs := h.u.machine.Trees()
	if p == nil || len(trees) == 0 {
		return
	}
	var best *graph.Tree
	for _, t := range trees {
		t = t.Clone()
		if !p.spec.IRQs {
			t.Fold()
		}
		p.choose(t, funcs)
		if !p.spec.Args {
			withoutArgs(t)
		} else if !p.spec.Deep {
			t.Texts = nil
		}
		if best == nil || richer(t, best) {
			best = t
		}
	}
	g.gaps += best.Lost
	g.store.Keep(r.ID, best, funcs)
	h.tell(r.ID)
}

// richer tells whether a tree has more than another one of the same call.
func richer(a, b *graph.Tree) bool {
	return cmp.Or(cmp.Compare(len(a.Calls), len(b.Calls)), cmp.Compare(len(a.Args), len(b.Args)), cmp.Compare(len(a.Texts), len(b.Texts))) > 0
}

// withoutArgs takes the arguments out of a tree.
func withoutArgs(t *graph.Tree) {
	t.Args, t.Texts = nil, nil
	for i := range t.Calls {
		t.Calls[i].Args, t.Calls[i].NArgs = 0, 0
	}
}
