package types

// Shared types of fixed shape.
var (
	InvalidType = &Type{Kind: Invalid}
	VoidType    = &Type{Kind: Void}
	BoolType    = &Type{Kind: Bool, Size: 1}
	Int8        = &Type{Kind: Int, Size: 1, Signed: true}
	Int16       = &Type{Kind: Int, Size: 2, Signed: true}
	Int32       = &Type{Kind: Int, Size: 4, Signed: true}
	Int64       = &Type{Kind: Int, Size: 8, Signed: true}
	Uint8       = &Type{Kind: Int, Size: 1}
	Uint16      = &Type{Kind: Int, Size: 2}
	Uint32      = &Type{Kind: Int, Size: 4}
	Uint64      = &Type{Kind: Int, Size: 8}
	InetType    = &Type{Kind: Inet, Size: 24}
	MacType     = &Type{Kind: Mac, Size: 6}
	KSymType    = &Type{Kind: KSym, Size: 8}
	USymType    = &Type{Kind: USym, Size: 16}
	TimeType    = &Type{Kind: Timestamp, Size: 16}
	CgroupType  = &Type{Kind: CgroupPath, Size: 16}
	UserType    = &Type{Kind: Username, Size: 8}
	ErrNameType = &Type{Kind: ErrName, Size: 8, Signed: true}
	SysctlType  = &Type{Kind: Sysctl, Size: 8}
	WordType    = &Type{Kind: Word}
	MapRefType  = &Type{Kind: MapRef}
	CtxType     = &Type{Kind: Ctx, Size: 8}
)

// InetHasPort is set in the second word of an InetType value, four bytes of family,
// four of port and sixteen of address, if its low half is a port.
const InetHasPort = 1 << 16

// IntType returns the integer type of a width in bytes (1, 2, 4, 8).
func IntType(size int, signed bool) *Type {
	switch {
	case size <= 1 && signed:
		return Int8
	case size <= 1:
		return Uint8
	case size == 2 && signed:
		return Int16
	case size == 2:
		return Uint16
	case size <= 4 && signed:
		return Int32
	case size <= 4:
		return Uint32
	case signed:
		return Int64
	}
	return Uint64
}

// LiteralType returns the type of an integer literal (T-INT-01, T-INT-02): the
// smallest signed type that holds it, flexible in sign when not negative;
// uint64 above the int64 range. neg is set if bits is a negative int64.
func LiteralType(bits uint64, neg bool) *Type {
	v := int64(bits)
	if !neg && v < 0 {
		return Uint64
	}
	size := 8
	for _, s := range []int{1, 2, 4} {
		lim := int64(1) << (8*s - 1)
		if v >= -lim && v < lim {
			size = s
			break
		}
	}
	t := *IntType(size, true)
	t.Flex = !neg
	return &t
}

// StringType returns string[n]; n includes the NUL.
func StringType(n int) *Type { return &Type{Kind: String, Size: n, Len: n} }

// CharArray returns char[n] of C as a string: its capacity is all of it, so it may
// be full without a NUL and without anything having been cut.
func CharArray(n int) *Type { return &Type{Kind: String, Size: n, Len: n, Whole: true} }

// BufferType returns buffer[n] with n data bytes; its size includes the 4-byte
// length.
func BufferType(n int) *Type { return &Type{Kind: Buffer, Size: n + 4, Len: n} }

// PointerTo makes a pointer.
func PointerTo(elem *Type, space Space) *Type {
	return &Type{Kind: Pointer, Size: 8, Elem: elem, Space: space}
}

// ArrayOf makes T[n].
func ArrayOf(elem *Type, n int) *Type {
	return &Type{Kind: Array, Size: elem.Size * n, Elem: elem, Len: n}
}

// graphSize is the size of a call graph's value.
const graphSize = 16

// GraphType is the call graph of a function, the value of `graph`.
var GraphType = &Type{Kind: Graph, Size: graphSize}

// Sizes of stack values in bytes. They do not depend on the limit, since the
// frames are kept in a map of their own.
const (
	kstackSize = 16
	ustackSize = 24
)

// StackType makes a captured kernel or user stack type.
func StackType(user bool, mode StackMode, limit int) *Type {
	if user {
		return &Type{Kind: UStack, Size: ustackSize, Mode: mode, Limit: limit}
	}
	return &Type{Kind: KStack, Size: kstackSize, Mode: mode, Limit: limit}
}

// buildIDWords is the size of the kernel's struct bpf_stack_build_id
// (include/uapi/linux/bpf.h) in words of 8 bytes.
const buildIDWords = 4

// FrameWords returns the number of 8-byte words that each frame of a stack
// takes where the frames are kept.
func (t *Type) FrameWords() int {
	if t.Mode == StackBuildID {
		return buildIDWords
	}
	return 1
}

// RecordType wraps a struct layout.
func RecordType(s *Struct) *Type { return &Type{Kind: Record, Size: s.Size, Struct: s} }

// TupleType lays out a tuple (T-TUP-02): each element at its natural
// alignment, the total rounded to the largest one.
func TupleType(elems ...*Type) *Type { return layoutRecord(Tuple, nil, elems) }

// RecordLitType lays out a record literal; names and elems go together.
func RecordLitType(names []string, elems []*Type) *Type {
	return layoutRecord(RecordLit, names, elems)
}

func layoutRecord(fl Flavour, names []string, elems []*Type) *Type {
	s := &Struct{Flavour: fl, Align: 1}
	for i, e := range elems {
		a := e.Align()
		s.Align = max(s.Align, a)
		s.Size = (s.Size + a - 1) / a * a
		f := Field{Type: e, Offset: s.Size}
		if names != nil {
			f.Name = names[i]
		}
		s.Members = append(s.Members, f)
		s.Size += e.Size
	}
	s.Size = (s.Size + s.Align - 1) / s.Align * s.Align
	return RecordType(s)
}

// Align returns the natural alignment in bytes; byte-array kinds align at 1.
func (t *Type) Align() int {
	switch t.Kind {
	case String, Mac:
		return 1
	case Buffer:
		return 4
	case Array:
		return t.Elem.Align()
	case Record:
		return max(t.Struct.Align, 1)
	case Int, Enum, Bool, Pointer:
		return max(t.Size, 1)
	case Void, Invalid, Word, MapRef:
		return 1
	}
	return 8
}

// IsInt reports whether t is an integer or an enum, which acts as an integer.
func (t *Type) IsInt() bool { return t != nil && (t.Kind == Int || t.Kind == Enum) }

// IsScalar reports whether t fits in a register: integers, bools, enums,
// pointers, symbols by address, user names, errno names.
func (t *Type) IsScalar() bool {
	if t == nil {
		return false
	}
	switch t.Kind {
	case Int, Bool, Enum, Pointer, KSym, Username, ErrName, Sysctl, Ctx:
		return true
	}
	return false
}

// IsAgg reports whether t is an aggregation.
func (t *Type) IsAgg() bool { return t != nil && t.Kind >= Count }

// IsCastableAgg reports whether t is an aggregation that acts as an integer in
// expressions (T-OP-10): count, sum, min, max or avg.
func (t *Type) IsCastableAgg() bool {
	return t != nil && t.Kind >= Count && t.Kind <= Avg
}

// IsMultiBucket reports whether t is an aggregation stored as one map entry per
// bucket.
func (t *Type) IsMultiBucket() bool {
	return t != nil && (t.Kind == Hist || t.Kind == LHist || t.Kind == TSeries)
}

// IsPtrToRecord reports whether t is a pointer to a struct or union.
func (t *Type) IsPtrToRecord() bool {
	return t != nil && t.Kind == Pointer && t.Elem != nil && t.Elem.Kind == Record
}

// IsTuple reports whether t is a tuple.
func (t *Type) IsTuple() bool {
	return t != nil && t.Kind == Record && t.Struct.Flavour == Tuple
}

// WithSpace returns the pointer type in another address space.
func (t *Type) WithSpace(s Space) *Type {
	if t.Space == s {
		return t
	}
	c := *t
	c.Space = s
	return &c
}
