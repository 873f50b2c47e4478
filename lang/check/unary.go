package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// unaryExpr types a prefix operator.
func (b ops) unaryExpr(e *syntax.Unary) hir.Expr {
	switch e.Op {
	case "++", "--":
		return b.incDec(e.X, e.Op, false, e.At.At)
	case "&":
		return b.places.addressOf(e)
	}
	if v, ok := addressed(e.X); ok && e.Op == "*" {
		return b.places.readAddressed(e.X, v)
	}
	x := b.exprs.value(e.X)
	if infer.IsBad(x) {
		if e.Op == "!" {
			return b.provisional(x, types.BoolType)
		}
		return firstBad(e.At.At, x)
	}
	switch e.Op {
	case "*":
		return b.places.derefExpr(x, e.At.At)
	case "!":
		return b.not(x, e.At.At)
	}
	return b.negate(x, e.Op, e.At.At)
}

// not types !x.
func (b ops) not(x hir.Expr, at source.Span) hir.Expr {
	t := x.Type()
	if truth, ok := infer.Truth(x); ok && t.Kind != types.String {
		return infer.Bool(at, !truth)
	}
	if !infer.IsNum(t) && t.Kind != types.Pointer || isAggRead(x) {
		return b.badOperand("!", x, at)
	}
	return &hir.Unary{X: hir.X{T: types.BoolType, At: at}, Op: hir.LogNot, Of: x}
}

// negate types -x and ~x (T-OP-07, T-FOLD-02).
func (b ops) negate(x hir.Expr, op string, at source.Span) hir.Expr {
	if n, ok := infer.IntLit(x); ok {
		return b.folded(infer.Negate(n, op == "~", at))
	}
	t := x.Type()
	if !t.IsInt() || isAggRead(x) {
		return b.badOperand(op, x, at)
	}
	kind := hir.Neg
	if op == "~" {
		kind = hir.BitNot
	}
	to := infer.IntIn(8, t.Signed, t.Space)
	if !t.Signed && t.Size < 8 {
		// Upstream computes in the width of the operand: ~(uint8)200 is 55.
		narrow := infer.IntIn(t.Size, false, t.Space)
		return infer.ToInt(&hir.Unary{X: hir.X{T: narrow, At: at}, Op: kind, Of: infer.ToInt(x, narrow)}, to)
	}
	return &hir.Unary{X: hir.X{T: to, At: at}, Op: kind, Of: infer.ToInt(x, to)}
}

func (b ops) badOperand(op string, x hir.Expr, at source.Span) hir.Expr {
	t := b.shown(x)
	b.errorf("bad-operands", at, "the `%s` operator can not be used on expressions of type `%s`", op, t).
		WithCompat("The %s operator can not be used on expressions of type '%s'", op, t).
		At(x.Span(), "this is %s", article(t)).WithRow("T-OP-07")
	return infer.Poison(at)
}

// derefExpr types *x (T-PTR-04).
func (b places) derefExpr(x hir.Expr, at source.Span) hir.Expr {
	t := x.Type()
	switch {
	case t.Kind == types.Pointer && infer.Pointee(t).Kind == types.Void:
		b.errorf("bad-dereference", at, "cannot read through a `void *`: the size of what it points to is not known").
			WithLabel("cast it first").WithRow("T-PTR-04").WithHelp("cast it: `*(uint64 *)%s`", short(x.Span().Text()))
		return infer.Poison(at)
	case t.Kind == types.Pointer:
		if e := t.Elem; e.Kind == types.Record && e.Struct.Name != "" && e.Struct.Size == 0 && len(e.Struct.Fields()) == 0 {
			b.typeExprs.unknownStruct(e.Struct.String(), e.Struct.Name, at)
			return infer.Poison(at)
		}
		return b.load(x, at)
	case t.IsInt():
		p := types.PointerTo(types.Uint64, b.spaceOf(t))
		return b.load(infer.AsPointer(x, p), at)
	}
	b.errorf("bad-dereference", at, "cannot dereference a value of type `%s`: it is not a pointer", b.shown(x)).
		WithCompat("The * operator can not be used on expressions of type '%s'", b.shown(x)).
		WithLabel("this is %s", article(b.shown(x))).WithRow("T-PTR-04")
	return infer.Poison(at)
}

// load types *p. The value read inherits the address space of p.
func (b places) load(p hir.Expr, at source.Span) hir.Expr {
	if !representable(p.Type().Elem) {
		return b.typeExprs.unsupportedType(short(at.Text()), p.Type().String(), at)
	}
	return infer.Deref(p, infer.Inherit(p.Type().Elem, p.Type().Space), at)
}

// spaceOf returns the address space of an address: that of its type, or else
// that of the probe (T-AS-02).
func (b places) spaceOf(t *types.Type) types.Space {
	if t.Space != types.SpaceNone {
		return t.Space
	}
	return b.site.Space
}

// addressOf types &$v and &@m (T-PTR-05). A variable whose address is taken is in
// memory, and the address is one of the kernel's, which the read helpers take.
// Reading through it in the same expression needs no address (see addressed).
func (b places) addressOf(e *syntax.Unary) hir.Expr {
	switch x := unparen(e.X).(type) {
	case *syntax.Var:
		if v := b.lookupVar(x.Name); v != nil {
			v.assigned = true
		}
		r, ok := b.readVar(x).(*hir.VarRef)
		if !ok {
			return infer.Pending(e.At.At)
		}
		r.Var.AddrTaken = true
		return &hir.VarAddr{X: hir.X{T: types.PointerTo(r.T, types.Kernel), At: e.At.At}, Var: r.Var}
	case *syntax.Map:
		m := b.mapUses.mapOf(x)
		if m == nil {
			return infer.Poison(e.At.At)
		}
		m.hm.Read = true
		return &hir.MapArg{X: hir.X{T: types.PointerTo(types.IntType(1, true), types.Kernel), At: e.At.At}, Map: m.hm}
	}
	return infer.Poison(e.At.At) // reported by the parser
}

// addressed finds the variable of *(&$v) and (&$v)->field, which is read
// directly.
func addressed(e syntax.Expr) (*syntax.Var, bool) {
	u, ok := unparen(e).(*syntax.Unary)
	if !ok || u.Op != "&" {
		return nil, false
	}
	v, ok := unparen(u.X).(*syntax.Var)
	return v, ok
}

// readAddressed reads the variable; taking its address counts as assigning
// (T-VAR-05).
func (b places) readAddressed(address syntax.Expr, e *syntax.Var) hir.Expr {
	if v := b.lookupVar(e.Name); v != nil {
		v.assigned = true
		if v.Typ != nil {
			b.typed(address, types.PointerTo(v.Typ, types.Local))
		}
	}
	return b.readVar(e)
}

// incDec types ++ and -- (T-OP-08).
func (b ops) incDec(target syntax.Expr, op string, post bool, at source.Span) hir.Expr {
	x := &hir.IncDec{X: hir.X{At: at}, Dec: op == "--", Post: post, Step: 1}
	switch t := unparen(target).(type) {
	case *syntax.Var:
		v := b.variable(t)
		if v == nil {
			return infer.Poison(at)
		}
		v.assigned = true
		b.noteVar(t, true)
		x.Var = v.hv
		return b.step(x, &v.Cell, "$"+v.name, "variable")
	case *syntax.Map:
		m, key, ok := b.mapUses.mapAccess(t)
		if !ok {
			return infer.Poison(at)
		}
		b.noteWrite(t, m)
		x.Map, x.Key = m.hm, key
		m.written = true
		m.hm.Written, m.hm.Read = true, true
		return b.step(x, &m.value, m.label(), "map")
	}
	return infer.Poison(at) // reported by the parser
}

// step widens the cell of the operand of ++ or -- and sets the operator's type.
func (b ops) step(x *hir.IncDec, c *infer.Cell, name, kind string) hir.Expr {
	at := x.At
	if c.Raw == nil && kind == "variable" {
		b.depend(c)
		return infer.Pending(at)
	}
	t := c.Raw
	switch {
	case t == nil || t.Flex && !c.Fixed:
		// A counter that is otherwise only assigned literals is int64, unless a
		// typed value elsewhere widens it.
		want := infer.LitPos[3]
		if x.Dec {
			want = types.Int64
		}
		b.widen(c, &hir.Int{X: hir.X{T: want, At: at}})
	case t.Kind == types.Int && c.Fixed:
		b.depend(c)
	case t.IsInt():
		b.widen(c, &hir.Int{X: hir.X{T: types.IntType(8, t.Signed || x.Dec), At: at}})
	case t.Kind == types.Pointer:
		x.Step = int64(max(infer.Pointee(t).Size, 1))
		b.depend(c)
	default:
		b.errorf("bad-operands", at, "the `++` and `--` operators can not be used on expressions of type `%s`", c.Typ).
			WithCompat("The %s operator can not be used on expressions of type '%s'", map[bool]string{false: "++", true: "--"}[x.Dec], c.Typ).
			WithLabel("%s %s is %s", kind, name, article(c.Typ)).At(c.First, "from here").WithRow("T-OP-08")
		b.depend(c)
		return infer.Poison(at)
	}
	x.T = c.Typ
	return x
}
