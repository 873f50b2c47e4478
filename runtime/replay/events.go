package replay

import (
	"cmp"
	"slices"

	"probe/runtime/graph"
)

// event is a call of a tree that probes are about: its entry or its return.
type event struct {
	time       int64
	tree, call int32
	enter      bool
	graphs     bool // at a return: fgraph: probes run
	rets       bool // ret: probes run
}

// events lists what happens to the functions that have probes, in the order of
// time. Of calls that begin or end together the outer one begins first and ends
// last.
func (m *Machine) events() []event {
	var out []event
	double := m.rec.double()
	for n, t := range m.rec.rec.Trees {
		for i := range t.Calls {
			c := &t.Calls[i]
			fn := m.rec.function(c)
			if fn == nil {
				continue
			}
			hooks := m.hooks[fn]
			if hooks == nil {
				continue
			}
			if len(hooks.call) > 0 && !double[n] {
				out = append(out, event{time: c.T0, tree: int32(n), call: int32(i), enter: true})
			}
			e := event{time: c.T1, tree: int32(n), call: int32(i), graphs: i == 0 && len(hooks.graph) > 0, rets: len(hooks.ret) > 0 && !double[n]}
			if e.graphs || e.rets {
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b event) int {
		if c := cmp.Compare(a.time, b.time); c != 0 {
			return c
		}
		if a.tree != b.tree {
			return cmp.Compare(a.tree, b.tree)
		}
		if a.enter && b.enter {
			return cmp.Compare(a.call, b.call)
		}
		if !a.enter && !b.enter {
			return cmp.Compare(b.call, a.call)
		}
		return 0
	})
	return out
}

// thread tells threads apart; the idle tasks all have the id 0.
type thread struct {
	tid int32
	cpu uint16
}

func threadOf(t *graph.Tree) thread {
	if t.Thread.TID > 0 {
		return thread{tid: t.Thread.TID}
	}
	return thread{cpu: t.Root().CPU}
}

// double tells the trees whose calls are in another tree as well: those of a
// function that was called below another one that was recorded. ret: and call:
// are to see each call once.
func (r *Recording) double() []bool {
	out := make([]bool, len(r.rec.Trees))
	order := make([]int, len(r.rec.Trees))
	for i := range order {
		order[i] = i
	}
	// By start, the longer one first.
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := r.rec.Trees[a].Root(), r.rec.Trees[b].Root()
		return cmp.Or(cmp.Compare(x.T0, y.T0), cmp.Compare(y.T1, x.T1))
	})
	outer := map[thread]*graph.Tree{}
	for _, n := range order {
		t := r.rec.Trees[n]
		th := threadOf(t)
		if o := outer[th]; o != nil && t.Root().T0 < o.Root().T1 && r.holds(o, t.Root()) {
			out[n] = true
			continue
		}
		outer[th] = t
	}
	return out
}

// holds tells whether a tree has a call: one of the same function at that time.
func (r *Recording) holds(t *graph.Tree, call *graph.Call) bool {
	fn := r.function(call)
	return slices.ContainsFunc(t.Calls, func(c graph.Call) bool {
		return r.function(&c) == fn && c.T0 < call.T1 && call.T0 < c.T1
	})
}
