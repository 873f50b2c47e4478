package regalloc

// Reg is a machine register: 0 to 9 are r0 to r9. The frame pointer r10 is
// never given away.
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
	// VRegs is the highest number of a virtual register.
	VRegs() int
	// Blocks is the number of blocks.
	Blocks() int
	// Block describes block b. The result is only read.
	Block(b int) *Block
	// Instr describes instruction i. The result is only read.
	Instr(i int) *Instr
	// Args are the virtual registers that hold the function's arguments; 0
	// where an argument is not used.
	Args() []VReg
	// Remat is what it costs, in 8-byte instructions, to make v again from
	// nothing wherever it is needed; 0 if that cannot be done.
	Remat(v VReg) int
	// Precious tells that v should stay in a register if at all possible.
	Precious(v VReg) bool
	// Storable reports whether a value that can be made again can be made in a
	// spill slot as well, without a register.
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
	Cold       bool // rarely run: costs next to nothing
}

// Edge is a successor and the values for its parameters.
type Edge struct {
	To   int
	Args []VReg
}

// Instr is what an instruction does with registers.
type Instr struct {
	Use [2]VReg // read from registers
	Def VReg    // written to a register
	// Tied says that the machine overwrites the register of Use[Over] with
	// Def. If they end up in different registers, the emitter copies first, so
	// the other operand must not lie in the register of Def, unless Commute
	// says that the two operands may be exchanged.
	Tied    bool
	Over    int8
	Commute bool
	// Call says that r0 to r5 are lost; Def is in r0 afterwards.
	Call bool
	// Args are wanted in r1, r2, … by a Call, and in r0 by a Return.
	Args   []VReg
	Return bool
}

// Regs are the registers given to one instruction's operands, NoReg where it
// has none. Def is NoReg also for a rematerialisable value that is not wanted
// in a register where it is defined: the instruction is then left out.
type Regs struct {
	Use [2]Reg
	Def Reg
}

// Loc is a place for a value: a register, a spill slot of 8 bytes, or nowhere
// because it can be made again.
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
	V        VReg // what is moved; a Src of Remat makes it again
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
	Remats  int // values made again
	Splits  int // intervals cut in two
}
