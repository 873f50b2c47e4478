package regalloc

import (
	"fmt"
	"slices"

	"probe/compiler/reuse"
)

// pos is a position; see the package comment. Units count instructions and
// block headers in layout order; position 2u reads, 2u+1 writes.
type pos = int32

const never pos = 1<<31 - 1

// rng is a half-open range of positions.
type rng struct{ start, end pos }

// use is one read of a value, or the end of a loop that reads it.
type use struct {
	at  pos
	op  int8 // operand: 0, 1 in Instr.Use; -1 anywhere else
	reg Reg  // register in which a call wants it, NoReg
}

// must reports whether the value has to be in a register.
func (u use) must() bool { return u.op >= 0 }

// interval is a piece of the life of one value, in one place.
type interval struct {
	v          VReg
	start, end pos   // cut the first and last range
	rs         []rng // shared with the other pieces
	us         []use // sorted
	reg        Reg   // NoReg: in memory, or nowhere
	next       int32 // following piece of the same value, -1 for none
}

// value is what the allocator knows about a virtual register.
type value struct {
	def    pos // position of the definition
	block  int32
	first  int32 // first piece, -1 if never alive
	asked  int32 // piece that was found last, 0 for none
	remat  int8
	fixed  Reg  // register in which it is born: call results, arguments
	isDef  bool // defined by an instruction, thus in a register at first
	tied   VReg // operand whose register the definition overwrites
	tied2  VReg // the other operand, if they may be exchanged
	into   VReg // result of an instruction that overwrites its register
	cross  bool // alive during a call
	fwd    Reg  // register in which a later call wants it
	want   Reg  // register that the values of this parameter already have
	param  VReg // parameter that it is passed to on an edge
	slot   int32
	stored bool // its slot is written right after the definition
}

type allocator struct {
	code    Code
	blocks  []*Block
	vals    []value
	ivs     []interval
	start   []pos   // header of each block; one more for the end
	blockOf []int32 // by unit
	calls   []pos
	preds   [][]int32
	liveIn  [][]VReg
	uses    [][]use // by value
	loopEnd []pos   // by header: end of the last block that jumps back, 0 if none
	fresh   []int32 // intervals not scanned yet, by start
	again   []int32 // split pieces not scanned yet, a heap by start
	books   [NumRegs]book
	out     *Allocation
	moves   []pmove
	temps   []int   // slots of tempSlot
	pending []pmove // of parallel, kept for their memory
	made    []pmove
	victims []victim // of evict

	// mem is memory for the next function.
	mem struct {
		flatPreds, count, list, work, counts, fresh []int32
		flatUses                                    []use
		stamp, all                                  []VReg
		end                                         []pos
		in                                          []bool
		flat                                        []rng
		pairs                                       []entered
	}
}

// entered is a value that is alive at the start of a block.
type entered struct {
	b int32
	v VReg
}

// number assigns positions and reads all of the code once.
func (a *allocator) number() {
	n := a.code.Blocks()
	a.blocks = reuse.Slice(a.blocks, n)
	a.start = reuse.Slice(a.start, n+1)
	units := 0
	for b := range n {
		blk := a.code.Block(b)
		a.blocks[b] = blk
		a.start[b] = pos(2 * units)
		units += blk.End - blk.First + 1
	}
	a.start[n] = pos(2 * units)
	a.blockOf = reuse.Slice(a.blockOf, units+1)
	for b := range n {
		for u := a.start[b] / 2; u < a.start[b+1]/2; u++ {
			a.blockOf[u] = int32(b)
		}
	}
	a.blockOf[units] = int32(n - 1)
	a.vals = reuse.Slice(a.vals, a.code.VRegs()+1)
	for v := range a.vals {
		a.vals[v] = value{first: -1, slot: -1, fixed: NoReg, fwd: NoReg, want: NoReg, block: -1}
		if v > 0 {
			a.vals[v].remat = int8(a.code.Remat(VReg(v)))
		}
	}
	a.edges()
}

// edges computes predecessors and the ends of loops. A cold block that jumps
// back does not extend its loop unless it is the only one: it is laid out last,
// so the loop would seem to contain everything before it.
func (a *allocator) edges() {
	n := len(a.blocks)
	a.preds = reuse.Slice(a.preds, n)
	a.loopEnd = reuse.Zeroed(a.loopEnd, n)
	a.mem.count = reuse.Zeroed(a.mem.count, n)
	count := a.mem.count
	total := int32(0)
	for _, blk := range a.blocks {
		for i := range blk.Succs {
			count[blk.Succs[i].To]++
			total++
		}
	}
	a.mem.flatPreds = reuse.Slice(a.mem.flatPreds, int(total))
	flat := a.mem.flatPreds
	for b := range n {
		a.preds[b], flat = flat[:0:count[b]], flat[count[b]:]
	}
	for b, blk := range a.blocks {
		for i := range blk.Succs {
			to := blk.Succs[i].To
			a.preds[to] = append(a.preds[to], int32(b))
			if t := a.blocks[to]; to <= b && t.Head && blk.Depth >= t.Depth && (!blk.Cold || a.loopEnd[to] == 0) {
				a.loopEnd[to] = max(a.loopEnd[to], a.start[b+1])
			}
		}
	}
}

// unitOf returns the unit of instruction i of block b, and instrOf its inverse.
func (a *allocator) unitOf(b, i int) pos { return a.start[b]/2 + 1 + pos(i-a.blocks[b].First) }

func (a *allocator) instrOf(p pos) int {
	b := a.blockOf[p/2]
	return a.blocks[b].First + int(p/2-a.start[b]/2-1)
}

// define records definitions, uses, calls and hints. Blocks and instructions
// are visited backwards for the hints: of several registers in which a value is
// needed later, the first one counts.
func (a *allocator) define() {
	a.mem.count = reuse.Zeroed(a.mem.count, len(a.vals))
	count := a.mem.count
	for _, blk := range a.blocks {
		for i := blk.First; i < blk.End; i++ {
			ins := a.code.Instr(i)
			count[ins.Use[0]]++
			count[ins.Use[1]]++
			for _, v := range ins.Args {
				count[v]++
			}
		}
		for i := range blk.Succs {
			for _, v := range blk.Succs[i].Args {
				count[v]++
			}
		}
	}
	count[0] = 0
	total := 0
	for _, n := range count {
		total += int(n)
	}
	a.mem.flatUses = reuse.Slice(a.mem.flatUses, total)
	flat := a.mem.flatUses
	a.uses = reuse.Slice(a.uses, len(a.vals))
	for v, n := range count {
		a.uses[v], flat = flat[:0:n], flat[n:]
	}
	for v, arg := range a.code.Args() {
		if arg != 0 {
			val := &a.vals[arg]
			val.block, val.def, val.fixed = 0, 0, FirstArg+Reg(v)
		}
	}
	for b, blk := range a.blocks {
		for _, p := range blk.Params {
			a.vals[p].block, a.vals[p].def = int32(b), a.start[b]
		}
		for i := blk.First; i < blk.End; i++ {
			a.instr(b, i)
		}
		for i := range blk.Succs {
			e := &blk.Succs[i]
			for k, v := range e.Args {
				a.addUse(v, use{at: a.start[b+1], op: -1, reg: NoReg})
				a.vals[v].param = a.blocks[e.To].Params[k]
			}
		}
	}
	a.hints()
}

// instr records the uses and the definition of instruction i in block b.
func (a *allocator) instr(b, i int) {
	ins := a.code.Instr(i)
	p := 2 * a.unitOf(b, i)
	if ins.Call {
		a.calls = append(a.calls, p)
	}
	for k, v := range ins.Use {
		if v == 0 {
			continue
		}
		at := p
		if ins.late(k) {
			at++
		}
		a.addUse(v, use{at: at, op: int8(k), reg: NoReg})
	}
	for k, v := range ins.Args {
		r := FirstArg + Reg(k)
		if ins.Return {
			r = Result
		}
		a.addUse(v, use{at: p, op: -1, reg: r})
	}
	if d := ins.Def; d != 0 {
		val := &a.vals[d]
		val.block, val.def, val.isDef = int32(b), p+1, true
		if ins.Call {
			val.fixed = Result
		}
		if ins.Tied {
			val.tied = ins.Use[ins.Over]
			a.vals[val.tied].into = d
			if ins.Commute {
				val.tied2 = ins.Use[1-ins.Over]
				a.vals[val.tied2].into = d
			}
		}
	}
}

// late reports whether operand k is still read after the result was written.
func (ins *Instr) late(k int) bool {
	return ins.Tied && !ins.Commute && k != int(ins.Over) && ins.Use[0] != ins.Use[1]
}

// addUse records a use. A rematerializable value is not recorded for uses that
// need no register: they rematerialize it in place.
func (a *allocator) addUse(v VReg, u use) {
	if v == 0 || a.vals[v].remat > 0 && !u.must() {
		return
	}
	a.uses[v] = append(a.uses[v], u)
}

// hints fills value.fwd backwards over the code.
func (a *allocator) hints() {
	for b := len(a.blocks) - 1; b >= 0; b-- {
		blk := a.blocks[b]
		for i := range blk.Succs {
			e := &blk.Succs[i]
			for k, v := range e.Args {
				if f := a.vals[a.blocks[e.To].Params[k]].fwd; f != NoReg {
					a.vals[v].fwd = f
				}
			}
		}
		for i := blk.End - 1; i >= blk.First; i-- {
			ins := a.code.Instr(i)
			if ins.Tied && ins.Def != 0 {
				if f := a.vals[ins.Def].fwd; f != NoReg {
					a.vals[ins.Use[ins.Over]].fwd = f
				}
			}
			for k, v := range ins.Args {
				if v == 0 {
					continue
				}
				a.vals[v].fwd = FirstArg + Reg(k)
				if ins.Return {
					a.vals[v].fwd = Result
				}
			}
		}
	}
}

// intervals builds the interval of every value.
func (a *allocator) intervals() error {
	n := len(a.blocks)
	m := &a.mem
	m.stamp, m.end, m.in, m.counts = reuse.Zeroed(m.stamp, n), reuse.Slice(m.end, n), reuse.Slice(m.in, n), reuse.Zeroed(m.counts, n)
	stamp, end, in, counts := m.stamp, m.end, m.in, m.counts
	list, work, flat, pairs := m.list, m.work, m.flat[:0], m.pairs[:0]
	a.ivs = a.ivs[:0]
	for v := VReg(1); int(v) < len(a.vals); v++ {
		val := &a.vals[v]
		if val.block < 0 {
			continue
		}
		if e, ok := a.inBlock(v); ok {
			val.first = int32(len(a.ivs))
			flat = append(flat, rng{val.def, e})
			a.ivs = append(a.ivs, interval{v: v, start: val.def, end: e, rs: flat[len(flat)-1 : len(flat) : len(flat)],
				us: a.uses[v], reg: NoReg, next: -1})
			continue
		}
		list = list[:0]
		touch := func(b int32, e pos) {
			if stamp[b] != v {
				stamp[b], end[b], in[b] = v, 0, false
				list = append(list, b)
			}
			end[b] = max(end[b], e)
		}
		need := func(b int32) {
			if !in[b] && b != val.block {
				in[b] = true
				work = append(work, b)
			}
		}
		touch(val.block, val.def+1)
		for _, u := range a.uses[v] {
			b := a.blockAt(u)
			touch(b, a.endOf(u))
			need(b)
			for len(work) > 0 {
				w := work[len(work)-1]
				work = work[:len(work)-1]
				for _, p := range a.preds[w] {
					touch(p, a.start[p+1])
					need(p)
				}
			}
		}
		slices.Sort(list)
		from := len(flat)
		for _, b := range list {
			s := val.def
			if in[b] {
				s = a.start[b]
				pairs = append(pairs, entered{b, v})
				counts[b]++
			}
			if k := len(flat); k > from && flat[k-1].end == s {
				flat[k-1].end = end[b]
			} else {
				flat = append(flat, rng{s, end[b]})
			}
		}
		a.loopUses(v, list, in)
		rs := flat[from:len(flat):len(flat)]
		if rs[0].start != val.def {
			return fmt.Errorf("regalloc: v%d is used in front of its definition", v)
		}
		val.first = int32(len(a.ivs))
		a.ivs = append(a.ivs, interval{v: v, start: rs[0].start, end: rs[len(rs)-1].end,
			rs: rs, us: a.uses[v], reg: NoReg, next: -1})
	}
	for i := range a.ivs {
		a.vals[a.ivs[i].v].cross = a.callIn(&a.ivs[i]) != never
	}
	m.list, m.work, m.flat, m.pairs = list, work, flat, pairs
	a.liveIn = reuse.Slice(a.liveIn, n)
	m.all = reuse.Slice(m.all, len(pairs))
	all := m.all
	for b, k := range counts {
		a.liveIn[b], all = all[:0:k], all[k:]
	}
	for _, p := range pairs {
		a.liveIn[p.b] = append(a.liveIn[p.b], p.v)
	}
	return nil
}

// inBlock reports whether all uses of v are in the block of its definition, as those of
// most values are, and where its life ends then.
func (a *allocator) inBlock(v VReg) (end pos, ok bool) {
	val := &a.vals[v]
	end = val.def + 1
	for _, u := range a.uses[v] {
		if a.blockAt(u) != val.block {
			return 0, false
		}
		end = max(end, a.endOf(u))
	}
	return end, true
}

// blockAt returns the block in which a use happens. A use at the end of a block
// has the position of the next header.
func (a *allocator) blockAt(u use) int32 {
	if b := a.blockOf[u.at/2]; a.start[b] != u.at || u.at == 0 {
		if int(u.at) == int(a.start[len(a.blocks)]) {
			return int32(len(a.blocks) - 1)
		}
		return b
	}
	return a.blockOf[u.at/2-1]
}

// endOf returns where a value's range ends when this is its last use. Arguments
// are read before the call, operands during the instruction.
func (a *allocator) endOf(u use) pos {
	if u.must() {
		return u.at + 1
	}
	return u.at
}

// loopUses adds a use at the end of each loop that v enters from outside and
// that reads it.
func (a *allocator) loopUses(v VReg, list []int32, in []bool) {
	us := a.uses[v]
	for _, b := range list {
		e := a.loopEnd[b]
		if e == 0 || !in[b] {
			continue
		}
		i, _ := slices.BinarySearchFunc(us, a.start[b], func(u use, p pos) int { return int(u.at) - int(p) })
		if i == len(us) || us[i].at >= e {
			continue
		}
		j, _ := slices.BinarySearchFunc(us, e, func(u use, p pos) int { return int(u.at) - int(p) })
		us = slices.Insert(us[:len(us):len(us)], j, use{at: e, op: -1, reg: NoReg})
	}
	a.uses[v] = us
}
