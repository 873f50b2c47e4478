package infer

import (
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Operator is a binary operator of the language.
type Operator struct {
	Text    string
	Op      hir.BinOp
	Compare bool // the result is a bool
	Equal   bool // == or !=
	Shift   bool
	Logical bool // && or ||
}

// Ops are the binary operators by their text.
var Ops = map[string]*Operator{
	"+": {Text: "+", Op: hir.Add}, "-": {Text: "-", Op: hir.Sub}, "*": {Text: "*", Op: hir.Mul},
	"/": {Text: "/", Op: hir.Div}, "%": {Text: "%", Op: hir.Mod},
	"&": {Text: "&", Op: hir.And}, "|": {Text: "|", Op: hir.Or}, "^": {Text: "^", Op: hir.Xor},
	"<<": {Text: "<<", Op: hir.Shl, Shift: true}, ">>": {Text: ">>", Op: hir.Shr, Shift: true},
	"==": {Text: "==", Op: hir.Eq, Compare: true, Equal: true}, "!=": {Text: "!=", Op: hir.Ne, Compare: true, Equal: true},
	"<": {Text: "<", Op: hir.Lt, Compare: true}, "<=": {Text: "<=", Op: hir.Le, Compare: true},
	">": {Text: ">", Op: hir.Gt, Compare: true}, ">=": {Text: ">=", Op: hir.Ge, Compare: true},
	"&&": {Text: "&&", Logical: true}, "||": {Text: "||", Logical: true},
}

// Fold computes an operator on two literals (section 2.5). It returns nil if
// the operands are not literals.
func Fold(op *Operator, x, y hir.Expr, at source.Span) (hir.Expr, *Problem) {
	if sx, ok := StrLit(x); ok {
		return foldString(op, sx, y, at)
	}
	if op.Logical {
		return foldLogical(op, x, y, at), nil
	}
	nx, okx := IntLit(x)
	ny, oky := IntLit(y)
	if bx, is := BoolLit(x); is && (oky || isBoolLit(y)) {
		nx, okx = Lit(bx.At, bx.V, false), true
	}
	if by, is := BoolLit(y); is && okx {
		ny, oky = Lit(by.At, by.V, false), true
	}
	if !okx || !oky {
		return nil, nil
	}
	if op.Compare {
		return Bool(at, compareInts(op.Op, cmpLit(nx, ny))), nil
	}
	if x.Type().Kind == types.Enum || y.Type().Kind == types.Enum {
		return nil, nil // a uint64 that is computed at run time (T-INT-03)
	}
	z, p := foldInt(op, nx, ny, at)
	if p == nil && x.Type().Kind == types.Bool && y.Type().Kind == types.Bool {
		z = Bool(at, z.V != 0)
	}
	if p != nil {
		return Poison(at), p
	}
	return z, nil
}

// Problem is an error or warning about an operation on literals.
type Problem struct {
	Warning                   bool
	Code, Message, Label, Row string
}

var (
	overflow    = Problem{Code: "literal-overflow", Message: "unable to fold literals due to overflow or underflow", Row: "T-FOLD-01"}
	underflow   = Problem{Code: "literal-overflow", Message: "negative value will underflow", Label: "the smallest integer is -9223372036854775808", Row: "T-FOLD-02"}
	alwaysEmpty = Problem{Code: "empty-literal", Message: "literal string will always be empty", Row: "T-FOLD-03", Warning: true}
)

// with returns p with the reason in its label.
func (p Problem) with(format string, args ...any) *Problem {
	p.Label = fmt.Sprintf(format, args...)
	return &p
}

func illegal(op *Operator, label string) *Problem {
	return &Problem{Code: "literal-operation", Message: "illegal literal operation with strings: `" + op.Text + "`", Label: label, Row: "T-FOLD-03"}
}

// Negate computes -n, and ~n where complement is set.
func Negate(n *hir.Int, complement bool, at source.Span) (hir.Expr, *Problem) {
	switch {
	case complement:
		return Lit(at, ^n.V, false), nil // ~0 is 2^64-1
	case IsNeg(n):
		return Lit(at, -n.V, false), nil
	case n.V > 1<<63:
		return Poison(at), &underflow
	}
	return Lit(at, -n.V, n.V != 0), nil
}

func isBoolLit(x hir.Expr) bool { _, ok := BoolLit(x); return ok }

// foldLogical computes && and || of two literals.
func foldLogical(op *Operator, x, y hir.Expr, at source.Span) hir.Expr {
	tx, okx := Truth(x)
	ty, oky := Truth(y)
	if !okx || !oky {
		return nil
	}
	if op.Text == "||" {
		return Bool(at, tx || ty)
	}
	return Bool(at, tx && ty)
}

// Truth returns the truth of a literal; a string is true when not empty.
func Truth(x hir.Expr) (truth, ok bool) {
	switch n := x.(type) {
	case *hir.Int:
		_, lit := IntLit(x)
		return n.V != 0, lit || n.T.Kind == types.Bool
	case *hir.Bytes:
		return n.V != "", n.T.Kind == types.String
	}
	return false, false
}

// IsNeg reports whether n is a negative literal.
func IsNeg(n *hir.Int) bool { return n.T.Signed && int64(n.V) < 0 }

// cmpLit orders two literals by their mathematical value.
func cmpLit(x, y *hir.Int) int {
	switch nx, ny := IsNeg(x), IsNeg(y); {
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
func foldInt(op *Operator, x, y *hir.Int, at source.Span) (*hir.Int, *Problem) {
	switch op.Op {
	case hir.Div, hir.Mod:
		if y.V == 0 {
			return nil, overflow.with("division by zero")
		}
	case hir.Shl, hir.Shr:
		if IsNeg(y) || y.V > 63 {
			return nil, overflow.with("shift counts are 0 to 63")
		}
		if op.Op == hir.Shl { // what is shifted out is lost, as at run time
			v := x.V << y.V
			return Lit(at, v, IsNeg(x) && int64(v) < 0), nil
		}
	case hir.And, hir.Or, hir.Xor:
		v := x.V & y.V
		neg := IsNeg(x) && IsNeg(y)
		switch op.Op {
		case hir.Or:
			v, neg = x.V|y.V, IsNeg(x) || IsNeg(y)
		case hir.Xor:
			v, neg = x.V^y.V, IsNeg(x) != IsNeg(y)
		}
		return Lit(at, v, neg && int64(v) < 0), nil
	}
	if z := foldSmall(op.Op, x, y, at); z != nil {
		return z, nil
	}
	bx, by := bigOf(x), bigOf(y)
	z := new(big.Int)
	switch op.Op {
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
	case hir.Shr:
		z.Rsh(bx, uint(y.V)) // keeps the sign, unlike at run time (T-OP-03)
	}
	switch {
	case z.IsUint64():
		return Lit(at, z.Uint64(), false), nil
	case z.IsInt64():
		return Lit(at, uint64(z.Int64()), true), nil
	}
	return nil, overflow.with("the result is beyond 64 bits")
}

// foldSmall computes the common case without big numbers: both literals and the
// result fit int64. Otherwise it returns nil.
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
	return Lit(at, uint64(z), z < 0)
}

func abs64(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func bigOf(n *hir.Int) *big.Int {
	if IsNeg(n) {
		return big.NewInt(int64(n.V))
	}
	return new(big.Int).SetUint64(n.V)
}

// foldString computes with a string literal on the left (T-FOLD-03,
// T-FOLD-04).
func foldString(op *Operator, x *hir.Bytes, y hir.Expr, at source.Span) (hir.Expr, *Problem) {
	if op.Logical {
		return foldLogical(op, x, y, at), nil
	}
	if sy, ok := StrLit(y); ok {
		switch {
		case op.Compare:
			return Bool(at, compareInts(op.Op, strings.Compare(Cstr(x.V), Cstr(sy.V)))), nil
		case op.Op != hir.Add:
			return Poison(at), illegal(op, "string literals know + and comparisons")
		case int64(len(x.V)+len(sy.V)) > maxFoldedString:
			return Poison(at), overflow.with("the string is too long")
		}
		return Str(at, x.V+sy.V), nil
	}
	n, ok := IntLit(y)
	switch {
	case !ok || op.Compare:
		return nil, nil
	case op.Op != hir.Add || IsNeg(n):
		return Poison(at), illegal(op, "only `+` with a count of bytes to skip is possible")
	case n.V > uint64(len(x.V)):
		return Str(at, ""), alwaysEmpty.with("skips %d bytes of %d", n.V, len(x.V))
	}
	return Str(at, x.V[n.V:]), nil
}

const maxFoldedString = 1 << 16

// Cstr cuts a string at its first NUL.
func Cstr(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
}

// SameLiteral compares literals of one type (T-FOLD-05).
func SameLiteral(x, y hir.Expr) bool {
	switch x := x.(type) {
	case *hir.Int:
		return x.V == y.(*hir.Int).V
	case *hir.Bytes:
		return Cstr(x.V) == Cstr(y.(*hir.Bytes).V)
	case *hir.Tuple:
		for i, e := range x.Elems {
			if !SameLiteral(e, y.(*hir.Tuple).Elems[i]) {
				return false
			}
		}
		return true
	}
	panic("check: not a literal")
}
