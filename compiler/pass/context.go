package pass

import "probe/compiler/ir"

// context loads a member of the context before the first call instead of after
// it, if that is the only reason to keep the context: one register survives the
// call either way, but the copy of the context pointer is saved. With several
// members it is better to keep the pointer.
func context(s *state) {
	f := s.f
	var ctx ir.Value
	for _, v := range f.Blocks[0].Ins {
		if in := f.Ins(v); in.Op == ir.OpArg && in.Kind == ir.PtrCtx {
			if ctx != 0 {
				return // gvn was skipped
			}
			ctx = v
		}
	}
	if ctx == 0 {
		return
	}
	g := s.graph()
	after := s.afterCalls(g)
	late := ir.Value(0)
	bad := false
	for _, b := range g.Order {
		called := after[b]
		d := &f.Blocks[b]
		for _, v := range d.Ins {
			in := f.Ins(v)
			call := in.Op.IsCall()
			in.Operands(func(p *ir.Value) {
				if *p != ctx || !called {
					return
				}
				bad = bad || late != 0 || in.Op != ir.OpLoad
				late = v
			})
			called = called || call
		}
		d.Term.Operands(func(p *ir.Value) { bad = bad || *p == ctx })
	}
	if bad || late == 0 {
		return
	}
	// Find the last block on the way that no call precedes.
	in := f.Ins(late)
	to := in.Blk
	for after[to] {
		to = g.Idom[to]
	}
	if g.Depth[to] > g.Depth[in.Blk] {
		return
	}
	from := &f.Blocks[in.Blk]
	for i, v := range from.Ins {
		if v == late {
			from.Ins = append(from.Ins[:i], from.Ins[i+1:]...)
			break
		}
	}
	d := &f.Blocks[to]
	at := 0
	for at < len(d.Ins) && !f.Ins(d.Ins[at]).Op.IsCall() {
		at++
	}
	d.Ins = append(d.Ins, 0)
	copy(d.Ins[at+1:], d.Ins[at:])
	d.Ins[at] = late
	f.Ins(late).Blk = to
}

// afterCalls returns for each block whether a call may have happened before its
// first instruction.
func (s *state) afterCalls(g *ir.CFG) []bool {
	after := make([]bool, len(s.f.Blocks))
	for changed := true; changed; {
		changed = false
		for _, b := range g.Order {
			out := after[b]
			for _, v := range s.f.Blocks[b].Ins {
				out = out || s.f.Ins(v).Op.IsCall()
			}
			if !out {
				continue
			}
			t := &s.f.Blocks[b].Term
			for k := range t.NumSuccs() {
				if to := t.Succ(k).To; !after[to] {
					after[to], changed = true, true
				}
			}
		}
	}
	return after
}
