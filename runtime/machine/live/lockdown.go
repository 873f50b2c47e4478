package live

import (
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"

	"github.com/cilium/ebpf/asm"
)

// Compiled implements machine.View: under a lockdown in mode confidentiality it names
// what in a script reads the kernel's memory (CLI-28). Everything else runs.
func (v *view) Compiled(_ *syntax.File, obj *object.Object) diag.List {
	if !v.m.features.Locked() {
		return diag.List{}
	}
	return forbiddenReads(obj)
}

// forbiddenReads complains of each place in a script that is compiled to a helper that
// reads the kernel's memory.
func forbiddenReads(obj *object.Object) diag.List {
	var list diag.List
	seen := map[source.Span]bool{}
	for _, p := range obj.Programs {
		spec := obj.Spec.Programs[p.Name]
		if spec == nil {
			continue
		}
		slot := 0
		for i := range spec.Instructions {
			in := &spec.Instructions[i]
			if readsKernel(in) {
				at := p.Probe.At
				if slot < len(p.Lines) && p.Lines[slot].Valid() {
					at = p.Lines[slot]
				}
				if !seen[at] {
					seen[at] = true
					addForbidden(&list, at)
				}
			}
			slot++
			if in.OpCode.IsDWordLoad() {
				slot++
			}
		}
	}
	return list
}

// readsKernel reports whether an instruction calls a helper that the lockdown hides.
func readsKernel(in *asm.Instruction) bool {
	if !in.IsBuiltinCall() {
		return false
	}
	switch ir.Helper(in.Constant) {
	case ir.HelperReadKernel, ir.HelperReadKernelStr:
		return true
	}
	return false
}

func addForbidden(list *diag.List, at source.Span) {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "no-permission", Row: "CLI-28", Span: at,
		Message: "the kernel's lockdown forbids programs to read kernel memory by address", Label: "this does"}
	d.WithNote("the lockdown is in mode confidentiality; counts, times, names and numbers of threads, memory of processes, stacks and typed arguments need no such read")
	d.WithHelp("take members from the arguments of fentry:, fexit: and rawtracepoint: probes, such as args.file.f_flags, which the kernel itself checks")
	d.WithHelp("or boot without lockdown=confidentiality")
	list.Add(d)
}
