package regalloc

import (
	"cmp"
	"fmt"
	"slices"
)

// pmove is a move that waits for its place in a parallel move.
type pmove struct {
	at       int  // before this instruction
	class    int8 // order among the groups of one instruction
	dst, src Loc
	v        VReg
	own      bool // from one piece of v to another, not into a parameter or argument
	block    int32
}

// The classes: first what comes over the edge into the block, then what
// happens at the instruction, then what leaves over the edge out of the block.
const (
	classIn int8 = iota
	classHere
	classOut
)

// resolve connects the pieces and fills in the result.
func (a *allocator) resolve() error {
	if err := a.operands(); err != nil {
		return err
	}
	a.slots()
	a.entry()
	a.local()
	a.callArgs()
	if err := a.edgeMoves(); err != nil {
		return err
	}
	a.stores()
	slices.SortStableFunc(a.moves, func(x, y pmove) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.class, y.class))
	})
	for i := 0; i < len(a.moves); {
		j := i + 1
		for j < len(a.moves) && a.moves[j].at == a.moves[i].at && a.moves[j].class == a.moves[i].class {
			j++
		}
		a.parallel(a.moves[i:j])
		i = j
	}
	return nil
}

// operands records the register of every operand and result.
func (a *allocator) operands() error {
	n := 0
	if len(a.blocks) > 0 {
		n = a.blocks[len(a.blocks)-1].End
	}
	a.out.Regs = make([]Regs, n)
	for i := range a.out.Regs {
		a.out.Regs[i] = Regs{Use: [2]Reg{NoReg, NoReg}, Def: NoReg}
	}
	for v := range a.vals {
		val := &a.vals[v]
		if val.isDef && val.first >= 0 {
			a.out.Regs[a.instrOf(val.def)].Def = a.ivs[val.first].reg
		}
		for iv := val.first; iv >= 0; iv = a.ivs[iv].next {
			it := &a.ivs[iv]
			for _, u := range it.us {
				if !u.must() {
					continue
				}
				if it.reg == NoReg {
					return fmt.Errorf("regalloc: v%d is not in a register at %d", v, u.at)
				}
				a.out.Regs[a.instrOf(u.at)].Use[u.op] = it.reg
			}
		}
	}
	return nil
}

// slots assigns a slot to each value that is ever in memory. Values that are
// not alive at the same time share slots. Between its ranges, a value leaves the
// slot to others: no path leads from there to a use of the value without passing
// its definition.
func (a *allocator) slots() {
	var mem []VReg
	for v := range a.vals {
		val := &a.vals[v]
		if val.remat > 0 || val.first < 0 {
			continue
		}
		for iv := val.first; iv >= 0; iv = a.ivs[iv].next {
			if a.ivs[iv].reg == NoReg {
				mem = append(mem, VReg(v))
				break
			}
		}
	}
	start := func(v VReg) pos { return a.ivs[a.vals[v].first].start }
	slices.SortStableFunc(mem, func(x, y VReg) int { return cmp.Compare(start(x), start(y)) })
	var slots []occupied
	for _, v := range mem {
		slot := slices.IndexFunc(slots, func(o occupied) bool { return a.fits(o, v) })
		if slot < 0 {
			slot = len(slots)
			slots = append(slots, nil)
		}
		a.alive(v, func(r rng) bool {
			slots[slot].add(r)
			return true
		})
		a.vals[v].slot = int32(slot)
	}
	a.out.Slots = len(slots)
}

// alive calls f for each range in which a value is alive, until f returns false.
func (a *allocator) alive(v VReg, f func(rng) bool) bool {
	for iv := a.vals[v].first; iv >= 0; iv = a.ivs[iv].next {
		it := &a.ivs[iv]
		for _, r := range it.rs {
			if r = (rng{max(r.start, it.start), min(r.end, it.end)}); r.start < r.end && !f(r) {
				return false
			}
		}
	}
	return true
}

// occupied are the ranges in which a slot has a value, in order.
type occupied []rng

// after returns the index of the first range that ends after p.
func (o occupied) after(p pos) int {
	i, _ := slices.BinarySearchFunc(o, p, func(r rng, p pos) int {
		if r.end <= p {
			return -1
		}
		return 1
	})
	return i
}

// add inserts a range that overlaps no other.
func (o *occupied) add(r rng) {
	i := o.after(r.start)
	if i > 0 && (*o)[i-1].end == r.start {
		(*o)[i-1].end = r.end
		return
	}
	*o = slices.Insert(*o, i, r)
}

// fits reports whether a slot is free wherever a value is alive.
func (a *allocator) fits(o occupied, v VReg) bool {
	return a.alive(v, func(r rng) bool {
		i := o.after(r.start)
		return i == len(o) || o[i].start >= r.end
	})
}

func (a *allocator) add(m pmove) {
	if m.dst != m.src && m.dst != Remat && m.dst != NoLoc {
		a.moves = append(a.moves, m)
	}
}

// entry moves the arguments from their registers to their locations at the
// start.
func (a *allocator) entry() {
	for i, v := range a.code.Args() {
		if v != 0 {
			a.add(pmove{at: 0, class: classIn, dst: a.locAt(v, 0), src: InReg(FirstArg + Reg(i)), v: v})
		}
	}
}

// local connects pieces inside a block.
func (a *allocator) local() {
	for v := range a.vals {
		last := pmove{at: -1}
		for iv := a.vals[v].first; iv >= 0 && a.ivs[iv].next >= 0; iv = a.ivs[iv].next {
			x, y := &a.ivs[iv], &a.ivs[a.ivs[iv].next]
			b := a.blockOf[y.start/2]
			if x.end != y.start || y.start == a.start[b] {
				continue // a hole or a block boundary, which edgeMoves handles
			}
			m := pmove{at: a.instrOf(y.start), class: classHere, v: x.v, own: true, block: b,
				src: a.locAt(x.v, x.end-1), dst: a.locAt(x.v, y.start)}
			// A piece may be no longer than an instruction, so that the value comes
			// and goes in one parallel move, which would exchange its two places.
			from := m.src
			if last.at == m.at && last.dst == m.src {
				from = last.src
			}
			last = m
			m.src, last.src = from, from
			a.add(m)
		}
	}
}

// callArgs brings the arguments of calls and returns into their registers, from
// where the values are before the instruction.
func (a *allocator) callArgs() {
	for b, blk := range a.blocks {
		for i := blk.First; i < blk.End; i++ {
			ins := a.code.Instr(i)
			p := 2*a.unitOf(b, i) - 1
			for k, v := range ins.Args {
				if v == 0 {
					continue
				}
				dst := InReg(FirstArg + Reg(k))
				if ins.Return {
					dst = InReg(Result)
				}
				a.add(pmove{at: i, class: classHere, v: v, block: int32(b), dst: dst, src: a.source(v, p)})
			}
		}
	}
}

// source returns the best place to copy v from. Rematerializing a value costs
// no more than a copy if it takes one instruction.
func (a *allocator) source(v VReg, p pos) Loc {
	if a.vals[v].remat == 1 {
		return Remat
	}
	return a.locAt(v, p)
}

// edgeMoves connects pieces over edges and passes parameters.
func (a *allocator) edgeMoves() error {
	for b, blk := range a.blocks {
		end := a.start[b+1] - 1
		for i := range blk.Succs {
			e := &blk.Succs[i]
			to := a.blocks[e.To]
			m := pmove{at: blk.End - 1, class: classOut, block: int32(b)}
			if len(blk.Succs) > 1 {
				if len(a.preds[e.To]) > 1 {
					return fmt.Errorf("regalloc: critical edge from block %d to %d", b, e.To)
				}
				m = pmove{at: to.First, class: classIn, block: int32(e.To)}
			}
			for _, v := range a.liveIn[e.To] {
				if a.ivs[a.vals[v].first].next < 0 {
					continue // in one place throughout
				}
				m.v, m.own = v, true
				m.src, m.dst = a.locAt(v, end), a.locAt(v, a.start[e.To])
				a.add(m)
			}
			m.own = false
			for k, v := range e.Args {
				p := to.Params[k]
				if a.vals[p].first < 0 {
					continue
				}
				m.v, m.src, m.dst = v, a.source(v, end), a.locAt(p, a.start[e.To])
				a.add(m)
			}
		}
	}
	return nil
}

// weight estimates how often a block is executed: a loop multiplies by 8, and a
// cold block counts almost nothing.
func (a *allocator) weight(b int32) int {
	blk := a.blocks[b]
	if blk.Cold {
		return 1
	}
	return 64 << min(3*blk.Depth, 24)
}

// stores decides for each value whether it is stored once, where it is
// defined, or wherever it leaves its register.
func (a *allocator) stores() {
	cost := map[VReg]int{}
	for i := range a.moves {
		m := &a.moves[i]
		if _, ok := m.dst.Slot(); ok && m.own {
			cost[m.v] += a.weight(m.block)
		}
	}
	if len(cost) == 0 {
		return
	}
	for v, c := range cost {
		val := &a.vals[v]
		born := a.ivs[val.first].reg == NoReg // its slot is valid from the start
		val.stored = born || a.weight(val.block) < c
	}
	a.moves = slices.DeleteFunc(a.moves, func(m pmove) bool {
		_, slot := m.dst.Slot()
		return slot && m.own && a.vals[m.v].stored
	})
	for v := range a.vals {
		val := &a.vals[v]
		if !val.stored || a.ivs[val.first].reg == NoReg {
			continue
		}
		at := a.blocks[val.block].First
		if val.isDef {
			at = a.instrOf(val.def) + 1
		}
		a.add(pmove{at: at, class: classHere, v: VReg(v), block: val.block,
			src: InReg(a.ivs[val.first].reg), dst: InSlot(int(val.slot))})
	}
}
