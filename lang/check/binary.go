package check

import (
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// operator is a binary operator of the language.
type operator struct {
	text    string
	op      hir.BinOp
	compare bool // gives bool
	equal   bool // == or !=
	shift   bool
	logical bool // && or ||
}

var binOps = map[string]*operator{
	"+": {text: "+", op: hir.Add}, "-": {text: "-", op: hir.Sub}, "*": {text: "*", op: hir.Mul},
	"/": {text: "/", op: hir.Div}, "%": {text: "%", op: hir.Mod},
	"&": {text: "&", op: hir.And}, "|": {text: "|", op: hir.Or}, "^": {text: "^", op: hir.Xor},
	"<<": {text: "<<", op: hir.Shl, shift: true}, ">>": {text: ">>", op: hir.Shr, shift: true},
	"==": {text: "==", op: hir.Eq, compare: true, equal: true}, "!=": {text: "!=", op: hir.Ne, compare: true, equal: true},
	"<": {text: "<", op: hir.Lt, compare: true}, "<=": {text: "<=", op: hir.Le, compare: true},
	">": {text: ">", op: hir.Gt, compare: true}, ">=": {text: ">=", op: hir.Ge, compare: true},
	"&&": {text: "&&", logical: true}, "||": {text: "||", logical: true},
}

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

// isNum tells what acts as a number.
func isNum(t *types.Type) bool {
	return t.Kind == types.Int || t.Kind == types.Enum || t.Kind == types.Bool || t.Kind == types.ErrName
}

// binary types x op y.
func (b ops) binary(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	if isBad(x) || isBad(y) {
		return firstBad(at, x, y)
	}
	if z := b.foldBinary(op, x, y, at); z != nil {
		return z
	}
	tx, ty := x.Type(), y.Type()
	numX, numY := isNum(tx), isNum(ty)
	ptrX, ptrY := tx.Kind == types.Pointer, ty.Kind == types.Pointer
	switch {
	case op.logical && (numX || ptrX) && (numY || ptrY):
		return &hir.Logical{X: hir.X{T: types.BoolType, At: at}, Or: op.text == "||", L: b.convs.toBool(x), R: b.convs.toBool(y)}
	case op.logical:
	case numX && numY && op.compare:
		return b.compareNum(op, x, y, at)
	case numX && numY:
		return b.arith(op, x, y, at)
	case ptrX && ptrY && op.compare:
		b.distinctPointers(x, y, at)
		return boolOp(op, x, y, at)
	case ptrX && numY && op.compare:
		return boolOp(op, x, b.convs.asPointer(y, tx), at)
	case numX && ptrY && op.compare:
		return boolOp(op, b.convs.asPointer(x, ty), y, at)
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

func boolOp(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	return &hir.Binary{X: hir.X{T: types.BoolType, At: at}, Op: op.op, L: x, R: y}
}

// asPointer turns a number into a pointer of the other operand's type.
func (b convs) asPointer(x hir.Expr, t *types.Type) hir.Expr {
	x = b.toInt(x, types.Uint64)
	if n, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: t, At: n.At}, V: n.V}
	}
	return cast(x, t)
}

// compareNum compares numbers: signed if either side is (T-OP-04).
func (b ops) compareNum(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := numType(x.Type()), numType(y.Type())
	tx, ty = adapt(tx, ty), adapt(ty, tx)
	t := types.IntType(8, tx.Signed || ty.Signed)
	return boolOp(op, b.convs.toInt(x, t), b.convs.toInt(y, t), at)
}

// numType is the integer type a number has in arithmetic: bools are unsigned
// bytes, enums drop their name.
func numType(t *types.Type) *types.Type {
	switch t.Kind {
	case types.Bool:
		return types.Uint8
	case types.Enum:
		return types.IntType(t.Size, t.Signed)
	case types.ErrName:
		return types.Int64
	}
	return t
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
	z := &hir.Binary{X: hir.X{T: t, At: at}, Op: op.op, L: b.convs.toInt(x, t), R: b.convs.toInt(y, t)}
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
	off := b.scale(n, max(pointee(p.Type()).Size, 1), sub)
	if c, ok := off.(*hir.Int); ok && c.V == 0 {
		return p
	}
	return &hir.Binary{X: hir.X{T: p.Type(), At: at}, Op: hir.Add, L: p, R: off}
}

// scale is n × size as an int64 byte count, negated for subtraction.
func (b ops) scale(n hir.Expr, size int, neg bool) hir.Expr {
	x := b.convs.toInt(n, types.Int64)
	if neg {
		size = -size
	}
	if c, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: types.Int64, At: c.At}, V: c.V * uint64(int64(size))}
	}
	if size == 1 {
		return x
	}
	by := &hir.Int{X: hir.X{T: types.Int64, At: n.Span()}, V: uint64(int64(size))}
	return &hir.Binary{X: hir.X{T: types.Int64, At: n.Span()}, Op: hir.Mul, L: x, R: by}
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

// sameLiteral compares literals of one type (T-FOLD-05).
func sameLiteral(x, y hir.Expr) bool {
	switch x := x.(type) {
	case *hir.Int:
		return x.V == y.(*hir.Int).V
	case *hir.Bytes:
		return cstr(x.V) == cstr(y.(*hir.Bytes).V)
	case *hir.Tuple:
		for i, e := range x.Elems {
			if !sameLiteral(e, y.(*hir.Tuple).Elems[i]) {
				return false
			}
		}
		return true
	}
	panic("check: not a literal")
}

// badOperands is the error for operands that an operator cannot take.
func (b ops) badOperands(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, ty := b.shown(x), b.shown(y)
	code, msg := "bad-operands", "the `%s` operator can not be used on expressions of types `%s` and `%s`"
	if op.compare {
		code, msg = "type-mismatch", "type mismatch for '%s': comparing `%s` with `%s`"
	}
	d := b.errorf(diagCode(code), at, msg, op.text, tx, ty).WithRow("T-OP-14")
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
