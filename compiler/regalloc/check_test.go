package regalloc

import (
	"fmt"
	"slices"
)

// code is a hand-made or random function.
type code struct {
	n      int // virtual registers
	blocks []Block
	instrs []Instr
	args   []VReg
	remat  map[VReg]int
	store  map[VReg]bool
}

func (c *code) VRegs() int           { return c.n }
func (c *code) Blocks() int          { return len(c.blocks) }
func (c *code) Block(b int) *Block   { return &c.blocks[b] }
func (c *code) Instr(i int) *Instr   { return &c.instrs[i] }
func (c *code) Args() []VReg         { return c.args }
func (c *code) Remat(v VReg) int     { return c.remat[v] }
func (c *code) Precious(v VReg) bool { return v%16 == 7 }
func (c *code) Storable(v VReg) bool { return c.store[v] }

// holds is which values each location holds, in one point of the code.
type holds map[Loc][]VReg

func (h holds) clone() holds {
	n := holds{}
	for l, vs := range h {
		n[l] = slices.Clone(vs)
	}
	return n
}

// meet keeps what both hold; it reports whether h changed.
func (h holds) meet(o holds) bool {
	changed := false
	for l, vs := range h {
		n := slices.DeleteFunc(slices.Clone(vs), func(v VReg) bool { return !slices.Contains(o[l], v) })
		if len(n) != len(vs) {
			changed = true
			h[l] = n
		}
	}
	return changed
}

func (h holds) has(l Loc, v VReg) bool { return slices.Contains(h[l], v) }

// drop forgets v everywhere: it is defined anew.
func (h holds) drop(v VReg) {
	for l, vs := range h {
		h[l] = slices.DeleteFunc(vs, func(x VReg) bool { return x == v })
	}
}

// checker follows the values of an allocation along all paths (the idea is that
// of the checker in regalloc2): every operand must find its value in its
// register.
type checker struct {
	c  *code
	al *Allocation
	in []holds // by block, nil if not reached
}

// check returns what is wrong with an allocation.
func check(c *code, al *Allocation) error {
	k := &checker{c: c, al: al, in: make([]holds, len(c.blocks))}
	start := holds{}
	for i, v := range c.args {
		if v != 0 {
			start[InReg(FirstArg+Reg(i))] = []VReg{v}
		}
	}
	k.in[0] = start
	for i := 1; i < len(al.Moves); i++ {
		if al.Moves[i].At < al.Moves[i-1].At {
			return fmt.Errorf("moves are not in order")
		}
	}
	for work := []int{0}; len(work) > 0; {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		out, err := k.block(b, k.in[b].clone())
		if err != nil {
			return err
		}
		for _, e := range c.blocks[b].Succs {
			h := k.edge(out.clone(), e)
			switch {
			case k.in[e.To] == nil:
				k.in[e.To] = h
				work = append(work, e.To)
			case k.in[e.To].meet(h):
				work = append(work, e.To)
			}
		}
	}
	return nil
}

// edge renames the arguments to the parameters.
func (k *checker) edge(h holds, e Edge) holds {
	params := k.c.blocks[e.To].Params
	n := h.clone()
	for _, p := range params {
		n.drop(p)
	}
	for l, vs := range h {
		for i, a := range e.Args {
			if slices.Contains(vs, a) {
				n[l] = append(n[l], params[i])
			}
		}
	}
	return n
}

func (k *checker) block(b int, h holds) (holds, error) {
	blk := &k.c.blocks[b]
	m, _ := slices.BinarySearchFunc(k.al.Moves, blk.First, func(m Move, i int) int { return m.At - i })
	for i := blk.First; i < blk.End; i++ {
		for ; m < len(k.al.Moves) && k.al.Moves[m].At == i; m++ {
			if err := k.move(h, &k.al.Moves[m]); err != nil {
				return nil, fmt.Errorf("block %d, before instruction %d: %w", b, i, err)
			}
		}
		if err := k.instr(h, i); err != nil {
			return nil, fmt.Errorf("block %d, instruction %d: %w", b, i, err)
		}
	}
	return h, nil
}

func (k *checker) move(h holds, m *Move) error {
	if s, ok := m.Dst.Slot(); ok {
		if s >= k.al.Slots {
			return fmt.Errorf("slot %d of %d", s, k.al.Slots)
		}
		if _, ok := m.Src.Slot(); ok {
			return fmt.Errorf("move from slot to slot")
		}
	}
	if m.Src == Remat {
		if k.c.remat[m.V] == 0 {
			return fmt.Errorf("v%d cannot be made again", m.V)
		}
		if _, reg := m.Dst.Reg(); !reg && !k.c.store[m.V] {
			return fmt.Errorf("v%d cannot be made in a slot", m.V)
		}
		h[m.Dst] = []VReg{m.V}
		return nil
	}
	if len(h[m.Src]) == 0 {
		// Reading a register or slot that was never written is refused by the
		// verifier, even if the value does not matter.
		return fmt.Errorf("move from %d, which holds nothing", m.Src)
	}
	h[m.Dst] = slices.Clone(h[m.Src])
	return nil
}

func (k *checker) instr(h holds, i int) error {
	ins, regs := &k.c.instrs[i], k.al.Regs[i]
	for n, v := range ins.Use {
		if v != 0 && !h.has(InReg(regs.Use[n]), v) {
			return fmt.Errorf("r%d should hold v%d, holds %v", regs.Use[n], v, h[InReg(regs.Use[n])])
		}
	}
	for n, v := range ins.Args {
		r := FirstArg + Reg(n)
		if ins.Return {
			r = Result
		}
		if v != 0 && !h.has(InReg(r), v) {
			return fmt.Errorf("r%d should hold argument v%d, holds %v", r, v, h[InReg(r)])
		}
	}
	if ins.Tied && ins.Def != 0 && !ins.Commute {
		o := 1 - ins.Over
		if ins.Use[o] != 0 && ins.Use[o] != ins.Use[ins.Over] && regs.Use[o] == regs.Def {
			return fmt.Errorf("r%d is overwritten before it is read", regs.Def)
		}
	}
	if ins.Call {
		for r := Reg(0); r < FirstKept; r++ {
			delete(h, InReg(r))
		}
	}
	if ins.Def == 0 {
		return nil
	}
	if regs.Def == NoReg {
		if k.c.remat[ins.Def] == 0 {
			return fmt.Errorf("v%d has no register", ins.Def)
		}
		return nil
	}
	h.drop(ins.Def)
	h[InReg(regs.Def)] = []VReg{ins.Def}
	return nil
}
