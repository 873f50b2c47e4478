package btf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// pointerSize is fixed: every kernel this project supports has 64 bits.
const pointerSize = 8

// target returns the type that a typedef, qualifier, tag or variable refers to,
// and its own kind; ok is false for other kinds.
func (s *Spec) target(id ID) (ID, Kind, bool) {
	_, kind, raw, ok := s.entry(id)
	if !ok {
		return 0, kind, false
	}
	switch kind {
	case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag, KindVar, KindDeclTag:
		return ID(binary.LittleEndian.Uint32(raw[8:])), kind, true
	}
	return 0, kind, false
}

// Underlying follows typedefs, qualifiers and tags to the type behind them.
// A chain that never ends gives 0, void.
func (s *Spec) Underlying(id ID) ID {
	for range maxChain {
		next, kind, ok := s.target(id)
		if !ok || kind == KindVar || kind == KindDeclTag {
			return id
		}
		id = next
	}
	return 0
}

// Tags lists the type tags between a type and the type behind it, such as
// "user" for what a __user pointer points to. Pass the pointer's Elem.
func (s *Spec) Tags(id ID) []string {
	var tags []string
	for range maxChain {
		next, kind, ok := s.target(id)
		if !ok || kind == KindVar || kind == KindDeclTag {
			break
		}
		if kind == KindTypeTag {
			tags = append(tags, s.Name(id))
		}
		id = next
	}
	return tags
}

// Size returns the size of a type in bytes. It wraps ErrNoSize for void,
// functions and forward declarations, and ErrMalformed for chains that never
// end or arrays whose size overflows 32 bits.
func (s *Spec) Size(id ID) (uint32, error) {
	count := uint64(1)
	from := id
	for range maxChain {
		if next, _, ok := s.target(id); ok {
			id = next
			continue
		}
		_, kind, raw, ok := s.entry(id)
		if !ok && id != 0 {
			return 0, malformed("type %d does not exist; there are %d", id, s.Len())
		}
		size := uint64(0)
		switch kind {
		case KindInt, KindStruct, KindUnion, KindEnum, KindEnum64, KindDataSec, KindFloat:
			size = uint64(binary.LittleEndian.Uint32(raw[8:]))
		case KindPtr:
			size = pointerSize
		case KindArray:
			count *= uint64(binary.LittleEndian.Uint32(raw[20:]))
			if count > math.MaxUint32 {
				return 0, malformed("array type %d is larger than 4 GiB", from)
			}
			id = ID(binary.LittleEndian.Uint32(raw[12:]))
			continue
		default:
			return 0, fmt.Errorf("type %d (%s): %w", from, kind, ErrNoSize)
		}
		if size *= count; size > math.MaxUint32 {
			return 0, malformed("array type %d is larger than 4 GiB", from)
		}
		return uint32(size), nil
	}
	return 0, malformed("type %d refers to itself", from)
}

// Field finds a member of a struct or union by name, also inside anonymous
// members, in the order of declaration. Offset counts from the outer struct.
// id may be a typedef or qualifier of the struct.
func (s *Spec) Field(id ID, name string) (Member, bool) {
	if name == "" {
		return Member{}, false
	}
	budget := maxFieldVisits
	return s.field(s.Underlying(id), name, 0, maxChain, &budget)
}

// maxFieldVisits bounds Field on hostile blobs, where a struct nested in
// itself twice doubles the work with every level. Structs of real kernels
// have some hundred members.
const maxFieldVisits = 1 << 14

func (s *Spec) field(id ID, name string, base uint32, depth int, budget *int) (Member, bool) {
	owner, kind, raw, ok := s.entry(id)
	if !ok || depth == 0 || kind != KindStruct && kind != KindUnion {
		return Member{}, false
	}
	info := binary.LittleEndian.Uint32(raw[4:])
	d := decoder{spec: owner, id: id, raw: raw}
	for i := range int(infoLen(info)) {
		if *budget--; *budget < 0 {
			return Member{}, false
		}
		at := 12 + 12*i
		off := d.u32(at)
		if off == 0 { // anonymous
			m := d.member(at, infoFlag(info))
			if found, ok := s.field(s.Underlying(m.Type), name, base+m.Offset, depth-1, budget); ok {
				return found, true
			}
			continue
		}
		if owner.is(off, name) {
			m := d.member(at, infoFlag(info))
			m.Offset += base
			return m, true
		}
	}
	return Member{}, false
}
