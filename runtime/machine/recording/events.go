package recording

import (
	"cmp"
	"slices"

	"probe/runtime/graph"
)

// happening is the entry or the return of a call for which probes run.
type happening struct {
	time       int64
	tree, call int32
	enter      bool
	graphs     bool // at a return: fgraph: probes run
	rets       bool // ret: probes run
}

// events returns the entries and returns of the functions that have probes, in
// the order of time. Of calls with the same start or end time, the outer one
// begins first and ends last.
func (m *Player) events() []happening {
	var out []happening
	double := m.pair()
	for n, t := range m.rec.rec.Trees {
		for i := range t.Calls {
			c := &t.Calls[i]
			hooks := m.hooks[m.rec.function(c)]
			if hooks == nil {
				continue
			}
			if len(hooks.call) > 0 && !double[n] {
				out = append(out, happening{time: c.T0, tree: int32(n), call: int32(i), enter: true})
			}
			e := happening{time: c.T1, tree: int32(n), call: int32(i), rets: len(hooks.ret) > 0 && !double[n]}
			e.graphs = i == 0 && len(hooks.graph) > 0 && m.twins[int32(n)] != nil
			if e.graphs || e.rets {
				out = append(out, e)
			}
		}
	}
	// The order at equal times: other calls end, then a call begins, and a call
	// without duration ends after that.
	phase := func(e *happening) int {
		switch c := &m.rec.rec.Trees[e.tree].Calls[e.call]; {
		case e.enter:
			return 1
		case c.T0 == c.T1:
			return 2
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b happening) int {
		if c := cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.tree, b.tree)); c != 0 {
			return c
		}
		if a.enter && b.enter {
			return cmp.Compare(a.call, b.call)
		}
		return cmp.Or(cmp.Compare(phase(&a), phase(&b)), cmp.Compare(b.call, a.call))
	})
	return out
}

// thread identifies a thread. It includes the CPU for idle threads, which all
// have the id 0.
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

// pair finds calls that are in several trees. A tree whose root was called
// below another recorded function is double: its calls are in the other tree,
// too, and ret: and call: probes must see each call once. Trees of one call,
// recorded for several probes, are twins: each probe runs once for all of them.
func (m *Player) pair() (double []bool) {
	trees := m.rec.rec.Trees
	double, m.twins = make([]bool, len(trees)), make(map[int32][]int32, len(trees))
	order := make([]int32, len(trees))
	for i := range order {
		order[i] = int32(i)
	}
	// Sort by start time, and of equal ones the longer one first, so that an
	// enclosing tree comes before the ones in it.
	slices.SortStableFunc(order, func(a, b int32) int {
		x, y := trees[a].Root(), trees[b].Root()
		return cmp.Or(cmp.Compare(x.T0, y.T0), cmp.Compare(y.T1, x.T1))
	})
	open := map[thread][]int32{} // trees that go on, by their start
	for _, n := range order {
		th, root := threadOf(trees[n]), trees[n].Root()
		list := slices.DeleteFunc(open[th], func(o int32) bool { return trees[o].Root().T1 <= root.T0 })
		twin := int32(-1)
		for k := len(list) - 1; k >= 0 && !double[n]; k-- {
			at := m.rec.holds(trees[list[k]], root)
			if double[n] = at >= 0; at == 0 {
				twin = list[k]
			}
		}
		if twin >= 0 {
			m.twins[twin] = append(m.twins[twin], n)
		} else {
			m.twins[n] = []int32{n}
			list = append(list, n)
		}
		open[th] = list
	}
	return double
}

// twinSlack is the maximum difference, in nanoseconds, between the times of one
// call in two trees: the time that the programs at its entry or return take.
const twinSlack = 1e6

// holds returns the index of a call in a tree, -1 for none: the one of the same
// function that is nearest in time.
func (r *Machine) holds(t *graph.Tree, call *graph.Call) int {
	fn := r.function(call)
	best, found := int64(0), -1
	for i := range t.Calls {
		c := &t.Calls[i]
		if r.function(c) != fn || c.T0 >= call.T1 || call.T0 >= c.T1 {
			continue
		}
		d0, d1 := max(c.T0-call.T0, call.T0-c.T0), max(c.T1-call.T1, call.T1-c.T1)
		if i == 0 && max(d0, d1) > twinSlack {
			continue // a recursive call deeper than the recorded levels
		}
		if found < 0 || d0+d1 < best {
			best, found = d0+d1, i
		}
	}
	return found
}
