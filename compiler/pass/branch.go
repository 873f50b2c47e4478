package pass

import (
	"math"

	"probe/compiler/ir"
)

// term simplifies the comparison at the end of b, and decides it if enough is
// known about the operands there. It reports whether it was decided.
func (fo *folder) term(g *ir.CFG, b ir.Block) bool {
	t := &fo.f.Blocks[b].Term
	if fo.equal == nil {
		fo.useAt(t)
	} else {
		t.Operands(func(p *ir.Value) { *p = fo.operand(*p, b) })
	}
	if t.Kind != ir.Branch {
		return false
	}
	for range 8 {
		if !fo.compare(t) {
			break
		}
	}
	holds, known := ir.Decide(t.Cmp, t.W, fo.at(g, t.X, b), fo.at(g, t.Y, b))
	if t.X == t.Y && t.Cmp != ir.TEST {
		holds, known = t.Cmp.Holds(8, 0, 0), true
	}
	if !known {
		holds, known = fo.implied(g, t, b)
	}
	if known {
		e := t.Else
		if holds {
			e = t.Then
		}
		*t = ir.Term{Kind: ir.Jump, Then: e, Pos: t.Pos}
	}
	return known
}

// compare simplifies the comparison of a branch by one step. It returns false
// if there is nothing to simplify.
func (fo *folder) compare(t *ir.Term) bool {
	if _, ok := fo.konst(t.X); ok {
		if _, ok := fo.konst(t.Y); ok {
			return false
		}
		t.X, t.Y, t.Cmp = t.Y, t.X, t.Cmp.Swapped()
		return true
	}
	x := fo.f.Ins(t.X)
	c, ok := fo.konst(t.Y)
	if !ok || x.Kind != ir.Scalar {
		return false
	}
	to := func(cmp ir.Cmp, a, b ir.Value) bool {
		t.Cmp, t.X, t.Y = cmp, a, b
		return true
	}
	switch {
	case t.Cmp == ir.ULT && c == 1, t.Cmp == ir.ULE && c == 0:
		return to(ir.EQ, t.X, fo.constant(0))
	case t.Cmp == ir.UGE && c == 1, t.Cmp == ir.UGT && c == 0:
		return to(ir.NE, t.X, fo.constant(0))
	}
	if f := fo.fact(t.X); t.W == 8 && f.Max <= math.MaxInt64 && c >= 0 {
		switch t.Cmp {
		case ir.SLT:
			return to(ir.ULT, t.X, t.Y)
		case ir.SLE:
			return to(ir.ULE, t.X, t.Y)
		case ir.SGT:
			return to(ir.UGT, t.X, t.Y)
		case ir.SGE:
			return to(ir.UGE, t.X, t.Y)
		}
	}
	// The rules below compare another value instead. The verifier then learns
	// nothing about the original value, so they only apply if it has no other
	// use.
	if t.W != 8 || int(t.X) >= len(fo.count) || fo.count[t.X] > 1 {
		return false
	}
	equality := t.Cmp == ir.EQ || t.Cmp == ir.NE
	switch {
	case !equality:
	case c == 0 && x.W == 8 && (x.Op == ir.OpSub || x.Op == ir.OpXor):
		return to(t.Cmp, x.A, x.B)
	case x.W == 8 && (x.Op == ir.OpAdd || x.Op == ir.OpXor):
		if c1, ok := fo.konst(x.B); ok {
			if x.Op == ir.OpXor {
				return to(t.Cmp, x.A, fo.constant(c^c1))
			}
			return to(t.Cmp, x.A, fo.constant(c-c1))
		}
	}
	// Equality does not need the sign extension: the low bytes decide.
	if m := uint64(1)<<(8*x.W) - 1; equality && x.Op == ir.OpSExt && fo.fact(x.A).Max <= m {
		if s, _ := ir.Eval(ir.OpSExt, x.W, uint64(c), 0); int64(s) == c {
			return to(t.Cmp, x.A, fo.constant(int64(uint64(c)&m)))
		}
	}
	// A comparison of 4 bytes saves the extension.
	switch {
	case x.Op == ir.OpZExt && x.W == 4 && c >= 0 && c <= math.MaxUint32 && (equality || unsigned(t.Cmp)):
		t.W = 4
		return to(t.Cmp, x.A, fo.constant(int64(int32(c))))
	case x.Op == ir.OpSExt && x.W == 4 && c == int64(int32(c)) && (equality || !unsigned(t.Cmp) && t.Cmp != ir.TEST):
		t.W = 4
		return to(t.Cmp, x.A, t.Y)
	}
	return false
}

func unsigned(c ir.Cmp) bool { return c == ir.ULT || c == ir.ULE || c == ir.UGT || c == ir.UGE }

// at returns what is known about v at the end of block b, from its computation
// and from the dominating comparisons with constants.
func (fo *folder) at(g *ir.CFG, v ir.Value, b ir.Block) ir.Fact {
	f := fo.fact(v)
	g.Above(fo.f, b, func(t *ir.Term, then bool) bool {
		c, ok := fo.konst(fo.use(t.Y))
		if fo.use(t.X) != v || !ok {
			return true
		}
		y := uint64(c)
		if t.W == 4 {
			if f.Max > math.MaxUint32 {
				return true
			}
			y = uint64(uint32(c))
		}
		cmp := t.Cmp
		if !then {
			if cmp, ok = cmp.Inverted(); !ok {
				return true
			}
		}
		f = f.Narrowed(cmp, y)
		return true
	})
	return f
}

// implied decides a branch by an equal or opposite branch that dominates it.
func (fo *folder) implied(g *ir.CFG, t *ir.Term, b ir.Block) (holds, known bool) {
	g.Above(fo.f, b, func(o *ir.Term, then bool) bool {
		r := *o
		r.X, r.Y = fo.use(o.X), fo.use(o.Y)
		holds, known = same(&r, then, t)
		return !known
	})
	return holds, known
}

// same decides branch t, if branch o, which went to its then side or not,
// compares the same values in the same or the opposite way.
func same(o *ir.Term, then bool, t *ir.Term) (holds, known bool) {
	if o.Kind != ir.Branch || o.W != t.W || o.Then.To == o.Else.To {
		return false, false
	}
	cmp := o.Cmp
	switch {
	case o.X == t.X && o.Y == t.Y:
	case o.X == t.Y && o.Y == t.X:
		cmp = cmp.Swapped()
	default:
		return false, false
	}
	if cmp == t.Cmp {
		return then, true
	}
	if inv, ok := cmp.Inverted(); ok && inv == t.Cmp {
		return !then, true
	}
	return false, false
}
