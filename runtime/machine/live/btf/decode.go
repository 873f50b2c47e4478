package btf

import "encoding/binary"

// Kind returns the kind of a type without decoding it; KindVoid also for
// numbers out of range.
func (s *Spec) Kind(id ID) Kind {
	_, kind, _, _ := s.entry(id)
	return kind
}

// Name returns the name of a type without decoding it.
func (s *Spec) Name(id ID) string {
	owner, _, raw, ok := s.entry(id)
	if !ok {
		return ""
	}
	name, _ := owner.str(binary.LittleEndian.Uint32(raw))
	return name
}

// Type decodes one type. Errors wrap ErrMalformed.
func (s *Spec) Type(id ID) (Type, error) {
	owner, kind, raw, ok := s.entry(id)
	if !ok {
		if id == 0 {
			return &Void{}, nil
		}
		return nil, malformed("type %d does not exist; there are %d", id, s.Len())
	}
	d := decoder{spec: owner, id: id, raw: raw}
	t := d.decode(kind)
	if d.err != nil {
		return nil, d.err
	}
	return t, nil
}

// decoder reads the bytes of one type. It keeps the first bad string offset for
// the error.
type decoder struct {
	spec *Spec
	id   ID
	raw  []byte
	err  error
}

func (d *decoder) u32(at int) uint32 { return binary.LittleEndian.Uint32(d.raw[at:]) }
func (d *decoder) ref(at int) ID     { return ID(d.u32(at)) }

func (d *decoder) name(at int) string {
	name, ok := d.spec.str(d.u32(at))
	if !ok && d.err == nil {
		d.err = malformed("type %d has a name that is no string of the string section", d.id)
	}
	return name
}

func (d *decoder) decode(kind Kind) Type {
	name, info := d.name(0), d.u32(4)
	n := int(infoLen(info))
	switch kind {
	case KindInt:
		return d.int(name)
	case KindPtr:
		return &Ptr{Elem: d.ref(8)}
	case KindArray:
		return &Array{Elem: d.ref(12), Index: d.ref(16), Len: d.u32(20)}
	case KindStruct, KindUnion:
		return &Struct{Name: name, Size: d.u32(8), Union: kind == KindUnion, Members: d.members(n, infoFlag(info))}
	case KindEnum, KindEnum64:
		return d.enum(name, kind, info)
	case KindFwd:
		return &Fwd{Name: name, Union: infoFlag(info)}
	case KindTypedef:
		return &Typedef{Name: name, Type: d.ref(8)}
	case KindVolatile, KindConst, KindRestrict:
		return &Qualifier{Which: kind, Type: d.ref(8)}
	case KindFunc:
		return &Func{Name: name, Linkage: Linkage(n), Proto: d.ref(8)}
	case KindFuncProto:
		return d.proto(n)
	case KindVar:
		return &Var{Name: name, Type: d.ref(8), Linkage: Linkage(d.u32(12))}
	case KindDataSec:
		sec := &DataSec{Name: name, Size: d.u32(8), Vars: make([]SecVar, n)}
		for i := range sec.Vars {
			at := 12 + 12*i
			sec.Vars[i] = SecVar{Var: d.ref(at), Offset: d.u32(at + 4), Size: d.u32(at + 8)}
		}
		return sec
	case KindFloat:
		return &Float{Name: name, Size: d.u32(8)}
	case KindDeclTag:
		return &DeclTag{Name: name, Type: d.ref(8), Component: int32(d.u32(12))}
	case KindTypeTag:
		return &TypeTag{Name: name, Type: d.ref(8)}
	}
	d.err = malformed("type %d has kind %d, which this reader does not know", d.id, infoKind(info))
	return nil
}

func (d *decoder) int(name string) *Int {
	const signed, char, boolean = 1 << 24, 2 << 24, 4 << 24
	enc := d.u32(12)
	return &Int{
		Name: name, Size: d.u32(8), Bits: uint8(enc), Offset: uint8(enc >> 16),
		Signed: enc&signed != 0, Char: enc&char != 0, Bool: enc&boolean != 0,
	}
}

func (d *decoder) members(n int, packed bool) []Member {
	out := make([]Member, n)
	for i := range out {
		out[i] = d.member(12+12*i, packed)
	}
	return out
}

// member reads one member. In a packed struct (one with the kind_flag set,
// because it has a bit-field) the top byte of the offset word is the width in
// bits.
func (d *decoder) member(at int, packed bool) Member {
	m := Member{Name: d.name(at), Type: d.ref(at + 4), Offset: d.u32(at + 8)}
	if packed {
		m.BitSize = uint8(m.Offset >> 24)
		m.Offset &= 0xffffff
	}
	return m
}

func (d *decoder) enum(name string, kind Kind, info uint32) *Enum {
	e := &Enum{Name: name, Size: d.u32(8), Signed: infoFlag(info), Wide: kind == KindEnum64}
	if !e.Wide {
		e.Signed = e.Signed || d.spec.oldEnums()
	}
	e.Values = make([]Enumerator, infoLen(info))
	for i := range e.Values {
		at := 12 + int(elemSize[kind])*i
		e.Values[i] = Enumerator{Name: d.name(at), Value: enumValue(d.raw[at:], kind, e.Signed)}
	}
	return e
}

// enumValue reads the value of the enumerator that starts at raw.
func enumValue(raw []byte, kind Kind, signed bool) int64 {
	low := binary.LittleEndian.Uint32(raw[4:])
	switch {
	case kind == KindEnum64:
		return int64(uint64(binary.LittleEndian.Uint32(raw[8:]))<<32 | uint64(low))
	case signed:
		return int64(int32(low))
	}
	return int64(low)
}

func (d *decoder) proto(n int) *FuncProto {
	p := &FuncProto{Return: d.ref(8)}
	// A last parameter without name and type stands for "...".
	if last := 12 + 8*(n-1); n > 0 && d.u32(last) == 0 && d.u32(last+4) == 0 {
		p.Variadic = true
		n--
	}
	p.Params = make([]Param, n)
	for i := range p.Params {
		p.Params[i] = Param{Name: d.name(12 + 8*i), Type: d.ref(16 + 8*i)}
	}
	return p
}
