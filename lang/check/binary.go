package check

import (
	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// binaryExpr types x op y. A long chain of operators makes a tree that is deep
// on the left, so the left spine is walked in a loop instead of recursively.
func (b ops) binaryExpr(e *syntax.Binary) hir.Expr {
	var spine []*syntax.Binary
	var left syntax.Expr = e
	for {
		n, ok := left.(*syntax.Binary)
		if !ok {
			break
		}
		spine = append(spine, n)
		left = n.X
	}
	x := b.exprs.value(left)
	for i := len(spine) - 1; i >= 0; i-- {
		n := spine[i]
		b.nodes++
		x = b.binary(infer.Ops[n.Op], x, b.exprs.value(n.Y), n.At.At)
		if b.rec != nil {
			b.learned(n, x)
		}
	}
	return x
}

// binary types x op y.
func (b ops) binary(op *infer.Operator, x, y hir.Expr, at source.Span) hir.Expr {
	if infer.IsBad(x) || infer.IsBad(y) {
		z := firstBad(at, x, y)
		if op.Compare || op.Logical {
			return b.provisional(z, types.BoolType)
		}
		return z
	}
	if z, p := infer.Fold(op, x, y, at); z != nil {
		return b.folded(z, p)
	}
	tx, ty := x.Type(), y.Type()
	numX, numY := infer.IsNum(tx), infer.IsNum(ty)
	ptrX, ptrY := tx.Kind == types.Pointer, ty.Kind == types.Pointer
	switch {
	case op.Logical && (numX || ptrX) && (numY || ptrY):
		b.mixedSigns(op, x, y)
		return &hir.Logical{X: hir.X{T: types.BoolType, At: at}, Or: op.Text == "||", L: infer.ToBool(x), R: infer.ToBool(y)}
	case op.Logical:
	case numX && numY && op.Compare:
		b.mixedSigns(op, x, y)
		return b.compareNum(op, x, y, at)
	case numX && numY:
		b.mixedSigns(op, x, y)
		return b.arith(op, x, y, at)
	case ptrX && ptrY && op.Compare:
		b.distinctPointers(x, y, at)
		return boolOp(op, x, y, at)
	case ptrX && numY && op.Compare:
		return boolOp(op, x, infer.AsPointer(y, tx), at)
	case numX && ptrY && op.Compare:
		return boolOp(op, infer.AsPointer(x, ty), y, at)
	case ptrX && numY && (op.Op == hir.Add || op.Op == hir.Sub):
		return b.pointerAdd(x, y, op.Op == hir.Sub, at)
	case numX && ptrY && op.Op == hir.Add:
		return b.pointerAdd(y, x, false, at)
	case op.Equal:
		if z := b.equality(op, x, y, at); z != nil {
			return z
		}
	}
	return b.badOperands(op, x, y, at)
}

// folded returns the result of an operation on literals and reports its
// problem, if any.
func (b ops) folded(z hir.Expr, p *infer.Problem) hir.Expr {
	switch {
	case p == nil:
	case p.Warning:
		b.warnf(diag.Code(p.Code), z.Span(), "%s", p.Message).WithLabel("%s", p.Label).WithRow(p.Row)
	default:
		b.errorf(diag.Code(p.Code), z.Span(), "%s", p.Message).WithLabel("%s", p.Label).WithRow(p.Row)
	}
	return z
}

func boolOp(op *infer.Operator, x, y hir.Expr, at source.Span) hir.Expr {
	return &hir.Binary{X: hir.X{T: types.BoolType, At: at}, Op: op.Op, L: x, R: y}
}

// compareNum compares numbers: signed if either side is (T-OP-04).
func (b ops) compareNum(op *infer.Operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := infer.NumType(x.Type()), infer.NumType(y.Type())
	tx, ty = infer.Adapt(tx, ty), infer.Adapt(ty, tx)
	t := types.IntType(8, tx.Signed || ty.Signed)
	return boolOp(op, infer.ToInt(x, t), infer.ToInt(y, t), at)
}

// arith types integer arithmetic (T-OP-01 to T-OP-05, T-OP-09).
func (b ops) arith(op *infer.Operator, x, y hir.Expr, at source.Span) hir.Expr {
	ox, oy := x.Type(), y.Type()
	tx, ty := infer.NumType(ox), infer.NumType(oy)
	tx, ty = infer.Adapt(tx, ty), infer.Adapt(ty, tx)
	signed := tx.Signed || ty.Signed
	switch {
	case op.Op == hir.Sub:
		signed = true
	case (op.Op == hir.Div || op.Op == hir.Mod) && signed && b.oddDivision(ox, oy, tx, ty, y):
		b.warnf("signed-division", at, "signed operands for `%s` can lead to undefined behavior", op.Text).
			WithCompat("signed operands for '%s' can lead to undefined behavior (cast to unsigned to silence warning)", op.Text).
			WithLabel("`%s` and `%s`: computed unsigned on the 64-bit patterns", ox, oy).WithRow("T-OP-05").
			WithHelp("cast both sides: `(uint64)%s`", short(x.Span().Text()))
	}
	sp := b.joinSpace(ox, oy, at)
	switch op.Op {
	case hir.Mul, hir.Div, hir.Mod:
		sp = types.SpaceNone // no longer an address
	}
	t := infer.IntIn(8, signed, sp)
	z := &hir.Binary{X: hir.X{T: t, At: at}, Op: op.Op, L: infer.ToInt(x, t), R: infer.ToInt(y, t)}
	if ox.Kind == types.Bool && oy.Kind == types.Bool {
		return infer.Cast(z, types.BoolType)
	}
	return z
}

// oddDivision reports whether a division with a signed operand gets a warning: if
// the types differ, which a literal's does from most; only Exact has it for those.
func (b ops) oddDivision(ox, oy, tx, ty *types.Type, y hir.Expr) bool {
	if b.c.in.Exact {
		return ox.Size != oy.Size || ox.Signed != oy.Signed || ox.Kind != oy.Kind
	}
	return (tx.Signed != ty.Signed || tx.Size != ty.Size) && !positiveLit(y)
}

// mixedSigns warns about unsigned operands of 64 bits that become signed ones:
// beside a signed operand, and in every difference. Scripts that subtract times
// would get one for each, so that they are for Exact alone.
func (b ops) mixedSigns(op *infer.Operator, x, y hir.Expr) {
	tx, ty := x.Type(), y.Type()
	if !b.c.in.Exact || tx.Kind == types.Pointer || ty.Kind == types.Pointer {
		return
	}
	tx, ty = infer.NumType(tx), infer.NumType(ty)
	tx, ty = infer.Adapt(tx, ty), infer.Adapt(ty, tx)
	if !tx.Signed && !ty.Signed && op.Op != hir.Sub {
		return
	}
	for _, e := range []hir.Expr{x, y} {
		if _, _, literal := infer.ConstInt(e); !literal && e.Type().Kind == types.Int && e.Type().Size == 8 && !e.Type().Signed {
			b.convs.lossy(e, types.Int64, e.Span().Text())
		}
	}
}

func positiveLit(x hir.Expr) bool {
	v, neg, ok := infer.ConstInt(x)
	return ok && !neg && v > 0
}

// joinSpace returns the address space of a sum of addresses (T-AS-08).
func (b ops) joinSpace(x, y *types.Type, at source.Span) types.Space {
	switch {
	case x.Space == y.Space || y.Space == types.SpaceNone:
		return x.Space
	case x.Space == types.SpaceNone:
		return y.Space
	}
	b.warnf("space-mismatch", at, "address space mismatch: one operand is a kernel address, the other a user address").
		WithLabel("the result belongs to no address space").WithRow("T-AS-08").
		WithHelp("specify the address space with kptr() or uptr()")
	return types.SpaceNone
}

// distinctSpaces warns about a choice between kernel and user addresses: reads
// through the result use the space of the first one.
func (b ops) distinctSpaces(x, y *types.Type, at source.Span) {
	if x.Kind == types.Pointer && x.Space != y.Space && x.Space != types.SpaceNone && y.Space != types.SpaceNone {
		b.warnf("space-mismatch", at, "address space mismatch: one branch is a kernel address, the other a user address").
			WithLabel("everything is read from the memory that the first branch points to").WithRow("T-AS-08").
			WithHelp("specify the address space with kptr() or uptr()")
	}
}

// pointerAdd scales an integer by the pointee's size (T-PTR-01).
func (b ops) pointerAdd(p, n hir.Expr, sub bool, at source.Span) hir.Expr {
	off := infer.Scale(n, max(infer.Pointee(p.Type()).Size, 1), sub)
	if c, ok := off.(*hir.Int); ok && c.V == 0 {
		return p
	}
	return &hir.Binary{X: hir.X{T: p.Type(), At: at}, Op: hir.Add, L: p, R: off}
}

func (b ops) distinctPointers(x, y hir.Expr, at source.Span) {
	if !infer.SamePointee(x.Type().Elem, y.Type().Elem) {
		b.warnf("distinct-pointers", at, "comparison of distinct pointer types: `%s` and `%s`", x.Type(), y.Type()).
			WithCompat("comparison of distinct pointer types: %s, %s", x.Type().Elem, y.Type().Elem).
			CompatMore(exprAt(x), "left (%s)", x.Type().Elem).CompatMore(exprAt(y), "right (%s)", y.Type().Elem).
			WithLabel("only the addresses are compared").WithRow("T-PTR-02")
	}
}

// equality types == and != of values that are not numbers. It returns nil if
// they cannot be compared.
func (b ops) equality(op *infer.Operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := x.Type(), y.Type()
	if tx.Kind != ty.Kind {
		return nil
	}
	switch tx.Kind {
	case types.String:
		return boolOp(op, x, y, at)
	case types.Array:
		if tx.Len == ty.Len && tx.Elem.IsInt() && infer.SameType(tx.Elem, ty.Elem) {
			return boolOp(op, x, y, at)
		}
	case types.Buffer:
		return boolOp(op, x, y, at)
	case types.Record:
		t, ok := infer.Promote(tx, ty)
		if !ok {
			return nil
		}
		t = infer.Settle(t)
		x, y = b.convs.convert(x, t), b.convs.convert(y, t)
		if infer.IsLiteral(x) && infer.IsLiteral(y) {
			return infer.Bool(at, infer.SameLiteral(x, y) == (op.Op == hir.Eq))
		}
		return boolOp(op, x, y, at)
	case types.KStack, types.UStack, types.KSym, types.USym, types.Inet, types.Mac, types.Username:
		if infer.SameType(tx, ty) {
			return boolOp(op, x, y, at)
		}
	}
	return nil
}

// badOperands reports operands that an operator does not accept.
func (b ops) badOperands(op *infer.Operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := b.shown(x), b.shown(y)
	code, msg := "bad-operands", "the `%s` operator can not be used on expressions of types `%s` and `%s`"
	if op.Compare {
		code, msg = "type-mismatch", "type mismatch for '%s': comparing `%s` with `%s`"
	}
	left, right := apart(tx, ty)
	d := b.errorf(diag.Code(code), at, msg, op.Text, left, right).
		WithCompat("Type mismatch for '%s': comparing %s with %s", op.Text, tx, ty).
		CompatMore(exprAt(x), "left (%s)", tx).CompatMore(exprAt(y), "right (%s)", ty).WithRow("T-OP-14")
	d.At(x.Span(), "left: %s", quoted(left)).At(y.Span(), "right: %s", quoted(right))
	switch {
	case tx.Kind == types.String && ty.Kind == types.String:
		d.WithRow("T-OP-11").WithNote("strings can only be compared with == and !=")
	case tx.Kind == types.String && mayPoint(ty, y):
		d.WithHelp("read the string at an address with `str(%s)`", short(y.Span().Text()))
	case ty.Kind == types.String && mayPoint(tx, x):
		d.WithHelp("read the string at an address with `str(%s)`", short(x.Span().Text()))
	case tx.Kind == types.Array:
		d.WithRow("T-OP-12")
	case tx.Kind == types.Record && ty.Kind == types.Record:
		d.WithRow("T-OP-13")
	case ty.Kind == types.Pointer && op.Op == hir.Sub:
		d.WithRow("T-PTR-01").WithNote("a pointer can only be the left operand of a subtraction, and only of an integer").
			WithHelp("cast to integers first: `(uint64)%s`", short(y.Span().Text()))
	}
	return infer.Poison(at)
}
