package infer

import (
	"slices"

	"probe/lang/types"
)

// Promote returns the one type that holds the values of both (section 2.3). It
// reports false when there is none. The first operand is the older one: the
// result keeps its pointee, record layout and names.
func Promote(a, b *types.Type) (*types.Type, bool) {
	if a == b {
		return a, true
	}
	if a.IsInt() && b.IsInt() {
		return promoteInt(a, b), true
	}
	if a.Kind != b.Kind {
		return nil, false
	}
	switch a.Kind {
	case types.Graph, types.Bool, types.Inet, types.Mac, types.KSym, types.USym, types.Timestamp, types.CgroupPath,
		types.Username, types.ErrName, types.Void, types.Ctx, types.Count:
		return a, true
	case types.String, types.Buffer:
		if b.Len > a.Len || b.Len == a.Len && a.Whole {
			return b, true // of two lengths the shorter ends with a NUL in the longer
		}
		return a, true
	case types.Pointer:
		if a.Space == types.SpaceNone {
			a = a.WithSpace(b.Space)
		}
		return a, SamePointee(a.Elem, b.Elem)
	case types.Array:
		return a, a.Len == b.Len && SameType(a.Elem, b.Elem)
	case types.KStack, types.UStack:
		return a, a.Mode == b.Mode && a.Limit == b.Limit
	case types.Record:
		return promoteRecord(a, b)
	case types.Sum, types.Min, types.Max, types.Avg, types.Stats:
		return promoteSign(a, b), true
	case types.Hist:
		return a, a.Bits == b.Bits
	case types.LHist:
		return a, a.Lo == b.Lo && a.Hi == b.Hi && a.Step == b.Step
	case types.TSeries:
		return a, a.Interval == b.Interval && a.Buckets == b.Buckets && a.Reduce == b.Reduce && a.Signed == b.Signed
	}
	return nil, false
}

// promoteInt follows T-PROM-02 to T-PROM-04 and T-INT-03.
func promoteInt(a, b *types.Type) *types.Type {
	if a.Kind == types.Enum && b.Kind == types.Enum && sameEnum(a, b) {
		if b.Size > a.Size {
			return b
		}
		return a
	}
	size, signed := max(a.Size, b.Size), a.Signed
	switch {
	case a.Signed == b.Signed:
		if a.Flex && b.Flex {
			return LitPos[sizeIndex(size)]
		}
	case a.Flex:
		signed = b.Signed
	case b.Flex:
	default:
		s, u := a, b
		if b.Signed {
			s, u = b, a
		}
		size, signed = s.Size, true
		if u.Size >= s.Size {
			size = min(2*u.Size, 8)
		}
	}
	sp := a.Space
	if b.Space != types.SpaceNone {
		sp = b.Space
	}
	return IntIn(size, signed, sp)
}

// Adapt returns the type of a literal with another operand (T-INT-01): flexible
// literals take the other's sign.
func Adapt(lit, other *types.Type) *types.Type {
	if lit.Flex && other.Kind != types.Invalid && !other.Flex {
		return types.IntType(lit.Size, other.Signed)
	}
	return lit
}

// promoteSign promotes the signed and unsigned form of one aggregation: a
// flexible literal adopts the other's sign, otherwise the result is signed.
func promoteSign(a, b *types.Type) *types.Type {
	switch {
	case a.Signed == b.Signed:
		if a.Flex && !b.Flex {
			return b
		}
		return a
	case a.Flex:
		return b
	case b.Flex:
		return a
	case a.Signed:
		return a
	}
	return b
}

// promoteRecord promotes tuples by position and records by name. If no element
// of a changes, the result is a itself, so that its values are not copied to
// another layout.
func promoteRecord(a, b *types.Type) (*types.Type, bool) {
	if a.Struct == b.Struct {
		return a, true
	}
	if a.Struct.Flavour != b.Struct.Flavour {
		return nil, false
	}
	switch a.Struct.Flavour {
	case types.Tuple, types.RecordLit:
	default:
		return a, sameStruct(a.Struct, b.Struct)
	}
	fa, fb := a.Struct.Fields(), b.Struct.Fields()
	if len(fa) != len(fb) {
		return nil, false
	}
	elems := make([]*types.Type, len(fa))
	names := make([]string, len(fa))
	changed := false
	for i := range fa {
		other := &fb[i]
		if a.Struct.Flavour == types.RecordLit {
			f, ok := b.Struct.Field(fa[i].Name)
			if !ok {
				return nil, false
			}
			other = f
		}
		t, ok := Promote(fa[i].Type, other.Type)
		if !ok {
			return nil, false
		}
		elems[i], names[i] = t, fa[i].Name
		changed = changed || t != fa[i].Type && (!SameType(t, fa[i].Type) || t.Flex != fa[i].Type.Flex)
	}
	if !changed {
		return a, true
	}
	if a.Struct.Flavour == types.RecordLit {
		return types.RecordLitType(names, elems), true
	}
	return types.TupleType(elems...), true
}

// SameType reports whether two types are equal, apart from address spaces,
// flexibility and typedef names.
func SameType(a, b *types.Type) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Size != b.Size {
		return false
	}
	switch a.Kind {
	case types.Int:
		return a.Signed == b.Signed
	case types.Enum:
		return sameEnum(a, b)
	case types.Pointer:
		return SameType(Pointee(a), Pointee(b))
	case types.Array:
		return a.Len == b.Len && SameType(a.Elem, b.Elem)
	case types.Record:
		if a.Struct == b.Struct {
			return true
		}
		if a.Struct.Flavour != b.Struct.Flavour {
			return false
		}
		if a.Struct.Flavour != types.Tuple && a.Struct.Flavour != types.RecordLit {
			return sameStruct(a.Struct, b.Struct)
		}
		fa, fb := a.Struct.Fields(), b.Struct.Fields()
		if len(fa) != len(fb) {
			return false
		}
		for i := range fa {
			if fa[i].Name != fb[i].Name || !SameType(fa[i].Type, fb[i].Type) {
				return false
			}
		}
		return true
	case types.Hist, types.LHist, types.TSeries, types.KStack, types.UStack:
		_, ok := Promote(a, b)
		return ok
	case types.Sum, types.Min, types.Max, types.Avg, types.Stats:
		return a.Signed == b.Signed
	}
	return true
}

// Pointee returns what a pointer points to; void when it has no type.
func Pointee(t *types.Type) *types.Type {
	if t.Elem == nil {
		return types.VoidType
	}
	return t.Elem
}

// SamePointee reports whether pointers to a and b may meet in one variable:
// equal pointees, or void on one side.
func SamePointee(a, b *types.Type) bool {
	if a == nil || b == nil || a.Kind == types.Void || b.Kind == types.Void {
		return true
	}
	if a.IsInt() && b.IsInt() {
		return a.Size == b.Size
	}
	return SameType(a, b)
}

// sameStruct reports whether two layouts are the same struct. C types are
// compared by name, the arguments of probes by their members.
func sameStruct(a, b *types.Struct) bool {
	if a == b {
		return true
	}
	if a.Flavour != b.Flavour || a.Name != b.Name || a.Name == "" || a.Size != b.Size {
		return false
	}
	if a.Flavour != types.Args {
		return true
	}
	return slices.EqualFunc(a.Fields(), b.Fields(), func(f, g types.Field) bool {
		return f.Name == g.Name && f.Offset == g.Offset && SameType(f.Type, g.Type)
	})
}

func sameEnum(a, b *types.Type) bool {
	return a.Enum == b.Enum || a.Enum != nil && b.Enum != nil && a.Enum.Name != "" && a.Enum.Name == b.Enum.Name
}

// Settle removes the flexibility that only types of literals have, also inside
// tuples.
func Settle(t *types.Type) *types.Type {
	switch {
	case t == nil:
		return nil
	case t.Kind == types.Int && (t.Flex || t == litBig || t == litNeg[0] || t == litNeg[1] || t == litNeg[2] || t == litNeg[3]):
		return types.IntType(t.Size, t.Signed)
	case t.IsAgg() && t.Flex:
		c := *t
		c.Flex = false
		return &c
	case t.Kind != types.Record || t.Struct.Flavour != types.Tuple && t.Struct.Flavour != types.RecordLit:
		return t
	}
	fs := t.Struct.Fields()
	var elems []*types.Type
	for i := range fs {
		s := Settle(fs[i].Type)
		if s != fs[i].Type && elems == nil {
			elems = make([]*types.Type, len(fs))
			for j := range i {
				elems[j] = fs[j].Type
			}
		}
		if elems != nil {
			elems[i] = s
		}
	}
	if elems == nil {
		return t
	}
	if t.Struct.Flavour == types.Tuple {
		return types.TupleType(elems...)
	}
	names := make([]string, len(fs))
	for i := range fs {
		names[i] = fs[i].Name
	}
	return types.RecordLitType(names, elems)
}
