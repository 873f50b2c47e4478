package target_test

import (
	"slices"
	"testing"

	"probe/compiler/target"
)

// TestArch: the registers that conventions name exist, at the offsets that the
// kernel's headers give them.
func TestArch(t *testing.T) {
	offsets := map[string]map[string]int{
		"amd64": {"r15": 0, "bp": 32, "di": 112, "si": 104, "ax": 80, "ip": 128, "cs": 136, "sp": 152, "ss": 160, "orig_rax": 120},
		"arm64": {"r0": 0, "x7": 56, "fp": 232, "lr": 240, "sp": 248, "pc": 256, "pstate": 264},
	}
	for _, a := range []*target.Arch{target.AMD64(), target.ARM64()} {
		for name, off := range offsets[a.Name] {
			if got, ok := a.Regs[name]; !ok || got != off {
				t.Errorf("%s: %s is at %d, want %d", a.Name, name, got, off)
			}
		}
		for _, name := range slices.Concat(a.Args, a.GoArgs, a.DWARF, []string{a.Result, a.IP, a.SP, a.Mode}) {
			if _, ok := a.Regs[name]; !ok {
				t.Errorf("%s: there is no register %q", a.Name, name)
			}
		}
		if a.DWARF[len(a.DWARF)-1] != a.IP || uint64(len(a.DWARF)) > a.FirstVector {
			t.Errorf("%s: the numbers of debugging information are wrong", a.Name)
		}
	}
	if got := target.ARM64().SyscallArgs; got != [6]string{"regs[0]", "regs[1]", "regs[2]", "regs[3]", "regs[4]", "regs[5]"} {
		t.Errorf("arguments of system calls of arm64: %v", got)
	}
}
