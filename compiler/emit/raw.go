package emit

import (
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"probe/compiler/ir"
	"probe/compiler/regalloc"
)

// refKind is what the 64-bit immediate or call target of an instruction refers
// to.
type refKind uint8

const (
	refNone     refKind = iota
	refMap              // the map with index ref
	refMapValue         // byte imm of the value of the map with index ref
	refFunc             // the function with index ref
)

// raw is one instruction with registers, before jumps have distances.
type raw struct {
	op   asm.OpCode
	dst  asm.Register
	src  asm.Register
	off  int16
	kind refKind
	ref  int32
	imm  int64
	pos  int32
}

// width returns the number of 8-byte slots.
func (r *raw) width() int {
	if r.op.IsDWordLoad() {
		return 2
	}
	return 1
}

const (
	class64  = asm.ALU64Class
	class32  = asm.ALUClass
	opExit   = asm.OpCode(0x95)
	opCall   = asm.OpCode(0x85)
	opJa     = asm.OpCode(0x05)
	opMayGot = asm.OpCode(0xe5) // BPF_JMP | BPF_JCOND; source 0 is BPF_MAY_GOTO
)

var aluOps = [...]asm.ALUOp{
	ir.OpAdd: asm.Add, ir.OpSub: asm.Sub, ir.OpMul: asm.Mul, ir.OpDiv: asm.Div, ir.OpMod: asm.Mod,
	ir.OpAnd: asm.And, ir.OpOr: asm.Or, ir.OpXor: asm.Xor,
	ir.OpShl: asm.LSh, ir.OpShr: asm.RSh, ir.OpSar: asm.ArSh,
}

var jumpOps = [...]asm.JumpOp{
	ir.EQ: asm.JEq, ir.NE: asm.JNE, ir.ULT: asm.JLT, ir.ULE: asm.JLE, ir.UGT: asm.JGT, ir.UGE: asm.JGE,
	ir.SLT: asm.JSLT, ir.SLE: asm.JSLE, ir.SGT: asm.JSGT, ir.SGE: asm.JSGE, ir.TEST: asm.JSet,
}

var atomicOps = map[ir.Op]asm.AtomicOp{
	ir.OpAtomicAdd: asm.AddAtomic, ir.OpAtomicFetchAdd: asm.FetchAdd, ir.OpAtomicXchg: asm.Xchg,
	ir.OpAtomicAnd: asm.AndAtomic, ir.OpAtomicOr: asm.OrAtomic,
}

func size(w uint8) asm.Size {
	switch w {
	case 1:
		return asm.Byte
	case 2:
		return asm.Half
	case 4:
		return asm.Word
	}
	return asm.DWord
}

func reg(r regalloc.Reg) asm.Register { return asm.Register(r) }

func aluCode(op asm.ALUOp, w uint8, src asm.Source) asm.OpCode {
	c := class64
	if w == 4 {
		c = class32
	}
	return asm.OpCode(c).SetALUOp(op).SetSource(src)
}

func movReg(dst, src asm.Register) raw {
	return raw{op: aluCode(asm.Mov, 8, asm.RegSource), dst: dst, src: src}
}

func load(dst, base asm.Register, off int16, w uint8) raw {
	return raw{op: asm.LoadMemOp(size(w)), dst: dst, src: base, off: off}
}

func store(base asm.Register, off int16, src asm.Register, w uint8) raw {
	return raw{op: asm.StoreMemOp(size(w)), dst: base, src: src, off: off}
}

// storeImm stores a constant. asm.StoreImm of the library rejects 8 bytes
// (asm.DWord), although it encodes such an instruction correctly, so it is
// built by hand.
func storeImm(base asm.Register, off int16, imm int64, w uint8) raw {
	return raw{op: asm.OpCode(asm.StClass).SetMode(asm.MemMode).SetSize(size(w)), dst: base, off: off, imm: imm}
}

// atomic returns an atomic instruction. The library keeps the operation in the
// opcode and copies it into the immediate when it marshals, but reads the
// immediate before that, so every operation would be encoded as a plain add.
// Setting both gives the right encoding with and without a fix in the library.
func atomic(op asm.AtomicOp, base asm.Register, off int16, src asm.Register, w uint8) raw {
	return raw{op: op.OpCode(size(w)), dst: base, src: src, off: off, imm: int64(op >> 8)}
}

// moveImm loads a constant with the shortest instruction.
func moveImm(dst asm.Register, c int64) raw {
	switch {
	case c == int64(int32(c)):
		return raw{op: aluCode(asm.Mov, 8, asm.ImmSource), dst: dst, imm: c}
	case c == int64(uint32(c)):
		return raw{op: aluCode(asm.Mov, 4, asm.ImmSource), dst: dst, imm: int64(int32(c))}
	}
	return raw{op: asm.LoadImmOp(asm.DWord), dst: dst, imm: c}
}

// instruction converts to the library's form. Maps and functions are referred
// to by name.
func (a *assembler) instruction(r *raw) asm.Instruction {
	in := asm.Instruction{OpCode: r.op, Dst: r.dst, Src: r.src, Offset: r.off, Constant: r.imm}
	switch r.kind {
	case refMap:
		return asm.LoadMapPtr(r.dst, 0).WithReference(a.mapName(int(r.ref)))
	case refMapValue:
		return asm.LoadMapValue(r.dst, 0, uint32(r.imm)).WithReference(a.mapName(int(r.ref)))
	case refFunc:
		in.Constant = -1 // the library fills in the distance
		return in.WithReference(a.symbol(int(r.ref)))
	}
	return in
}

// signature describes a function to the kernel. Programs with callbacks need
// this for each function (func_info of BPF_PROG_LOAD), and callbacks must have
// static linkage. For static functions the kernel only requires the parameters
// to be integers.
func signature(name string, fn *ir.Func, entry bool) *btf.Func {
	long := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	proto := &btf.FuncProto{Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}}
	for i := range fn.NArgs {
		p := btf.FuncParam{Name: string(rune('a' + i)), Type: long}
		if entry {
			p.Type = &btf.Pointer{Target: &btf.Void{}}
		}
		proto.Params = append(proto.Params, p)
	}
	f := &btf.Func{Name: name, Type: proto, Linkage: btf.StaticFunc}
	if entry || fn.Global {
		f.Linkage = btf.GlobalFunc
	}
	return f
}
