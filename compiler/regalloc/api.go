package regalloc

// Reg is a machine register: 0 to 9 are r0 to r9. The frame pointer r10 is
// never allocated.
type Reg int8

// The registers' roles (Documentation/bpf/standardization/abi.rst).
const (
	NoReg       Reg = -1
	Result      Reg = 0 // result of calls, scratch otherwise
	FirstArg    Reg = 1 // the first of five arguments
	FirstKept   Reg = 6 // the first register that survives calls
	NumRegs         = 10
	maxCallArgs     = 5
)

// VReg is a virtual register: a value of the code in SSA form, defined once.
// Numbers start at 1; 0 is none.
type VReg int32

// Code is what the allocator needs to know about one function. Blocks are
// numbered in layout order, block 0 is the entry; instructions are numbered
// through all blocks in that order. A block must come after the blocks that
// dominate it. Critical edges must be split: the target of a block with two
// successors has one predecessor.
type Code interface {
	// VRegs returns the highest number of a virtual register.
	VRegs() int
	// Blocks returns the number of blocks.
	Blocks() int
	// Block describes block b. The allocator does not modify the result.
	Block(b int) *Block
	// Instr describes instruction i. The allocator does not modify the result.
	Instr(i int) *Instr
	// Args returns the virtual registers of the function's arguments, 0 for
	// arguments that are not used.
	Args() []VReg
	// Remat returns the cost, in 8-byte instructions, of rematerializing v
	// where it is needed; 0 if it cannot be rematerialized.
	Remat(v VReg) int
	// Precious reports whether v should stay in a register if possible.
	Precious(v VReg) bool
	// Storable reports whether a value that can be rematerialized can also be
	// stored to a spill slot without a register.
	Storable(v VReg) bool
}

// Block is one basic block. Its last instruction is its terminator; the
// terminator of a block with one successor uses no register.
type Block struct {
	First, End int // instructions First ≤ i < End
	Params     []VReg
	Succs      []Edge
	Depth      int  // loops around the block
	Head       bool // the first block of a loop
	Cold       bool // rarely run: its moves cost next to nothing
}

// Edge is a successor and the values for its parameters.
type Edge struct {
	To   int
	Args []VReg
}

// Instr describes the registers of an instruction.
type Instr struct {
	Use [2]VReg // read from registers
	Def VReg    // written to a register
	// Tied is set if the machine overwrites the register of Use[Over] with Def.
	// If they are in different registers, the emitter copies first, so the
	// other operand must not be in the register of Def, unless Commute allows
	// exchanging the operands.
	Tied    bool
	Over    int8
	Commute bool
	// Call is set if r0 to r5 are clobbered; Def is in r0 afterwards.
	Call bool
	// Args are wanted in r1, r2, … by a Call, and in r0 by a Return.
	Args   []VReg
	Return bool
}

// Regs are the registers given to one instruction's operands, NoReg where it
// has none. Def is also NoReg for a rematerializable value that is not needed
// in a register at its definition: the instruction is then omitted.
type Regs struct {
	Use [2]Reg
	Def Reg
}

// Loc is a place for a value: a register, a spill slot of 8 bytes, or nowhere
// because it can be rematerialized.
type Loc int32

// The locations that are not registers.
const (
	NoLoc    Loc = -1
	Remat    Loc = -2
	slotBase Loc = 16
)

// InReg returns the location of a register.
func InReg(r Reg) Loc { return Loc(r) }

// InSlot returns the location of spill slot n.
func InSlot(n int) Loc { return slotBase + Loc(n) }

// Reg returns the register, if the location is one.
func (l Loc) Reg() (Reg, bool) { return Reg(l), l >= 0 && l < NumRegs }

// Slot returns the number of the spill slot, if the location is one.
func (l Loc) Slot() (int, bool) { return int(l - slotBase), l >= slotBase }

// Move copies a value. Moves with the same At run one after the other, in
// order, directly before instruction At. At most one of Src and Dst is a slot,
// and a Src of Remat has a register as Dst unless the value is Storable.
type Move struct {
	At       int
	Dst, Src Loc
	V        VReg // the value moved; a Src of Remat rematerializes it
}

// Allocation is the result: a register for every operand, and the moves that
// keep values where the operands expect them.
type Allocation struct {
	Regs  []Regs // by instruction
	Moves []Move // sorted by At
	Slots int    // spill slots used
	Stats Stats
}

// Stats counts what the allocator could not avoid.
type Stats struct {
	Copies  int // register to register
	Spills  int // register to slot
	Reloads int // slot to register
	Remats  int // values rematerialized
	Splits  int // intervals cut in two
}
