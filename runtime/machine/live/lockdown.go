package live

import (
	"errors"
	"slices"

	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/feature"
)

// Compiled implements machine.View: it names what in a script reads the kernel's
// memory under a lockdown in mode confidentiality (CLI-28), and what writes to the
// memory of processes where the kernel lets no program do so. Everything else runs.
func (v *view) Compiled(_ *syntax.File, obj *object.Object) diag.List {
	list := v.permitted(obj)
	if v.m.features.Locked() {
		for _, at := range callers(obj, ir.HelperReadKernel, ir.HelperReadKernelStr) {
			addForbidden(&list, at)
		}
	}
	if writes := callers(obj, ir.HelperWriteUser); len(writes) > 0 {
		if err := v.m.features.UserWrites(); err != nil {
			for _, at := range writes {
				addNoWrite(&list, at, err)
			}
		}
	}
	return list
}

// callers returns each place in a script, once, that is compiled to a call of one of
// some helpers.
func callers(obj *object.Object, helpers ...ir.Helper) []source.Span {
	var places []source.Span
	seen := map[source.Span]bool{}
	for _, p := range obj.Programs {
		spec := obj.Spec.Programs[p.Name]
		if spec == nil {
			continue
		}
		slot := 0
		for i := range spec.Instructions {
			in := &spec.Instructions[i]
			if in.IsBuiltinCall() && slices.Contains(helpers, ir.Helper(in.Constant)) {
				at := p.Probe.At
				if slot < len(p.Lines) && p.Lines[slot].Valid() {
					at = p.Lines[slot]
				}
				if !seen[at] {
					seen[at] = true
					places = append(places, at)
				}
			}
			slot++
			if in.OpCode.IsDWordLoad() {
				slot++
			}
		}
	}
	return places
}

func addForbidden(list *diag.List, at source.Span) {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "no-permission", Row: "CLI-28", Span: at,
		Message: "the kernel's lockdown forbids programs to read kernel memory by address", Label: "this does"}
	d.WithNote("the lockdown is in mode confidentiality; counts, times, names and numbers of threads, memory of processes, stacks and typed arguments need no such read")
	d.WithHelp("take members from the arguments of fentry:, fexit: and rawtracepoint: probes, such as args.file.f_flags, which the kernel itself checks")
	d.WithHelp("or boot without lockdown=confidentiality")
	list.Add(d)
}

func addNoWrite(list *diag.List, at source.Span, why error) {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "no-permission", Row: "F-WRITEUSER", Span: at,
		Message: "the kernel lets no program write to the memory of processes", Label: "this does"}
	d.WithNote("%v", why)
	if errors.Is(why, feature.ErrLockdown) {
		d.WithHelp("boot without a lockdown, or leave the call out: a lockdown allows only what changes nothing")
	} else {
		d.WithHelp("run as root, with CAP_SYS_ADMIN, on a kernel that is not locked down")
	}
	list.Add(d)
}
