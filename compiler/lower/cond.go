package lower

import (
	"encoding/binary"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// cond jumps to then or els depending on the truth of an expression, without
// computing a bool.
func (f *fn) cond(e hir.Expr, then, els ir.Block) {
	defer f.b.At(e.Span())()
	switch e := e.(type) {
	case *hir.Int:
		if e.V != 0 {
			f.b.Jump(then)
		} else {
			f.b.Jump(els)
		}
		return
	case *hir.Logical:
		f.chained++
		defer func() { f.chained-- }()
		next := f.b.NewBlock("next")
		if e.Or {
			f.cond(e.L, then, next)
		} else {
			f.cond(e.L, next, els)
		}
		f.b.UseSealed(next)
		f.cond(e.R, then, els)
		return
	case *hir.Unary:
		if e.Op == hir.LogNot {
			f.cond(e.Of, els, then)
			return
		}
	case *hir.Cast:
		if e.T.Kind == types.Bool && e.Of.Type().IsScalar() {
			f.b.If(ir.NE, 8, f.once(f.testable(e.Of)), f.konst(0), then, els)
			return
		}
	case *hir.Binary:
		if e.Op >= hir.Eq {
			f.compare(e, then, els)
			return
		}
	}
	f.b.If(ir.NE, 8, f.once(f.testable(e)), f.konst(0), then, els)
}

// testable returns a value that can be compared with zero. Typed kernel
// pointers become numbers, since the verifier rejects comparing them with
// constants other than null.
func (f *fn) testable(e hir.Expr) ir.Value { return f.Scalar(e) }

var signedCmp = map[hir.BinOp]ir.Cmp{hir.Eq: ir.EQ, hir.Ne: ir.NE, hir.Lt: ir.SLT, hir.Le: ir.SLE, hir.Gt: ir.SGT, hir.Ge: ir.SGE}
var unsignedCmp = map[hir.BinOp]ir.Cmp{hir.Eq: ir.EQ, hir.Ne: ir.NE, hir.Lt: ir.ULT, hir.Le: ir.ULE, hir.Gt: ir.UGT, hir.Ge: ir.UGE}

// compare jumps by a comparison. Strings of variable length are compared in a
// separate function if the program is lowered carefully, because the comparison
// is a loop with an exit at every byte.
func (f *fn) compare(e *hir.Binary, then, els ir.Block) {
	lt := e.L.Type()
	if lt.IsScalar() || lt.IsAgg() {
		c := unsignedCmp[e.Op]
		if lt.Signed && lt.Kind != types.Pointer {
			c = signedCmp[e.Op]
		}
		x := f.Scalar(e.L)
		f.b.If(c, 8, f.once(x), f.once(f.Scalar(e.R)), then, els)
		return
	}
	if e.Op == hir.Ne {
		then, els = els, then
	}
	_, left := literal(e.L)
	_, right := literal(e.R)
	if lt.Kind == types.String && !left && !right {
		same := func(g *fn) ir.Value {
			yes, no, join := g.b.NewBlock("same"), g.b.NewBlock("differ"), g.b.NewBlock("compared")
			v := g.b.NewVar(ir.Scalar)
			g.equalStrings(e, yes, no)
			g.b.UseSealed(yes)
			g.b.Set(v, g.konst(1))
			g.b.Jump(join)
			g.b.UseSealed(no)
			g.b.Set(v, g.konst(0))
			g.b.Jump(join)
			g.b.UseSealed(join)
			return g.b.Get(v)
		}
		if v, ok := f.apart(e, same); ok {
			f.b.If(ir.NE, 8, v, f.konst(0), then, els)
			return
		}
	}
	if lt.Kind == types.String {
		f.equalStrings(e, then, els)
		return
	}
	size := min(lt.Size, e.R.Type().Size)
	l := f.Local(f.Operand(e.L), e.At)
	r := f.Local(f.Operand(e.R), e.At)
	f.equalBytes(l, r, size, then, els)
}

// once returns a copy of a number for one comparison among several that && and || join,
// if the program is lowered carefully. The verifier learns a range of what is compared: the
// number itself would have another range on each way to the next comparison. The copy is
// made by a zero of its own, since sums of equal numbers are computed once.
func (f *fn) once(v ir.Value) ir.Value {
	if in := f.f.Ins(v); !f.careful || f.chained == 0 || in.Kind != ir.Scalar || in.Op == ir.OpConst {
		return v
	}
	return f.b.Bin(ir.OpAdd, v, f.b.Load(f.b.MapValue(mapData, f.u.alloc(8)), 0, 8))
}

// equalBytes compares size bytes of local memory.
func (f *fn) equalBytes(l, r builtin.Place, size int, same, differ ir.Block) {
	for off := 0; off < size; {
		w := 8
		for w > size-off || (l.Off+off)%w != 0 || (r.Off+off)%w != 0 {
			w /= 2
		}
		next := f.b.NewBlock("equal")
		f.b.If(ir.EQ, 8, f.b.Load(l.Base, l.Off+off, w), f.b.Load(r.Base, r.Off+off, w), next, differ)
		f.b.UseSealed(next)
		off += w
	}
	f.b.Jump(same)
}

// equalStrings compares two strings up to the first NUL or the shorter
// capacity (T-OP-11). A literal is compared in words up to and including its
// NUL; two variable strings byte by byte.
func (f *fn) equalStrings(e *hir.Binary, same, differ ir.Block) {
	l, r := e.L, e.R
	if _, ok := l.(*hir.Bytes); ok {
		l, r = r, l
	}
	n := min(l.Type().Len, r.Type().Len)
	if lit, ok := literal(r); ok {
		text := lit
		if i := indexNUL(text); i >= 0 {
			text = text[:i]
		}
		o := f.Operand(l)
		p := f.Local(o, e.At)
		// Compare the NUL too, so that a longer string differs, unless the
		// capacity ends before it.
		k := min(len(text)+1, n)
		f.equalText(p, append([]byte(text), 0)[:k], same, differ)
		return
	}
	lp := f.Local(f.Operand(l), e.At)
	rp := f.Local(f.Operand(r), e.At)
	f.equalLoop(lp, rp, n, same, differ)
}

// literal finds the constant bytes of a string, through widening casts.
func literal(e hir.Expr) (string, bool) {
	switch e := e.(type) {
	case *hir.Bytes:
		return e.V, true
	case *hir.Cast:
		if e.T.Kind == types.String {
			return literal(e.Of)
		}
	}
	return "", false
}

func indexNUL(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			return i
		}
	}
	return -1
}

// equalText compares local memory with constant bytes, a word at a time.
func (f *fn) equalText(p builtin.Place, text []byte, same, differ ir.Block) {
	for off := 0; off < len(text); {
		w := 8
		for w > len(text)-off || (p.Off+off)%w != 0 {
			w /= 2
		}
		buf := make([]byte, 8)
		copy(buf, text[off:off+w])
		next := f.b.NewBlock("equal")
		f.b.If(ir.EQ, 8, f.b.Load(p.Base, p.Off+off, w), f.konst(int64(binary.LittleEndian.Uint64(buf))), next, differ)
		f.b.UseSealed(next)
		off += w
	}
	f.b.Jump(same)
}

// equalLoop compares two strings byte by byte: unrolled when short, a bounded
// loop otherwise.
func (f *fn) equalLoop(l, r builtin.Place, n int, same, differ ir.Block) {
	i := f.b.NewVar(ir.Scalar)
	lb, rb := f.Addr(l), f.Addr(r)
	f.b.Set(i, f.konst(0))
	head, body, more, step := f.b.NewBlock("compare"), f.b.NewBlock("byte"), f.b.NewBlock("more"), f.b.NewBlock("step")
	f.b.Jump(head)
	f.b.Use(head)
	f.b.If(ir.ULT, 8, f.b.Get(i), f.konst(int64(n)), body, same)
	f.b.UseSealed(body)
	x := f.b.Load(f.b.Bin(ir.OpAdd, lb, f.b.Get(i)), 0, 1)
	y := f.b.Load(f.b.Bin(ir.OpAdd, rb, f.b.Get(i)), 0, 1)
	f.b.If(ir.EQ, 8, x, y, more, differ)
	f.b.UseSealed(more)
	f.b.If(ir.EQ, 8, x, f.konst(0), same, step)
	f.b.UseSealed(step)
	f.b.Set(i, f.b.BinI(ir.OpAdd, f.b.Get(i), 1))
	f.b.Jump(head)
	f.b.Seal(head)
}

// boolean computes a condition as 0 or 1.
func (f *fn) boolean(e hir.Expr) ir.Value {
	t, n, j := f.b.NewBlock("true"), f.b.NewBlock("false"), f.b.NewBlock("bool")
	v := f.b.NewVar(ir.Scalar)
	f.cond(e, t, n)
	f.b.UseSealed(t)
	f.b.Set(v, f.konst(1))
	f.b.Jump(j)
	f.b.UseSealed(n)
	f.b.Set(v, f.konst(0))
	f.b.Jump(j)
	f.b.UseSealed(j)
	return f.forget(f.b.Get(v))
}

// branch calls use for each side of a conditional, in its block.
func (f *fn) branch(e *hir.Cond, use func(hir.Expr)) {
	t, n, j := f.b.NewBlock("then"), f.b.NewBlock("else"), f.b.NewBlock("endif")
	f.cond(e.C, t, n)
	f.b.UseSealed(t)
	if !hir.IsNil(e.Then) {
		use(e.Then)
	}
	f.b.Jump(j)
	f.b.UseSealed(n)
	if !hir.IsNil(e.Else) {
		use(e.Else)
	}
	f.b.Jump(j)
	f.b.UseSealed(j)
}

// condValue lowers a conditional as an expression or statement.
func (f *fn) condValue(e *hir.Cond) builtin.Operand {
	switch {
	case e.T == nil || e.T.Kind == types.Void:
		if f.chain(e) {
			return builtin.Operand{T: types.VoidType}
		}
		f.branch(e, func(x hir.Expr) { f.Operand(x) })
		return builtin.Operand{T: types.VoidType}
	case e.T.IsScalar():
		v := f.b.NewVar(ir.Scalar)
		f.branch(e, func(x hir.Expr) { f.b.Set(v, f.Scalar(x)) })
		return builtin.Operand{T: e.T, V: f.forget(f.b.Get(v))}
	}
	// Use scratch memory instead of the stack. The verifier tracks constants on
	// the stack and would walk all code after this once for each of them.
	p := f.far(f.region0(e.T.Size))
	f.branch(e, func(x hir.Expr) { f.into(x, p, true) })
	return builtin.Operand{T: e.T, Mem: &p}
}

// elvis lowers c ?: b; c is evaluated once.
func (f *fn) elvis(e *hir.Elvis) builtin.Operand {
	c := f.Scalar(e.C)
	v := f.IfElse(ir.NE, c, f.konst(0),
		func() ir.Value { return f.convert(c, e.C.Type(), e.T) },
		func() ir.Value { return f.Scalar(e.Else) })
	return builtin.Operand{T: e.T, V: f.forget(v)}
}
