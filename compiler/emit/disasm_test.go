package emit

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
)

// Text returns the code in the notation of the kernel's own disassembler
// (kernel/bpf/disasm.c), one instruction a line with its raw slot; p gives the
// script places, which are shown where they change, and may be nil.
func (c *Code) Text(p *ir.Prog) string {
	var b strings.Builder
	slot, last := 0, int32(-1)
	fn := 0
	for i := range c.Ins {
		in := &c.Ins[i]
		if len(c.Funcs) > 1 && fn < len(c.Funcs) && c.Funcs[fn].Start == slot {
			fmt.Fprintf(&b, "%s:\n", c.Funcs[fn].Name)
			fn++
		}
		fmt.Fprintf(&b, "%4d: %s", slot, Disasm(in, slot))
		if pos := c.Lines[slot]; p != nil && pos != last && int(pos) < len(p.Pos) {
			last = pos
			if p.Pos[pos].Valid() {
				fmt.Fprintf(&b, " ; %s", p.Pos[pos])
			}
		}
		b.WriteByte('\n')
		slot += int(in.Width())
	}
	return b.String()
}

var aluSign = map[asm.ALUOp]string{asm.Add: "+=", asm.Sub: "-=", asm.Mul: "*=", asm.Div: "/=", asm.Mod: "%=",
	asm.Or: "|=", asm.And: "&=", asm.Xor: "^=", asm.LSh: "<<=", asm.RSh: ">>=", asm.ArSh: "s>>=", asm.Mov: "="}

var jumpSign = map[asm.JumpOp]string{asm.JEq: "==", asm.JNE: "!=", asm.JGT: ">", asm.JGE: ">=", asm.JLT: "<", asm.JLE: "<=",
	asm.JSGT: "s>", asm.JSGE: "s>=", asm.JSLT: "s<", asm.JSLE: "s<=", asm.JSet: "&"}

var sizeName = map[asm.Size]string{asm.Byte: "u8", asm.Half: "u16", asm.Word: "u32", asm.DWord: "u64"}

// Disasm returns one instruction; slot is its raw place, for the targets of
// jumps.
func Disasm(in *asm.Instruction, slot int) string {
	op := in.OpCode
	switch class := op.Class(); {
	case op.IsDWordLoad():
		return wide(in)
	case class == asm.LdXClass:
		return fmt.Sprintf("%s = *(%s *)(%s %+d)", r(in.Dst), sizeName[op.Size()], r(in.Src), in.Offset)
	case class == asm.StXClass && op.Mode() == asm.AtomicMode:
		return fmt.Sprintf("lock %s *(%s *)(%s %+d), %s", strings.ToLower(op.AtomicOp().String()), sizeName[op.Size()], r(in.Dst), in.Offset, r(in.Src))
	case class == asm.StXClass:
		return fmt.Sprintf("*(%s *)(%s %+d) = %s", sizeName[op.Size()], r(in.Dst), in.Offset, r(in.Src))
	case class == asm.StClass:
		return fmt.Sprintf("*(%s *)(%s %+d) = %d", sizeName[op.Size()], r(in.Dst), in.Offset, in.Constant)
	case class.IsALU():
		return alu(in)
	}
	return jump(in, slot)
}

func wide(in *asm.Instruction) string {
	name := in.Reference()
	switch in.Src {
	case asm.PseudoMapFD:
		return fmt.Sprintf("%s = map[%s] ll", r(in.Dst), name)
	case asm.PseudoMapValue:
		return fmt.Sprintf("%s = map[%s][0]+%d ll", r(in.Dst), name, uint64(in.Constant)>>32)
	case asm.PseudoFunc:
		return fmt.Sprintf("%s = func[%s] ll", r(in.Dst), name)
	}
	return fmt.Sprintf("%s = %#x ll", r(in.Dst), uint64(in.Constant))
}

func r(x asm.Register) string { return name32(x, false) }

// name32 returns a register as the 32-bit operations call it.
func name32(r asm.Register, short bool) string {
	if short {
		return fmt.Sprintf("w%d", r)
	}
	return fmt.Sprintf("r%d", r)
}

func alu(in *asm.Instruction) string {
	op := in.OpCode
	short := op.Class() == asm.ALUClass
	dst := name32(in.Dst, short)
	switch op.ALUOp() {
	case asm.Neg:
		return fmt.Sprintf("%s = -%s", dst, dst)
	case asm.Swap:
		order := "be"
		if op.Source() == asm.Source(asm.LE) {
			order = "le"
		}
		return fmt.Sprintf("%s = %s%d %s", r(in.Dst), order, in.Constant, r(in.Dst))
	}
	if op.Source() == asm.ImmSource {
		return fmt.Sprintf("%s %s %d", dst, aluSign[op.ALUOp()], in.Constant)
	}
	return fmt.Sprintf("%s %s %s", dst, aluSign[op.ALUOp()], name32(in.Src, short))
}

func jump(in *asm.Instruction, slot int) string {
	op := in.OpCode
	to := slot + 1 + int(in.Offset)
	switch op.JumpOp() {
	case asm.Exit:
		return "exit"
	case asm.Ja:
		return fmt.Sprintf("goto %d", to)
	case asm.JCOND:
		return fmt.Sprintf("may_goto %d", to)
	case asm.Call:
		switch in.Src {
		case asm.PseudoCall:
			return "call func[" + in.Reference() + "]"
		case asm.PseudoKfuncCall:
			return fmt.Sprintf("call kfunc#%d", in.Constant)
		}
		if h, ok := ir.Helpers[ir.Helper(in.Constant)]; ok {
			return "call " + h.Name
		}
		return fmt.Sprintf("call helper#%d", in.Constant)
	}
	short := op.Class() == asm.Jump32Class
	if op.Source() == asm.ImmSource {
		return fmt.Sprintf("if %s %s %d goto %d", name32(in.Dst, short), jumpSign[op.JumpOp()], in.Constant, to)
	}
	return fmt.Sprintf("if %s %s %s goto %d", name32(in.Dst, short), jumpSign[op.JumpOp()], name32(in.Src, short), to)
}
