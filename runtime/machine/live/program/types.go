package program

import (
	"hash/fnv"
	"strconv"

	"probe/lang/types"
	"probe/runtime/machine/live/dwarf"
)

// maxDepth bounds pointers to pointers and nested typedefs.
const maxDepth = 32

// maxMembers bounds the members of a struct, including those of anonymous
// members.
const maxMembers = 1 << 14

// The encodings of base types (DW_ATE) that differ from plain numbers.
const (
	encAddress = 0x01
	encBool    = 0x02
	encComplex = 0x03
	encFloat   = 0x04
	encSigned  = 0x05
	encSChar   = 0x06
)

// typeOf returns the type of an entry that has one, void if it has none.
func (p *Program) typeOf(e dwarf.Entry, depth int) *types.Type {
	t, ok := e.Type()
	if !ok {
		return types.VoidType
	}
	return p.convert(t, depth)
}

// convert returns the type of the language for an entry. The members of a
// struct are read on first use. p.mu is held.
func (p *Program) convert(e dwarf.Entry, depth int) *types.Type {
	k := key{e.U, e.Off}
	if t := p.cache[k]; t != nil {
		return t
	}
	t := p.build(e, depth)
	p.cache[k] = t
	return t
}

func (p *Program) build(e dwarf.Entry, depth int) *types.Type {
	if depth == 0 {
		return types.VoidType
	}
	switch e.Tag {
	case dwarf.TagBase:
		return baseType(e)
	case dwarf.TagPointer, dwarf.TagReference, dwarf.TagRvalueRef:
		return types.PointerTo(p.typeOf(e, depth-1), types.SpaceNone)
	case dwarf.TagMemberPtr:
		return opaque(16)
	case dwarf.TagArray:
		return p.array(e, depth)
	case dwarf.TagStruct, dwarf.TagClass, dwarf.TagUnion:
		return types.RecordType(p.record(e))
	case dwarf.TagEnum:
		return p.enum(e, depth)
	case dwarf.TagTypedef:
		t := p.typeOf(e, depth-1)
		if t.Kind == types.Void {
			return t
		}
		c := *t
		c.Name = e.Name()
		return &c
	case dwarf.TagConst, dwarf.TagVolatile, dwarf.TagRestrict, dwarf.TagAtomic, dwarf.TagImmutable:
		return p.typeOf(e, depth-1)
	}
	return types.VoidType // functions, and what has no counterpart
}

// sizeOf returns the size of a type in bytes, 0 if the entry does not say.
func sizeOf(e dwarf.Entry) int {
	n, _ := e.Num(dwarf.AttrByteSize)
	return int(min(n, 1<<30))
}

func baseType(e dwarf.Entry) *types.Type {
	size := sizeOf(e)
	enc, _ := e.Num(dwarf.AttrEncoding)
	switch {
	case size == 0:
		return types.VoidType
	case enc == encFloat, enc == encComplex, size != 1 && size != 2 && size != 4 && size != 8:
		return opaque(size)
	case enc == encBool && size == 1:
		return types.BoolType
	}
	return types.IntType(size, enc == encSigned || enc == encSChar)
}

// opaque returns the type for values that the language cannot interpret, such
// as floating point and 128-bit integers.
func opaque(size int) *types.Type { return types.ArrayOf(types.Uint8, size) }

// array converts arrays, those of several dimensions to arrays of arrays.
// Arrays of bytes are strings, except those without a length of their own.
func (p *Program) array(e dwarf.Entry, depth int) *types.Type {
	var dims []int
	e.Children(func(c dwarf.Entry) bool {
		if c.Tag == dwarf.TagSubrange {
			dims = append(dims, length(c))
		}
		return len(dims) < maxDepth
	})
	if len(dims) == 0 {
		dims = []int{0}
	}
	t := p.typeOf(e, depth-1)
	if t.Kind == types.Void {
		t = types.Uint8 // functions and void have no size
	}
	const most = 1 << 30
	for i := len(dims) - 1; i >= 0; i-- {
		n := dims[i]
		if t.Size > 0 && n > most/t.Size {
			n = 0
		}
		if t.Kind == types.Int && t.Size == 1 && n > 0 {
			t = types.StringType(n)
		} else {
			t = types.ArrayOf(t, n)
		}
	}
	return t
}

// length returns the number of elements that a subrange stands for.
func length(e dwarf.Entry) int {
	if n, ok := e.Num(dwarf.AttrCount); ok {
		return int(min(n, 1<<30))
	}
	// An upper bound of -1, in any width, stands for no elements.
	switch n, ok := e.Num(dwarf.AttrUpperBound); {
	case !ok, n == 1<<32-1, n == 1<<64-1:
		return 0
	default:
		return int(min(n, 1<<30) + 1)
	}
}

func (p *Program) enum(e dwarf.Entry, depth int) *types.Type {
	size := sizeOf(e)
	if size != 1 && size != 2 && size != 4 && size != 8 {
		size = 4
	}
	signed := false
	tab := &types.EnumTable{Name: e.Name()}
	e.Children(func(c dwarf.Entry) bool {
		if c.Tag == dwarf.TagEnumerator {
			v, _ := c.Int(dwarf.AttrConstValue)
			signed = signed || v < 0
			tab.Values = append(tab.Values, types.EnumValue{Name: c.Name(), Value: uint64(v)})
		}
		return len(tab.Values) < maxMembers
	})
	if t, ok := e.Type(); ok { // of the numbers, in C++ and Rust
		signed = p.convert(t, depth-1).Signed
	}
	if tab.Name == "" {
		return types.IntType(size, signed)
	}
	return &types.Type{Kind: types.Enum, Size: size, Signed: signed, Enum: tab}
}

// record returns the layout of a struct. Equal ones of several units have one
// layout, so that their values fit together.
func (p *Program) record(e dwarf.Entry) *types.Struct {
	k := key{e.U, e.Off}
	if s := p.structs[k]; s != nil {
		return s
	}
	if e.Flag(dwarf.AttrDeclaration) {
		// It is defined elsewhere, perhaps in another unit.
		s := &types.Struct{Name: e.Name(), Align: 1}
		p.structs[k] = s
		if def := p.find([]dwarf.Tag{e.Tag}, s.Name); def != nil && def.Kind == types.Record {
			s = def.Struct
			p.structs[k] = s
		}
		return s
	}
	id := p.identify(e)
	if s := p.equal[id]; s != nil && id.name != "" {
		p.structs[k] = s
		return s
	}
	s := &types.Struct{Name: id.name, Size: id.size, Align: alignOf(id.size)}
	if e.Tag == dwarf.TagUnion {
		s.Flavour = types.CUnion
	}
	s.Load = func() []types.Field {
		p.mu.Lock()
		defer p.mu.Unlock()
		var out []types.Field
		p.fields(e, 0, false, &out, maxDepth)
		return out
	}
	p.structs[k], p.equal[id] = s, s
	return s
}

func (p *Program) identify(e dwarf.Entry) identity {
	h := fnv.New64a()
	n := 0
	e.Children(func(c dwarf.Entry) bool {
		if isMember(c) {
			at, _ := memberAt(c)
			h.Write([]byte(c.Name() + ":" + strconv.Itoa(at) + ";"))
			n++
		}
		return n < maxMembers
	})
	return identity{tag: e.Tag, name: e.Name(), size: sizeOf(e), members: h.Sum64()}
}

// alignOf returns an alignment for a struct with a size: the largest power of
// two up to 8 that divides it.
func alignOf(size int) int {
	for a := 8; a > 1; a /= 2 {
		if size%a == 0 {
			return a
		}
	}
	return 1
}

// isMember reports whether an entry is a part of the objects of its type, which
// static members are not.
func isMember(e dwarf.Entry) bool {
	switch e.Tag {
	case dwarf.TagInheritance:
		return true
	case dwarf.TagMember:
		return !e.Flag(dwarf.AttrExternal) && !e.Flag(dwarf.AttrDeclaration)
	}
	return false
}

// memberAt returns where a member begins. ok is false for virtual bases, whose
// place is known when the program runs.
func memberAt(e dwarf.Entry) (off int, ok bool) {
	if n, has := e.Num(dwarf.AttrMemberLoc); has {
		return int(min(n, 1<<30)), true
	}
	expr, has := e.Block(dwarf.AttrMemberLoc)
	if !has {
		return 0, true // the first member, or one of a union
	}
	n, ok := plus(expr)
	return n, ok
}

func (p *Program) fields(e dwarf.Entry, base int, promoted bool, out *[]types.Field, depth int) {
	e.Children(func(c dwarf.Entry) bool {
		if !isMember(c) {
			return true
		}
		off, ok := memberAt(c)
		if !ok {
			return true
		}
		f := types.Field{Name: c.Name(), Type: p.typeOf(c, maxDepth), Promoted: promoted}
		place(&f, c, off)
		f.Offset += base
		*out = append(*out, f)
		if t, ok := plain(c); ok && f.Name == "" && depth > 0 {
			p.fields(t, base+off, true, out, depth-1)
		}
		return len(*out) < maxMembers
	})
}

// plain returns the type of a member without typedefs and qualifiers.
func plain(e dwarf.Entry) (dwarf.Entry, bool) {
	for range maxDepth {
		t, ok := e.Type()
		if !ok {
			return e, false
		}
		switch t.Tag {
		case dwarf.TagTypedef, dwarf.TagConst, dwarf.TagVolatile, dwarf.TagRestrict, dwarf.TagAtomic, dwarf.TagImmutable:
			e = t
			continue
		}
		return t, true
	}
	return e, false
}

// place sets the offset of a field and, for a bit-field, its place inside the
// storage unit.
func place(f *types.Field, e dwarf.Entry, off int) {
	f.Offset = off
	bits, ok := e.Num(dwarf.AttrBitSize)
	if !ok || bits == 0 || bits > 64 {
		return
	}
	f.BitSize = int(bits)
	unit := max(f.Type.Size, 1)
	at := off * 8
	if n, ok := e.Num(dwarf.AttrDataBitOffset); ok {
		at = int(min(n, 1<<30))
	} else if n, ok := e.Num(dwarf.AttrBitOffset); ok {
		// Up to version 3 bits are counted from the most significant one.
		size := unit
		if s, ok := e.Num(dwarf.AttrByteSize); ok && s > 0 && s <= 8 {
			size = int(s)
		}
		at += size*8 - int(min(n, 64)) - f.BitSize
	}
	f.Offset = at / (8 * unit) * unit
	f.BitOff = at - 8*f.Offset
	if f.BitOff+f.BitSize <= 8*unit {
		return
	}
	// A packed bit-field can cross the boundary of its own unit: then use the
	// smallest unit, starting at its first byte, that holds it.
	f.Offset, f.BitOff = at/8, at%8
	for unit < 8 && f.BitOff+f.BitSize > 8*unit {
		unit *= 2
	}
	if unit != f.Type.Size {
		f.Type = types.IntType(unit, f.Type.Signed)
	}
}
