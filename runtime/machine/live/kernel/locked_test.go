package kernel

import "testing"

// Only where the lockdown forbids the helper do structs have the numbers that loads need,
// and only the kernel's own have them.
func TestCheckedLoads(t *testing.T) {
	for _, locked := range []bool{false, true} {
		k := New(Options{})
		k.locked = func() bool { return locked }
		typ, ok := k.Named("struct", "task_struct")
		if !ok {
			t.Skip("this kernel shows no type information")
		}
		if got := typ.Struct.BTF != 0; got != locked {
			t.Errorf("locked %v: struct task_struct has the number %d", locked, typ.Struct.BTF)
		}
	}
	k := sample(t) // types of a file
	k.locked = func() bool { return true }
	if spec, err := k.load(); err != nil || k.checkedLoads(spec) {
		t.Errorf("structs of a file are read by checked loads (%v)", err)
	}
}
