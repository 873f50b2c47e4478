package pass

import "probe/compiler/ir"

// sink moves computations down to the block where they are first needed, so
// that nothing is computed before a test that may make it unnecessary. A value
// goes to the nearest block that dominates all its uses, unless that is inside
// a loop the value is outside of. Only operations with the same result anywhere
// in a run move: arithmetic, reads of the context, and the ids of the thread
// and CPU.
//
// Blocks are visited last to first, so that operands can follow the values that
// moved.
func sink(s *state) {
	f := s.f
	g := s.graph()
	home := make([]ir.Block, len(f.Vals)) // nearest block that dominates the uses so far, -1 for none
	for i := range home {
		home[i] = -1
	}
	need := func(v ir.Value, b ir.Block) {
		if home[v] < 0 {
			home[v] = b
		} else {
			home[v] = g.Common(home[v], b)
		}
	}
	arrive := make([][]ir.Value, len(f.Blocks)) // by block: what moves there, last first
	for i := len(g.Order) - 1; i >= 0; i-- {
		b := g.Order[i]
		d := &f.Blocks[b]
		d.Term.Operands(func(p *ir.Value) { need(*p, b) })
		keep := s.list[:0]
		for j := len(d.Ins) - 1; j >= 0; j-- {
			v := d.Ins[j]
			in := f.Ins(v)
			if to := s.target(g, v, home[v], b); to != b {
				in.Blk = to
				arrive[to] = append(arrive[to], v)
				in.Operands(func(p *ir.Value) { need(*p, to) })
				continue
			}
			in.Operands(func(p *ir.Value) { need(*p, b) })
			keep = append(keep, v)
		}
		reverse(keep)
		d.Ins = d.Ins[:copy(d.Ins, keep)]
		s.list = keep
	}
	for b := range f.Blocks {
		if len(arrive[b]) > 0 {
			s.settle(ir.Block(b), arrive[b])
		}
	}
	s.forget()
}

// target returns the block that v should be in.
func (s *state) target(g *ir.CFG, v ir.Value, home, b ir.Block) ir.Block {
	in := s.f.Ins(v)
	if home < 0 || home == b || s.effect(in) > ir.PerRun || !in.HasResult() || isMade(in.Op) || in.Op == ir.OpArg {
		return b
	}
	for home != b && g.Depth[home] > g.Depth[b] {
		home = g.Idom[home]
	}
	return home
}

func reverse(v []ir.Value) {
	for i, j := 0, len(v)-1; i < j; i, j = i+1, j-1 {
		v[i], v[j] = v[j], v[i]
	}
}

// settle inserts the values that moved to b before their first use there. vs
// lists a value before its operands, since uses are visited first; its reverse
// therefore has definitions before uses.
func (s *state) settle(b ir.Block, vs []ir.Value) {
	f := s.f
	d := &f.Blocks[b]
	pending := make(map[ir.Value]bool, len(vs))
	for _, v := range vs {
		pending[v] = true
	}
	out := make([]ir.Value, 0, len(d.Ins)+len(vs))
	var place func(v ir.Value)
	place = func(v ir.Value) {
		if !pending[v] {
			return
		}
		delete(pending, v)
		f.Ins(v).Operands(func(p *ir.Value) { place(*p) })
		out = append(out, v)
	}
	for _, v := range d.Ins {
		f.Ins(v).Operands(func(p *ir.Value) { place(*p) })
		out = append(out, v)
	}
	for i := len(vs) - 1; i >= 0; i-- {
		place(vs[i])
	}
	d.Ins = out
}
