package check

import (
	"math/big"
	"math/bits"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

func diagCode(s string) diag.Code { return diag.Code(s) }

// foldBinary computes an operator on two literals (section 2.5). It gives nil
// when the operands are no literals.
func (b ops) foldBinary(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	if sx, ok := strLit(x); ok {
		return b.foldString(op, sx, y, at)
	}
	if op.logical {
		return foldLogical(op, x, y, at)
	}
	nx, okx := intLit(x)
	ny, oky := intLit(y)
	if bx, is := boolLit(x); is && (oky || isBoolLit(y)) {
		nx, okx = newLit(bx.At, bx.V, false), true
	}
	if by, is := boolLit(y); is && okx {
		ny, oky = newLit(by.At, by.V, false), true
	}
	if !okx || !oky {
		return nil
	}
	if op.compare {
		return newBool(at, compareInts(op.op, cmpLit(nx, ny)))
	}
	if x.Type().Kind == types.Bool && y.Type().Kind == types.Bool {
		z := b.foldInt(op, nx, ny, at)
		if n, ok := z.(*hir.Int); ok && !isBad(z) {
			return newBool(at, n.V != 0)
		}
		return z
	}
	return b.foldInt(op, nx, ny, at)
}

func isBoolLit(x hir.Expr) bool { _, ok := boolLit(x); return ok }

// foldLogical computes && and || of two literals.
func foldLogical(op *operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, okx := litTruth(x)
	ty, oky := litTruth(y)
	if !okx || !oky {
		return nil
	}
	if op.text == "||" {
		return newBool(at, tx || ty)
	}
	return newBool(at, tx && ty)
}

// litTruth is the truth of a literal; a string is true when not empty.
func litTruth(x hir.Expr) (truth, ok bool) {
	switch n := x.(type) {
	case *hir.Int:
		_, lit := intLit(x)
		return n.V != 0, lit || n.T.Kind == types.Bool
	case *hir.Bytes:
		return n.V != "", n.T.Kind == types.String
	}
	return false, false
}

// isNeg tells a negative literal.
func isNeg(n *hir.Int) bool { return n.T.Signed && int64(n.V) < 0 }

// cmpLit orders two literals by their mathematical value.
func cmpLit(x, y *hir.Int) int {
	switch nx, ny := isNeg(x), isNeg(y); {
	case nx && !ny:
		return -1
	case !nx && ny:
		return 1
	case x.V < y.V:
		return -1
	case x.V > y.V:
		return 1
	}
	return 0
}

func compareInts(op hir.BinOp, c int) bool {
	switch op {
	case hir.Eq:
		return c == 0
	case hir.Ne:
		return c != 0
	case hir.Lt:
		return c < 0
	case hir.Le:
		return c <= 0
	case hir.Gt:
		return c > 0
	}
	return c >= 0
}

// foldInt computes with range checks over the union of int64 and uint64
// (T-FOLD-01).
func (b ops) foldInt(op *operator, x, y *hir.Int, at source.Span) hir.Expr {
	switch op.op {
	case hir.Div, hir.Mod:
		if y.V == 0 {
			return b.foldError(at, "the divisor is zero")
		}
	case hir.Shl, hir.Shr:
		if isNeg(y) || y.V > 63 {
			return b.foldError(at, "shift counts are 0 to 63")
		}
	case hir.And, hir.Or, hir.Xor:
		v := x.V & y.V
		neg := isNeg(x) && isNeg(y)
		switch op.op {
		case hir.Or:
			v, neg = x.V|y.V, isNeg(x) || isNeg(y)
		case hir.Xor:
			v, neg = x.V^y.V, isNeg(x) != isNeg(y)
		}
		return newLit(at, v, neg && int64(v) < 0)
	}
	if z := foldSmall(op.op, x, y, at); z != nil {
		return z
	}
	bx, by := bigOf(x), bigOf(y)
	z := new(big.Int)
	switch op.op {
	case hir.Add:
		z.Add(bx, by)
	case hir.Sub:
		z.Sub(bx, by)
	case hir.Mul:
		z.Mul(bx, by)
	case hir.Div:
		z.Quo(bx, by)
	case hir.Mod:
		z.Rem(bx, by)
	case hir.Shl:
		z.Lsh(bx, uint(y.V))
	case hir.Shr:
		z.Rsh(bx, uint(y.V)) // keeps the sign, other than at run time (T-OP-03)
	}
	switch {
	case z.IsUint64():
		return newLit(at, z.Uint64(), false)
	case z.IsInt64():
		return newLit(at, uint64(z.Int64()), true)
	}
	return b.foldError(at, "the result is beyond 64 bits")
}

// foldSmall is the usual case without big numbers: both literals fit int64 and
// so does the result. It gives nil otherwise.
func foldSmall(op hir.BinOp, x, y *hir.Int, at source.Span) hir.Expr {
	if x.T == litBig || y.T == litBig || x.T.Kind != types.Int || y.T.Kind != types.Int {
		return nil
	}
	a, c := int64(x.V), int64(y.V)
	var z int64
	switch op {
	case hir.Add:
		z = a + c
		if (a >= 0) == (c >= 0) && (z >= 0) != (a >= 0) {
			return nil
		}
	case hir.Sub:
		z = a - c
		if (a >= 0) != (c >= 0) && (z >= 0) != (a >= 0) {
			return nil
		}
	case hir.Mul:
		hi, lo := bits.Mul64(abs64(a), abs64(c))
		if hi != 0 || lo >= 1<<63 {
			return nil
		}
		z = a * c
	default:
		return nil
	}
	return newLit(at, uint64(z), z < 0)
}

func abs64(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func bigOf(n *hir.Int) *big.Int {
	if isNeg(n) {
		return big.NewInt(int64(n.V))
	}
	return new(big.Int).SetUint64(n.V)
}

func (b ops) foldError(at source.Span, why string) hir.Expr {
	b.errorf("literal-overflow", at, "unable to fold literals due to overflow or underflow").
		WithLabel("%s", why).WithRow("T-FOLD-01")
	return poison(at)
}

// foldString computes with a string literal on the left (T-FOLD-03,
// T-FOLD-04).
func (b ops) foldString(op *operator, x *hir.Bytes, y hir.Expr, at source.Span) hir.Expr {
	if op.logical {
		return foldLogical(op, x, y, at)
	}
	if sy, ok := strLit(y); ok {
		switch {
		case op.compare:
			return newBool(at, compareInts(op.op, compareStrings(cstr(x.V), cstr(sy.V))))
		case op.op == hir.Add:
			if int64(len(x.V)+len(sy.V)) > maxFoldedString {
				return b.foldError(at, "the string is too long")
			}
			return newStr(at, x.V+sy.V)
		}
		b.errorf("literal-operation", at, "illegal literal operation with strings: `%s`", op.text).
			WithLabel("string literals know + and comparisons").WithRow("T-FOLD-03")
		return poison(at)
	}
	n, ok := intLit(y)
	if !ok || op.compare {
		return nil
	}
	if op.op != hir.Add || isNeg(n) {
		b.errorf("literal-operation", at, "illegal literal operation with strings: `%s`", op.text).
			WithLabel("only `+` with a count of bytes to skip is possible").WithRow("T-FOLD-03")
		return poison(at)
	}
	if n.V >= uint64(len(x.V)) {
		if n.V > uint64(len(x.V)) {
			b.warnf("empty-literal", at, "literal string will always be empty").
				WithLabel("skips %d bytes of %d", n.V, len(x.V)).WithRow("T-FOLD-03")
		}
		return newStr(at, "")
	}
	return newStr(at, x.V[n.V:])
}

const maxFoldedString = 1 << 16

func compareStrings(a, c string) int {
	switch {
	case a < c:
		return -1
	case a > c:
		return 1
	}
	return 0
}

// cstr cuts a string at its first NUL.
func cstr(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
}
