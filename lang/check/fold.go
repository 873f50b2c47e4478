package check

import (
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"probe/lang/hir"
	"probe/lang/source"
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

// fold computes an operator on two literals (section 2.5). It gives nil
// when the operands are no literals.
func fold(op *operator, x, y hir.Expr, at source.Span) (hir.Expr, *problem) {
	if sx, ok := strLit(x); ok {
		return foldString(op, sx, y, at)
	}
	if op.logical {
		return foldLogical(op, x, y, at), nil
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
		return nil, nil
	}
	if op.compare {
		return newBool(at, compareInts(op.op, cmpLit(nx, ny))), nil
	}
	z, p := foldInt(op, nx, ny, at)
	if p == nil && x.Type().Kind == types.Bool && y.Type().Kind == types.Bool {
		z = newBool(at, z.V != 0)
	}
	if p != nil {
		return poison(at), p
	}
	return z, nil
}

// problem is what is wrong with an operation on literals.
type problem struct {
	warning                   bool
	code, message, label, row string
}

var (
	overflow    = problem{code: "literal-overflow", message: "unable to fold literals due to overflow or underflow", row: "T-FOLD-01"}
	underflow   = problem{code: "literal-overflow", message: "negative value will underflow", label: "the smallest integer is -9223372036854775808", row: "T-FOLD-02"}
	alwaysEmpty = problem{code: "empty-literal", message: "literal string will always be empty", row: "T-FOLD-03", warning: true}
)

// with is p with the reason in its label.
func (p problem) with(format string, args ...any) *problem {
	p.label = fmt.Sprintf(format, args...)
	return &p
}

func illegal(op *operator, label string) *problem {
	return &problem{code: "literal-operation", message: "illegal literal operation with strings: `" + op.text + "`", label: label, row: "T-FOLD-03"}
}

// foldNegate computes -n, and ~n where complement is set.
func foldNegate(n *hir.Int, complement bool, at source.Span) (hir.Expr, *problem) {
	switch {
	case complement:
		return newLit(at, ^n.V, false), nil // ~0 is 2^64-1
	case isNeg(n):
		return newLit(at, -n.V, false), nil
	case n.V > 1<<63:
		return poison(at), &underflow
	}
	return newLit(at, -n.V, n.V != 0), nil
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
func foldInt(op *operator, x, y *hir.Int, at source.Span) (*hir.Int, *problem) {
	switch op.op {
	case hir.Div, hir.Mod:
		if y.V == 0 {
			return nil, overflow.with("the divisor is zero")
		}
	case hir.Shl, hir.Shr:
		if isNeg(y) || y.V > 63 {
			return nil, overflow.with("shift counts are 0 to 63")
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
		return newLit(at, v, neg && int64(v) < 0), nil
	}
	if z := foldSmall(op.op, x, y, at); z != nil {
		return z, nil
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
		return newLit(at, z.Uint64(), false), nil
	case z.IsInt64():
		return newLit(at, uint64(z.Int64()), true), nil
	}
	return nil, overflow.with("the result is beyond 64 bits")
}

// foldSmall is the usual case without big numbers: both literals fit int64 and
// so does the result. It gives nil otherwise.
func foldSmall(op hir.BinOp, x, y *hir.Int, at source.Span) *hir.Int {
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

// foldString computes with a string literal on the left (T-FOLD-03,
// T-FOLD-04).
func foldString(op *operator, x *hir.Bytes, y hir.Expr, at source.Span) (hir.Expr, *problem) {
	if op.logical {
		return foldLogical(op, x, y, at), nil
	}
	if sy, ok := strLit(y); ok {
		switch {
		case op.compare:
			return newBool(at, compareInts(op.op, strings.Compare(cstr(x.V), cstr(sy.V)))), nil
		case op.op != hir.Add:
			return poison(at), illegal(op, "string literals know + and comparisons")
		case int64(len(x.V)+len(sy.V)) > maxFoldedString:
			return poison(at), overflow.with("the string is too long")
		}
		return newStr(at, x.V+sy.V), nil
	}
	n, ok := intLit(y)
	switch {
	case !ok || op.compare:
		return nil, nil
	case op.op != hir.Add || isNeg(n):
		return poison(at), illegal(op, "only `+` with a count of bytes to skip is possible")
	case n.V > uint64(len(x.V)):
		return newStr(at, ""), alwaysEmpty.with("skips %d bytes of %d", n.V, len(x.V))
	}
	return newStr(at, x.V[n.V:]), nil
}

const maxFoldedString = 1 << 16

// cstr cuts a string at its first NUL.
func cstr(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
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
