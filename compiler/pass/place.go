package pass

import "probe/compiler/ir"

// place puts constants and addresses, which gvn gathered in the entry block,
// where they are needed in a register: in front of the first use in the block
// of the use, or in the nearest dominating block that needs the same value, for
// those that cost two instructions. Uses that need no register (immediates,
// addresses of stack slots in loads and stores, arguments of calls and edges)
// are served by whoever uses them and do not count.
//
// Out of a loop without calls they are hoisted: there is a register for them.
// A call in the loop would take it.
func place(s *state) {
	f := s.f
	g := s.graph()
	calls := loopsWithCalls(f, g)
	var made []ir.Value
	d := &f.Blocks[0]
	rest := make([]ir.Value, 0, len(d.Ins))
	for _, v := range d.Ins {
		if isMade(f.Ins(v).Op) {
			made = append(made, v)
		} else {
			rest = append(rest, v)
		}
	}
	d.Ins = rest
	if len(made) == 0 {
		return
	}
	p := &placer{state: s, g: g, calls: calls, where: make([][]copyAt, len(f.Vals)), new: make([][]ir.Value, len(f.Blocks))}
	for _, v := range made {
		p.where[v] = []copyAt{}
	}
	for _, b := range g.Order {
		for _, v := range f.Blocks[b].Ins {
			// Calls take their arguments from anywhere; everything else has A
			// and B only. Copies are new values, so f.Ins moves.
			if in := f.Ins(v); in.A != 0 && f.InRegister(in, 0) {
				x := p.copyFor(in.A, b)
				f.Ins(v).A = x
			}
			if in := f.Ins(v); in.B != 0 && f.InRegister(in, 1) {
				x := p.copyFor(in.B, b)
				f.Ins(v).B = x
			}
		}
		t := &f.Blocks[b].Term
		x, y := t.X != 0 && f.TermInRegister(t, 0), t.Y != 0 && f.TermInRegister(t, 1)
		if x {
			t.X = p.copyFor(t.X, b)
		}
		if y {
			t.Y = p.copyFor(t.Y, b)
		}
	}
	// Uses without a register only need a definition that dominates them: the
	// entry keeps one copy, which costs nothing.
	d = &f.Blocks[0]
	d.Ins = append(append(make([]ir.Value, 0, len(made)+len(d.Ins)), made...), d.Ins...)
	for b := range p.new {
		if len(p.new[b]) > 0 {
			s.settle(ir.Block(b), p.new[b])
		}
	}
	s.forget()
}

// copyAt is a copy of a value in a block.
type copyAt struct {
	blk ir.Block
	val ir.Value
}

type placer struct {
	*state
	g     *ir.CFG
	calls []bool
	where [][]copyAt // by value: its copies; nil for values that stay
	new   [][]ir.Value
}

// copyFor gives a use of v in block b a copy of its own or a shared one.
func (p *placer) copyFor(v ir.Value, b ir.Block) ir.Value {
	if int(v) >= len(p.where) || p.where[v] == nil {
		return v
	}
	for p.g.Head[b] >= 0 && !p.calls[p.g.Head[b]] {
		up := p.g.Idom[p.g.Head[b]]
		if up < 0 {
			break
		}
		b = up
	}
	cheap := p.f.Ins(v).Op == ir.OpConst
	for _, c := range p.where[v] {
		if c.blk == b || !cheap && p.g.Dominates(c.blk, b) {
			return c.val
		}
	}
	in := *p.f.Ins(v)
	in.Blk = b
	x := p.value(in)
	p.where[v] = append(p.where[v], copyAt{b, x})
	p.new[b] = append(p.new[b], x)
	return x
}

// loopsWithCalls tells for each loop header whether its loop contains a call.
func loopsWithCalls(f *ir.Func, g *ir.CFG) []bool {
	out := make([]bool, len(f.Blocks))
	for _, b := range g.Order {
		h := g.Head[b]
		if h < 0 {
			continue
		}
		for _, v := range f.Blocks[b].Ins {
			if f.Ins(v).Op.IsCall() {
				for x := h; x >= 0; x = g.Outer[x] {
					out[x] = true
				}
				break
			}
		}
	}
	return out
}
