package pass

import (
	"math"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// folder walks the blocks in reverse postorder, so that operands are known
// before their uses, except around loops.
type folder struct {
	*state
	facts []ir.Fact
	have  []bool
	count []int32 // uses of each value, once term runs
	equal map[ir.Value][]equality
	known []bool // by value: in equal
}

// equality records that a value is a known number in blk and the blocks that
// blk dominates, because of the branch that leads there.
type equality struct {
	blk   ir.Block
	konst ir.Value
}

// fold computes constants, simplifies arithmetic by algebra and by the facts
// about operands, and decides branches.
func fold(s *state) {
	s.forget()
	n := len(s.f.Vals)
	s.facts, s.have = reuse.Slice(s.facts, n), reuse.Slice(s.have, n)
	clear(s.have)
	fo := &folder{state: s, facts: s.facts, have: s.have}
	g := s.graph()
	fo.equalities(g)
	for _, b := range g.Order {
		fo.params(g, b)
		d := &s.f.Blocks[b]
		// Constants that fold makes go to the front of the entry block, so
		// iterate over a copy of the list.
		s.list = append(s.list[:0], d.Ins...)
		for _, v := range s.list {
			fo.value(v)
		}
	}
	s.rewrite()
	fo.count = s.uses()
	decided := false
	for _, b := range g.Order {
		decided = fo.term(g, b) || decided
	}
	s.rewrite()
	if decided {
		s.shape()
	}
	if ir.RemoveUnreachable(s.f) {
		s.shape()
	}
	s.forget()
}

// equalities collects the equalities that branches establish.
func (fo *folder) equalities(g *ir.CFG) {
	for _, b := range g.Order {
		if len(g.Preds[b]) != 1 {
			continue
		}
		t := &fo.f.Blocks[g.Preds[b][0]].Term
		_, ok := fo.konst(t.Y)
		if t.Kind != ir.Branch || t.W != 8 || !ok || t.Then.To == t.Else.To || fo.f.Ins(t.X).Kind != ir.Scalar || fo.f.Ins(t.X).Op == ir.OpConst {
			continue
		}
		if t.Cmp == ir.EQ && t.Then.To == b || t.Cmp == ir.NE && t.Else.To == b {
			if fo.equal == nil {
				fo.equal = map[ir.Value][]equality{}
				fo.known = make([]bool, len(fo.f.Vals))
			}
			fo.known[t.X] = true
			fo.equal[t.X] = append(fo.equal[t.X], equality{b, t.Y})
		}
	}
}

// operand returns the replacement of an operand in block b, with equalities
// applied.
func (fo *folder) operand(v ir.Value, b ir.Block) ir.Value {
	v = fo.use(v)
	if int(v) >= len(fo.known) || !fo.known[v] {
		return v
	}
	for _, e := range fo.equal[v] {
		if fo.graph().Dominates(e.blk, b) {
			return fo.use(e.konst)
		}
	}
	return v
}

func (fo *folder) set(v ir.Value, f ir.Fact) {
	for int(v) >= len(fo.facts) {
		fo.facts = append(fo.facts, ir.Anything)
		fo.have = append(fo.have, false)
	}
	fo.facts[v], fo.have[v] = f, true
}

// fact returns what is known about v so far. Values not visited yet are
// unknown.
func (fo *folder) fact(v ir.Value) ir.Fact {
	if int(v) < len(fo.have) && fo.have[v] {
		return fo.facts[v]
	}
	if in := fo.f.Ins(v); in.Op == ir.OpConst {
		return ir.Exactly(uint64(in.Imm))
	}
	return ir.Anything
}

// params joins the facts of the arguments. Edges from blocks not visited yet
// are back edges, about whose arguments nothing is known.
func (fo *folder) params(g *ir.CFG, b ir.Block) {
	d := &fo.f.Blocks[b]
	for i, p := range d.Params {
		f, first := ir.Anything, true
		for _, q := range g.Preds[b] {
			t := &fo.f.Blocks[q].Term
			for k := range t.NumSuccs() {
				e := t.Succ(k)
				if e.To != b {
					continue
				}
				a := fo.use(e.Args[i])
				if !(int(a) < len(fo.have) && fo.have[a]) && fo.f.Ins(a).Op != ir.OpConst {
					f, first = ir.Anything, false
				} else if first {
					f, first = fo.fact(a), false
				} else {
					f = f.Union(fo.fact(a))
				}
			}
		}
		fo.set(p, f)
	}
}

// value simplifies one instruction until nothing changes.
func (fo *folder) value(v ir.Value) {
	in := fo.f.Ins(v)
	if fo.equal == nil {
		fo.useIn(in)
	} else {
		in.A, in.B = fo.operand(in.A, in.Blk), fo.operand(in.B, in.Blk)
		for k, a := range in.Args {
			in.Args[k] = fo.operand(a, in.Blk)
		}
	}
	for range 16 {
		by := fo.simplify(v)
		if by == 0 {
			break
		}
		if by != v {
			fo.replace(v, fo.use(by))
			return
		}
	}
	f := ir.FactOf(fo.f.Ins(v), fo.fact)
	fo.set(v, f)
	if c, ok := f.Constant(); ok && fo.f.Ins(v).Op != ir.OpConst && fo.f.Ins(v).Effect() == ir.Pure {
		fo.replace(v, fo.constant(int64(c)))
	}
}

func (fo *folder) konst(v ir.Value) (int64, bool) { return fo.f.Const(v) }

// become turns v into another operation in place and returns v.
func (fo *folder) become(v ir.Value, op ir.Op, w uint8, a, b ir.Value) ir.Value {
	in := fo.f.Ins(v)
	in.Op, in.W, in.A, in.B = op, w, a, b
	return v
}

// insert adds an operation before v.
func (fo *folder) insert(v ir.Value, in ir.Ins) ir.Value {
	old := fo.f.Ins(v)
	in.Blk, in.Pos = old.Blk, old.Pos
	x := fo.state.value(in)
	d := &fo.f.Blocks[in.Blk]
	for i, y := range d.Ins {
		if y == v {
			d.Ins = append(d.Ins, 0)
			copy(d.Ins[i+1:], d.Ins[i:])
			d.Ins[i] = x
			break
		}
	}
	fo.set(x, ir.FactOf(fo.f.Ins(x), fo.fact))
	return x
}

// low returns the low w bytes of x, for an operation of w bytes that simplified
// to x.
func (fo *folder) low(v, x ir.Value, w uint8) ir.Value {
	if w == 8 || fo.fact(x).Max <= math.MaxUint32 {
		return x
	}
	return fo.become(v, ir.OpZExt, 4, x, 0)
}

// simplify returns a simpler value equal to v, v itself if it was rewritten in
// place, or 0 if nothing applies.
func (fo *folder) simplify(v ir.Value) ir.Value {
	in := fo.f.Ins(v)
	switch {
	case in.Op.IsBinary():
		return fo.binary(v, in)
	case in.Op == ir.OpZExt:
		return fo.zext(v, in)
	case in.Op == ir.OpSExt:
		return fo.sext(v, in)
	case in.Op == ir.OpNum:
		if fo.f.Ins(in.A).Kind == ir.Scalar {
			return in.A
		}
	case in.Op == ir.OpNeg || in.Op == ir.OpBSwap:
		if c, ok := fo.konst(in.A); ok {
			r, _ := ir.Eval(in.Op, in.W, uint64(c), 0)
			return fo.constant(int64(r))
		}
		if a := fo.f.Ins(in.A); a.Op == in.Op && a.W == in.W {
			if in.W == 8 {
				return a.A
			}
			return fo.become(v, ir.OpZExt, in.W, a.A, 0)
		}
	case in.Op == ir.OpCall && ir.Helper(in.Imm) == ir.HelperLoop:
		// Zero iterations. The verifier would remove the callback as dead code
		// and then fail on the reference to it.
		if c, ok := fo.konst(in.Args[0]); ok && uint32(c) == 0 {
			x := fo.constant(0)
			in = fo.f.Ins(v)
			*in = ir.Ins{Op: ir.OpZExt, W: 4, Kind: ir.Scalar, A: x, Blk: in.Blk, Pos: in.Pos}
			return x
		}
	}
	return 0
}

// zext simplifies a zero extension: it is dropped if the value fits, merged
// with an extension below it, or turned into a mask, which other rules can
// simplify further.
func (fo *folder) zext(v ir.Value, in *ir.Ins) ir.Value {
	m := uint64(1)<<(8*in.W) - 1
	if fo.fact(in.A).Max <= m {
		return in.A
	}
	switch a := fo.f.Ins(in.A); {
	case (a.Op == ir.OpZExt || a.Op == ir.OpSExt) && a.W >= in.W:
		return fo.become(v, ir.OpZExt, in.W, a.A, 0)
	case in.W < 4:
		return fo.become(v, ir.OpAnd, 8, in.A, fo.constant(int64(m)))
	}
	return 0
}

// sext simplifies a sign extension, which takes two shifts. If the sign bit is
// known to be 0, a zero extension does the same for less.
func (fo *folder) sext(v ir.Value, in *ir.Ins) ir.Value {
	if c, ok := fo.konst(in.A); ok {
		r, _ := ir.Eval(ir.OpSExt, in.W, uint64(c), 0)
		return fo.constant(int64(r))
	}
	f := fo.fact(in.A)
	m := uint64(1)<<(8*in.W) - 1
	if f.Max <= m>>1 {
		return in.A
	}
	a := fo.f.Ins(in.A)
	switch {
	case a.Op == ir.OpSExt && a.W <= in.W:
		return in.A
	case (a.Op == ir.OpZExt || a.Op == ir.OpSExt) && a.W >= in.W:
		return fo.become(v, ir.OpSExt, in.W, a.A, 0)
	case a.Op == ir.OpAnd:
		if c, ok := fo.konst(a.B); ok && uint64(c)&m == m && a.W >= in.W {
			return fo.become(v, ir.OpSExt, in.W, a.A, 0)
		}
	case f.May()&m>>(8*in.W-1) == 0:
		return fo.become(v, ir.OpZExt, in.W, in.A, 0)
	}
	return 0
}
