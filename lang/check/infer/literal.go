package infer

import (
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Literal types are recognised by identity: a literal -1 has type litNeg[0],
// while (int8)-1 has types.Int8. Both print as int8, but only literals fold and
// adapt.
var (
	// LitPos are the types of literals of 1, 2, 4 and 8 bytes.
	LitPos = literalTypes(true)  // not negative: signed, flexible (T-INT-01)
	litNeg = literalTypes(false) // negative: signed, not flexible (T-INT-02)
	litBig = Clone(types.Uint64) // above the int64 range
	// Unknown is the type of an expression that depends on a map or variable
	// whose type has not been inferred yet. Like poison it suppresses errors;
	// the body is typed again once the cell is known.
	Unknown = &types.Type{Kind: types.Invalid}
	// spaced are integer types that remember the address space they came from
	// (T-AS-05), by size, sign and space.
	spaced = spacedTypes()
)

// Clone returns a copy of a type, which differs from t by identity.
func Clone(t *types.Type) *types.Type { c := *t; return &c }

// literalTypes returns copies of the signed integer types, since literals are
// recognized by the identity of their type.
func literalTypes(flex bool) (out [4]*types.Type) {
	for i := range out {
		out[i] = Clone(types.IntType(1<<i, true))
		out[i].Flex = flex
	}
	return out
}

func spacedTypes() (out [4][2][4]*types.Type) {
	for i := range out {
		for sign := range out[i] {
			for sp := range out[i][sign] {
				t := types.IntType(1<<i, sign == 1)
				if sp != 0 {
					t = Clone(t)
					t.Space = types.Space(sp)
				}
				out[i][sign][sp] = t
			}
		}
	}
	return out
}

// sizeIndex maps 1, 2, 4, 8 to 0..3.
func sizeIndex(size int) int {
	switch {
	case size <= 1:
		return 0
	case size == 2:
		return 1
	case size <= 4:
		return 2
	}
	return 3
}

// LitType returns the shared type of an integer literal.
func LitType(bits uint64, neg bool) *types.Type {
	v := int64(bits)
	if !neg && v < 0 {
		return litBig
	}
	i := 3
	switch {
	case v >= -1<<7 && v < 1<<7:
		i = 0
	case v >= -1<<15 && v < 1<<15:
		i = 1
	case v >= -1<<31 && v < 1<<31:
		i = 2
	}
	if neg {
		return litNeg[i]
	}
	return LitPos[i]
}

// IntIn returns the integer type of a size and sign for addresses in a space.
func IntIn(size int, signed bool, sp types.Space) *types.Type {
	s := 0
	if signed {
		s = 1
	}
	return spaced[sizeIndex(size)][s][sp]
}

// Lit makes an integer literal; neg is set if bits is a negative int64.
func Lit(at source.Span, bits uint64, neg bool) *hir.Int {
	return &hir.Int{X: hir.X{T: LitType(bits, neg), At: at}, V: bits}
}

// Bool makes a literal of type bool.
func Bool(at source.Span, v bool) *hir.Int {
	x := &hir.Int{X: hir.X{T: types.BoolType, At: at}}
	if v {
		x.V = 1
	}
	return x
}

// Str makes a string literal, with room for the NUL after it.
func Str(at source.Span, s string) *hir.Bytes {
	return &hir.Bytes{X: hir.X{T: types.StringType(len(s) + 1), At: at}, V: s}
}

// Poison returns a placeholder for an expression whose error was reported
// already.
func Poison(at source.Span) hir.Expr {
	return &hir.Int{X: hir.X{T: types.InvalidType, At: at}}
}

// Pending returns a placeholder for an expression whose type is not known yet.
func Pending(at source.Span) hir.Expr {
	return &hir.Int{X: hir.X{T: Unknown, At: at}}
}

// IsBad reports whether x is poison or pending. No further errors are reported
// about such expressions.
func IsBad(x hir.Expr) bool { return x.Type().Kind == types.Invalid }

// IntLit returns x as an integer literal and whether it is one, which folds by
// T-FOLD-01. Enumerators are, bools are not.
func IntLit(x hir.Expr) (*hir.Int, bool) {
	n, ok := x.(*hir.Int)
	if !ok {
		return nil, false
	}
	t := n.T
	return n, t.Flex || t == litBig || t.Kind == types.Enum ||
		t == litNeg[0] || t == litNeg[1] || t == litNeg[2] || t == litNeg[3]
}

// BoolLit returns x as a bool constant and whether it is one.
func BoolLit(x hir.Expr) (*hir.Int, bool) {
	n, ok := x.(*hir.Int)
	return n, ok && n.T.Kind == types.Bool
}

// StrLit returns x as a string literal and whether it is one.
func StrLit(x hir.Expr) (*hir.Bytes, bool) {
	s, ok := x.(*hir.Bytes)
	return s, ok && s.T.Kind == types.String
}

// ConstInt returns the value of an integer constant, casts of literals
// included. neg is set if it is negative.
func ConstInt(x hir.Expr) (v uint64, neg, ok bool) {
	n, is := x.(*hir.Int)
	if !is || !n.T.IsInt() {
		return 0, false, false
	}
	return n.V, n.T.Signed && int64(n.V) < 0, true
}

// IsLiteral reports whether is_literal() and literal parameters accept x.
func IsLiteral(x hir.Expr) bool {
	switch n := x.(type) {
	case *hir.Int:
		return n.T.Kind != types.Invalid && n.T.Kind != types.Pointer
	case *hir.Bytes:
		return n.T.Kind == types.String
	case *hir.Tuple:
		for _, e := range n.Elems {
			if !IsLiteral(e) {
				return false
			}
		}
		return true
	}
	return false
}

// ConstOf returns x in the form in which signatures see constants, nil if it is
// not one.
func ConstOf(x hir.Expr) *types.Const {
	switch n := x.(type) {
	case *hir.Int:
		if n.T.Kind != types.Invalid {
			return &types.Const{Type: n.T, Int: n.V}
		}
	case *hir.Bytes:
		return &types.Const{Type: n.T, Str: n.V}
	}
	return nil
}

// FromConst returns the literal for the result of a folded call.
func FromConst(at source.Span, c *types.Const) hir.Expr {
	switch c.Type.Kind {
	case types.Int:
		neg := c.Type.Signed && int64(c.Int) < 0
		if lit := types.LiteralType(c.Int, neg); c.Type.Flex || neg && lit.Size == c.Type.Size {
			return Lit(at, c.Int, neg)
		}
		return &hir.Int{X: hir.X{T: c.Type, At: at}, V: c.Int}
	case types.Bool, types.Enum, types.Pointer, types.KSym, types.Username, types.ErrName:
		return &hir.Int{X: hir.X{T: c.Type, At: at}, V: c.Int}
	}
	return &hir.Bytes{X: hir.X{T: c.Type, At: at}, V: c.Str}
}

// Extend truncates bits to an integer type and extends them again by its sign.
func Extend(v uint64, t *types.Type) uint64 {
	if t.Kind == types.Bool {
		if v != 0 {
			return 1
		}
		return 0
	}
	if t.Size >= 8 || t.Size <= 0 {
		return v
	}
	sh := 64 - 8*t.Size
	if t.Signed {
		return uint64(int64(v<<sh) >> sh)
	}
	return v << sh >> sh
}

// fits reports whether t can represent a literal's value.
func fits(v uint64, neg bool, t *types.Type) bool {
	if t.Kind == types.Bool {
		return !neg && v <= 1
	}
	bits := 8 * t.Size
	if neg {
		return t.Signed && int64(v) >= -1<<(bits-1)
	}
	if t.Signed {
		bits--
	}
	return bits >= 64 || v < 1<<bits
}
