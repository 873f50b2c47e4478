package bpftrace

import (
	"fmt"
	"io"
	"strings"
)

// Info is what --info reports. Test suites and scripts parse it, so names,
// order and columns are those of bpftrace.
type Info struct {
	OS, Arch string // "Linux 6.12.1 #1 SMP …" and "x86_64", as uname has them
	Version  string // of probe

	// Helpers that programs may call on this kernel.
	DPath, TAIClock, FuncIP, PerCPULookup, Loop bool
	// InstructionLimit is the maximum number of instructions that the verifier
	// walks.
	InstructionLimit int
	BTF, ModuleBTF   bool
	// Ways to attach that this kernel has and probe uses.
	KprobeMulti, UprobeMulti, KprobeSession, Iter bool
	// DWARF and Unwind report whether debug information of user programs is read
	// for types and for stacks.
	DWARF, Unwind bool
	// Decoder reports whether offsets in user functions are checked to be the
	// beginning of an instruction.
	Decoder bool
}

// infoColumn is the width of a column of --info in bytes.
const infoColumn = 35

// WriteInfo writes the report.
func WriteInfo(w io.Writer, i *Info) error {
	yes := func(name string, v bool) string {
		if v {
			return name + ": yes"
		}
		return name + ": no"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "System\n  OS: %s\n  Arch: %s\n\n", i.OS, i.Arch)
	fmt.Fprintf(&b, "Build\n  version: %s\n  LLVM: none (probe %s)\n", Version, i.Version)
	for _, row := range []string{
		yes("bfd", i.Decoder), yes("libdw (DWARF support)", i.DWARF), yes("libsystemd (systemd notify support)", false),
		yes("blazesym (advanced symbolization)", false), yes("dwunwind (DWARF stack unwinding)", i.Unwind),
	} {
		b.WriteString("  " + row + "\n")
	}
	for _, s := range []struct {
		title string
		cells []string
	}{
		{"Kernel helpers", []string{
			yes("dpath", i.DPath), yes("get_tai_ns", i.TAIClock), yes("get_func_ip", i.FuncIP),
			yes("lookup_percpu_elem", i.PerCPULookup), yes("loop", i.Loop),
		}},
		{"Kernel features", []string{
			fmt.Sprintf("Instruction limit: %d", i.InstructionLimit), yes("btf", i.BTF), yes("module btf", i.ModuleBTF),
		}},
		{"Probe types", []string{
			yes("kprobe_multi", i.KprobeMulti), yes("uprobe_multi", i.UprobeMulti), yes("kprobe_session", i.KprobeSession), yes("iter", i.Iter),
		}},
	} {
		b.WriteString("\n" + s.title + "\n")
		for n, cell := range s.cells {
			if n%2 == 0 {
				cell = "  " + cell
			}
			fmt.Fprintf(&b, "%-*s", infoColumn, cell)
			if n%2 == 1 || n == len(s.cells)-1 {
				b.WriteString("\n")
			}
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}
