package value

import (
	"encoding/binary"
	"testing"

	"probe/lang/types"
)

type hiding struct {
	NoResolver
	hides bool
}

func (h hiding) HidesKernel() bool          { return h.hides }
func (h hiding) Stack(uint64, int) []uint64 { return []uint64{0xffffffff81000000} }

// Where the kernel hides its addresses, so does every form of a value.
func TestHidden(t *testing.T) {
	word := func(u uint64) []byte { return binary.LittleEndian.AppendUint64(nil, u) }
	const addr = 0xffffffff81000000
	pointer := types.PointerTo(types.VoidType, types.Kernel)
	stack := func(mode types.StackMode) Value {
		return Value{T: types.StackType(false, mode, 1), B: append(word(7), word(1)...)}
	}
	for _, tt := range []struct {
		name        string
		show        func(r Resolver) string
		plain, hide string
	}{
		{"a pointer", func(r Resolver) string { return string(AppendText(nil, Value{T: pointer, B: word(addr)}, r)) }, "0xffffffff81000000", "0x0"},
		{"of a user", func(r Resolver) string { return string(AppendText(nil, Value{T: pointer, B: word(0x1234)}, r)) }, "0x1234", "0x1234"},
		{"JSON", func(r Resolver) string { return string(AppendJSON(nil, Value{T: pointer, B: word(addr)}, r)) }, "18446744071578845184", "0"},
		{"a stack", func(r Resolver) string { return string(AppendText(nil, stack(types.StackBpftrace), r)) }, "\n        0xffffffff81000000\n", "\n        0x0\n"},
		{"a perf stack", func(r Resolver) string { return string(AppendText(nil, stack(types.StackPerf), r)) }, "\n\tffffffff81000000 0xffffffff81000000\n", "\n\t0 0x0\n"},
		{"a raw stack", func(r Resolver) string { return string(AppendText(nil, stack(types.StackRaw), r)) }, "\nffffffff81000000\n", "\n0\n"},
	} {
		if got := tt.show(hiding{}); got != tt.plain {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.plain)
		}
		for _, r := range []Resolver{hiding{hides: true}, Escaped(hiding{hides: true})} {
			if got := tt.show(r); got != tt.hide {
				t.Errorf("%s, hidden: %q, want %q", tt.name, got, tt.hide)
			}
		}
	}
	specs, err := ParseFormat("%p %lx")
	if err != nil {
		t.Fatal(err)
	}
	args := []Value{{T: pointer, B: word(addr)}, {T: pointer, B: word(addr)}}
	if got := string(AppendFormat(nil, specs, args, hiding{hides: true})); got != "0x0 0" && got != "0 0" {
		t.Errorf("printf: %q", got)
	}
}
