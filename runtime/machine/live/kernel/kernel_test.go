package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/target"
	"probe/lang/types"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/btf/btftest"
)

// open makes a Kernel from a hand-made blob.
func open(t *testing.T, b *btftest.Builder) *Kernel {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return New(Options{BTF: path})
}

// sample returns a blob with one of everything that maps to types in a way of
// its own.
func sample(t *testing.T) *Kernel {
	t.Helper()
	var b btftest.Builder
	integer := b.Int("int", 4, 1)
	char := b.Int("char", 1, 3)
	u32 := b.Int("unsigned int", 4, 0)
	u64 := b.Int("long unsigned int", 8, 0)
	boolean := b.Int("_Bool", 1, 4)
	wide := b.Int("__int128", 16, 1)
	comm := b.Array(char, integer, 16)
	flex := b.Array(char, integer, 0)
	state := b.Enum("state", false, btftest.Value{Name: "UP", Value: 1}, btftest.Value{Name: "DOWN", Value: 2})
	anonEnum := b.Enum("", false, btftest.Value{Name: "LIMIT", Value: 99})
	be32 := b.Typedef("__be32", b.Const(u32))
	inner := b.Struct("", 8, btftest.Member{Name: "lo", Type: u32}, btftest.Member{Name: "hi", Type: u32, Offset: 32})
	union := b.Union("", 8, btftest.Member{Name: "both", Type: u64}, btftest.Member{Type: inner})
	self := uint32(b.Len()) + 1
	selfPtr := b.Ptr(self)
	b.Struct("thing", 96,
		btftest.Member{Name: "id", Type: integer},
		btftest.Member{Type: union, Offset: 64},
		btftest.Member{Name: "comm", Type: comm, Offset: 128},
		btftest.Member{Name: "flags", Type: u32, Offset: 256, Bits: 3},
		btftest.Member{Name: "mode", Type: u32, Offset: 259, Bits: 5},
		btftest.Member{Name: "next", Type: selfPtr, Offset: 320},
		btftest.Member{Name: "state", Type: state, Offset: 384},
		btftest.Member{Name: "addr", Type: be32, Offset: 416},
		btftest.Member{Name: "big", Type: wide, Offset: 512},
		btftest.Member{Name: "limit", Type: anonEnum, Offset: 640},
		btftest.Member{Name: "tail", Type: flex, Offset: 768},
	)
	userThing := b.Ptr(b.TypeTag("user", self))
	byValue := b.Struct("pair", 16, btftest.Member{Name: "a", Type: u64}, btftest.Member{Name: "b", Type: u64, Offset: 64})
	b.Func("work", selfPtr,
		btftest.Param{Name: "t", Type: selfPtr},
		btftest.Param{Name: "p", Type: byValue},
		btftest.Param{Name: "ok", Type: boolean},
		btftest.Param{Name: "u", Type: userThing},
		btftest.Param{Name: "pp", Type: b.Ptr(selfPtr)},
		btftest.Param{Name: "v", Type: b.Ptr(0)},
	)
	b.Func("quiet", 0, btftest.Param{Name: "n", Type: integer}, btftest.Param{})
	b.Typedef("btf_trace_old", b.Ptr(b.Proto(0, btftest.Param{Type: b.Ptr(0)}, btftest.Param{Type: integer})))
	b.Typedef("btf_trace_new", b.Ptr(b.Proto(0, btftest.Param{Type: b.Ptr(0)}, btftest.Param{Type: selfPtr})))
	b.Func("__traceiter_new", integer, btftest.Param{Name: "__data", Type: b.Ptr(0)}, btftest.Param{Name: "t", Type: selfPtr})
	b.Fwd("hidden", false)
	return open(t, &b)
}

type field struct {
	Name               string
	Type               string
	Off, BitOff, BitSz int
	Promoted           bool
}

func TestStructFields(t *testing.T) {
	k := sample(t)
	thing, ok := k.Named("struct", "thing")
	if !ok {
		t.Fatal("struct thing is not found")
	}
	var got []field
	for _, f := range thing.Struct.Fields() {
		got = append(got, field{f.Name, f.Type.String(), f.Offset, f.BitOff, f.BitSize, f.Promoted})
	}
	want := []field{
		{Name: "id", Type: "int32"},
		{Name: "", Type: "union {uint64,struct {uint32,uint32},uint32,uint32}", Off: 8},
		{Name: "both", Type: "uint64", Off: 8, Promoted: true},
		{Name: "", Type: "struct {uint32,uint32}", Off: 8, Promoted: true},
		{Name: "lo", Type: "uint32", Off: 8, Promoted: true},
		{Name: "hi", Type: "uint32", Off: 12, Promoted: true},
		{Name: "comm", Type: "string[16]", Off: 16},
		{Name: "flags", Type: "uint32", Off: 32, BitSz: 3},
		{Name: "mode", Type: "uint32", Off: 32, BitOff: 3, BitSz: 5},
		{Name: "next", Type: "struct thing *", Off: 40},
		{Name: "state", Type: "enum state", Off: 48},
		{Name: "addr", Type: "uint32", Off: 52},
		{Name: "big", Type: "uint8[16]", Off: 64},
		{Name: "limit", Type: "uint32", Off: 80},
		{Name: "tail", Type: "int8[0]", Off: 96},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	next, _ := thing.Struct.Field("next")
	if next.Type.Elem.Struct != thing.Struct {
		t.Error("the struct behind a pointer to itself is another *types.Struct")
	}
	again, _ := k.Named("struct", "thing")
	if again.Struct != thing.Struct {
		t.Error("two questions for one struct give two *types.Struct")
	}
	if addr, _ := thing.Struct.Field("addr"); addr.Type.Name != "__be32" {
		t.Errorf("the typedef's name is %q", addr.Type.Name)
	}
	if thing.Size != 96 || thing.Struct.Align != 8 {
		t.Errorf("size %d, alignment %d", thing.Size, thing.Struct.Align)
	}
}

func TestPackedBitField(t *testing.T) {
	var b btftest.Builder
	u8 := b.Int("unsigned char", 1, 0)
	u32 := b.Int("unsigned int", 4, 0)
	b.Struct("packed", 8,
		btftest.Member{Name: "a", Type: u8, Offset: 0, Bits: 6},
		btftest.Member{Name: "b", Type: u8, Offset: 6, Bits: 5},
		btftest.Member{Name: "c", Type: u32, Offset: 29, Bits: 31},
	)
	k := open(t, &b)
	p, _ := k.Named("struct", "packed")
	var got []field
	for _, f := range p.Struct.Fields() {
		got = append(got, field{f.Name, f.Type.String(), f.Offset, f.BitOff, f.BitSize, false})
	}
	want := []field{
		{Name: "a", Type: "uint8", BitSz: 6},
		{Name: "b", Type: "uint16", Off: 0, BitOff: 6, BitSz: 5},
		{Name: "c", Type: "uint64", Off: 3, BitOff: 5, BitSz: 31},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

type param struct {
	Name, Type   string
	Slot         int
	Plain, Known bool
}

func params(f *Prototype) (out []param) {
	for _, p := range f.Params {
		out = append(out, param{p.Name, p.Type.String(), p.Slot, p.Plain, p.Known})
	}
	return out
}

func TestFunc(t *testing.T) {
	k := sample(t)
	f, err := k.Func("", "work")
	if err != nil {
		t.Fatal(err)
	}
	want := []param{
		{"t", "struct thing *", 0, true, true},
		{"p", "struct pair", 1, true, false},
		{"ok", "bool", 3, true, false},
		{"u", "struct thing *", 4, true, false},
		{"pp", "struct thing * *", 5, false, false},
		{"v", "void *", 6, true, false},
	}
	if diff := cmp.Diff(want, params(f)); diff != "" {
		t.Error(diff)
	}
	if f.Slots != 7 || f.Ret.String() != "struct thing *" {
		t.Errorf("slots %d, result %s", f.Slots, f.Ret)
	}
	if f.Params[3].Type.Space != types.User || f.Params[0].Type.Space != types.SpaceNone {
		t.Error("the tag of a __user pointer is lost, or found where there is none")
	}
	if sig := k.Signature(f); sig != "struct thing *work(struct thing *t, struct pair p, _Bool ok, struct thing *u, struct thing **pp, void *v)" {
		t.Errorf("signature is %q", sig)
	}
	f, err = k.Func("vmlinux", "quiet")
	if err != nil || f.Ret != nil || !f.Variadic || len(f.Params) != 1 {
		t.Errorf("quiet is %+v, %v", f, err)
	}
	if _, err := k.Func("", "nothing"); !errors.Is(err, ErrNoFunc) {
		t.Errorf("an unknown function gives %v, want ErrNoFunc", err)
	}
}

func TestRawTracepoint(t *testing.T) {
	k := sample(t)
	f, err := k.RawTracepoint("", "new")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]param{{"t", "struct thing *", 0, true, true}}, params(f)); diff != "" {
		t.Error("with names from the function: " + diff)
	}
	if id, ok := k.TypeID("", "btf_trace_new"); !ok || id != f.ID {
		t.Errorf("attaches to type %d, the typedef is %d", f.ID, id)
	}
	f, err = k.RawTracepoint("", "old")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]param{{"", "int32", 0, true, false}}, params(f)); diff != "" {
		t.Error("without names: " + diff)
	}
	if _, err := k.RawTracepoint("", "none"); !errors.Is(err, ErrNoFunc) {
		t.Errorf("an unknown tracepoint gives %v, want ErrNoFunc", err)
	}
	var names []string
	if err := k.RawTracepoints(func(n string) bool { names = append(names, n); return true }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"old", "new"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestNamed(t *testing.T) {
	k := sample(t)
	for _, tc := range []struct{ kind, name, want string }{
		{"struct", "thing", "struct thing"},
		{"", "__be32", "uint32"},
		{"enum", "state", "enum state"},
		{"", "unsigned long", "uint64"},
		{"", "long unsigned int", "uint64"},
		{"", "long long", "int64"},
		{"", "short", "int16"},
		{"", "unsigned", "uint32"},
		{"", "signed char", "int8"},
		{"", "char", "int8"},
		{"", "const int", "int32"},
		{"", "bool", "bool"},
		{"", "void", "void"},
		{"struct", "hidden", ""},
		{"union", "thing", ""},
		{"", "unsigned bool", ""},
		{"", "long short", ""},
		{"", "const", ""},
		{"", "thing", ""},
		{"nonsense", "thing", ""},
	} {
		got := ""
		if ty, ok := k.Named(tc.kind, tc.name); ok {
			got = ty.String()
		}
		if got != tc.want {
			t.Errorf("Named(%q, %q) is %q, want %q", tc.kind, tc.name, got, tc.want)
		}
	}
	if ty, v, ok := k.Enumerator("LIMIT"); !ok || v != 99 || ty.String() != "uint32" {
		t.Errorf("LIMIT is %s %d %v", ty, v, ok)
	}
	if _, _, ok := k.Enumerator("NOTHING"); ok {
		t.Error("an unknown enumerator is found")
	}
	if diff := cmp.Diff([]string{"pair", "thing"}, k.Names("struct")); diff != "" {
		t.Error(diff)
	}
}

func TestNoBTF(t *testing.T) {
	k := New(Options{BTF: filepath.Join(t.TempDir(), "missing")})
	if ok, why := k.Available(); ok || why == "" {
		t.Errorf("Available is %v, %q", ok, why)
	}
	if _, ok := k.Named("struct", "sock"); ok {
		t.Error("a struct is found without BTF")
	}
	if ty, ok := k.Named("", "unsigned int"); !ok || ty != types.Uint32 {
		t.Error("C's own types need no BTF")
	}
	if k.Names("struct") != nil {
		t.Error("there are names without BTF")
	}
}

// TestHostileNesting converts a struct that contains itself twice without a
// name, which must end.
func TestHostileNesting(t *testing.T) {
	var b btftest.Builder
	b.Int("int", 4, 1)
	self := uint32(b.Len())
	b.Struct("s", 8, btftest.Member{Type: self}, btftest.Member{Type: self, Offset: 32})
	loop := uint32(b.Len())
	b.Typedef("loop", loop)
	k := open(t, &b)
	ty, _ := k.Named("struct", "s")
	if n := len(ty.Struct.Fields()); n > maxMembers {
		t.Errorf("%d members", n)
	}
	if ty, ok := k.Named("", "loop"); !ok || ty.Kind != types.Void {
		t.Errorf("a typedef of itself is %v", ty)
	}
}

func BenchmarkFunc(b *testing.B) {
	k := New(Options{})
	if ok, why := k.Available(); !ok {
		b.Skip(why)
	}
	b.ReportAllocs()
	for range b.N {
		if _, err := k.Func("", "tcp_sendmsg"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestFixedTypes compares the list of fixed types with what this kernel's BTF
// says about them.
func TestFixedTypes(t *testing.T) {
	k := New(Options{})
	spec, err := k.Spec()
	if err != nil {
		t.Skip(err)
	}
	found := 0
	for name := range fixed {
		got, ok := k.Named("", name)
		if !ok {
			t.Errorf("%s is not known", name)
			continue
		}
		id, ok := spec.First(name, btf.KindTypedef)
		if !ok {
			continue // nothing in this kernel uses it
		}
		found++
		if want := k.Type(spec, id); got.Kind != want.Kind || got.Size != want.Size || got.Signed != want.Signed || got.Name != want.Name {
			t.Errorf("%s is %s %q of %d bytes, want %s %q of %d", name, got, got.Name, got.Size, want, want.Name, want.Size)
		}
	}
	if found < len(fixed)/2 {
		t.Errorf("the kernel has only %d of %d types", found, len(fixed))
	}
	k = New(Options{})
	k.load = func() (*btf.Spec, error) {
		t.Error("pid_t was looked up in the BTF")
		return nil, btf.ErrNoBTF
	}
	if _, ok := k.Named("", "pid_t"); !ok {
		t.Error("pid_t is not known")
	}
}

// Every feature that is no helper has a question of its own.
func TestFeatureRows(t *testing.T) {
	for f := target.NoPrealloc; f <= target.CommOffset; f++ {
		if _, ok := rows[f]; !ok && f != target.CommOffset {
			t.Errorf("nothing asks the kernel for feature %d", f)
		}
	}
	for f := range kfuncs {
		if _, ok := rows[f]; !ok {
			t.Errorf("feature %d is a kernel function, and nothing asks for it", f)
		}
	}
}
