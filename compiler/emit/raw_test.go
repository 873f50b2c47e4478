package emit

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
)

// encode marshals one instruction.
func encode(t *testing.T, r raw) string {
	t.Helper()
	a := &assembler{prog: &ir.Prog{Name: "p"}, mapName: func(int) string { return "m" }}
	var b bytes.Buffer
	if _, err := a.instruction(&r).Marshal(&b, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b.Bytes())
}

// TestBytes compares the bytes of every kind of instruction that is emitted
// with what the kernel reads (Documentation/bpf/standardization/instruction-set.rst).
// The library's view of an instruction proves nothing: it encodes atomics
// wrongly unless the immediate is set as well.
func TestBytes(t *testing.T) {
	tests := []struct {
		name string
		r    raw
		want string
	}{
		{"lock add u64", atomic(asm.AddAtomic, asm.R1, 8, asm.R2, 8), "db21080000000000"},
		{"lock add u32", atomic(asm.AddAtomic, asm.R1, 8, asm.R2, 4), "c321080000000000"},
		{"lock and u64", atomic(asm.AndAtomic, asm.R1, 8, asm.R2, 8), "db21080050000000"},
		{"lock and u32", atomic(asm.AndAtomic, asm.R1, 8, asm.R2, 4), "c321080050000000"},
		{"lock or u64", atomic(asm.OrAtomic, asm.R1, 8, asm.R2, 8), "db21080040000000"},
		{"lock or u32", atomic(asm.OrAtomic, asm.R1, 8, asm.R2, 4), "c321080040000000"},
		{"fetch add u64", atomic(asm.FetchAdd, asm.R1, 8, asm.R2, 8), "db21080001000000"},
		{"fetch add u32", atomic(asm.FetchAdd, asm.R1, 8, asm.R2, 4), "c321080001000000"},
		{"xchg u64", atomic(asm.Xchg, asm.R1, 8, asm.R2, 8), "db210800e1000000"},
		{"xchg u32", atomic(asm.Xchg, asm.R1, 8, asm.R2, 4), "c3210800e1000000"},
		{"store immediate u64", storeImm(asm.RFP, -16, -2, 8), "7a0af0fffeffffff"},
		{"store immediate u32", storeImm(asm.RFP, -16, 5, 4), "620af0ff05000000"},
		{"store immediate u16", storeImm(asm.RFP, -16, 5, 2), "6a0af0ff05000000"},
		{"store immediate u8", storeImm(asm.RFP, -16, 5, 1), "720af0ff05000000"},
		{"store u64", store(asm.R3, 4, asm.R2, 8), "7b23040000000000"},
		{"store u8", store(asm.R3, 4, asm.R2, 1), "7323040000000000"},
		{"load u64", load(asm.R3, asm.R2, -4, 8), "7923fcff00000000"},
		{"load u16", load(asm.R3, asm.R2, 4, 2), "6923040000000000"},
		{"move", movReg(asm.R6, asm.R1), "bf16000000000000"},
		{"small constant", moveImm(asm.R1, -1), "b7010000ffffffff"},
		{"32-bit constant", moveImm(asm.R1, 0xfffffffe), "b4010000feffffff"},
		{"64-bit constant", moveImm(asm.R1, 0x1122334455667788), "180100008877665500000000443322" + "11"},
		{"exit", raw{op: opExit}, "9500000000000000"},
		{"helper", raw{op: opCall, imm: 14}, "850000000e000000"},
		{"kernel function", raw{op: opCall, src: asm.PseudoKfuncCall, imm: 77}, "852000004d000000"},
		{"goto", raw{op: opJa, off: 3}, "0500030000000000"},
		{"may_goto", raw{op: opMayGot, off: 3}, "e500030000000000"},
		{"to big endian", raw{op: asm.OpCode(class32).SetALUOp(asm.Swap).SetSource(asm.Source(asm.BE)), dst: asm.R2, imm: 32}, "dc02000020000000"},
		{"to little endian", raw{op: asm.OpCode(class32).SetALUOp(asm.Swap).SetSource(asm.Source(asm.LE)), dst: asm.R2, imm: 64}, "d402000040000000"},
		{"negate u32", raw{op: aluCode(asm.Neg, 4, asm.ImmSource), dst: asm.R2}, "8402000000000000"},
		{"shift right arithmetic", raw{op: aluCode(asm.ArSh, 8, asm.ImmSource), dst: asm.R2, imm: 7}, "c702000007000000"},
		{"divide u32 by register", raw{op: aluCode(asm.Div, 4, asm.RegSource), dst: asm.R2, src: asm.R3}, "3c32000000000000"},
		{"map", raw{op: asm.LoadImmOp(asm.DWord), dst: asm.R1, kind: refMap}, "18110000000000000000000000000000"},
		{"map value", raw{op: asm.LoadImmOp(asm.DWord), dst: asm.R1, kind: refMapValue, imm: 24}, "18210000000000000000000018000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := encode(t, tt.r); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAtomicOps makes sure that every atomic operation of the IR has its row in
// TestBytes: the emitter makes none that is not in atomicOps.
func TestAtomicOps(t *testing.T) {
	for op := ir.OpInvalid; op <= ir.OpCallFunc; op++ {
		if _, ok := atomicOps[op]; ok != op.IsAtomic() {
			t.Errorf("%s: in the table %v, atomic %v", op, ok, op.IsAtomic())
		}
	}
	if len(atomicOps) != 5 {
		t.Errorf("%d atomic operations; TestBytes knows 5", len(atomicOps))
	}
}
