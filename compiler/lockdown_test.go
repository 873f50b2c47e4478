package compiler_test

import (
	"testing"

	"github.com/cilium/ebpf/asm"

	"probe/compiler"
	"probe/compiler/compilertest"
	"probe/lang/diag"
)

// Where programs may not read the kernel's memory, they do not use the helper for it to
// clear and to copy memory of their own, and read it only where the script does.
func TestNoKernelReads(t *testing.T) {
	for script, reads := range map[string]bool{
		`begin { @s = "text"; $a = (1, "long enough", comm); @[$a] = 1; print(@s); }`: false,
		`begin { @a = str((uint64)0); $x = @a; @b = $x; print(($x, @b)); }`:           true,
		`uprobe:f { @[str(arg0)] = count(); }`:                                        false,
		`kprobe:f { @ = *(uint64 *)arg0; }`:                                           true,
		`fexit:f { @[args.task->pid] = sum(args.task->real_parent->pid); }`:           false,
		`fexit:f { @[args.task->real_parent->comm] = count(); }`:                      false,
		`kprobe:f { @[kstack] = count(); print(ustack); }`:                            false,
		`kprobe:f { printf("%s %r\n", str(uptr(arg0), 500), buf(uptr(arg0), 600)); }`: false,
	} {
		tg := *compilertest.Targets()["new"]
		tg.NoKernelReads = true
		obj, list := buildWith(script, compiler.Config{Target: &tg})
		if list.Count(diag.Error) > 0 {
			t.Errorf("%s: %v", script, list.All[0])
			continue
		}
		found := false
		for _, p := range obj.Spec.Programs {
			for _, in := range p.Instructions {
				if in.IsBuiltinCall() && (asm.BuiltinFunc(in.Constant) == asm.FnProbeReadKernel || asm.BuiltinFunc(in.Constant) == asm.FnProbeReadKernelStr) {
					found = true
				}
			}
		}
		if found != reads {
			t.Errorf("%s: reads kernel memory: %v, want %v", script, found, reads)
		}
	}
}
