// Package estimate predicts what a program costs before it runs: from its
// instructions and from what an instruction and each helper take on this
// machine.
package estimate

import (
	"slices"

	"github.com/cilium/ebpf/asm"
)

// Cost is the time of one run of a program, in nanoseconds.
type Cost struct {
	// Low is the cheapest way through the program: a filter or predicate that
	// ends it. High is the dearest, where a key is not in its map yet.
	Low, High float64
	// Likely is the way on which what is looked up exists, reads succeed, and
	// each other branch is taken as often as not.
	Likely float64
}

// turns is the number of turns that a loop is assumed to have when the program
// does not say it.
const turns = 8

// helpers that call a function of the program for each turn or key.
const (
	helperLookup  = 1
	helperForEach = 164
	helperLoop    = 181
)

// flow is a program as instructions by their slot, with the costs of the ways
// from each to the end of its function.
type flow struct {
	ins   []asm.Instruction // by slot; the second slot of a long one is empty
	valid []bool
	units *Units
	done  []bool
	open  []bool
	cost  []Cost
	// weight is how often an instruction is assumed to run: more than once in a
	// loop.
	weight []float64
	back   map[[2]int]bool // the jumps at the ends of turns, from and to
}

// Program returns what one run of a program takes.
func Program(ins asm.Instructions, u *Units) Cost {
	f := &flow{units: u}
	funcs := map[string]int{}
	for _, in := range ins {
		if name := in.Symbol(); name != "" {
			funcs[name] = len(f.ins)
		}
		slots := int(in.Size() / asm.InstructionSize)
		for i := range slots {
			f.ins, f.valid = append(f.ins, in), append(f.valid, i == 0)
		}
	}
	n := len(f.ins)
	f.done, f.open, f.cost = make([]bool, n), make([]bool, n), make([]Cost, n)
	f.weight, f.back = make([]float64, n), map[[2]int]bool{}
	for at := range f.weight {
		f.weight[at] = 1
	}
	f.weigh(0)
	for _, at := range funcs {
		if at > 0 {
			f.weigh(at)
		}
	}
	return f.from(0, funcs)
}

// weigh finds the loops of the function at a slot. A jump to an instruction that
// is on the way to it is the end of a turn; what lies on the ways from there to
// the jump runs for each turn. Other jumps back are only the layout of the
// program, where what is rare stands behind the rest.
func (f *flow) weigh(start int) {
	before := map[int][]int{}
	var ends [][2]int
	state := map[int]int8{} // 1 while on the way, 2 when left
	var walk func(at int)
	walk = func(at int) {
		state[at] = 1
		for _, to := range f.next(at) {
			before[to] = append(before[to], at)
			switch state[to] {
			case 0:
				walk(to)
			case 1:
				ends = append(ends, [2]int{at, to})
			}
		}
		state[at] = 2
	}
	walk(start)
	for _, e := range ends {
		f.back[e] = true
		in := map[int]bool{e[1]: true}
		list := []int{e[0]}
		for len(list) > 0 {
			at := list[len(list)-1]
			list = list[:len(list)-1]
			if !in[at] {
				in[at] = true
				list = append(list, before[at]...)
			}
		}
		for at := range in {
			f.weight[at] = min(f.weight[at]*turns, turns*turns*turns)
		}
	}
}

// next returns where a function can go on behind an instruction.
func (f *flow) next(at int) []int {
	in := f.ins[at]
	next := at + int(in.Size()/asm.InstructionSize)
	var out []int
	switch jump := in.OpCode.JumpOp(); {
	case !in.OpCode.Class().IsJump() || jump == asm.Call:
		out = []int{next}
	case jump == asm.Exit:
	case jump == asm.Ja:
		out = []int{f.target(at, in)}
	default:
		out = []int{next, f.target(at, in)}
	}
	return slices.DeleteFunc(out, func(to int) bool { return to < 0 || to >= len(f.ins) || !f.valid[to] })
}

// from returns the cost from a slot to the end of its function. A way back into
// what is being walked is a loop: its turns are not walked again, but weighed.
func (f *flow) from(at int, funcs map[string]int) Cost {
	switch {
	case at < 0 || at >= len(f.ins) || !f.valid[at]:
		return Cost{}
	case f.done[at]:
		return f.cost[at]
	case f.open[at]:
		return Cost{}
	}
	f.open[at] = true
	in := f.ins[at]
	next := at + int(in.Size()/asm.InstructionSize)
	own := Cost{f.units.Insn, f.units.Insn, f.units.Insn}
	var rest Cost
	op := in.OpCode
	switch jump := op.JumpOp(); {
	case !op.Class().IsJump():
		if op.Class().IsStore() && op.Mode() == asm.AtomicMode {
			own = Cost{f.units.Atomic, f.units.Atomic, f.units.Atomic}
		}
		rest = f.from(next, funcs)
	case jump == asm.Exit:
	case jump == asm.Call:
		own = f.call(at, in, funcs)
		rest = f.from(next, funcs)
	case jump == asm.Ja:
		if to := f.target(at, in); !f.back[[2]int{at, to}] {
			rest = f.from(to, funcs)
		}
	default:
		to := f.target(at, in)
		taken, not := f.from(to, funcs), f.from(next, funcs)
		rest = Cost{Low: min(taken.Low, not.Low), High: max(taken.High, not.High), Likely: (taken.Likely + not.Likely) / 2}
		switch {
		case f.null(at, in): // the branch for a pointer that is null is rare
			rest.Likely = not.Likely
			if jump == asm.JNE {
				rest.Likely = taken.Likely
			}
		case f.back[[2]int{at, to}]: // the way back of a loop, whose turns have their weight
			rest = not
		case f.rare(at, to):
			rest.Likely = not.Likely
		}
	}
	f.open[at], f.done[at] = false, true
	w := f.weight[at]
	f.cost[at] = Cost{own.Low + rest.Low, 4*w*own.High + rest.High, w*own.Likely + rest.Likely}
	if w == 1 {
		f.cost[at].High = own.High + rest.High
	}
	return f.cost[at]
}

// target returns where a jump goes.
func (f *flow) target(at int, in asm.Instruction) int {
	off := int(in.Offset)
	if in.OpCode.Class() == asm.Jump32Class && in.OpCode.JumpOp() == asm.Ja {
		off = int(in.Constant)
	}
	return at + 1 + off
}

// rare reports whether a jump leads to what is rare: the compiler puts it behind
// the end of the function.
func (f *flow) rare(at, to int) bool {
	for i := at; i < to; i++ {
		if f.valid[i] && f.ins[i].OpCode.JumpOp() == asm.Exit && f.ins[i].OpCode.Class().IsJump() {
			return true
		}
	}
	return false
}

// null reports whether a jump tests the result of a lookup against null: R0, or a
// copy of it made since the call.
func (f *flow) null(at int, in asm.Instruction) bool {
	if in.OpCode.Source() != asm.ImmSource || in.Constant != 0 || in.OpCode.JumpOp() != asm.JEq && in.OpCode.JumpOp() != asm.JNE {
		return false
	}
	reg := in.Dst
	for i := at - 1; i >= 0 && i >= at-4; i-- {
		before := f.ins[i]
		if before.OpCode.Class().IsJump() {
			return reg == asm.R0 && before.OpCode.JumpOp() == asm.Call && before.Src == 0
		}
		if before.OpCode.Class().IsALU() && before.Dst == reg && before.OpCode.ALUOp() == asm.Mov && before.OpCode.Source() == asm.RegSource {
			reg = before.Src
		}
	}
	return false
}

// call returns the cost of a call.
func (f *flow) call(at int, in asm.Instruction, funcs map[string]int) Cost {
	switch in.Src {
	case asm.PseudoCall:
		to, ok := funcs[in.Reference()]
		if !ok {
			to = at + 1 + int(in.Constant)
		}
		if to < len(f.open) && f.open[to] {
			return Cost{}
		}
		return f.from(to, funcs)
	case asm.PseudoKfuncCall:
		return same(f.units.other)
	}
	switch in.Constant {
	case helperForEach, helperLoop:
		// The function is the constant of R2; it is the only one loaded before.
		for i := at - 1; i >= 0 && i >= at-12; i-- {
			if !f.valid[i] || f.ins[i].Src != asm.PseudoFunc || !f.ins[i].OpCode.IsDWordLoad() {
				continue
			}
			to, ok := funcs[f.ins[i].Reference()]
			if !ok {
				break
			}
			body := f.from(to, funcs)
			return Cost{f.units.other, f.units.other + 4*turns*body.High, f.units.other + turns*body.Likely}
		}
	}
	return same(f.units.Helper(int(in.Constant)))
}

func same(ns float64) Cost { return Cost{ns, ns, ns} }
