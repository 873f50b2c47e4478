package kernel

import "testing"

// Only the kernel's own structs have the numbers that loads need.
func TestCheckedLoads(t *testing.T) {
	k := New(Options{})
	typ, ok := k.Named("struct", "task_struct")
	if !ok {
		t.Skip("this kernel shows no type information")
	}
	if typ.Struct.BTF == 0 {
		t.Error("struct task_struct has no number")
	}
	k = sample(t) // types of a file
	if spec, err := k.load(); err != nil || k.checkedLoads(spec) {
		t.Errorf("structs of a file are read by checked loads (%v)", err)
	}
}
