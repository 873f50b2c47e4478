package check

import (
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// binaryExpr types x op y. A long chain of operators is a deep tree on the
// left, so the left spine is walked in a loop.
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
		x = b.binary(binOps[n.Op], x, b.exprs.value(n.Y), n.At.At)
	}
	return x
}

// binary types x op y.
func (b ops) binary(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	if isBad(x) || isBad(y) {
		return firstBad(at, x, y)
	}
	if z, p := fold(op, x, y, at); z != nil {
		return b.folded(z, p)
	}
	tx, ty := x.Type(), y.Type()
	numX, numY := isNum(tx), isNum(ty)
	ptrX, ptrY := tx.Kind == types.Pointer, ty.Kind == types.Pointer
	switch {
	case op.logical && (numX || ptrX) && (numY || ptrY):
		return &hir.Logical{X: hir.X{T: types.BoolType, At: at}, Or: op.text == "||", L: toBool(x), R: toBool(y)}
	case op.logical:
	case numX && numY && op.compare:
		return b.compareNum(op, x, y, at)
	case numX && numY:
		return b.arith(op, x, y, at)
	case ptrX && ptrY && op.compare:
		b.distinctPointers(x, y, at)
		return boolOp(op, x, y, at)
	case ptrX && numY && op.compare:
		return boolOp(op, x, asPointer(y, tx), at)
	case numX && ptrY && op.compare:
		return boolOp(op, asPointer(x, ty), y, at)
	case ptrX && numY && (op.op == hir.Add || op.op == hir.Sub):
		return b.pointerAdd(x, y, op.op == hir.Sub, at)
	case numX && ptrY && op.op == hir.Add:
		return b.pointerAdd(y, x, false, at)
	case op.equal:
		if z := b.equality(op, x, y, at); z != nil {
			return z
		}
	}
	return b.badOperands(op, x, y, at)
}

// folded is the result of an operation on literals, with what is to be said
// about it.
func (b ops) folded(z hir.Expr, p *problem) hir.Expr {
	switch {
	case p == nil:
	case p.warning:
		b.warnf(diag.Code(p.code), z.Span(), "%s", p.message).WithLabel("%s", p.label).WithRow(p.row)
	default:
		b.errorf(diag.Code(p.code), z.Span(), "%s", p.message).WithLabel("%s", p.label).WithRow(p.row)
	}
	return z
}

func boolOp(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	return &hir.Binary{X: hir.X{T: types.BoolType, At: at}, Op: op.op, L: x, R: y}
}

// compareNum compares numbers: signed if either side is (T-OP-04).
func (b ops) compareNum(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := numType(x.Type()), numType(y.Type())
	tx, ty = adapt(tx, ty), adapt(ty, tx)
	t := types.IntType(8, tx.Signed || ty.Signed)
	return boolOp(op, toInt(x, t), toInt(y, t), at)
}

// arith types integer arithmetic (T-OP-01 to T-OP-05, T-OP-09).
func (b ops) arith(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	ox, oy := x.Type(), y.Type()
	tx, ty := numType(ox), numType(oy)
	tx, ty = adapt(tx, ty), adapt(ty, tx)
	signed := tx.Signed || ty.Signed
	switch {
	case op.op == hir.Sub:
		signed = true
	case op.shift:
		signed = tx.Signed
	case (op.op == hir.Div || op.op == hir.Mod) && signed && (tx.Signed != ty.Signed || tx.Size != ty.Size) && !positiveLit(y):
		b.warnf("signed-division", at, "signed operands for `%s` can lead to undefined behavior", op.text).
			WithLabel("`%s` and `%s`: computed unsigned on the 64-bit patterns", ox, oy).WithRow("T-OP-05").
			WithHelp("cast both sides: `(uint64)%s`", short(x.Span().Text()))
	}
	sp := b.joinSpace(ox, oy, at)
	t := intIn(8, signed, sp)
	z := &hir.Binary{X: hir.X{T: t, At: at}, Op: op.op, L: toInt(x, t), R: toInt(y, t)}
	if ox.Kind == types.Bool && oy.Kind == types.Bool {
		return cast(z, types.BoolType)
	}
	return z
}

func positiveLit(x hir.Expr) bool {
	v, neg, ok := constInt(x)
	return ok && !neg && v > 0
}

// joinSpace is the address space of a sum of addresses (T-AS-08).
func (b ops) joinSpace(x, y *types.Type, at source.Span) types.Space {
	switch {
	case x.Space == y.Space || y.Space == types.SpaceNone:
		return x.Space
	case x.Space == types.SpaceNone:
		return y.Space
	}
	b.warnf("space-mismatch", at, "address space mismatch: one operand is a kernel address, the other a user address").
		WithLabel("the result belongs to no address space").WithRow("T-AS-08").
		WithHelp("say which is meant with kptr() or uptr()")
	return types.SpaceNone
}

// pointerAdd scales an integer by the pointee's size (T-PTR-01).
func (b ops) pointerAdd(p, n hir.Expr, sub bool, at source.Span) hir.Expr {
	off := scale(n, max(pointee(p.Type()).Size, 1), sub)
	if c, ok := off.(*hir.Int); ok && c.V == 0 {
		return p
	}
	return &hir.Binary{X: hir.X{T: p.Type(), At: at}, Op: hir.Add, L: p, R: off}
}

func (b ops) distinctPointers(x, y hir.Expr, at source.Span) {
	if !samePointee(x.Type().Elem, y.Type().Elem) {
		b.warnf("distinct-pointers", at, "comparison of distinct pointer types: `%s` and `%s`", x.Type(), y.Type()).
			WithLabel("only the addresses are compared").WithRow("T-PTR-02")
	}
}

// equality types == and != of values that are not numbers. It gives nil where
// they cannot be compared.
func (b ops) equality(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := x.Type(), y.Type()
	if tx.Kind != ty.Kind {
		return nil
	}
	switch tx.Kind {
	case types.String:
		return boolOp(op, x, y, at)
	case types.Array:
		if tx.Len == ty.Len && tx.Elem.IsInt() && sameType(tx.Elem, ty.Elem) {
			return boolOp(op, x, y, at)
		}
	case types.Buffer:
		return boolOp(op, x, y, at)
	case types.Record:
		t, ok := promote(tx, ty)
		if !ok {
			return nil
		}
		t = settle(t)
		x, y = b.convs.convert(x, t), b.convs.convert(y, t)
		if isLiteral(x) && isLiteral(y) {
			return newBool(at, sameLiteral(x, y) == (op.op == hir.Eq))
		}
		return boolOp(op, x, y, at)
	case types.KStack, types.UStack, types.KSym, types.USym, types.Inet, types.Mac, types.Username:
		if sameType(tx, ty) {
			return boolOp(op, x, y, at)
		}
	}
	return nil
}

// badOperands is the error for operands that an operator cannot take.
func (b ops) badOperands(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := b.shown(x), b.shown(y)
	code, msg := "bad-operands", "the `%s` operator can not be used on expressions of types `%s` and `%s`"
	if op.compare {
		code, msg = "type-mismatch", "type mismatch for '%s': comparing `%s` with `%s`"
	}
	d := b.errorf(diag.Code(code), at, msg, op.text, tx, ty).WithRow("T-OP-14")
	d.At(x.Span(), "left: %s", article(tx)).At(y.Span(), "right: %s", article(ty))
	switch {
	case tx.Kind == types.String && ty.Kind == types.String:
		d.WithRow("T-OP-11").WithNote("strings can only be compared with == and !=")
	case tx.Kind == types.String && (ty.Kind == types.Pointer || ty.IsInt() && !isLiteral(y)):
		d.WithHelp("read the string behind an address with `str(%s)`", short(y.Span().Text()))
	case ty.Kind == types.String && (tx.Kind == types.Pointer || tx.IsInt() && !isLiteral(x)):
		d.WithHelp("read the string behind an address with `str(%s)`", short(x.Span().Text()))
	case tx.Kind == types.Array:
		d.WithRow("T-OP-12")
	case tx.Kind == types.Record && ty.Kind == types.Record:
		d.WithRow("T-OP-13")
	case ty.Kind == types.Pointer && op.op == hir.Sub:
		d.WithRow("T-PTR-01").WithNote("a pointer can only be the left operand of a subtraction, and only of an integer").
			WithHelp("cast to integers first: `(uint64)%s`", short(y.Span().Text()))
	}
	return poison(at)
}
