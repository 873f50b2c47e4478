package pass

import (
	"slices"

	"probe/compiler/ir"
)

// thread redirects edges past blocks that only branch, if the edge decides the
// branch: because it passes a constant, or because of a comparison before it.
// This is how "a lookup, then a test of what was found" becomes one test, and
// how truth values that are only tested disappear.
//
//	b1: jump b3(%zero)         b1: jump b5
//	b2: jump b3(%x)       →    b2: jump b3(%x)
//	b3(%p): br ne %p, 0, b4, b5
//
// Edges are never redirected past a loop header: that would make a loop with
// two entries, on which the verifier may not recognize progress.
func thread(s *state) {
	for range 4 {
		if !threadOnce(s) {
			return
		}
		tidy(s)
	}
}

// threader is one round. Its CFG is that at the start of the round; blocks
// whose edges have changed are skipped until the next round.
type threader struct {
	*state
	fo      *folder
	g       *ir.CFG
	touched []bool
	beyond  map[ir.Block][]outside
}

// outside is a use of a block's value outside the block.
type outside struct {
	val ir.Value
	blk ir.Block // where it is used; the predecessor for arguments of edges
}

// threadOnce runs one round and reports whether it redirected any edge.
func threadOnce(s *state) bool {
	g := s.graph()
	th := &threader{state: s, g: g, fo: &folder{state: s}, touched: make([]bool, len(s.f.Blocks))}
	touched := th.touched
	changed := false
	for _, b := range g.Order {
		if b == 0 || touched[b] || !th.candidate(b) {
			continue
		}
		for _, p := range g.Preds[b] {
			if touched[p] || g.IsBackEdge(p, b) {
				continue
			}
			t := &s.f.Blocks[p].Term
			for k := range t.NumSuccs() {
				e := t.Succ(k)
				if e.To != b {
					continue
				}
				to, ok := th.outcome(p, k, b)
				if !ok || touched[to] {
					continue
				}
				if th.redirect(p, k, b, to) {
					changed = true
					touched[b], touched[p], touched[to] = true, true, true
				}
			}
		}
	}
	if changed {
		s.shape()
	}
	return changed
}

// candidate reports whether b does nothing but branch on something that an edge
// may decide.
func (th *threader) candidate(b ir.Block) bool {
	d := &th.f.Blocks[b]
	return d.Term.Kind == ir.Branch && len(d.Ins) == 0 && th.g.Head[b] != b && len(th.g.Preds[b]) > 1
}

// outcome returns the block that edge k of p, which leads to b, ends up in, and
// whether that is known.
func (th *threader) outcome(p ir.Block, k int, b ir.Block) (ir.Block, bool) {
	f := th.f
	t := &f.Blocks[b].Term
	e := f.Blocks[p].Term.Succ(k)
	arg := func(v ir.Value) ir.Value {
		if i := slices.Index(f.Blocks[b].Params, v); i >= 0 {
			return e.Args[i]
		}
		return v
	}
	x, y := arg(t.X), arg(t.Y)
	fx, fy := th.onEdge(p, k, x), th.onEdge(p, k, y)
	holds, known := ir.Decide(t.Cmp, t.W, fx, fy)
	if !known {
		q := ir.Term{Kind: ir.Branch, Cmp: t.Cmp, W: t.W, X: x, Y: y}
		if holds, known = th.fo.implied(th.g, &q, p); !known {
			holds, known = same(&f.Blocks[p].Term, k == 0, &q)
		}
	}
	if !known {
		return 0, false
	}
	if holds {
		return t.Then.To, t.Then.To != b
	}
	return t.Else.To, t.Else.To != b
}

// onEdge returns what is known about v on edge k out of p.
func (th *threader) onEdge(p ir.Block, k int, v ir.Value) ir.Fact {
	f := th.fo.at(th.g, v, p)
	if in := th.f.Ins(v); in.Op != ir.OpConst {
		// Use the instruction of v alone; computing the facts of its operands
		// would take a whole fold.
		f = f.Both(ir.FactOf(in, func(ir.Value) ir.Fact { return ir.Anything }))
	}
	t := &th.f.Blocks[p].Term
	if t.Kind != ir.Branch || t.X != v || t.W != 8 || t.Then.To == t.Else.To {
		return f
	}
	c, ok := th.f.Const(t.Y)
	cmp := t.Cmp
	if ok && k == 1 {
		cmp, ok = cmp.Inverted()
	}
	if ok {
		f = f.Narrowed(cmp, uint64(c))
	}
	return f
}

// redirect makes edge k of p lead directly to block to, a successor of b.
// Values of b that are used after it need a parameter in to, which now has two
// predecessors. This only works if to dominates every such use.
func (th *threader) redirect(p ir.Block, k int, b, to ir.Block) bool {
	f := th.f
	d := &f.Blocks[b]
	if d.Term.Then.To == d.Term.Else.To {
		return false
	}
	side := d.Term.Succ(0)
	if side.To != to {
		side = d.Term.Succ(1)
	}
	only := len(th.g.Preds[to]) == 1
	var moved []ir.Value
	for _, u := range th.outsideUses()[b] {
		switch {
		case only && th.g.Dominates(to, u.blk):
			if !slices.Contains(moved, u.val) {
				moved = append(moved, u.val)
			}
		case th.stays(b, to, u.blk):
		default:
			return false
		}
	}
	old := *f.Blocks[p].Term.Succ(k)
	args := make([]ir.Value, 0, len(side.Args)+len(moved))
	args = append(args, side.Args...)
	if len(moved) > 0 {
		// New parameters of to replace b's values in the blocks that to
		// dominates.
		names := make([]ir.Value, len(moved))
		for i, v := range moved {
			names[i] = th.value(ir.Ins{Op: ir.OpParam, W: 8, Kind: f.Ins(v).Kind, Blk: to, Pos: f.Ins(v).Pos})
			f.Blocks[to].Params = append(f.Blocks[to].Params, names[i])
			side.Args = append(side.Args[:len(side.Args):len(side.Args)], v)
		}
		args = append(args, moved...)
		th.rename(to, moved, names)
		th.beyond = nil
	}
	for i, a := range args {
		if j := slices.Index(d.Params, a); j >= 0 {
			args[i] = old.Args[j]
		}
	}
	*f.Blocks[p].Term.Succ(k) = ir.Edge{To: to, Args: args}
	return true
}

// stays reports whether b still dominates a use in block u if an edge bypasses
// b on its way to block to: the use must only be reachable through the other
// side.
func (th *threader) stays(b, to, u ir.Block) bool {
	t := &th.f.Blocks[b].Term
	other := t.Then.To
	if other == to {
		other = t.Else.To
	}
	return !th.touched[other] && len(th.g.Preds[other]) == 1 && th.g.Dominates(other, u)
}

// outsideUses lists, by block, the uses of its parameters and instructions in
// other blocks.
func (th *threader) outsideUses() map[ir.Block][]outside {
	if th.beyond != nil {
		return th.beyond
	}
	th.beyond = map[ir.Block][]outside{}
	f := th.f
	for _, b := range th.g.Order {
		note := func(p *ir.Value) {
			if d := f.Ins(*p).Blk; d != b {
				th.beyond[d] = append(th.beyond[d], outside{*p, b})
			}
		}
		for _, v := range f.Blocks[b].Ins {
			f.Vals[v].Operands(note)
		}
		f.Blocks[b].Term.Operands(note)
	}
	return th.beyond
}

// rename replaces values by others in all blocks that to dominates.
func (th *threader) rename(to ir.Block, old, by []ir.Value) {
	fix := func(p *ir.Value) {
		if i := slices.Index(old, *p); i >= 0 {
			*p = by[i]
		}
	}
	for _, b := range th.g.Order {
		if !th.g.Dominates(to, b) {
			continue
		}
		for _, v := range th.f.Blocks[b].Ins {
			th.f.Vals[v].Operands(fix)
		}
		th.f.Blocks[b].Term.Operands(fix)
	}
}
