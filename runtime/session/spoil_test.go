package session_test

import (
	"testing"

	"github.com/cilium/ebpf/asm"

	"probe/compiler"
)

// spoil replaces the last instruction that was compiled from the second line of
// the body by one that reads a register which was never written.
func spoil(t *testing.T, obj *compiler.Object) {
	t.Helper()
	p := obj.Programs[0]
	insns := obj.Spec.Programs[p.Name].Instructions
	at := -1
	raw := 0
	for i := range insns {
		if raw < len(p.Lines) && p.Lines[raw].Valid() {
			if line, _ := p.Lines[raw].File.Position(p.Lines[raw].Start); line == 3 && insns[i].OpCode.Class() != asm.LdClass {
				at = i
				break
			}
		}
		raw += int(insns[i].Size() / asm.InstructionSize)
	}
	if at < 0 {
		t.Fatal("no instruction belongs to the third line")
	}
	bad := asm.Mov.Reg(asm.R1, asm.R9)
	bad.Metadata = insns[at].Metadata
	insns[at] = bad
}
