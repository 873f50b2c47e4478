package bpftrace

import (
	"strings"
	"testing"
)

// The tables are those that bpftrace 0.27.1 prints on Linux 6.12.
func TestWriteInfo(t *testing.T) {
	var b strings.Builder
	i := Info{OS: "Linux 6.12.1 #1 SMP", Arch: "x86_64", Version: "0.1", DPath: true, TAIClock: true, FuncIP: true, PerCPULookup: true,
		Loop: true, InstructionLimit: 1000000, BTF: true, ModuleBTF: true, KprobeMulti: true, UprobeMulti: true, KprobeSession: true}
	if err := WriteInfo(&b, &i); err != nil {
		t.Fatal(err)
	}
	want := `System
  OS: Linux 6.12.1 #1 SMP
  Arch: x86_64

Build
  version: v0.27.1
  LLVM: none (probe 0.1)
  bfd: no
  libdw (DWARF support): no
  libsystemd (systemd notify support): no
  blazesym (advanced symbolization): no
  dwunwind (DWARF stack unwinding): no

Kernel helpers
  dpath: yes                       get_tai_ns: yes
  get_func_ip: yes                 lookup_percpu_elem: yes
  loop: yes

Kernel features
  Instruction limit: 1000000       btf: yes
  module btf: yes

Probe types
  kprobe_multi: yes                uprobe_multi: yes
  kprobe_session: yes              iter: no

`
	var got strings.Builder
	for line := range strings.Lines(b.String()) {
		got.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if got.String() != want {
		t.Errorf("WriteInfo:\n%s\nwant\n%s", got.String(), want)
	}
}
