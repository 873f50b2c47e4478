package types

import (
	"math"
	"math/rand"
	"testing"
)

// made makes a random type that values can have.
func made(r *rand.Rand, depth int) *Type {
	n := 12
	if depth == 0 {
		n = 10
	}
	switch r.Intn(n) {
	case 0, 1, 2:
		return IntType(1<<r.Intn(4), r.Intn(2) == 0)
	case 3:
		return BoolType
	case 4:
		return StringType(1 + r.Intn(40))
	case 5:
		return BufferType(r.Intn(20))
	case 6:
		return PointerTo(Int32, Kernel)
	case 7:
		return ArrayOf(IntType(1<<r.Intn(4), true), r.Intn(6))
	case 8:
		return []*Type{InetType, MacType, KSymType, USymType, TimeType, CgroupType, UserType, ErrNameType, SysctlType, GraphType}[r.Intn(10)]
	case 9:
		return StackType(r.Intn(2) == 0, StackMode(r.Intn(4)), 1+r.Intn(127))
	}
	var elems []*Type
	var names []string
	for range 1 + r.Intn(5) {
		elems = append(elems, made(r, depth-1))
		names = append(names, string(rune('a'+len(names))))
	}
	if r.Intn(2) == 0 {
		return TupleType(elems...)
	}
	return RecordLitType(names, elems)
}

// Members of tuples and records lie behind each other, aligned, inside of the
// whole, whose size is a multiple of its alignment: values of it can stand in a row,
// and the verifier takes every access.
func TestLayout(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 3000 {
		typ := made(r, 3)
		if typ.Kind != Record {
			continue
		}
		end := 0
		for i, f := range typ.Struct.Fields() {
			if f.Offset < end || f.Offset%f.Type.Align() != 0 || f.Offset-end >= f.Type.Align() {
				t.Fatalf("member %d of %s, of alignment %d, is at %d behind %d", i, typ, f.Type.Align(), f.Offset, end)
			}
			end = f.Offset + f.Type.Size
			if typ.Align()%f.Type.Align() != 0 {
				t.Fatalf("%s has the alignment %d, its member %d has %d", typ, typ.Align(), i, f.Type.Align())
			}
		}
		if typ.Size < end || typ.Size%typ.Align() != 0 || typ.Size-end >= typ.Align() {
			t.Fatalf("%s of alignment %d ends at %d and has %d bytes", typ, typ.Align(), end, typ.Size)
		}
	}
}

// A literal has the smallest signed type that holds it, and unsigned ones above.
func TestLiteralType(t *testing.T) {
	for _, c := range []struct {
		v    int64
		size int
	}{{0, 1}, {127, 1}, {-128, 1}, {128, 2}, {-129, 2}, {32767, 2}, {32768, 4}, {math.MinInt32, 4}, {math.MaxInt32 + 1, 8}, {math.MinInt64, 8}, {math.MaxInt64, 8}} {
		typ := LiteralType(uint64(c.v), c.v < 0)
		if typ.Kind != Int || typ.Size != c.size || !typ.Signed || typ.Flex == (c.v < 0) {
			t.Errorf("%d is %s, flexible: %v; want %d bytes", c.v, typ, typ.Flex, c.size)
		}
	}
	if typ := LiteralType(1<<63, false); typ != Uint64 {
		t.Errorf("2^63 is %s", typ)
	}
	r := rand.New(rand.NewSource(1))
	for range 2000 {
		v := int64(r.Uint64()) >> r.Intn(64)
		size := LiteralType(uint64(v), v < 0).Size
		shift := 64 - 8*size
		if v<<shift>>shift != v {
			t.Fatalf("%d does not fit into %d bytes", v, size)
		}
		if shift = 64 - 4*size; size > 1 && v<<shift>>shift == v {
			t.Fatalf("%d fits into half of %d bytes", v, size)
		}
	}
}

func TestIntType(t *testing.T) {
	for size, want := range map[int]int{0: 1, 1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8, 16: 8} {
		for _, signed := range []bool{true, false} {
			if got := IntType(size, signed); got.Size != want || got.Signed != signed || got.Kind != Int {
				t.Errorf("%d bytes, signed %v: %s", size, signed, got)
			}
		}
	}
}

func TestString(t *testing.T) {
	task := RecordType(&Struct{Name: "task_struct"})
	for want, typ := range map[string]*Type{
		"none": nil, "void": VoidType, "bool": BoolType, "int8": Int8, "uint64": Uint64,
		"string[16]": StringType(16), "buffer[4]": BufferType(4), "inet[24]": InetType, "mac_address": MacType,
		"void *": {Kind: Pointer}, "struct task_struct *": PointerTo(task, Kernel), "int32 * *": PointerTo(PointerTo(Int32, User), User),
		"uint16[3]": ArrayOf(Uint16, 3), "enum": {Kind: Enum}, "enum pid_type": {Kind: Enum, Enum: &EnumTable{Name: "pid_type"}},
		"kstack_perf_5": StackType(false, StackPerf, 5), "ustack_build_id_127": StackType(true, StackBuildID, 127),
		"(int64,string[2])":                 TupleType(Int64, StringType(2)),
		"(int64,(bool,mac_address))":        TupleType(Int64, TupleType(BoolType, MacType)),
		"record { .n = int8, .s = ksym_t }": RecordLitType([]string{"n", "s"}, []*Type{Int8, KSymType}),
		"union u":                           RecordType(&Struct{Flavour: CUnion, Name: "u"}),
		"struct {int32}":                    RecordType(&Struct{Members: []Field{{Type: Int32}}}),
		"usum_t":                            {Kind: Sum},
		"avg_t":                             {Kind: Avg, Signed: true},
		"ustats_t":                          {Kind: Stats},
		"min_t":                             {Kind: Min, Signed: true},
		"umax_t":                            {Kind: Max},
		"hist_t":                            {Kind: Hist},
	} {
		if got := typ.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Every kind has a name, an alignment that divides its size where it is a value,
// and belongs to the classes that its place in the list says.
func TestKinds(t *testing.T) {
	for k := Invalid; k <= TSeries; k++ {
		typ := &Type{Kind: k, Size: 8, Elem: Int8, Struct: &Struct{Align: 8}}
		if typ.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
		if a := typ.Align(); a < 1 || a > 8 || a&(a-1) != 0 {
			t.Errorf("%s has the alignment %d", typ, a)
		}
		if typ.IsAgg() && typ.IsScalar() {
			t.Errorf("%s fits in a register and has a cell for each CPU", typ)
		}
		if typ.IsAgg() != (k >= Count) || typ.IsMultiBucket() && !typ.IsAgg() || typ.IsCastableAgg() && (!typ.IsAgg() || typ.IsMultiBucket()) {
			t.Errorf("%s belongs to the wrong aggregations", typ)
		}
		if typ.IsInt() && !typ.IsScalar() {
			t.Errorf("%s is an integer that does not fit in a register", typ)
		}
	}
	var none *Type
	if none.IsInt() || none.IsScalar() || none.IsAgg() || none.IsCastableAgg() || none.IsMultiBucket() || none.IsPtrToRecord() || none.IsTuple() {
		t.Error("a type that is not known yet is something")
	}
	tuple := TupleType(Int8)
	if !tuple.IsTuple() || RecordLitType([]string{"a"}, []*Type{Int8}).IsTuple() || !PointerTo(tuple, Kernel).IsPtrToRecord() || PointerTo(Int8, Kernel).IsPtrToRecord() {
		t.Error("tuples and pointers to records are not told apart")
	}
}

// A struct's members are loaded once, when they are first asked for.
func TestFields(t *testing.T) {
	loads := 0
	s := &Struct{Name: "s", Load: func() []Field {
		loads++
		return []Field{{Name: "a", Type: Int8}, {Type: Int8}, {Name: "b", Type: Int32, Offset: 4}}
	}}
	if len(s.Members) != 0 {
		t.Error("members are there before anybody asked")
	}
	if f, ok := s.Field("b"); !ok || f.Offset != 4 {
		t.Errorf("b is %+v, %v", f, ok)
	}
	for _, name := range []string{"", "c"} {
		if f, ok := s.Field(name); ok {
			t.Errorf("there is a member %q: %+v", name, f)
		}
	}
	if len(s.Fields()) != 3 || loads != 1 {
		t.Errorf("%d members, loaded %d times", len(s.Fields()), loads)
	}
}

func TestEnumTable(t *testing.T) {
	e := &EnumTable{Values: []EnumValue{{"A", 1}, {"B", 1}, {"C", ^uint64(0)}}}
	for v, want := range map[uint64]string{1: "A", ^uint64(0): "C", 2: ""} {
		if got, ok := e.Lookup(v); got != want || ok != (want != "") {
			t.Errorf("%d is %q, %v", v, got, ok)
		}
	}
	if _, ok := (*EnumTable)(nil).Lookup(1); ok {
		t.Error("no table has a name")
	}
}

func TestWithSpace(t *testing.T) {
	p := PointerTo(Int8, Kernel)
	u := p.WithSpace(User)
	if u.Space != User || p.Space != Kernel || p.WithSpace(Kernel) != p || u.Elem != p.Elem {
		t.Error("another space changes more than the copy's space")
	}
}

// Uses adds up, effects are sets.
func TestMeaning(t *testing.T) {
	var u Uses
	u.Add(Uses{Args: true})
	u.Add(Uses{Retval: true, PID: true})
	if u != (Uses{Args: true, Retval: true, PID: true}) {
		t.Errorf("got %+v", u)
	}
	if e := Writes | Loops; !e.Has(Writes) || !e.Has(Loops|Acts) || e.Has(Acts|Deletes) || Effect(0).Has(Writes) {
		t.Error("effects are not sets")
	}
	if BoolConst(true).Int != 1 || BoolConst(false).Int != 0 || StrConst("ab").Type.Len != 3 {
		t.Error("literals have other values")
	}
}
