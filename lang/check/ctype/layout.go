package ctype

import (
	"probe/lang/syntax"
	"probe/lang/types"
)

// declare enters the name of a struct or union. Pointers to it need nothing
// else, so two structs can point to each other even if one is a member of the
// other.
func (ct *Section) declare(s *syntax.CStruct) *types.Type {
	if t := ct.defs[s]; t != nil {
		return t
	}
	st := &types.Struct{Name: s.Tag, Flavour: types.CStruct, Align: 1}
	if s.Union {
		st.Flavour = types.CUnion
	}
	t := types.RecordType(st)
	ct.defs[s] = t
	if s.Tag != "" {
		ct.records[recordKey(s.Union, s.Tag)] = t
	}
	return t
}

// record enters a struct or union with its members.
func (ct *Section) record(s *syntax.CStruct) *types.Type {
	t := ct.declare(s)
	if ct.laid[s] {
		return t
	}
	ct.laid[s] = true
	st := t.Struct
	l := layout{union: s.Union, packed: s.Packed}
	ct.busy[s] = true
	for _, f := range s.Fields {
		ct.field(st, &l, f)
	}
	delete(ct.busy, s)
	st.Align = max(l.align, 1)
	if s.Align > 0 {
		st.Align = max(st.Align, int(s.Align))
	}
	size := (l.bits + 7) / 8
	st.Size = (size + st.Align - 1) / st.Align * st.Align
	t.Size = st.Size
	return t
}

// layout computes the places of members by the C ABI.
type layout struct {
	union, packed bool
	bits          int // bit offset at which the next member can start
	align         int
}

// place reserves room for a member and returns its byte offset.
func (l *layout) place(size, align int) int {
	l.align = max(l.align, align)
	if l.union {
		l.bits = max(l.bits, 8*size)
		return 0
	}
	off := ((l.bits+7)/8 + align - 1) / align * align
	l.bits = 8 * (off + size)
	return off
}

// placeBits reserves room for a bit-field in a storage unit of size bytes. It
// returns the unit's byte offset and the bit within it.
func (l *layout) placeBits(width, size, align int) (off, bit int) {
	if l.union {
		l.bits = max(l.bits, width)
		l.align = max(l.align, align)
		return 0, 0
	}
	unit := 8 * size
	if width == 0 { // a width of 0 starts a new unit
		l.bits = (l.bits + unit - 1) / unit * unit
		return 0, 0
	}
	if !l.packed && l.bits/unit != (l.bits+width-1)/unit {
		l.bits = (l.bits + unit - 1) / unit * unit
	}
	l.align = max(l.align, align)
	at := l.bits
	l.bits += width
	if l.packed {
		// A packed bit-field can straddle units: start at the byte of its first
		// bit.
		return at / 8, at % 8
	}
	return at / unit * size, at % unit
}

// maxCSize is the maximum size of a struct of a script in bytes.
const maxCSize = 1 << 24

// field lays out one member.
func (ct *Section) field(st *types.Struct, l *layout, f *syntax.CField) {
	t := ct.ctype(f.Type, f.At.At)
	if t == nil {
		return
	}
	align := t.Align()
	if t == wide {
		align = 16
	}
	if l.packed || f.Packed {
		align = 1
	}
	if f.Align > 0 {
		align = max(align, int(f.Align))
	}
	if f.Bits >= 0 {
		off, bit := l.placeBits(f.Bits, max(t.Size, 1), align)
		if f.Name != "" {
			st.Members = append(st.Members, types.Field{Name: f.Name, Type: t, Offset: off, BitOff: bit, BitSize: f.Bits})
		}
		return
	}
	off := l.place(t.Size, align)
	if l.bits/8 > maxCSize {
		ct.out.Errorf("bad-type", f.At.At, "`%s` is too large", st).
			WithLabel("the limit is %d bytes", maxCSize).WithRow("L-PRE-08")
		l.bits = 0
		return
	}
	st.Members = append(st.Members, types.Field{Name: f.Name, Type: t, Offset: off})
	if f.Name == "" && t.Kind == types.Record {
		for _, in := range t.Struct.Fields() {
			in.Offset += off
			in.Promoted = true
			st.Members = append(st.Members, in)
		}
	}
}
