// Package types defines the types of the language: what a value is, how many
// bytes it takes and where its parts are. It knows neither scripts nor kernels;
// struct layouts are given as data (see Struct).
//
// A *Type is immutable once it has been handed out, so types may be shared.
// The nil *Type means "not known yet" during inference.
package types

import "sync"

// Kind is the family of a type.
type Kind uint8

// The kinds, with their size in bytes where it is fixed. Sizes and layouts are
// those of the language reference, section 2.1 and appendix K.
const (
	Invalid    Kind = iota // poison: the expression was reported already
	Void                   // no value
	Int                    // Size 1, 2, 4, 8; Signed
	Bool                   // 1
	String                 // Len bytes, NUL-terminated if shorter
	Buffer                 // 4-byte length + Len data bytes
	Pointer                // 8; Elem, Space
	Array                  // Len × Elem
	Record                 // struct, union, tuple or record literal: see Struct
	Enum                   // Size 1..8; Enum table
	Inet                   // 24: 8-byte address family, 16 address bytes
	Mac                    // 6
	KStack                 // 8-byte id, 8-byte count of frames; the frames are kept apart
	UStack                 // 4-byte pid, 4-byte probe id, then as KStack
	Graph                  // 16: 8-byte time of the return, 4-byte thread, 4-byte probe number; the tree is kept apart (dialect X-FGRAPH)
	KSym                   // 8: address
	USym                   // 16: address, 4-byte pid, 4-byte probe id
	Timestamp              // 16: 4-byte format id, 4-byte clock, 8-byte nanoseconds
	CgroupPath             // 16: 8-byte filter id, 8-byte cgroup id
	Username               // 8: uid
	ErrName                // 8: signed number printed as an errno name (dialect X-FN)
	Sysctl                 // 8: number of an interned setting name, read when printed (dialect X-FN)
	Word                   // a bare word given to a function: nsecs(monotonic)
	Ctx                    // 8: the raw program context
	MapRef                 // a whole map handed to a function
	// Aggregations: values of maps only, one cell for each CPU.
	Count   // 8
	Sum     // 8
	Min     // 16: value, set flag
	Max     // 16
	Avg     // 16: total, count
	Stats   // 16
	Hist    // 8 for each bucket; Bits
	LHist   // 8 for each bucket; Lo, Hi, Step
	TSeries // 24 for each interval
)

// Space is the address space a pointer points into (reference section 2.9).
type Space uint8

// The spaces. Local is memory of the BPF program itself (stack, map values,
// scratch): it is read with plain loads.
const (
	SpaceNone Space = iota
	Kernel
	User
	Local
)

// StackMode is the format in which a captured stack is printed.
type StackMode uint8

// The stack modes.
const (
	StackBpftrace StackMode = iota
	StackPerf
	StackRaw
	StackBuildID
)

// Type is one type.
type Type struct {
	Kind   Kind
	Size   int  // bytes; 0 for Void, Invalid, Word, MapRef
	Signed bool // integers, enums, aggregations of signed values
	Flex   bool // integer literal that adopts the other operand's sign (T-INT-01)
	Len    int  // String: capacity with NUL; Buffer: data bytes; Array: elements (0 = flexible)
	Whole  bool // String: an array of C, which may be full without having been cut
	Elem   *Type
	Space  Space
	Struct *Struct
	Enum   *EnumTable
	Name   string // typedef name for messages; name of the type tag

	Mode  StackMode
	Limit int // stack frames

	Bits         int    // Hist resolution 0..5
	Lo, Hi, Step int64  // LHist
	Interval     int64  // TSeries: nanoseconds of one bucket
	Buckets      int    // TSeries: how many
	Reduce       string // TSeries: "", avg, max, min, sum
}

// Flavour distinguishes the kinds of records.
type Flavour uint8

// The flavours of Struct.
const (
	CStruct Flavour = iota
	CUnion
	Tuple
	RecordLit
	Args // the arguments of a probe
)

// Struct is the layout of a record type. Fields of kernel types are resolved on
// first use through Load, since most scripts use a few members of a few structs
// out of thousands. A Struct is shared by all Types that mean the same struct,
// so within one program two structs are the same exactly if their pointers are
// equal.
type Struct struct {
	Flavour Flavour
	Name    string // "" for tuples, record literals and anonymous structs
	Size    int
	Align   int
	BTF     uint32         // type id in the kernel's BTF, 0 for other structs
	Load    func() []Field // nil when Members is filled in already
	Members []Field
	once    sync.Once
}

// Field is one member. Members of anonymous inner structs and unions appear in
// the list of the outer one with added offsets, after their container.
type Field struct {
	Name     string
	Type     *Type
	Offset   int  // bytes from the start of the struct
	BitOff   int  // for bit-fields: bit offset within the storage unit at Offset
	BitSize  int  // 0 for ordinary members
	Promoted bool // comes from an anonymous member
	DataLoc  bool // tracepoint __data_loc word: low 16 bits are the offset from the record start (P-TRACE-03)
	RelLoc   bool // tracepoint __rel_loc word: the offset counts from the end of the field
	Untyped  bool // of pointers to structs: BTF has a type tag or a declaration alone for what it points to
}

// Fields returns the members, loading them on the first call. It may be called
// from several goroutines.
func (s *Struct) Fields() []Field {
	s.once.Do(func() {
		if s.Load != nil {
			s.Members = s.Load()
		}
	})
	return s.Members
}

// Field finds a member by name, promoted ones included.
func (s *Struct) Field(name string) (*Field, bool) {
	fs := s.Fields()
	for i := range fs {
		if fs[i].Name == name && name != "" {
			return &fs[i], true
		}
	}
	return nil, false
}

// EnumTable holds the enumerators of one enum.
type EnumTable struct {
	Name   string // "" for anonymous enums
	Values []EnumValue
	// Words is set for enums whose names matter more than their numbers. JSON
	// then has the name, where enums of bpftrace's language are numbers.
	Words bool
}

// EnumValue is one enumerator.
type EnumValue struct {
	Name  string
	Value uint64
}

// Lookup returns the name of a value.
func (e *EnumTable) Lookup(v uint64) (string, bool) {
	if e != nil {
		for _, ev := range e.Values {
			if ev.Value == v {
				return ev.Name, true
			}
		}
	}
	return "", false
}
