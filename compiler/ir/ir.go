// Package ir defines the intermediate form of one BPF program: SSA in basic
// blocks, with block parameters instead of phis, over 64-bit values.
//
// Package lower builds a Func with a Builder. The passes rewrite it, the
// register allocator maps it to ten registers, and package emit turns it into
// instructions; at every step it passes Verify. The package knows neither
// scripts nor kernels; helper numbers and their effects are in helper.go.
package ir

import "probe/lang/source"

// Value names one SSA value of a Func; 0 is no value.
type Value int32

// Block names one basic block of a Func; 0 is the entry.
type Block int32

// Op is an operation.
type Op uint8

// The operations. W is the width in bytes: of the arithmetic (4 or 8) or of
// the memory access (1, 2, 4, 8). A and B are the operands.
const (
	OpInvalid  Op = iota
	OpParam       // a parameter of its block
	OpArg         // function argument number Imm (0 is the context of a program)
	OpConst       // Imm
	OpMapPtr      // the map with index Imm, for helpers
	OpMapValue    // address of byte Imm of the single value of array map number Aux
	OpFrame       // address of byte Imm of stack slot Aux
	OpFuncAddr    // address of the callback function with index Aux in its Prog

	OpAdd
	OpSub
	OpMul
	OpDiv // unsigned; x/0 is 0
	OpMod // unsigned; x%0 is x
	OpAnd
	OpOr
	OpXor
	OpShl // counts are taken modulo the width
	OpShr // logical
	OpSar // arithmetic
	OpNeg
	OpZExt  // of the low W bytes (1, 2, 4) of A to 64 bits
	OpSExt  // of the low W bytes (1, 2, 4) of A to 64 bits
	OpBSwap // byte swap of the low W bytes (2, 4, 8), zero-extended
	OpNum   // A, which may be a pointer, as a plain number that the verifier knows nothing about

	OpLoad           // W bytes at A+Imm, zero-extended
	OpStore          // W low bytes of B to A+Imm; no result
	OpAtomicAdd      // *(A+Imm) += B, W 4 or 8; no result
	OpAtomicFetchAdd // as OpAtomicAdd; the result is the old value
	OpAtomicXchg     // exchange; the result is the old value
	OpAtomicAnd      // no result
	OpAtomicOr       // no result

	OpCall     // BPF helper number Imm with Args; result unless it is void
	OpKfunc    // kernel function with BTF id Imm with Args; Name says which
	OpCallFunc // subprogram with index Aux in its Prog with Args
)

// Kind is the type that the kernel's verifier assigns to a value.
type Kind uint8

// The kinds.
const (
	KindNone Kind = iota // no result
	Scalar
	PtrCtx
	PtrStack
	PtrMap       // a map itself
	PtrMapValue  // inside a map value, not null
	PtrMapMaybe  // result of a lookup: null or a map value
	PtrRing      // a reserved ring buffer record, not null
	PtrRingMaybe // result of a reservation
	PtrBTF       // kernel memory that can be read with plain loads (a fault gives 0)
	PtrFunc
)

// Ins is the definition of one value, or one effect without a result.
type Ins struct {
	Op   Op
	W    uint8
	Kind Kind
	A, B Value
	Aux  int32
	Args []Value // of calls, at most 5
	Imm  int64
	Pos  int32 // index in Prog.Pos: the place in the script
	Blk  Block
	Name string // of kfuncs, for dumps
}

// Cmp is a comparison of a branch.
type Cmp uint8

// The comparisons; U is unsigned, S signed.
const (
	EQ Cmp = iota
	NE
	ULT
	ULE
	UGT
	UGE
	SLT
	SLE
	SGT
	SGE
	TEST // X & Y is not zero
)

// TermKind is the kind of a terminator.
type TermKind uint8

// The terminators.
const (
	TermNone TermKind = iota
	Jump              // to Then
	Branch            // if X Cmp Y (W 4 or 8) to Then, else to Else
	Ret               // X, or 0 when X is 0
	MayGoto           // to Then while the kernel's budget lasts, else to Else
)

// Edge is a jump target with the arguments for its parameters.
type Edge struct {
	To   Block
	Args []Value
}

// Term ends a block.
type Term struct {
	Kind       TermKind
	Cmp        Cmp
	W          uint8
	X, Y       Value
	Pos        int32
	Then, Else Edge
}

// BlockData is one basic block.
type BlockData struct {
	Params []Value
	Ins    []Value // in order; includes effects without result
	Term   Term
	Cold   bool // error paths: laid out last
	Name   string
}

// Slot is one object on the BPF stack.
type Slot struct {
	Size, Align int
	Name        string
}

// Func is one function: a program's entry, a callback, or a function called by
// others.
type Func struct {
	Name     string
	NArgs    int
	ArgKinds []Kind
	Vals     []Ins // index 0 is unused
	Blocks   []BlockData
	Slots    []Slot
	// Global is set if the verifier checks the function once, for all
	// arguments, instead of at each call. Such a function takes and returns
	// only numbers.
	Global bool
}

// Prog is one BPF program: Funcs[0] is its entry.
type Prog struct {
	Name  string
	Funcs []*Func
	Pos   []source.Span // index 0 is no place
}

// Ins returns the definition of v.
func (f *Func) Ins(v Value) *Ins { return &f.Vals[v] }

// Const returns the value of v and whether v is a constant.
func (f *Func) Const(v Value) (int64, bool) {
	if v > 0 && f.Vals[v].Op == OpConst {
		return f.Vals[v].Imm, true
	}
	return 0, false
}

// NumSuccs returns the number of edges out of a block.
func (t *Term) NumSuccs() int {
	switch t.Kind {
	case Jump:
		return 1
	case Branch, MayGoto:
		return 2
	}
	return 0
}

// Succ returns edge number i out of a block: 0 is Then, 1 is Else.
func (t *Term) Succ(i int) *Edge {
	if i == 0 {
		return &t.Then
	}
	return &t.Else
}

// Succs returns the edges out of a block.
func (t *Term) Succs() []*Edge {
	switch t.Kind {
	case Jump:
		return []*Edge{&t.Then}
	case Branch, MayGoto:
		return []*Edge{&t.Then, &t.Else}
	}
	return nil
}
