// Package btftest builds small BTF blobs for tests: types go in one by one and
// get the numbers a reader will see. It serves tests only and checks nothing,
// so that malformed blobs can be built as well.
package btftest

import "encoding/binary"

// Builder collects types and strings. The zero value is an empty, complete
// blob; see Split for the BTF of a module.
type Builder struct {
	types   []byte
	strs    []byte
	strAt   map[string]uint32
	next    uint32
	firstSt uint32
}

// Split starts a blob on top of a base with the given number of types, void
// included, and bytes of strings.
func Split(baseTypes int, baseStrings int) *Builder {
	return &Builder{next: uint32(baseTypes), firstSt: uint32(baseStrings)}
}

// Member is a member of a struct: Offset and Bits are in bits.
type Member struct {
	Name   string
	Type   uint32
	Offset uint32
	Bits   uint8
}

// Value is an enumerator.
type Value struct {
	Name  string
	Value int64
}

// Param is a parameter of a function; the zero Param at the end means "...".
type Param struct {
	Name string
	Type uint32
}

// StringLen returns the length of the string section so far, in bytes.
func (b *Builder) StringLen() int {
	b.Str("")
	return len(b.strs)
}

// Len returns the number of types so far, void included.
func (b *Builder) Len() int {
	if b.next == 0 {
		b.next = 1
	}
	return int(b.next)
}

// Str returns the offset of a string, added when it is new.
func (b *Builder) Str(s string) uint32 {
	if b.strAt == nil {
		b.strAt = map[string]uint32{"": 0}
		if b.firstSt == 0 {
			b.strs = []byte{0}
		}
	}
	if at, ok := b.strAt[s]; ok {
		return at
	}
	at := b.firstSt + uint32(len(b.strs))
	b.strs = append(append(b.strs, s...), 0)
	b.strAt[s] = at
	return at
}

// Raw adds a type from its words and returns its number.
func (b *Builder) Raw(name string, kind uint32, flag bool, vlen int, sizeOrType uint32, more ...uint32) uint32 {
	id := uint32(b.Len())
	b.next++
	info := kind<<24 | uint32(vlen)
	if flag {
		info |= 1 << 31
	}
	for _, w := range append([]uint32{b.Str(name), info, sizeOrType}, more...) {
		b.types = binary.LittleEndian.AppendUint32(b.types, w)
	}
	return id
}

// Int adds an integer. encoding: 1 signed, 2 char, 4 bool.
func (b *Builder) Int(name string, size uint32, encoding uint32) uint32 {
	return b.Raw(name, 1, false, 0, size, encoding<<24|size*8)
}

// Ptr adds a pointer.
func (b *Builder) Ptr(to uint32) uint32 { return b.Raw("", 2, false, 0, to) }

// Array adds an array of n elements.
func (b *Builder) Array(elem, index, n uint32) uint32 {
	return b.Raw("", 3, false, 0, 0, elem, index, n)
}

// Struct adds a struct; bit-fields among the members switch the encoding.
func (b *Builder) Struct(name string, size uint32, members ...Member) uint32 {
	return b.composite(name, 4, size, members)
}

// Union adds a union.
func (b *Builder) Union(name string, size uint32, members ...Member) uint32 {
	return b.composite(name, 5, size, members)
}

func (b *Builder) composite(name string, kind, size uint32, members []Member) uint32 {
	packed := false
	for _, m := range members {
		packed = packed || m.Bits != 0
	}
	var words []uint32
	for _, m := range members {
		off := m.Offset
		if packed {
			off |= uint32(m.Bits) << 24
		}
		words = append(words, b.Str(m.Name), m.Type, off)
	}
	return b.Raw(name, kind, packed, len(members), size, words...)
}

// Enum adds an enum of 4 bytes.
func (b *Builder) Enum(name string, signed bool, values ...Value) uint32 {
	var words []uint32
	for _, v := range values {
		words = append(words, b.Str(v.Name), uint32(v.Value))
	}
	return b.Raw(name, 6, signed, len(values), 4, words...)
}

// Enum64 adds an enum of 8 bytes.
func (b *Builder) Enum64(name string, signed bool, values ...Value) uint32 {
	var words []uint32
	for _, v := range values {
		words = append(words, b.Str(v.Name), uint32(v.Value), uint32(v.Value>>32))
	}
	return b.Raw(name, 19, signed, len(values), 8, words...)
}

// Fwd adds a forward declaration.
func (b *Builder) Fwd(name string, union bool) uint32 { return b.Raw(name, 7, union, 0, 0) }

// Typedef adds another name for a type.
func (b *Builder) Typedef(name string, to uint32) uint32 { return b.Raw(name, 8, false, 0, to) }

// Volatile adds a volatile qualifier.
func (b *Builder) Volatile(to uint32) uint32 { return b.Raw("", 9, false, 0, to) }

// Const adds a const qualifier.
func (b *Builder) Const(to uint32) uint32 { return b.Raw("", 10, false, 0, to) }

// Restrict adds a restrict qualifier.
func (b *Builder) Restrict(to uint32) uint32 { return b.Raw("", 11, false, 0, to) }

// Func adds a global function with its prototype and returns the function's
// number; the prototype's is one lower.
func (b *Builder) Func(name string, ret uint32, params ...Param) uint32 {
	proto := b.Proto(ret, params...)
	return b.Raw(name, 12, false, 1, proto)
}

// Proto adds a function prototype.
func (b *Builder) Proto(ret uint32, params ...Param) uint32 {
	var words []uint32
	for _, p := range params {
		words = append(words, b.Str(p.Name), p.Type)
	}
	return b.Raw("", 13, false, len(params), ret, words...)
}

// Var adds a variable. linkage: 0 static, 1 global, 2 extern.
func (b *Builder) Var(name string, typ, linkage uint32) uint32 {
	return b.Raw(name, 14, false, 0, typ, linkage)
}

// DataSec adds a section; vars are triples of variable, offset and size.
func (b *Builder) DataSec(name string, size uint32, vars ...[3]uint32) uint32 {
	var words []uint32
	for _, v := range vars {
		words = append(words, v[:]...)
	}
	return b.Raw(name, 15, false, len(vars), size, words...)
}

// Float adds a floating-point type.
func (b *Builder) Float(name string, size uint32) uint32 { return b.Raw(name, 16, false, 0, size) }

// DeclTag adds a tag on a declaration.
func (b *Builder) DeclTag(name string, to uint32, component int32) uint32 {
	return b.Raw(name, 17, false, 0, to, uint32(component))
}

// TypeTag adds a tag on a type.
func (b *Builder) TypeTag(name string, to uint32) uint32 { return b.Raw(name, 18, false, 0, to) }

// Bytes returns the finished blob.
func (b *Builder) Bytes() []byte { return b.BytesWithLayout(nil) }

// BytesWithLayout returns the finished blob with a layout section, which tells
// the fixed and the per-element size of each kind, in that order.
func (b *Builder) BytesWithLayout(layout [][2]uint8) []byte {
	b.Str("")
	var table []byte
	for _, l := range layout {
		table = append(table, l[0], l[1], 0, 0)
	}
	le := binary.LittleEndian
	out := le.AppendUint16(nil, 0xeb9f)
	out = append(out, 1, 0)
	head := uint32(24)
	if layout != nil {
		head = 32
	}
	out = le.AppendUint32(out, head)
	for _, w := range []int{0, len(b.types), len(b.types) + len(table), len(b.strs)} {
		out = le.AppendUint32(out, uint32(w))
	}
	if layout != nil {
		out = le.AppendUint32(out, uint32(len(b.types)))
		out = le.AppendUint32(out, uint32(len(table)))
	}
	out = append(out, b.types...)
	out = append(out, table...)
	return append(out, b.strs...)
}
