package check

import (
	"probe/lang/check/infer"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// ctypes is what the C section defines. Its names win over the kernel's
// (L-PRE-10).
type ctypes struct {
	c        *checker
	records  map[string]*types.Type // "struct x", "union x"
	enums    map[string]*types.Type
	typedefs map[string]*syntax.CTypedef
	values   map[string]enumerator
	defs     map[*syntax.CStruct]*types.Type
	enumDefs map[*syntax.CEnum]*types.Type
	tags     map[string]*syntax.CStruct
	busy     map[*syntax.CStruct]bool // being laid out
	headers  bool                     // there is a live #include
	depth    int
}

type enumerator struct {
	t *types.Type
	v uint64
}

func (c *checker) ctypesOf() *ctypes {
	if c.ctypes == nil {
		c.ctypes = &ctypes{c: c, records: map[string]*types.Type{}, enums: map[string]*types.Type{},
			typedefs: map[string]*syntax.CTypedef{}, values: map[string]enumerator{},
			defs: map[*syntax.CStruct]*types.Type{}, enumDefs: map[*syntax.CEnum]*types.Type{}, tags: map[string]*syntax.CStruct{}, busy: map[*syntax.CStruct]bool{}}
	}
	return c.ctypes
}

// predefined are the macros that are there from the start (L-PRE-04).
func (c *checker) predefined() map[string]string {
	if ok, _ := c.kernelTypes(); ok {
		return map[string]string{"BPFTRACE_HAVE_BTF": "1"}
	}
	return nil
}

// cSection reads the preprocessor lines and C definitions of a script.
func (c *checker) cSection(items []syntax.Item) {
	ct := c.ctypesOf()
	any := false
	for _, it := range items {
		switch it.(type) {
		case *syntax.Preproc, *syntax.CDef:
			any = true
		}
	}
	if !any {
		return
	}
	sec, ds := syntax.ParseCSection(items, c.predefined())
	c.out.All = append(c.out.All, ds.All...)
	ct.add(sec)
}

// add enters the definitions of a section.
func (ct *ctypes) add(sec *syntax.CSection) {
	for _, inc := range sec.Includes {
		if inc.Live {
			ct.headers = true
			ct.include(inc)
		}
	}
	for _, d := range sec.Defines {
		if !d.Function && d.At.At.Valid() {
			ct.c.cmacros[d.Name] = &cmacroDef{def: d}
		}
	}
	for _, td := range sec.Typedefs {
		ct.typedefs[td.Name] = td
	}
	for _, e := range sec.Enums {
		ct.enum(e)
	}
	for _, s := range sec.Structs {
		if s.Tag != "" {
			ct.tags[recordKey(s.Union, s.Tag)] = s
		}
	}
	for _, s := range sec.Structs {
		ct.record(s)
	}
}

// include handles a live #include: with kernel types, the definitions of
// headers come from there (L-PRE-07).
func (ct *ctypes) include(inc *syntax.CInclude) {
	if ok, why := ct.c.kernelTypes(); !ok {
		ct.c.out.Errorf("not-supported", inc.At.At, "not supported yet: reading the header \"%s\"", inc.Path).
			WithLabel("its definitions would have to come from the kernel's types").WithRow("L-PRE-07").
			WithNote("types of the kernel are not known here: %s", why).
			WithHelp("write the structs that the script uses into its C section")
	}
}

func recordKey(union bool, tag string) string {
	if union {
		return "union " + tag
	}
	return "struct " + tag
}

// enum enters an enum and its constants (L-PRE-09).
func (ct *ctypes) enum(e *syntax.CEnum) *types.Type {
	if t := ct.enumDefs[e]; t != nil {
		return t
	}
	tab := &types.EnumTable{Name: e.Tag}
	size, signed := 4, false
	for _, it := range e.Items {
		tab.Values = append(tab.Values, types.EnumValue{Name: it.Name, Value: uint64(it.Value)})
		if it.Big || it.Value > 1<<32-1 || it.Value < -1<<31 {
			size = 8
		}
		signed = signed || it.Value < 0 && !it.Big
	}
	if e.Packed && size == 4 {
		size = packedEnumSize(e)
	}
	t := &types.Type{Kind: types.Enum, Size: size, Signed: signed, Enum: tab}
	ct.enumDefs[e] = t
	lit := infer.Clone(t)
	lit.Size, lit.Signed = 8, false
	for _, it := range e.Items {
		ct.values[it.Name] = enumerator{lit, uint64(it.Value)}
	}
	if e.Tag != "" {
		ct.enums[e.Tag] = t
	}
	return t
}

// packedEnumSize is the least size that holds all constants, signed if one is
// negative.
func packedEnumSize(e *syntax.CEnum) int {
	least, most := int64(0), int64(0)
	for _, it := range e.Items {
		least, most = min(least, it.Value), max(most, it.Value)
	}
	for _, size := range []int{1, 2} {
		limit := int64(1) << (8 * size)
		if least < 0 {
			limit /= 2
		}
		if least >= -limit && most < limit {
			return size
		}
	}
	return 4
}

// record enters a struct or union. The type is known before its members are,
// so that it may point to itself.
func (ct *ctypes) record(s *syntax.CStruct) *types.Type {
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

// layout places members by the C ABI.
type layout struct {
	union, packed bool
	bits          int // where the next member may start
	align         int
}

// place reserves room for a member and gives its byte offset.
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

// placeBits reserves room for a bit-field of a storage unit of size bytes and
// gives the unit's byte offset and the bit within it.
func (l *layout) placeBits(width, size, align int) (off, bit int) {
	if l.union {
		l.bits = max(l.bits, width)
		l.align = max(l.align, align)
		return 0, 0
	}
	unit := 8 * size
	if width == 0 { // starts a new unit
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
		// The unit may straddle: start at the byte of the first bit.
		return at / 8, at % 8
	}
	return at / unit * size, at % unit
}

// maxCSize bounds the structs of a script, in bytes.
const maxCSize = 1 << 24

// field lays out one member.
func (ct *ctypes) field(st *types.Struct, l *layout, f *syntax.CField) {
	t := ct.ctype(f.Type, f.At.At)
	if t == nil {
		return
	}
	align := t.Align()
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
		ct.c.out.Errorf("bad-type", f.At.At, "`%s` is too large", st).
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

// ctype resolves a type of the C section. nil has been complained about.
func (ct *ctypes) ctype(t *syntax.CType, at source.Span) *types.Type {
	ct.depth++
	defer func() { ct.depth-- }()
	if ct.depth > 100 {
		ct.c.out.Errorf("bad-type", at, "this type is nested too deeply").WithLabel("more than 100 levels").WithRow("L-PRE-08")
		return nil
	}
	switch t.Kind {
	case syntax.CBase:
		if b, ok := baseTypes[t.Name]; ok && b.Size > 0 {
			return b
		}
		if t.Name == "void" {
			return types.VoidType
		}
		return ct.bad(at, "", t.Name)
	case syntax.CNamed:
		if nt, ok := ct.c.namedType("", t.Name); ok {
			return nt
		}
		return ct.bad(at, "", t.Name)
	case syntax.CStructRef:
		return ct.structRef(t, at)
	case syntax.CEnumRef:
		if t.Enum != nil {
			return ct.enum(t.Enum)
		}
		if nt, ok := ct.c.namedType("enum", t.Name); ok {
			return nt
		}
		return types.Uint32
	case syntax.CPointer:
		return ct.pointer(t, at)
	case syntax.CArray:
		elem := ct.ctype(t.Elem, at)
		if elem == nil {
			return nil
		}
		n := max(t.Len, 0)
		if elem.Size > 0 && n > maxCSize/int64(elem.Size) {
			ct.c.out.Errorf("bad-type", at, "this array is too large").WithLabel("the limit is %d bytes", maxCSize).WithRow("L-PRE-08")
			return nil
		}
		if elem.Kind == types.Int && elem.Size == 1 && n > 0 {
			return types.StringType(int(n)) // A-BT-06
		}
		return types.ArrayOf(elem, int(n))
	}
	return types.VoidType // a function: only ever behind a pointer
}

func (ct *ctypes) pointer(t *syntax.CType, at source.Span) *types.Type {
	sp := types.SpaceNone
	if t.User || t.Elem.User {
		sp = types.User
	}
	if t.Elem.Kind == syntax.CFunction {
		return types.PointerTo(types.VoidType, sp)
	}
	// What it points to may be defined later, or nowhere.
	if t.Elem.Kind == syntax.CStructRef && t.Elem.Struct == nil {
		if _, ok := ct.tags[recordKey(t.Elem.Union, t.Elem.Name)]; !ok {
			kind := "struct"
			if t.Elem.Union {
				kind = "union"
			}
			if nt, ok := ct.c.namedType(kind, t.Elem.Name); ok {
				return types.PointerTo(nt, sp)
			}
			return types.PointerTo(ct.opaque(t.Elem.Union, t.Elem.Name), sp)
		}
	}
	if t.Elem.Kind == syntax.CStructRef {
		s := t.Elem.Struct
		if s == nil {
			s = ct.tags[recordKey(t.Elem.Union, t.Elem.Name)]
		}
		return types.PointerTo(ct.record(s), sp)
	}
	elem := ct.ctype(t.Elem, at)
	if elem == nil {
		return nil
	}
	return types.PointerTo(elem, sp)
}

// opaque is a struct of which only the name is known.
func (ct *ctypes) opaque(union bool, tag string) *types.Type {
	k := recordKey(union, tag)
	t := ct.records[k]
	if t == nil {
		st := &types.Struct{Name: tag, Flavour: types.CStruct}
		if union {
			st.Flavour = types.CUnion
		}
		t = types.RecordType(st)
		ct.records[k] = t
	}
	return t
}

func (ct *ctypes) structRef(t *syntax.CType, at source.Span) *types.Type {
	s := t.Struct
	if s == nil {
		s = ct.tags[recordKey(t.Union, t.Name)]
	}
	if s != nil {
		r := ct.record(s)
		if ct.busy[s] {
			ct.c.out.Errorf("bad-type", at, "`%s` contains itself", r).
				WithLabel("its size would have no end").WithRow("L-PRE-08").WithHelp("use a pointer: `%s *`", r)
			return nil
		}
		return r
	}
	kind := "struct"
	if t.Union {
		kind = "union"
	}
	if nt, ok := ct.c.namedType(kind, t.Name); ok {
		return nt
	}
	return ct.bad(at, kind, t.Name)
}

func (ct *ctypes) bad(at source.Span, kind, name string) *types.Type {
	ct.c.out.Errorf("unknown-type", at, "cannot resolve unknown type `%s`", joinWords(kind, name)).
		WithLabel("no such type").WithRow("L-PRE-08")
	return nil
}
