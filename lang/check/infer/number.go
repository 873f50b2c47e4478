package infer

import (
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// IsNum reports whether t acts as a number.
func IsNum(t *types.Type) bool {
	return t.Kind == types.Int || t.Kind == types.Enum || t.Kind == types.Bool || t.Kind == types.ErrName
}

// NumType returns the integer type a number has in arithmetic: bools are
// unsigned bytes, enums drop their name.
func NumType(t *types.Type) *types.Type {
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

// IntOf returns x with an enum type replaced by the integer type.
func IntOf(x hir.Expr) hir.Expr {
	if x.Type().Kind != types.Enum {
		return x
	}
	return &hir.Cast{X: hir.X{T: NumType(x.Type()), At: x.Span()}, Of: x}
}

// AsPointer converts a number to the pointer type t of the other operand.
func AsPointer(x hir.Expr, t *types.Type) hir.Expr {
	x = ToInt(x, types.Uint64)
	if n, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: t, At: n.At}, V: n.V}
	}
	return Cast(x, t)
}

// Scale returns n × size as an int64 byte count, negated if neg is set.
func Scale(n hir.Expr, size int, neg bool) hir.Expr {
	x := ToInt(n, types.Int64)
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

// InOrder reports whether two member lists have the same names in the same
// order.
func InOrder(a, b []types.Field) bool {
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}

// SameLayout reports whether a record of one type can be copied as the other
// byte for byte.
func SameLayout(a, b *types.Type) bool {
	if a == b || a.Struct == b.Struct {
		return true
	}
	fa, fb := a.Struct.Fields(), b.Struct.Fields()
	if a.Size != b.Size || len(fa) != len(fb) {
		return false
	}
	for i := range fa {
		x, y := fa[i].Type, fb[i].Type
		if fa[i].Name != fb[i].Name || fa[i].Offset != fb[i].Offset || x.Kind != y.Kind || x.Size != y.Size ||
			x.Signed != y.Signed || x.Flex != y.Flex {
			return false
		}
		if x.Kind == types.Record && !SameLayout(x, y) {
			return false
		}
	}
	return true
}

// Cast converts x to t without checks.
func Cast(x hir.Expr, t *types.Type) hir.Expr {
	return &hir.Cast{X: hir.X{T: t, At: x.Span()}, Of: x}
}

// ToInt converts a number to an integer type without a warning; constants stay
// constants.
func ToInt(x hir.Expr, t *types.Type) hir.Expr {
	from := x.Type()
	if n, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: t, At: n.At}, V: Extend(n.V, t)}
	}
	if from.Kind == t.Kind && from.Size == t.Size && from.Signed == t.Signed {
		return x
	}
	return Cast(x, t)
}

// ToBool turns an integer, pointer or bool into a bool.
func ToBool(x hir.Expr) hir.Expr {
	if x.Type().Kind == types.Bool {
		return x
	}
	if n, ok := x.(*hir.Int); ok {
		return Bool(n.At, n.V != 0)
	}
	return Cast(x, types.BoolType)
}

// Deref returns *p as a place.
func Deref(p hir.Expr, elem *types.Type, at source.Span) hir.Expr {
	return &hir.Deref{X: hir.X{T: elem, At: at}, Of: p}
}
