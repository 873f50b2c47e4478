package live

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/hir"
	"probe/lang/source"
)

// Each place that calls a helper is named once, where it stands.
func TestCallers(t *testing.T) {
	f := source.New("x.pr", "begin { a; b; c; }")
	at := func(start int) source.Span { return source.Span{File: f, Start: start, End: start + 1} }
	lines := []source.Span{at(8), at(8), at(8), at(11), at(11), at(14), {}}
	insns := asm.Instructions{
		asm.LoadImm(asm.R1, 1<<40, asm.DWord), // two slots
		asm.FnProbeReadUser.Call(),
		asm.FnProbeReadKernel.Call(),    // b
		asm.FnProbeReadKernelStr.Call(), // b again
		asm.FnGetCurrentComm.Call(),
		asm.FnProbeReadKernel.Call(), // no place: the probe
		asm.Return(),
	}
	obj := &object.Object{
		Spec:     &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {Instructions: insns}}},
		Programs: []*object.Program{{Name: "p", Probe: &hir.Probe{At: at(0)}, Lines: lines}, {Name: "gone", Probe: &hir.Probe{At: at(0)}}},
	}
	var got []int
	for _, at := range callers(obj, ir.HelperReadKernel, ir.HelperReadKernelStr) {
		got = append(got, at.Start)
	}
	if len(got) != 2 || got[0] != 11 || got[1] != 0 {
		t.Errorf("places %v, want [11 0]", got)
	}
}
