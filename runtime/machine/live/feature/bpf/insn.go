package bpf

// Insn is one instruction as the kernel reads it. A load of a 64-bit constant
// takes two.
type Insn struct {
	Op  uint8
	Reg uint8 // source in the upper half, destination in the lower
	Off int16
	Imm int32
}

// Regs puts destination and source registers together.
func Regs(dst, src uint8) uint8 { return src<<4 | dst }

// Exit returns r0.
var Exit = Insn{Op: 0x95}

// Return0 is: r0 = 0; exit.
func Return0() []Insn { return []Insn{Mov(0, 0), Exit} }

// Mov sets a register to a constant.
func Mov(dst uint8, imm int32) Insn { return Insn{Op: 0xb7, Reg: dst, Imm: imm} }

// MovReg copies a register.
func MovReg(dst, src uint8) Insn { return Insn{Op: 0xbf, Reg: Regs(dst, src)} }

// Add adds a constant to a register.
func Add(dst uint8, imm int32) Insn { return Insn{Op: 0x07, Reg: dst, Imm: imm} }

// Store64 stores a register at the address in another, plus an offset.
func Store64(dst uint8, off int16, src uint8) Insn {
	return Insn{Op: 0x7b, Reg: Regs(dst, src), Off: off}
}

// Call calls a helper function.
func Call(helper int32) Insn { return Insn{Op: 0x85, Imm: helper} }

// CallKfunc calls a function of the kernel by its number in the kernel's BTF.
func CallKfunc(id int32) Insn { return Insn{Op: 0x85, Reg: Regs(0, 2), Imm: id} }

// LoadMap loads the address of a map.
func LoadMap(dst uint8, fd int) []Insn {
	return []Insn{{Op: 0x18, Reg: Regs(dst, 1), Imm: int32(fd)}, {}}
}

// LoadValue loads the address of a byte in the first value of an array map.
func LoadValue(dst uint8, fd int, off int32) []Insn {
	return []Insn{{Op: 0x18, Reg: Regs(dst, 2), Imm: int32(fd)}, {Imm: off}}
}
