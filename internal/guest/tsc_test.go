package guest

import (
	"runtime"
	"strings"
	"testing"
)

// The counter of a processor of today runs at some gigahertz, and the kernel of a
// guest is told its frequency unless it counts instructions.
func TestTSC(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("no time-stamp counter on " + runtime.GOARCH)
	}
	if khz := tscKHz(); khz < 500_000 || khz > 10_000_000 {
		t.Errorf("%d kHz is not the frequency of a processor", khz)
	}
	for _, c := range []struct {
		o    Options
		kvm  bool
		told bool
	}{{Options{}, false, true}, {Options{Icount: true}, false, false}, {Options{}, true, false}} {
		args := strings.Join(qemuArgs(c.o, &Kernel{Arch: runtime.GOARCH}, c.kvm), " ")
		if told := strings.Contains(args, "tsc_early_khz="); told != c.told {
			t.Errorf("icount %v, KVM %v: told %v\n%s", c.o.Icount, c.kvm, told, args)
		}
	}
}
