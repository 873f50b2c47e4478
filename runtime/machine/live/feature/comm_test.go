package feature

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/btf"
)

// TestCommOffset compares the offset that was found with the kernel's types,
// and checks that the thread has its name back.
func TestCommOffset(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	spec, err := hostBTF.Kernel()
	if err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after [nameLen]byte
	if err := prctlName(unix.PR_GET_NAME, &before); err != nil {
		t.Fatal(err)
	}
	got := findComm()
	if err := prctlName(unix.PR_GET_NAME, &after); err != nil || after != before {
		t.Errorf("the thread is called %q, %v, was %q", after, err, before)
	}
	if got == 0 {
		if newSet().Has(RawTPRun) && newSet().Has(Loop) { // both since 5.17
			t.Error("not found")
		}
		return
	}
	id, ok := spec.First("task_struct", btf.KindStruct)
	if !ok {
		t.Skip("no struct task_struct in the BTF")
	}
	typ, err := spec.Type(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range typ.(*btf.Struct).Members {
		if m.Name == "comm" {
			if want := int(m.Offset / 8); got != want {
				t.Errorf("found at %d, the BTF says %d", got, want)
			}
			return
		}
	}
	t.Error("the BTF has no member comm")
}
