package kernel

import (
	"probe/lang/types"
	"probe/runtime/machine/live/btf"
)

// typeKey identifies a BTF type. Types of the kernel itself have one number in
// the BTF of every module, so owner is always the Spec that holds the type.
type typeKey struct {
	owner *btf.Spec
	id    btf.ID
}

// maxDepth bounds pointers to pointers and nested typedefs.
const maxDepth = 32

// Type returns the type of the language for a BTF type (appendix J). The
// members of a struct are read on first use, so Type costs no more than the one
// type. Equal numbers always give the same *types.Struct.
func (k *Kernel) Type(spec *btf.Spec, id btf.ID) *types.Type {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.convert(spec, id, maxDepth)
}

func owner(spec *btf.Spec, id btf.ID) *btf.Spec {
	for spec.Base() != nil && int(id) < spec.Base().Len() {
		spec = spec.Base()
	}
	return spec
}

func (k *Kernel) convert(spec *btf.Spec, id btf.ID, depth int) *types.Type {
	key := typeKey{owner: owner(spec, id), id: id}
	if t := k.cache[key]; t != nil {
		return t
	}
	t := k.build(spec, id, depth)
	k.cache[key] = t
	return t
}

func (k *Kernel) build(spec *btf.Spec, id btf.ID, depth int) *types.Type {
	bt, err := spec.Type(id)
	if err != nil || depth == 0 {
		return types.VoidType
	}
	switch b := bt.(type) {
	case *btf.Int:
		return intType(b)
	case *btf.Float:
		return opaque(int(b.Size))
	case *btf.Ptr:
		return k.pointer(spec, b.Elem, depth)
	case *btf.Array:
		return k.array(spec, b, depth)
	case *btf.Struct:
		return types.RecordType(k.record(spec, id, b))
	case *btf.Enum:
		return enumType(b)
	case *btf.Fwd:
		return k.forward(spec, id, b, depth)
	case *btf.Typedef:
		t := k.convert(spec, b.Type, depth-1)
		if t.Kind == types.Void {
			return t
		}
		c := *t
		c.Name = b.Name
		return &c
	case *btf.Qualifier:
		return k.convert(spec, b.Type, depth-1)
	case *btf.TypeTag:
		return k.convert(spec, b.Type, depth-1)
	case *btf.Var:
		return k.convert(spec, b.Type, depth-1)
	}
	return types.VoidType // void, functions, prototypes
}

// intType converts integers and booleans. A type without a counterpart in the
// language (__int128) becomes an array of bytes.
func intType(b *btf.Int) *types.Type {
	switch {
	case b.Bool && b.Size == 1:
		return types.BoolType
	case b.Size == 1, b.Size == 2, b.Size == 4, b.Size == 8:
		return types.IntType(int(b.Size), b.Signed)
	}
	return opaque(int(b.Size))
}

// opaque returns the type for values that the language cannot interpret, such
// as floating point and 128-bit integers: an array of bytes.
func opaque(size int) *types.Type { return types.ArrayOf(types.Uint8, size) }

// pointer converts pointers. A tag such as __user says which address space a
// pointer points to. Without one it points into the space it is read from,
// since user programs have kernel structs in their own memory, too.
func (k *Kernel) pointer(spec *btf.Spec, elem btf.ID, depth int) *types.Type {
	space := types.SpaceNone
	for _, tag := range spec.Tags(elem) {
		if tag == "user" {
			space = types.User
		}
	}
	return types.PointerTo(k.convert(spec, elem, depth-1), space)
}

// array converts arrays. Arrays of bytes are strings (A-BT-06), except flexible
// ones, which have no bytes of their own and are used by address.
func (k *Kernel) array(spec *btf.Spec, b *btf.Array, depth int) *types.Type {
	elem := k.convert(spec, b.Elem, depth-1)
	n := int(b.Len)
	if elem.Kind == types.Int && elem.Size == 1 && n > 0 {
		return types.CharArray(n)
	}
	if elem.Kind == types.Void {
		elem = types.Uint8 // functions and void have no size
	}
	const most = 1 << 30 // beyond any object; hostile lengths stop here
	if elem.Size > 0 && n > most/elem.Size {
		n = 0
	}
	return types.ArrayOf(elem, n)
}

func enumType(b *btf.Enum) *types.Type {
	size := int(b.Size)
	if size != 1 && size != 2 && size != 4 && size != 8 {
		size = 4
	}
	if b.Name == "" {
		return types.IntType(size, false)
	}
	return &types.Type{Kind: types.Enum, Size: size, Signed: b.Signed, Enum: enumTable(b)}
}

// enumTable returns the names of an enum.
func enumTable(b *btf.Enum) *types.EnumTable {
	tab := &types.EnumTable{Name: b.Name}
	for _, v := range b.Values {
		tab.Values = append(tab.Values, types.EnumValue{Name: v.Name, Value: uint64(v.Value)})
	}
	return tab
}

// forward returns the definition of a struct that is only declared here, or a
// struct without members if there is none.
func (k *Kernel) forward(spec *btf.Spec, id btf.ID, b *btf.Fwd, depth int) *types.Type {
	kind := btf.KindStruct
	if b.Union {
		kind = btf.KindUnion
	}
	if def, ok := spec.First(b.Name, kind); ok {
		return k.convert(spec, def, depth-1)
	}
	return types.RecordType(k.record(spec, id, &btf.Struct{Name: b.Name, Union: b.Union}))
}

// checkedLoads reports whether programs can read the structs of a BTF by loads that the
// kernel checks by their types: those of the kernel itself.
func (k *Kernel) checkedLoads(of *btf.Spec) bool {
	if k.opts.BTF != "" {
		return false
	}
	spec, err := k.load()
	return err == nil && spec == of
}

func (k *Kernel) record(spec *btf.Spec, id btf.ID, b *btf.Struct) *types.Struct {
	key := typeKey{owner: owner(spec, id), id: id}
	if s := k.structs[key]; s != nil {
		return s
	}
	s := &types.Struct{Name: b.Name, Size: int(b.Size), Align: alignOf(int(b.Size))}
	if b.Union {
		s.Flavour = types.CUnion
	}
	if b.Size > 0 && k.checkedLoads(key.owner) {
		s.BTF = uint32(id)
	}
	s.Load = func() []types.Field {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.fields(spec, b)
	}
	k.structs[key] = s
	return s
}

// alignOf returns an alignment for a struct with a size. BTF does not record
// the true one. The size is a multiple of it, so the largest power of two up to
// 8 that divides the size is never too small; nothing needs more than 8.
func alignOf(size int) int {
	for a := 8; a > 1; a /= 2 {
		if size%a == 0 {
			return a
		}
	}
	return 1
}

// maxMembers is the maximum number of members of a struct, including those of
// anonymous members, which hostile BTF could multiply.
const maxMembers = 1 << 14

func (k *Kernel) fields(spec *btf.Spec, b *btf.Struct) []types.Field {
	var out []types.Field
	k.appendFields(spec, b, 0, false, &out, maxDepth)
	return out
}

func (k *Kernel) appendFields(spec *btf.Spec, b *btf.Struct, base int, promoted bool, out *[]types.Field, depth int) {
	for _, m := range b.Members {
		if len(*out) >= maxMembers {
			return
		}
		f := types.Field{Name: m.Name, Type: k.convert(spec, m.Type, maxDepth), Promoted: promoted}
		placeField(&f, spec, m)
		f.Offset += base
		f.Untyped = untyped(spec, m.Type, f.Type)
		*out = append(*out, f)
		if m.Name != "" || depth == 0 {
			continue
		}
		inner, err := spec.Type(spec.Underlying(m.Type))
		if s, ok := inner.(*btf.Struct); ok && err == nil {
			k.appendFields(spec, s, base+int(m.Offset/8), true, out, depth-1)
		}
	}
}

// untyped reports whether a member is a pointer, or an array of pointers, to what has a
// type tag or is only declared. t is its converted type.
func untyped(spec *btf.Spec, id btf.ID, t *types.Type) bool {
	for t.Kind == types.Array {
		t = t.Elem
	}
	if !t.IsPtrToRecord() {
		return false
	}
	for range maxDepth {
		of, err := spec.Type(spec.Underlying(id))
		if err != nil {
			return true
		}
		switch of := of.(type) {
		case *btf.Array:
			id = of.Elem
		case *btf.Ptr:
			return len(spec.Tags(of.Elem)) > 0 || spec.Kind(spec.Underlying(of.Elem)) == btf.KindFwd
		default:
			return true
		}
	}
	return true
}

// placeField sets the offset of a field and, for a bit-field, its place inside
// the storage unit.
func placeField(f *types.Field, spec *btf.Spec, m btf.Member) {
	bits := int(m.BitSize)
	at := int(m.Offset)
	// Compilers before 2018 described bit-fields by an integer type of odd
	// width instead of by the member.
	if it, err := spec.Type(spec.Underlying(m.Type)); bits == 0 && err == nil {
		if i, ok := it.(*btf.Int); ok && int(i.Bits) < 8*int(i.Size) && !i.Bool {
			bits, at = int(i.Bits), at+int(i.Offset)
		}
	}
	if bits == 0 {
		f.Offset = at / 8
		return
	}
	f.BitSize = bits
	unit := max(f.Type.Size, 1)
	f.Offset = at / (8 * unit) * unit
	f.BitOff = at - 8*f.Offset
	if f.BitOff+bits <= 8*unit {
		return
	}
	// A packed bit-field can cross the boundary of its own unit: then use the
	// smallest unit, starting at its first byte, that holds it.
	f.Offset, f.BitOff = at/8, at%8
	for unit < 8 && f.BitOff+bits > 8*unit {
		unit *= 2
	}
	if unit != f.Type.Size {
		f.Type = types.IntType(unit, f.Type.Signed)
	}
}
