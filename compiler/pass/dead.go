package pass

import (
	"slices"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// dead removes code that nothing depends on: instructions without effect whose
// result is not used, parameters that only feed each other, and stores to stack
// slots that are never read.
func dead(s *state) {
	deadStores(s)
	f := s.f
	s.have = reuse.Slice(s.have, len(f.Vals))
	live := s.have
	clear(live)
	work := s.list[:0]
	mark := func(p *ir.Value) {
		if !live[*p] {
			live[*p] = true
			work = append(work, *p)
		}
	}
	for b := range f.Blocks {
		d := &f.Blocks[b]
		for _, v := range d.Ins {
			if s.effect(f.Ins(v)) >= ir.WritesMem {
				mark(&v)
			}
		}
		if d.Term.X != 0 {
			mark(&d.Term.X)
		}
		if d.Term.Y != 0 {
			mark(&d.Term.Y)
		}
	}
	// A live parameter keeps its arguments alive.
	g := s.graph()
	s.counts = reuse.Slice(s.counts, len(f.Vals))
	index := s.counts // of parameters in their block
	for b := range f.Blocks {
		for i, p := range f.Blocks[b].Params {
			index[p] = int32(i)
		}
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		in := f.Ins(v)
		if in.Op != ir.OpParam {
			if in.A != 0 && !live[in.A] {
				live[in.A] = true
				work = append(work, in.A)
			}
			if in.B != 0 && !live[in.B] {
				live[in.B] = true
				work = append(work, in.B)
			}
			for k := range in.Args {
				mark(&in.Args[k])
			}
			continue
		}
		for _, p := range g.Preds[in.Blk] {
			t := &f.Blocks[p].Term
			for k := range t.NumSuccs() {
				if e := t.Succ(k); e.To == in.Blk {
					mark(&e.Args[index[v]])
				}
			}
		}
	}
	s.list = work
	for b := range f.Blocks {
		d := &f.Blocks[b]
		w := 0
		for _, v := range d.Ins {
			if live[v] {
				d.Ins[w] = v
				w++
			}
		}
		d.Ins = d.Ins[:w]
		for i := len(d.Params) - 1; i >= 0; i-- {
			if !live[d.Params[i]] {
				dropParam(f, ir.Block(b), i)
			}
		}
	}
	overwritten(s)
	s.forget()
}

// maxLater is the maximum number of stores that overwritten compares with.
const maxLater = 16

// overwritten removes stores to a stack slot that a later store of the block covers, with
// nothing in between that may read the slot.
func overwritten(s *state) {
	if len(s.f.Slots) == 0 {
		return
	}
	fw := &forwarder{state: s}
	for b := range s.f.Blocks {
		d := &s.f.Blocks[b]
		var later []cell
		at := len(d.Ins) // Ins[at:] are those that stay
		for i := len(d.Ins) - 1; i >= 0; i-- {
			v := d.Ins[i]
			in := s.f.Ins(v)
			switch {
			case in.Op == ir.OpStore:
				c, exact := fw.address(in.A, in.Imm)
				if !exact || c.slot < 0 {
					break
				}
				c.w = in.W
				if slices.ContainsFunc(later, c.within) {
					continue
				}
				if len(later) < maxLater {
					later = append(later, c)
				}
			case in.Op == ir.OpLoad:
				if c, exact := fw.address(in.A, in.Imm); !exact || c.slot >= 0 {
					later = slices.DeleteFunc(later, func(l cell) bool { return c.slot < 0 || l.slot == c.slot })
				}
			case in.Op.IsCall() || in.Op.IsAtomic() || s.effect(in) >= ir.WritesMem:
				later = later[:0]
			}
			at--
			d.Ins[at] = v
		}
		d.Ins = d.Ins[at:]
	}
}

// within reports whether all bytes of a cell of a stack slot are in another one.
func (c cell) within(o cell) bool {
	return c.slot == o.slot && c.off >= o.off && c.off+int64(c.w) <= o.off+int64(o.w)
}

// deadStores removes stores to slots that are only ever stored to.
func deadStores(s *state) {
	f := s.f
	if len(f.Slots) == 0 {
		return
	}
	s.counts = reuse.Slice(s.counts, len(f.Vals))
	root := s.counts // slot + 1
	clear(root)
	read := make([]bool, len(f.Slots))
	mark := func(p *ir.Value) {
		if root[*p] > 0 {
			read[root[*p]-1] = true
		}
	}
	order := s.graph().Order
	for _, b := range order {
		d := &f.Blocks[b]
		for _, v := range d.Ins {
			in := f.Ins(v)
			switch {
			case in.Op == ir.OpFrame:
				root[v] = in.Aux + 1
			case in.Op == ir.OpAdd && in.Kind == ir.PtrStack:
				root[v] = root[in.A]
				mark(&in.B)
			case in.Op == ir.OpStore:
				mark(&in.B)
			default:
				in.Operands(mark)
			}
		}
		d.Term.Operands(mark)
	}
	for _, b := range order {
		d := &f.Blocks[b]
		w := 0
		for _, v := range d.Ins {
			in := f.Ins(v)
			if in.Op == ir.OpStore && root[in.A] > 0 && !read[root[in.A]-1] {
				continue
			}
			d.Ins[w] = v
			w++
		}
		d.Ins = d.Ins[:w]
	}
}
