package emit

import (
	"probe/compiler/ir"
	"probe/compiler/regalloc"
)

// kind is the shape of a machine instruction before registers are assigned.
type kind uint8

const (
	kNop      kind = iota
	kALU           // Def = Use[0] op (Use[1] or imm)
	kNeg           // Def = -Use[0]
	kSwap          // Def = byte swap of the low w bytes of Use[0]
	kNum           // Def = Use[0], as a number whose type the verifier does not know
	kMov32         // Def = low 4 bytes of Use[0]
	kLoad          // Def = *(w)(Use[0] + off)
	kStore         // *(w)(Use[0] + off) = Use[1]
	kStoreImm      // *(w)(Use[0] + off) = imm
	kAtomic        // *(w)(Use[0] + off) op= Use[1], Def the old value if op fetches
	kCall          // helper imm
	kKfunc         // kernel function with BTF id imm
	kCallFunc      // function aux
	kMake          // Def = the value described by makers[Def]
	kJump          // unconditional
	kBranch        // if Use[0] cmp (Use[1] or imm)
	kMayGoto       // to the second successor once the budget is used up
	kRet           // Args[0] is the result
)

// inst is one machine instruction on virtual registers. A virtual register has
// the number of the ir.Value it holds; further registers are added for
// intermediate results.
type inst struct {
	regalloc.Instr
	kind   kind
	op     ir.Op
	cmp    ir.Cmp
	w      uint8
	useImm bool // the second operand is imm
	frame  bool // the base is stack slot aux, not Use[0]
	aux    int32
	off    int32
	imm    int64
	pos    int32
}

// maker describes how to rematerialize a value.
type maker struct {
	op  ir.Op // OpConst, OpMapPtr, OpMapValue, OpFrame, OpFuncAddr; OpInvalid for other values
	aux int32
	imm int64
}

// slots returns the length of the code in 8-byte instructions.
func (m *maker) slots() int {
	switch m.op {
	case ir.OpInvalid:
		return 0
	case ir.OpConst:
		if m.imm == int64(int32(m.imm)) || m.imm == int64(uint32(m.imm)) {
			return 1
		}
	}
	return 2
}

// mach is one function as machine instructions. It is the regalloc.Code of the
// allocator.
type mach struct {
	f      *ir.Func
	insts  []inst
	blocks []regalloc.Block
	mem    *memory
	order  []ir.Block // by block of mach
	args   []regalloc.VReg
	makers []maker // by virtual register
	must   []bool  // by virtual register: some use needs it in a register
	// precious are numbers that are bounded by a comparison and used as an
	// offset or a size. They should not be spilled: verifiers before 6.3 do not
	// apply the bound to a copy on the stack that was stored before the
	// comparison.
	precious map[regalloc.VReg]bool
	wild     bool // addresses of stack slots are in registers, so any store may write a slot
}

func (m *mach) VRegs() int                  { return len(m.makers) - 1 }
func (m *mach) Blocks() int                 { return len(m.blocks) }
func (m *mach) Block(b int) *regalloc.Block { return &m.blocks[b] }
func (m *mach) Instr(i int) *regalloc.Instr { return &m.insts[i].Instr }
func (m *mach) Args() []regalloc.VReg       { return m.args }
func (m *mach) Remat(v regalloc.VReg) int   { return m.makers[v].slots() }

// Precious implements regalloc.Code; see mach.precious.
func (m *mach) Precious(v regalloc.VReg) bool { return m.precious[v] }

// Storable implements regalloc.Code. Only constants of 32 bits can be stored by
// a single instruction.
func (m *mach) Storable(v regalloc.VReg) bool {
	k := &m.makers[v]
	return k.op == ir.OpConst && k.imm == int64(int32(k.imm))
}

func (m *mach) newVReg(k maker) regalloc.VReg {
	m.makers = append(m.makers, k)
	m.must = append(m.must, false)
	return regalloc.VReg(len(m.makers) - 1)
}
