package infer

import (
	"slices"

	"probe/lang/types"
)

// Where an address points, kernel or user memory, is a part of its type and
// goes wherever the address goes: into variables, maps, tuples and copies of
// structs. Structs and arrays have a space as well, that of the memory they
// were read from, since the pointers in them point there (T-STRUCT-06).

// Write is the place of a write in a script: body, offset of the call that is
// expanded there, number of the expansion, offset of the value. Later writes
// are greater.
type Write [4]int

// InSpace returns t with another address space if it can hold addresses,
// otherwise t.
func InSpace(t *types.Type, sp types.Space) *types.Type {
	switch {
	case t.Space == sp:
		return t
	case t.Kind == types.Int && !t.Flex && t.Name == "":
		return IntIn(t.Size, t.Signed, sp)
	case t.Kind == types.Pointer, t.Kind == types.Int && !t.Flex, isMemory(t):
		return t.WithSpace(sp)
	}
	return t
}

// isMemory reports whether values of t are copies of memory that can contain
// pointers.
func isMemory(t *types.Type) bool {
	return t.Kind == types.Array || t.Kind == types.Record && !isMade(t)
}

// isMade reports whether t is a tuple or record built by the script, whose
// elements have separate spaces.
func isMade(t *types.Type) bool {
	return t.Kind == types.Record && (t.Struct.Flavour == types.Tuple || t.Struct.Flavour == types.RecordLit)
}

// Inherit returns the type of a value read from memory in a space: addresses in
// it point into the same space, unless their type has a space.
func Inherit(t *types.Type, sp types.Space) *types.Type {
	if t.Space != types.SpaceNone || sp == types.SpaceNone || sp == types.Local || t.Kind == types.Int && t.Size < 8 {
		return t
	}
	return InSpace(t, sp)
}

// SpacesOf returns t with the address spaces of from, which has the same shape.
// Where from has none, those of t stay.
func SpacesOf(t, from *types.Type) *types.Type {
	if !isMade(t) || !isMade(from) || t.Struct == from.Struct {
		if from.Space == types.SpaceNone {
			return t
		}
		return InSpace(t, from.Space)
	}
	fs, other := t.Struct.Fields(), from.Struct.Fields()
	if len(fs) != len(other) {
		return t
	}
	elems := make([]*types.Type, len(fs))
	names := make([]string, len(fs))
	changed := false
	for i := range fs {
		f := &other[i]
		if t.Struct.Flavour == types.RecordLit {
			f, _ = from.Struct.Field(fs[i].Name)
		}
		elems[i], names[i] = fs[i].Type, fs[i].Name
		if f != nil {
			elems[i] = SpacesOf(fs[i].Type, f.Type)
		}
		changed = changed || elems[i] != fs[i].Type
	}
	switch {
	case !changed:
		return t
	case t.Struct.Flavour == types.RecordLit:
		return types.RecordLitType(names, elems)
	}
	return types.TupleType(elems...)
}

// hasSpace reports whether an address in t has a space.
func hasSpace(t *types.Type) bool {
	if isMade(t) {
		return slices.ContainsFunc(t.Struct.Fields(), func(f types.Field) bool { return hasSpace(f.Type) })
	}
	return t.Space != types.SpaceNone
}

// MergeSpaces returns p, the promotion of the cell's type and t, with the
// address spaces of the two. Where both have one, that of the last write in the
// script counts (T-AS-05).
func (c *Cell) MergeSpaces(p, t *types.Type, w Write) *types.Type {
	if !hasSpace(t) {
		return SpacesOf(p, c.Raw)
	}
	if slices.Compare(w[:], c.Writer[:]) < 0 && hasSpace(c.Raw) {
		return SpacesOf(SpacesOf(p, t), c.Raw)
	}
	c.Writer = w
	return SpacesOf(SpacesOf(p, c.Raw), t)
}
