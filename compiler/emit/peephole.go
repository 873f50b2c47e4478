package emit

import (
	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
)

// peephole drops copies and loads of what a register holds already. It numbers
// the values in registers and spill slots through each block, and from a block
// into the next where that is its only predecessor.
func (g *generator) peephole() {
	p := &peeper{generator: g, consts: map[constKey]int32{}, next: 1, last: make([]numbers, len(g.blocks))}
	preds := make([]int, len(g.blocks))
	from := make([]int, len(g.blocks))
	for b := range g.blocks {
		for i := range g.blocks[b].Succs {
			to := g.blocks[b].Succs[i].To
			preds[to]++
			from[to] = b
		}
	}
	out := g.code[:0]
	for b := range g.blocks {
		start, end := g.first[b], g.first[b+1]
		g.first[b] = len(out)
		var n numbers
		if b > 0 && preds[b] == 1 && from[b] < b {
			n = p.last[from[b]]
			p.learn(&n, from[b], b)
		} else {
			p.reset(&n)
		}
		for i := start; i < end; i++ {
			if r := g.code[i]; p.step(&n, &r) {
				out = append(out, r)
			}
		}
		p.last[b] = n
	}
	g.first[len(g.blocks)] = len(out)
	g.code = out
}

// numbers are the values in the registers and in the first spill slots; equal
// numbers are equal values.
type numbers struct {
	regs  [11]int32
	slots [8]int32
}

// constKey is what makes two constants the same.
type constKey struct {
	src  asm.Register
	kind refKind
	ref  int32
	imm  int64
}

type peeper struct {
	*generator
	consts map[constKey]int32
	next   int32
	last   []numbers // by block: at its end
}

func (p *peeper) fresh() int32 {
	p.next++
	return p.next
}

func (p *peeper) reset(n *numbers) {
	for i := range n.regs {
		n.regs[i] = p.fresh()
	}
	for i := range n.slots {
		n.slots[i] = p.fresh()
	}
}

func (p *peeper) constant(k constKey) int32 {
	v, ok := p.consts[k]
	if !ok {
		v = p.fresh()
		p.consts[k] = v
	}
	return v
}

// learn notes what the branch at the end of block from says in block to.
func (p *peeper) learn(n *numbers, from, to int) {
	e := &p.generator.ends[from]
	in := e.inst
	if in.kind != kBranch || !in.useImm || in.w != 8 {
		return
	}
	s := p.blocks[from].Succs
	if s[0].To == s[1].To {
		return
	}
	if in.cmp == ir.EQ && s[0].To == to || in.cmp == ir.NE && s[1].To == to {
		n.regs[e.regs.Use[0]] = p.constant(constKey{imm: in.imm})
	}
}

// spillSlot is the number of the tracked spill slot that r accesses, or -1.
func (p *peeper) spillSlot(base asm.Register, off int16) int {
	slot := -int(off)/8 - 1
	if base != asm.RFP || off%8 != 0 || slot < 0 || slot >= p.fr.spills || slot >= len(numbers{}.slots) {
		return -1
	}
	return slot
}

var (
	opMovReg = aluCode(asm.Mov, 8, asm.RegSource)
	opMovImm = aluCode(asm.Mov, 8, asm.ImmSource)
	opLoad64 = asm.LoadMemOp(asm.DWord)
	opStore8 = asm.StoreMemOp(asm.DWord)
)

// step follows one instruction and tells whether it is needed; it may put a
// cheaper one in its place.
func (p *peeper) step(n *numbers, r *raw) bool {
	switch class := r.op.Class(); {
	case r.op == opMovReg:
		return p.set(n, r.dst, n.regs[r.src])
	case r.op == opMovImm:
		return p.set(n, r.dst, p.constant(constKey{imm: r.imm}))
	case r.op.IsDWordLoad():
		v := p.constant(constKey{r.src, r.kind, r.ref, r.imm})
		return p.copyOf(n, r, v)
	case r.op == opLoad64:
		if s := p.spillSlot(r.src, r.off); s >= 0 {
			return p.copyOf(n, r, n.slots[s])
		}
		n.regs[r.dst] = p.fresh()
	case r.op == opStore8:
		if s := p.spillSlot(r.dst, r.off); s >= 0 {
			same := n.slots[s] == n.regs[r.src]
			n.slots[s] = n.regs[r.src]
			return !same
		}
	case class == asm.StClass:
		if s := p.spillSlot(r.dst, r.off); s >= 0 {
			n.slots[s] = p.constant(constKey{imm: r.imm})
		}
	case class == asm.StXClass:
		if r.op.Mode() == asm.AtomicMode {
			n.regs[r.src] = p.fresh() // if it fetches
		}
	case r.op == opCall:
		for i := range 6 {
			n.regs[i] = p.fresh()
		}
	default:
		n.regs[r.dst] = p.fresh()
	}
	return true
}

// set gives a register a value; false if it has it.
func (p *peeper) set(n *numbers, dst asm.Register, v int32) bool {
	if n.regs[dst] == v {
		return false
	}
	n.regs[dst] = v
	return true
}

// copyOf replaces r, which loads value v, by a copy from a register that holds
// it.
func (p *peeper) copyOf(n *numbers, r *raw, v int32) bool {
	if n.regs[r.dst] == v {
		return false
	}
	for s := asm.R0; s <= asm.R9; s++ {
		if n.regs[s] == v {
			m := movReg(r.dst, s)
			m.pos = r.pos
			*r = m
			break
		}
	}
	n.regs[r.dst] = v
	return true
}
