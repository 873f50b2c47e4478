package btf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/machine/live/btf/btftest"
)

// world is a small kernel: one of everything, with the ids tests refer to.
type world struct {
	blob                                               []byte
	b                                                  btftest.Builder
	int_, char, ulong, boolean, u8                     ID
	sockCommon, sock, sockPtr, constSockPtr, taggedPtr ID
	comm, matrix, anon, typed, loopA, loopB, flex      ID
	state, flags, wide, fwd, fwdUnion, read, printk    ID
	cb, percpu, sec, double, kfuncTag, vol, restrict   ID
}

func newWorld() *world {
	w := &world{}
	b := &w.b
	w.int_ = ID(b.Int("int", 4, 1))
	w.char = ID(b.Int("char", 1, 2))
	w.ulong = ID(b.Int("long unsigned int", 8, 0))
	w.boolean = ID(b.Int("_Bool", 1, 4))
	w.u8 = ID(b.Typedef("u8", b.Int("unsigned char", 1, 0)))
	w.anon = ID(b.Union("", 8,
		btftest.Member{Name: "skc_addrpair", Type: uint32(w.ulong)},
		btftest.Member{Type: b.Struct("", 8,
			btftest.Member{Name: "skc_daddr", Type: uint32(w.int_)},
			btftest.Member{Name: "skc_rcv_saddr", Type: uint32(w.int_), Offset: 32})}))
	w.sockCommon = ID(b.Struct("sock_common", 16,
		btftest.Member{Type: uint32(w.anon)},
		btftest.Member{Name: "skc_family", Type: uint32(w.int_), Offset: 64}))
	w.sock = ID(b.Struct("sock", 24,
		btftest.Member{Name: "__sk_common", Type: uint32(w.sockCommon)},
		btftest.Member{Name: "sk_type", Type: uint32(w.int_), Offset: 128, Bits: 16},
		btftest.Member{Name: "sk_lock", Type: uint32(w.u8), Offset: 145, Bits: 3},
		btftest.Member{Name: "sk_data", Type: uint32(w.int_), Offset: 160}))
	w.sockPtr = ID(b.Ptr(uint32(w.sock)))
	w.constSockPtr = ID(b.Const(b.Ptr(b.Const(uint32(w.sock)))))
	w.taggedPtr = ID(b.Ptr(b.TypeTag("user", b.TypeTag("rcu", uint32(w.sock)))))
	w.comm = ID(b.Array(uint32(w.char), uint32(w.int_), 16))
	w.matrix = ID(b.Array(uint32(b.Array(uint32(w.int_), uint32(w.int_), 3)), uint32(w.int_), 2))
	w.flex = ID(b.Array(uint32(w.char), uint32(w.int_), 0))
	w.typed = ID(b.Typedef("sock_t", b.Volatile(b.Const(uint32(w.sock)))))
	w.loopA = ID(b.Len())
	w.loopB = w.loopA + 1
	b.Typedef("loop_a", uint32(w.loopB))
	b.Typedef("loop_b", uint32(w.loopA))
	w.state = ID(b.Enum("", false, btftest.Value{Name: "TCP_ESTABLISHED", Value: 1}, btftest.Value{Name: "BIG", Value: 0xffffffff}))
	w.flags = ID(b.Enum("rx", true, btftest.Value{Name: "RX_BAD", Value: -2}, btftest.Value{Name: "TCP_ESTABLISHED", Value: 7}))
	w.wide = ID(b.Enum64("wide", false, btftest.Value{Name: "HUGE", Value: 1 << 40}, btftest.Value{Name: "ALL", Value: -1}))
	w.fwd = ID(b.Fwd("later", false))
	w.fwdUnion = ID(b.Fwd("later_u", true))
	w.read = ID(b.Func("vfs_read", uint32(w.ulong), btftest.Param{Name: "sk", Type: uint32(w.sockPtr)}, btftest.Param{Name: "n", Type: uint32(w.ulong)}))
	w.printk = ID(b.Func("printk", uint32(w.int_), btftest.Param{Name: "fmt", Type: b.Ptr(b.Const(uint32(w.char)))}, btftest.Param{}))
	w.cb = ID(b.Ptr(b.Proto(0, btftest.Param{Type: b.Ptr(0)})))
	w.percpu = ID(b.Var("this_cpu_off", uint32(w.ulong), 1))
	w.sec = ID(b.DataSec(".data..percpu", 8, [3]uint32{uint32(w.percpu), 0, 8}))
	w.double = ID(b.Float("double", 8))
	w.kfuncTag = ID(b.DeclTag("bpf_kfunc", uint32(w.read), -1))
	w.vol = ID(b.Volatile(uint32(w.int_)))
	w.restrict = ID(b.Restrict(uint32(w.sockPtr)))
	b.Struct("sock", 4) // a second one of the same name
	w.blob = b.Bytes()
	return w
}

func parse(t *testing.T, blob []byte, base *Spec) *Spec {
	t.Helper()
	s, err := Parse(blob, base)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestType(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	for _, test := range []struct {
		id   ID
		want Type
	}{
		{0, &Void{}},
		{w.int_, &Int{Name: "int", Size: 4, Bits: 32, Signed: true}},
		{w.char, &Int{Name: "char", Size: 1, Bits: 8, Char: true}},
		{w.boolean, &Int{Name: "_Bool", Size: 1, Bits: 8, Bool: true}},
		{w.sockPtr, &Ptr{Elem: w.sock}},
		{w.comm, &Array{Elem: w.char, Index: w.int_, Len: 16}},
		{w.anon, &Struct{Union: true, Size: 8, Members: []Member{{Name: "skc_addrpair", Type: w.ulong}, {Type: w.anon - 1}}}},
		{w.sock, &Struct{Name: "sock", Size: 24, Members: []Member{
			{Name: "__sk_common", Type: w.sockCommon},
			{Name: "sk_type", Type: w.int_, Offset: 128, BitSize: 16},
			{Name: "sk_lock", Type: w.u8, Offset: 145, BitSize: 3},
			{Name: "sk_data", Type: w.int_, Offset: 160}}}},
		{w.typed, &Typedef{Name: "sock_t", Type: w.typed - 1}},
		{w.typed - 1, &Qualifier{Which: KindVolatile, Type: w.typed - 2}},
		{w.typed - 2, &Qualifier{Which: KindConst, Type: w.sock}},
		{w.restrict, &Qualifier{Which: KindRestrict, Type: w.sockPtr}},
		{w.taggedPtr - 1, &TypeTag{Name: "user", Type: w.taggedPtr - 2}},
		{w.state, &Enum{Size: 4, Values: []Enumerator{{"TCP_ESTABLISHED", 1}, {"BIG", 0xffffffff}}}},
		{w.flags, &Enum{Name: "rx", Size: 4, Signed: true, Values: []Enumerator{{"RX_BAD", -2}, {"TCP_ESTABLISHED", 7}}}},
		{w.wide, &Enum{Name: "wide", Size: 8, Wide: true, Values: []Enumerator{{"HUGE", 1 << 40}, {"ALL", -1}}}},
		{w.fwd, &Fwd{Name: "later"}},
		{w.fwdUnion, &Fwd{Name: "later_u", Union: true}},
		{w.read, &Func{Name: "vfs_read", Linkage: Global, Proto: w.read - 1}},
		{w.read - 1, &FuncProto{Params: []Param{{"sk", w.sockPtr}, {"n", w.ulong}}, Return: w.ulong}},
		{w.printk - 1, &FuncProto{Params: []Param{{"fmt", w.printk - 2}}, Return: w.int_, Variadic: true}},
		{w.percpu, &Var{Name: "this_cpu_off", Type: w.ulong, Linkage: Global}},
		{w.sec, &DataSec{Name: ".data..percpu", Size: 8, Vars: []SecVar{{w.percpu, 0, 8}}}},
		{w.double, &Float{Name: "double", Size: 8}},
		{w.kfuncTag, &DeclTag{Name: "bpf_kfunc", Type: w.read, Component: -1}},
	} {
		t.Run(s.Format(test.id), func(t *testing.T) {
			got, err := s.Type(test.id)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("type %d, -want +got:\n%s", test.id, diff)
			}
			if got.Kind() != s.Kind(test.id) {
				t.Errorf("Type.Kind() = %v, Spec.Kind = %v", got.Kind(), s.Kind(test.id))
			}
			if name := s.Name(test.id); test.id != 0 && name != got.TypeName() {
				t.Errorf("Spec.Name = %q, TypeName = %q", name, got.TypeName())
			}
		})
	}
	if _, err := s.Type(ID(s.Len())); !errors.Is(err, ErrMalformed) {
		t.Errorf("Type(one past the end): %v, want ErrMalformed", err)
	}
}

func TestByName(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	tests := []struct {
		kind Kind
		name string
		want []ID
	}{
		{KindStruct, "sock", []ID{w.sock, ID(s.Len() - 1)}},
		{KindStruct, "soc", nil},
		{KindStruct, "ock", nil},
		{KindStruct, "sock_common", []ID{w.sockCommon}},
		{KindUnion, "sock", nil},
		{KindFunc, "vfs_read", []ID{w.read}},
		{KindEnum, "rx", []ID{w.flags}},
		{KindEnum64, "wide", []ID{w.wide}},
		{KindTypedef, "sock_t", []ID{w.typed}},
		{KindVar, "this_cpu_off", []ID{w.percpu}},
		{KindInt, "int", []ID{w.int_}},
		{KindStruct, "", nil},
		{KindVoid, "void", nil},
		{kindOther, "int", nil},
		{Kind(200), "int", nil},
	}
	// The second half of the rounds is answered by the index.
	for range 2 * indexAfter {
		for _, test := range tests {
			if diff := cmp.Diff(test.want, s.ByName(test.kind, test.name)); diff != "" {
				t.Fatalf("ByName(%v, %q), -want +got:\n%s", test.kind, test.name, diff)
			}
		}
	}
	if s.byKind[KindStruct].Load() == nil {
		t.Error("no index for structs after many lookups")
	}
	if id, ok := s.First("later", KindStruct, KindFwd); !ok || id != w.fwd {
		t.Errorf("First(later) = %d, %v, want %d", id, ok, w.fwd)
	}
	if id, ok := s.First("nothing", KindStruct, KindVoid); ok {
		t.Errorf("First(nothing) = %d", id)
	}
}

func TestEnumerator(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	for round := range 2 * indexAfter {
		for _, test := range []struct {
			name  string
			enum  ID
			value int64
			ok    bool
		}{
			{"TCP_ESTABLISHED", w.state, 1, true}, // the first of two
			{"BIG", w.state, 0xffffffff, true},
			{"RX_BAD", w.flags, -2, true},
			{"HUGE", w.wide, 1 << 40, true},
			{"ALL", w.wide, -1, true},
			{"ESTABLISHED", 0, 0, false},
			{"", 0, 0, false},
		} {
			enum, value, ok := s.Enumerator(test.name)
			if enum != test.enum || value != test.value || ok != test.ok {
				t.Fatalf("round %d: Enumerator(%q) = %d, %d, %v, want %d, %d, %v",
					round, test.name, enum, value, ok, test.enum, test.value, test.ok)
			}
		}
	}
	var names []string
	for name := range s.Enumerators {
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"TCP_ESTABLISHED", "BIG", "RX_BAD", "TCP_ESTABLISHED", "HUGE", "ALL"}, names); diff != "" {
		t.Errorf("Enumerators, -want +got:\n%s", diff)
	}
}

// Kernels of before the "signed" mark: a negative value must not turn into
// four billion.
func TestUnmarkedEnums(t *testing.T) {
	var b btftest.Builder
	for i := range 300 {
		b.Enum(fmt.Sprintf("e%d", i), false, btftest.Value{Name: fmt.Sprintf("V%d", i), Value: int64(-i)})
	}
	s := parse(t, b.Bytes(), nil)
	if _, v, _ := s.Enumerator("V5"); v != -5 {
		t.Errorf("V5 = %d in an image without signed marks, want -5", v)
	}
	b.Enum("marked", true, btftest.Value{Name: "M", Value: -1})
	s = parse(t, b.Bytes(), nil)
	if _, v, _ := s.Enumerator("V5"); v != math.MaxUint32-4 {
		t.Errorf("V5 = %d in an image with signed marks, want %d", v, uint32(math.MaxUint32-4))
	}
}

func TestSizeAndUnderlying(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	for _, test := range []struct {
		id    ID
		size  uint32
		under ID
		err   error
	}{
		{w.int_, 4, w.int_, nil},
		{w.u8, 1, w.u8 - 1, nil},
		{w.sockPtr, 8, w.sockPtr, nil},
		{w.constSockPtr, 8, w.constSockPtr - 1, nil},
		{w.comm, 16, w.comm, nil},
		{w.matrix, 24, w.matrix, nil},
		{w.flex, 0, w.flex, nil},
		{w.typed, 24, w.sock, nil},
		{w.state, 4, w.state, nil},
		{w.wide, 8, w.wide, nil},
		{w.percpu, 8, w.percpu, nil},
		{w.sec, 8, w.sec, nil},
		{w.double, 8, w.double, nil},
		{w.loopA, 0, 0, ErrMalformed},
		{w.fwd, 0, w.fwd, ErrNoSize},
		{w.read, 0, w.read, ErrNoSize},
		{0, 0, 0, ErrNoSize},
		{1 << 30, 0, 1 << 30, ErrMalformed},
	} {
		size, err := s.Size(test.id)
		if size != test.size || !errors.Is(err, test.err) {
			t.Errorf("Size(%s) = %d, %v, want %d, %v", s.Format(test.id), size, err, test.size, test.err)
		}
		if under := s.Underlying(test.id); under != test.under {
			t.Errorf("Underlying(%d) = %d, want %d", test.id, under, test.under)
		}
	}
	var b btftest.Builder
	id := b.Int("int", 4, 1)
	for range 5 {
		id = b.Array(id, 1, 1000)
	}
	s = parse(t, b.Bytes(), nil)
	if _, err := s.Size(ID(id)); !errors.Is(err, ErrMalformed) {
		t.Errorf("Size of a 4 PB array: %v, want ErrMalformed", err)
	}
}

func TestField(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	for _, test := range []struct {
		id   ID
		name string
		want Member
		ok   bool
	}{
		{w.sock, "sk_lock", Member{Name: "sk_lock", Type: w.u8, Offset: 145, BitSize: 3}, true},
		{w.typed, "sk_data", Member{Name: "sk_data", Type: w.int_, Offset: 160}, true},
		{w.sockCommon, "skc_rcv_saddr", Member{Name: "skc_rcv_saddr", Type: w.int_, Offset: 32}, true},
		{w.sockCommon, "skc_addrpair", Member{Name: "skc_addrpair", Type: w.ulong}, true},
		{w.sock, "skc_daddr", Member{}, false}, // its parent has a name
		{w.sock, "", Member{}, false},
		{w.int_, "x", Member{}, false},
		{0, "x", Member{}, false},
	} {
		got, ok := s.Field(test.id, test.name)
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("Field(%s, %q): %v, -want +got:\n%s", s.Format(test.id), test.name, ok, diff)
		}
	}
	// A union that holds itself twice doubles with every level.
	var b btftest.Builder
	b.Union("", 8, btftest.Member{Type: 1}, btftest.Member{Type: 1})
	s = parse(t, b.Bytes(), nil)
	if _, ok := s.Field(1, "x"); ok {
		t.Error("found a member that does not exist")
	}
}

func TestTags(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	ptr, err := s.Type(w.taggedPtr)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"user", "rcu"}, s.Tags(ptr.(*Ptr).Elem)); diff != "" {
		t.Errorf("Tags, -want +got:\n%s", diff)
	}
}

func TestFormat(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	for _, test := range []struct {
		id         ID
		name, want string
	}{
		{0, "", "void"},
		{w.int_, "", "int"},
		{w.sockPtr, "", "struct sock *"},
		{w.sockPtr, "sk", "struct sock *sk"},
		{w.constSockPtr, "sk", "const struct sock * const sk"},
		{w.constSockPtr, "", "const struct sock * const"},
		{w.restrict, "p", "struct sock * restrict p"},
		{w.vol, "v", "volatile int v"},
		{w.taggedPtr, "", "struct sock *"},
		{w.comm, "comm", "char comm[16]"},
		{w.matrix, "", "int [2][3]"},
		{w.typed, "", "sock_t"},
		{w.state, "", "enum {...}"},
		{w.anon, "u", "union {...} u"},
		{w.fwdUnion, "", "union later_u"},
		{w.read, "", "long unsigned int vfs_read(struct sock *sk, long unsigned int n)"},
		{w.printk, "", "int printk(const char *fmt, ...)"},
		{w.cb, "cb", "void (*cb)(void *)"},
		{w.percpu, "", "long unsigned int this_cpu_off"},
		{1 << 30, "x", "<bad type> x"},
	} {
		if got := s.Declare(test.id, test.name); got != test.want {
			t.Errorf("Declare(%d, %q) = %q, want %q", test.id, test.name, got, test.want)
		}
	}
}

func TestSplit(t *testing.T) {
	w := newWorld()
	base := parse(t, w.blob, nil)
	b := btftest.Split(base.Len(), w.b.StringLen())
	priv := ID(b.Struct("mod_priv", 8, btftest.Member{Name: "sk", Type: uint32(w.sockPtr)}))
	again := ID(b.Struct("sock", 64))
	e := ID(b.Enum("", true, btftest.Value{Name: "MOD_X", Value: -3}))
	s := parse(t, b.Bytes(), base)
	if s.Len() != base.Len()+3 || s.Base() != base {
		t.Fatalf("split spec has %d types on %d", s.Len(), base.Len())
	}
	first, last := w.sock, ID(base.Len()-1)
	if diff := cmp.Diff([]ID{first, last, again}, s.ByName(KindStruct, "sock")); diff != "" {
		t.Errorf("ByName(sock), -want +got:\n%s", diff)
	}
	if got := s.ByName(KindStruct, "mod_priv"); !cmp.Equal(got, []ID{priv}) {
		t.Errorf("ByName(mod_priv) = %v, want %d", got, priv)
	}
	if got := base.ByName(KindStruct, "mod_priv"); got != nil {
		t.Errorf("the base knows the module's struct: %v", got)
	}
	m, ok := s.Field(priv, "sk")
	if !ok || s.Format(m.Type) != "struct sock *" {
		t.Errorf("Field(mod_priv, sk) = %+v, %v", m, ok)
	}
	if id, v, ok := s.Enumerator("MOD_X"); id != e || v != -3 || !ok {
		t.Errorf("Enumerator(MOD_X) = %d, %d, %v", id, v, ok)
	}
	if id, v, ok := s.Enumerator("RX_BAD"); id != w.flags || v != -2 || !ok {
		t.Errorf("Enumerator(RX_BAD) in the base = %d, %d, %v", id, v, ok)
	}
	count := map[string]int{}
	for name := range s.StructNames {
		count[name]++
	}
	if count["sock"] != 3 || count["mod_priv"] != 1 {
		t.Errorf("StructNames: %v", count)
	}
	for name := range s.StructNames {
		if name == "sock" {
			break // must also stop in the base
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := newWorld().blob
	edit := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	put := func(at int, v uint32) []byte {
		return edit(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b })
	}
	var odd btftest.Builder
	odd.Raw("future", 40, false, 1, 0, 1, 2, 3)
	for _, test := range []struct {
		name string
		blob []byte
		want error
	}{
		{"empty", nil, ErrMalformed},
		{"short header", good[:20], ErrMalformed},
		{"magic", put(0, 0x464c457f), ErrMalformed},
		{"big-endian", edit(func(b []byte) []byte { b[0], b[1] = b[1], b[0]; return b }), ErrBigEndian},
		{"version", edit(func(b []byte) []byte { b[2] = 2; return b }), ErrMalformed},
		{"header too short", put(4, 8), ErrMalformed},
		{"header too long", put(4, 1<<31), ErrMalformed},
		{"type section outside", put(12, 1<<31), ErrMalformed},
		{"type offset overflow", put(8, math.MaxUint32), ErrMalformed},
		{"string section outside", put(20, 1<<20), ErrMalformed},
		{"no strings", put(20, 0), ErrMalformed},
		{"last string without end", put(20, binary.LittleEndian.Uint32(good[20:])-1), ErrMalformed},
		{"last type cut short", put(12, binary.LittleEndian.Uint32(good[12:])-4), ErrMalformed},
		{"kind zero", put(28, 0), ErrMalformed},
		{"kind unknown", odd.Bytes(), ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse(test.blob, nil); !errors.Is(err, test.want) {
				t.Errorf("Parse: %v, want %v", err, test.want)
			}
		})
	}
	for n := range good {
		if _, err := Parse(good[:n], nil); err == nil {
			t.Fatalf("Parse accepts the first %d of %d bytes", n, len(good))
		}
	}
}

// A kind younger than the reader is stepped over when the blob says how long it is.
func TestLayout(t *testing.T) {
	var b btftest.Builder
	b.Raw("future", 20, false, 2, 0, 1, 2, 3, 4, 5)
	last := ID(b.Int("int", 4, 1))
	layout := make([][2]uint8, 21)
	layout[20] = [2]uint8{4, 8}
	s := parse(t, b.BytesWithLayout(layout), nil)
	if got := s.ByName(KindInt, "int"); !cmp.Equal(got, []ID{last}) {
		t.Errorf("ByName(int) = %v, want %d", got, last)
	}
	if _, err := s.Type(1); !errors.Is(err, ErrMalformed) {
		t.Errorf("Type of an unknown kind: %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	w := newWorld()
	s := parse(t, w.blob, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 * indexAfter {
				if got := s.ByName(KindStruct, "sock_common"); len(got) != 1 {
					t.Errorf("ByName(sock_common) = %v", got)
				}
				if _, v, ok := s.Enumerator("HUGE"); !ok || v != 1<<40 {
					t.Errorf("Enumerator(HUGE) = %d, %v", v, ok)
				}
			}
		})
	}
	wg.Wait()
}

// A file without an end is given up, and not read until the memory is full.
func TestEndless(t *testing.T) {
	if _, err := load("/dev/zero"); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "/dev/zero: malformed BTF: more than 256 MB") {
		t.Errorf("got %v", err)
	}
}
