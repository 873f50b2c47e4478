package pass

import (
	"slices"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// place puts constants and addresses, which gvn gathered in the entry block,
// where they are needed in a register: before the first use in the block, or,
// for those that take two instructions, in the nearest dominating block that
// needs the same value. Uses that need no register (immediates, addresses of
// stack slots in loads and stores, arguments of calls and edges) encode the
// value themselves and do not count.
//
// They are hoisted out of a loop without calls, where a register can hold them.
// A call in the loop would clobber it.
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
	room := make([]copyAt, 3*len(made)) // most are needed in few blocks
	for i, v := range made {
		p.where[v] = room[3*i : 3*i : 3*i+3]
	}
	for _, b := range g.Order {
		for _, v := range f.Blocks[b].Ins {
			// Arguments of calls can come from anywhere, so only A and B
			// matter. Adding a copy can reallocate f.Vals, so get the
			// instruction again each time.
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
	// Uses that need no register only need a definition that dominates them.
	// One copy in the entry suffices and emits no code.
	d = &f.Blocks[0]
	d.Ins = append(append(make([]ir.Value, 0, len(made)+len(d.Ins)), made...), d.Ins...)
	for b := range p.new {
		if len(p.new[b]) > 0 {
			s.settle(ir.Block(b), p.new[b])
		}
	}
	derive(s, g)
	s.forget()
}

// derive recomputes sums x+c in each block that uses them if x is alive there
// anyway. That is cheaper than keeping both x and x+c across calls.
func derive(s *state, g *ir.CFG) {
	f := s.f
	cheap := func(v ir.Value) bool {
		in := f.Ins(v)
		if in.Op != ir.OpAdd || in.W != 8 || isMade(f.Ins(in.A).Op) {
			return false
		}
		c, ok := f.Const(in.B)
		if !ok {
			return false
		}
		_, fits := ir.Immediate(c, 8)
		return fits
	}
	any := false
	for _, b := range g.Order {
		any = any || slices.ContainsFunc(f.Blocks[b].Ins, cheap)
	}
	if !any {
		return
	}
	// The last block in reverse postorder where x is used by something else.
	s.counts = reuse.Slice(s.counts, len(f.Vals))
	last := s.counts
	clear(last)
	for n, b := range g.Order {
		note := func(p *ir.Value) { last[*p] = int32(n) }
		for _, v := range f.Blocks[b].Ins {
			if !cheap(v) {
				f.Ins(v).Operands(note)
			}
		}
		f.Blocks[b].Term.Operands(note)
	}
	var fresh []ir.Value
	copies := map[ir.Value]ir.Value{}
	for _, b := range g.Order {
		fresh = fresh[:0]
		clear(copies)
		again := func(v ir.Value) ir.Value {
			if v == 0 || int(v) >= len(last) || f.Ins(v).Blk == b || !cheap(v) || last[f.Ins(v).A] < g.Num[b] {
				return v
			}
			x, ok := copies[v]
			if !ok {
				in := *f.Ins(v)
				in.Blk = b
				x = s.value(in)
				copies[v] = x
				fresh = append(fresh, x)
			}
			return x
		}
		for _, v := range f.Blocks[b].Ins {
			a, c := again(f.Ins(v).A), again(f.Ins(v).B)
			in := f.Ins(v)
			in.A, in.B = a, c
			for k := range in.Args {
				x := again(in.Args[k])
				f.Ins(v).Args[k] = x
			}
		}
		t := &f.Blocks[b].Term
		t.X, t.Y = again(t.X), again(t.Y)
		if len(fresh) > 0 {
			s.settle(b, fresh)
		}
	}
	dead(s)
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

// copyFor returns the copy of v for a use in block b, new or shared.
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

// loopsWithCalls returns for each loop header whether its loop contains a call.
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
