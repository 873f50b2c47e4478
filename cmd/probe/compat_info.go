package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"probe/cmd/front/bpftrace"
	"probe/lang/diag"
	"probe/runtime/machine"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/feature"
)

// verifierLimit is BPF_COMPLEXITY_LIMIT_INSNS (kernel/bpf/verifier.c), the same
// since Linux 5.2 for privileged users.
const verifierLimit = 1_000_000

// compatInfo runs --info (CLI-08).
func compatInfo(std stdio) int {
	m := live.New(live.Options{})
	if d := m.Refuses(); d != nil {
		fail(std, d)
		return exitUsage
	}
	host, types := m.Features(), m.View(machine.Query{}).Types()
	_, _, dpath := types.Enumerator("BPF_FUNC_d_path")
	_, modules := types.Named("struct", "btf_module") // kernel/bpf/btf.c, with CONFIG_DEBUG_INFO_BTF_MODULES
	_, iterators := types.Named("struct", "bpf_iter__task")
	i := &bpftrace.Info{
		Version: version, DPath: dpath, TAIClock: host.Has(feature.TaiTime), FuncIP: host.Has(feature.FuncIP),
		PerCPULookup: host.Has(feature.PerCPULookup), Loop: host.Has(feature.Loop), InstructionLimit: verifierLimit,
		BTF: host.Has(feature.BTF), ModuleBTF: modules, KprobeMulti: host.Has(feature.KprobeMulti),
		UprobeMulti: host.Has(feature.UprobeMulti), KprobeSession: host.Has(feature.KprobeSession),
		Iter: iterators, DWARF: true, Unwind: runtime.GOARCH == "amd64", Decoder: true,
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		i.OS = fmt.Sprintf("unknown: %v", err)
	} else {
		text := func(b [65]byte) string { return unix.ByteSliceToString(b[:]) }
		i.OS, i.Arch = text(u.Sysname)+" "+text(u.Release)+" "+text(u.Version), text(u.Machine)
	}
	if err := bpftrace.WriteInfo(std.out, i); err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "write the output: " + err.Error()})
		return exitRun
	}
	return exitOK
}
