package check

import (
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// isNum tells what acts as a number.
func isNum(t *types.Type) bool {
	return t.Kind == types.Int || t.Kind == types.Enum || t.Kind == types.Bool || t.Kind == types.ErrName
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

// intOf stands for a value of x's type that is no enum any more.
func intOf(x hir.Expr) hir.Expr {
	if x.Type().Kind != types.Enum {
		return x
	}
	return &hir.Cast{X: hir.X{T: numType(x.Type()), At: x.Span()}, Of: x}
}

// asPointer turns a number into a pointer of the other operand's type.
func asPointer(x hir.Expr, t *types.Type) hir.Expr {
	x = toInt(x, types.Uint64)
	if n, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: t, At: n.At}, V: n.V}
	}
	return cast(x, t)
}

// scale is n × size as an int64 byte count, negated for subtraction.
func scale(n hir.Expr, size int, neg bool) hir.Expr {
	x := toInt(n, types.Int64)
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

// inOrder tells that two member lists have the same names in the same order.
func inOrder(a, b []types.Field) bool {
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}

// sameLayout tells that a record of one type may be copied as the other byte
// for byte.
func sameLayout(a, b *types.Type) bool {
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
		if x.Kind == types.Record && !sameLayout(x, y) {
			return false
		}
	}
	return true
}

func cast(x hir.Expr, t *types.Type) hir.Expr {
	return &hir.Cast{X: hir.X{T: t, At: x.Span()}, Of: x}
}

// toInt converts a number to an integer type without a warning; constants stay
// constants.
func toInt(x hir.Expr, t *types.Type) hir.Expr {
	from := x.Type()
	if n, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: t, At: n.At}, V: extend(n.V, t)}
	}
	if from.Kind == t.Kind && from.Size == t.Size && from.Signed == t.Signed {
		return x
	}
	return cast(x, t)
}

// toBool turns an integer, pointer or bool into a bool.
func toBool(x hir.Expr) hir.Expr {
	if x.Type().Kind == types.Bool {
		return x
	}
	if n, ok := x.(*hir.Int); ok {
		return newBool(n.At, n.V != 0)
	}
	return cast(x, types.BoolType)
}

// deref is *p as a place.
func deref(p hir.Expr, elem *types.Type, at source.Span) hir.Expr {
	return &hir.Deref{X: hir.X{T: elem, At: at}, Of: p}
}
