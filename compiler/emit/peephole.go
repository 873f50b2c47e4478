package emit

import (
	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// peephole drops copies, loads and stores of values that a register or the
// stack holds already. It numbers the values in registers and on the stack
// through the blocks. Where several blocks meet, only what all of them agree on
// is kept.
func (g *generator) peephole() {
	n := len(g.blocks)
	mem := g.mem
	if mem.consts == nil {
		mem.consts = map[constKey]int32{}
	}
	clear(mem.consts)
	g.rpo = g.reversePostorder()
	mem.last, mem.drop, mem.done = reuse.Slice(mem.last, n), reuse.Zeroed(mem.drop, len(g.code)), reuse.Zeroed(mem.done, n)
	p := &peeper{generator: g, consts: mem.consts, next: 1, words: min((g.fr.size+7)/8, cells), last: mem.last, drop: mem.drop}
	done := mem.done
	for _, b := range g.rpo {
		s := &p.last[b]
		p.enter(s, b, done)
		for i := g.first[b]; i < g.first[b+1]; i++ {
			p.drop[i] = !p.step(s, &g.code[i])
		}
		done[b] = true
	}
	out := g.code[:0]
	for b := range g.blocks {
		start, end := g.first[b], g.first[b+1]
		g.first[b] = len(out)
		for i := start; i < end; i++ {
			if !p.drop[i] {
				out = append(out, g.code[i])
			}
		}
	}
	g.first[n] = len(out)
	g.code = out
}

// reversePostorder lists the blocks so that all predecessors of a block come
// before it, except around loops.
func (g *generator) reversePostorder() []int {
	mem := g.mem
	mem.drop = reuse.Zeroed(mem.drop, max(len(g.blocks), len(g.code)))
	seen, post := mem.drop, mem.post[:0]
	stack := append(mem.visits[:0], visit{})
	seen[0] = true
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next == len(g.blocks[f.b].Succs) {
			post = append(post, f.b)
			stack = stack[:len(stack)-1]
			continue
		}
		to := g.blocks[f.b].Succs[f.next].To
		f.next++
		if !seen[to] {
			seen[to] = true
			stack = append(stack, visit{b: to})
		}
	}
	for i, j := 0, len(post)-1; i < j; i, j = i+1, j-1 {
		post[i], post[j] = post[j], post[i]
	}
	mem.post, mem.visits = post, stack
	return post
}

// visit is a block on the way of a depth-first search.
type visit struct{ b, next int }

// cells is the number of 8-byte words on the stack.
const cells = MaxStack / 8

// numbers are the values in the registers and in the words of the stack; equal
// numbers are equal values.
type numbers struct {
	regs  [11]int32
	stack [cells]int32
}

// constKey identifies a constant: two with the same key have the same value.
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
	words  int       // of the stack that the function has
	last   []numbers // by block: at its end
	drop   []bool    // by instruction
	spare  numbers
}

func (p *peeper) fresh() int32 {
	p.next++
	return p.next
}

func (p *peeper) constant(k constKey) int32 {
	v, ok := p.consts[k]
	if !ok {
		v = p.fresh()
		p.consts[k] = v
	}
	return v
}

// enter computes what is known at the start of block b.
func (p *peeper) enter(s *numbers, b int, done []bool) {
	preds := p.mem.cfg.Preds[p.order[b]]
	place := p.mem.block // by ir.Block: its place in the layout
	all := len(preds) > 0 && b > 0
	for _, q := range preds {
		all = all && done[place[q]]
	}
	if !all {
		for i := range s.regs {
			s.regs[i] = p.fresh()
		}
		for i := range p.words {
			s.stack[i] = p.fresh()
		}
		return
	}
	first := int(place[preds[0]])
	p.copy(s, &p.last[first])
	p.learn(s, first, b)
	for _, q := range preds[1:] {
		q := int(place[q])
		o := &p.spare
		p.copy(o, &p.last[q])
		p.learn(o, q, b)
		for i := range s.regs {
			if s.regs[i] != o.regs[i] {
				s.regs[i] = p.fresh()
			}
		}
		for i := range p.words {
			if s.stack[i] != o.stack[i] {
				s.stack[i] = p.fresh()
			}
		}
	}
}

// copy copies the words that are in use.
func (p *peeper) copy(to, from *numbers) {
	to.regs = from.regs
	copy(to.stack[:p.words], from.stack[:p.words])
}

// learn records what the branch at the end of block from implies in block to.
func (p *peeper) learn(s *numbers, from, to int) {
	e := &p.generator.ends[from]
	in := e.inst
	if in.kind != kBranch || !in.useImm || in.w != 8 {
		return
	}
	succs := p.blocks[from].Succs
	if succs[0].To == succs[1].To {
		return
	}
	if in.cmp == ir.EQ && succs[0].To == to || in.cmp == ir.NE && succs[1].To == to {
		s.regs[e.regs.Use[0]] = p.constant(constKey{imm: in.imm})
	}
}

// cell returns the word of the stack that 8 bytes at an offset are, or -1.
func cell(off int16) int {
	c := -int(off)/8 - 1
	if off%8 != 0 || c < 0 || c >= cells {
		return -1
	}
	return c
}

var (
	opMovReg = aluCode(asm.Mov, 8, asm.RegSource)
	opMovImm = aluCode(asm.Mov, 8, asm.ImmSource)
	opLoad64 = asm.LoadMemOp(asm.DWord)
)

// step follows one instruction and reports whether it is needed. It can replace
// the instruction by a cheaper one.
func (p *peeper) step(s *numbers, r *raw) bool {
	if p.reads(r) {
		r.src = p.oldest(s, r.src)
	}
	switch class := r.op.Class(); {
	case r.op == opMovReg:
		return set(&s.regs[r.dst], s.regs[r.src])
	case r.op == opMovImm:
		return set(&s.regs[r.dst], p.constant(constKey{imm: r.imm}))
	case r.op.IsDWordLoad():
		return p.copyOf(s, r, p.constant(constKey{r.src, r.kind, r.ref, r.imm}))
	case r.op == opLoad64 && r.src == asm.RFP:
		if c := cell(r.off); c >= 0 {
			return p.copyOf(s, r, s.stack[c])
		}
		s.regs[r.dst] = p.fresh()
	case class == asm.StClass, class == asm.StXClass:
		return p.store(s, r, class)
	case r.op == opCall:
		p.call(s, r)
	default:
		s.regs[r.dst] = p.fresh()
	}
	return true
}

// reads reports whether the instruction reads its source register without
// writing it.
func (p *peeper) reads(r *raw) bool {
	class := r.op.Class()
	switch {
	case class == asm.StXClass:
		return r.op.Mode() == asm.MemMode
	case class == asm.LdXClass:
		return true
	case class.IsALU():
		return r.op.Source() == asm.RegSource && r.op.ALUOp() != asm.Swap
	}
	return false
}

// oldest returns the first register that holds the same value. Reading from
// that one often leaves a copy without readers.
func (p *peeper) oldest(s *numbers, r asm.Register) asm.Register {
	for q := asm.R0; q < r; q++ {
		if r != asm.RFP && s.regs[q] == s.regs[r] {
			return q
		}
	}
	return r
}

// set assigns the value v to a register or word. It returns false if it has
// that value already.
func set(at *int32, v int32) bool {
	if *at == v {
		return false
	}
	*at = v
	return true
}

// store follows a write to memory.
func (p *peeper) store(s *numbers, r *raw, class asm.Class) bool {
	atomic := class == asm.StXClass && r.op.Mode() == asm.AtomicMode
	if r.dst == asm.RFP {
		c := cell(r.off)
		switch {
		case c >= 0 && r.op.Size() == asm.DWord && class == asm.StClass:
			return set(&s.stack[c], p.constant(constKey{imm: r.imm}))
		case c >= 0 && r.op.Size() == asm.DWord && !atomic:
			return set(&s.stack[c], s.regs[r.src])
		}
		// The store overlaps one word, or two if it is not aligned.
		for _, off := range [...]int{int(r.off), int(r.off) + r.op.Size().Sizeof() - 1} {
			if c := (-off - 1) / 8; off < 0 && c < cells {
				s.stack[c] = p.fresh()
			}
		}
	} else if p.wild {
		p.forget(s)
	}
	if atomic {
		s.regs[r.src] = p.fresh() // the old value, if it fetches
	}
	return true
}

// forget drops what is known about the slots of the IR. Spill slots keep their
// values: no pointer to them exists.
func (p *peeper) forget(s *numbers) {
	for c := p.fr.spills; c < p.words; c++ {
		s.stack[c] = p.fresh()
	}
}

// call follows a call. It clobbers r0 to r5, and helpers that write memory may
// write to the stack.
func (p *peeper) call(s *numbers, r *raw) {
	for i := range 6 {
		s.regs[i] = p.fresh()
	}
	if r.src == 0 {
		switch h := ir.Helper(r.imm); h {
		case ir.HelperMapUpdate, ir.HelperMapDelete:
			return // they read the stack
		default:
			if info, ok := ir.Helpers[h]; ok && info.Effect != ir.WritesMem {
				return
			}
		}
	}
	p.forget(s)
}

// copyOf replaces r, which loads value v, by a copy from a register that holds
// it.
func (p *peeper) copyOf(s *numbers, r *raw, v int32) bool {
	if s.regs[r.dst] == v {
		return false
	}
	for q := asm.R0; q <= asm.R9; q++ {
		if s.regs[q] == v {
			m := movReg(r.dst, q)
			m.pos = r.pos
			*r = m
			break
		}
	}
	s.regs[r.dst] = v
	return true
}
