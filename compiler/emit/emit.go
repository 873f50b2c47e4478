package emit

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
)

// MaxStack is the size in bytes of the BPF stack, which a program shares with
// its deepest callee (MAX_BPF_STACK in include/linux/filter.h).
const MaxStack = 512

// Options controls code generation. The zero value is what releases use.
type Options struct {
	NoOpt bool // no peepholes and no shared stack slots, for comparison
	// ClearArgs clears the registers that could hold arguments and do not, before each
	// call of a function.
	ClearArgs bool
}

// Code is an emitted program.
type Code struct {
	Ins asm.Instructions
	// Lines gives for every raw 8-byte slot of Ins the index in Prog.Pos of
	// the script place it came from; a 64-bit load takes two slots.
	Lines []int32
	// StackSize is the stack in bytes of the entry function and its deepest
	// callee together, as the kernel counts it.
	StackSize int
	// Funcs describes the functions in the order of their code.
	Funcs []FuncInfo
}

// FuncInfo describes the code of one function.
type FuncInfo struct {
	Name  string
	Index int // in ir.Prog.Funcs
	Start int // first raw slot
	Slots int // length in raw 8-byte slots
	Stack int // bytes
	Stats Stats
}

// Stats counts the moves that allocation could not avoid.
type Stats struct{ Copies, Spills, Reloads, Remats, Splits int }

// StackError reports a program that needs more stack than MaxStack.
type StackError struct {
	Func        string
	Size, Limit int // bytes
	Pos         int32
}

// Error returns a message with the function, the sizes and what to do.
func (e *StackError) Error() string {
	return fmt.Sprintf("%s needs %d bytes of stack, %d are available; keep fewer or smaller values at the same time",
		e.Func, e.Size, e.Limit)
}

// JumpError reports a function that is too long for the 16-bit jumps of BPF.
type JumpError struct {
	Func     string
	Distance int // instructions
}

// Error returns a message with the function and the distance.
func (e *JumpError) Error() string {
	return fmt.Sprintf("%s is too long: a jump over %d instructions, at most %d are possible; split it into several probes",
		e.Func, e.Distance, 1<<15-1)
}

// DepthError reports a chain of calls that is too deep.
type DepthError struct{ Func string }

// Error returns a message with the function.
func (e *DepthError) Error() string {
	return e.Func + ": loops and functions are nested more than 8 deep"
}

// Prog compiles p, which ir.Verify must accept. mapName returns the name of the
// map with an index, by which the instructions refer to it. Critical edges of p
// are split in place. Errors are *StackError, *JumpError and *DepthError; any
// other error is a bug in the compiler.
func Prog(p *ir.Prog, mapName func(int) string, opt Options) (*Code, error) {
	out := &assembler{prog: p, mapName: mapName, opt: opt, funcs: make([]*assembled, len(p.Funcs))}
	// Leave out functions whose last call was optimised away: the verifier
	// rejects unreachable instructions (check_cfg in kernel/bpf/verifier.c).
	for todo := []int32{0}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if out.funcs[n] != nil {
			continue
		}
		fn, err := out.function(p.Funcs[n])
		if err != nil {
			return nil, err
		}
		out.funcs[n] = fn
		todo = append(todo, fn.calls...)
	}
	return out.finish()
}
