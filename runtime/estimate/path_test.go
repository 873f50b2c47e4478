package estimate

import (
	"math"
	"testing"

	"github.com/cilium/ebpf/asm"
)

func TestProgram(t *testing.T) {
	u := &Units{Insn: 1, Atomic: 10, other: 7, helpers: map[int]float64{helperLookup: 100, helperUpdate: 1000}}
	call := func(n int) asm.Instruction { return asm.BuiltinFunc(n).Call() }
	jump := func(op asm.JumpOp, r asm.Register, off int16) asm.Instruction {
		in := op.Imm(r, 0, "")
		in.Offset = off
		return in
	}
	nop, exit := asm.Mov.Imm(asm.R2, 0), asm.Return()
	for name, tc := range map[string]struct {
		ins  asm.Instructions
		want Cost
	}{
		"straight":   {asm.Instructions{nop, nop, exit}, Cost{3, 3, 3}},
		"atomic":     {asm.Instructions{asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0), exit}, Cost{11, 11, 11}},
		"long":       {asm.Instructions{asm.LoadImm(asm.R1, 1<<40, asm.DWord), jump(asm.JEq, asm.R1, 1), nop, exit}, Cost{3, 4, 3.5}},
		"helper":     {asm.Instructions{call(helperPidTgid), exit}, Cost{8, 8, 8}},
		"predicate":  {asm.Instructions{jump(asm.JEq, asm.R3, 2), call(helperUpdate), nop, exit}, Cost{2, 1003, 502.5}},
		"found":      {asm.Instructions{call(helperLookup), jump(asm.JEq, asm.R0, 2), nop, exit, call(helperUpdate), exit}, Cost{103, 1102, 103}},
		"found, jne": {asm.Instructions{call(helperLookup), jump(asm.JNE, asm.R0, 2), call(helperUpdate), exit, nop, exit}, Cost{103, 1102, 103}},
		"of a copy":  {asm.Instructions{call(helperLookup), asm.Mov.Reg(asm.R6, asm.R0), jump(asm.JEq, asm.R6, 2), nop, exit, call(helperUpdate), exit}, Cost{104, 1103, 104}},
		"loop":       {asm.Instructions{nop, jump(asm.JEq, asm.R3, 1), asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Ja), Offset: -3}, exit}, Cost{3, 96, 20.5}},
		"function":   {asm.Instructions{nop, {OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoCall, Constant: 1}, exit, nop, nop, exit}, Cost{5, 5, 5}},
		"outside":    {asm.Instructions{jump(asm.JEq, asm.R3, 100), exit}, Cost{1, 2, 2}},
		"rare":       {asm.Instructions{jump(asm.JEq, asm.R3, 2), nop, exit, call(helperUpdate), exit}, Cost{3, 1002, 3}},
	} {
		if got := Program(tc.ins, u); math.Abs(got.Low-tc.want.Low)+math.Abs(got.High-tc.want.High)+math.Abs(got.Likely-tc.want.Likely) > 1e-9 {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}
