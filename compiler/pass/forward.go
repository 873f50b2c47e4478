package pass

import (
	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// place of memory: bytes off to off+w of the object that base points to. A
// stack slot has a number instead of a base.
type cell struct {
	base ir.Value
	slot int32 // -1 for other memory
	off  int64
	w    uint8
}

// content is the known content of a cell.
type content struct {
	cell
	val ir.Value
	any bool // val was stored with more bits than the cell has
}

// forwarder is the pass over one block.
type forwarder struct {
	*state
	known   []content
	escaped []bool // by slot: its address is used other than for direct accesses
}

// forward replaces loads by the value that was stored to the same place, or
// loaded from it, earlier in the same block, with nothing in between that may
// have written there. Other CPUs can change map values in between, but scripts
// have no guarantee to see such a change between two of their own accesses.
func forward(s *state) {
	fw := &forwarder{state: s, escaped: escapedSlots(s)}
	for b := range s.f.Blocks {
		fw.known = fw.known[:0]
		for _, v := range s.f.Blocks[b].Ins {
			s.useIn(s.f.Ins(v))
			fw.step(v)
		}
	}
	s.rewrite()
}

// escapedSlots finds the slots whose address is used other than in loads,
// stores, atomics and arguments of helpers. Helpers use an address only during
// the call, and so do the callbacks they run.
func escapedSlots(s *state) []bool {
	f := s.f
	esc := make([]bool, len(f.Slots))
	if len(f.Slots) == 0 {
		return esc
	}
	s.counts = reuse.Slice(s.counts, len(f.Vals))
	root := s.counts // slot + 1
	clear(root)
	markAt := func(p *ir.Value) {
		if root[*p] > 0 {
			esc[root[*p]-1] = true
		}
	}
	mark := func(v ir.Value) {
		if v != 0 && root[v] > 0 {
			esc[root[v]-1] = true
		}
	}
	// Definitions come before uses in reverse postorder, except for
	// parameters, which count as escapes anyway.
	for _, b := range s.graph().Order {
		d := &f.Blocks[b]
		for _, v := range d.Ins {
			in := f.Ins(v)
			switch {
			case in.Op == ir.OpFrame:
				root[v] = in.Aux + 1
			case in.Op == ir.OpAdd && in.Kind == ir.PtrStack:
				root[v] = root[in.A]
				mark(in.B)
			case in.Op == ir.OpLoad, in.Op == ir.OpCall:
			case in.Op == ir.OpStore, in.Op.IsAtomic():
				mark(in.B)
			default:
				in.Operands(markAt)
			}
		}
		d.Term.Operands(markAt)
	}
	return esc
}

// address resolves a pointer to a cell. For a stack address with an unknown
// offset it returns the slot, and exact is false.
func (fw *forwarder) address(p ir.Value, off int64) (c cell, exact bool) {
	for {
		in := fw.f.Ins(p)
		switch {
		case in.Op == ir.OpFrame:
			return cell{slot: in.Aux, off: in.Imm + off}, true
		case in.Op == ir.OpMapValue:
			// All addresses of one map belong to one object, whichever value
			// holds them.
			return cell{base: -1 - ir.Value(in.Aux), slot: -1, off: in.Imm + off}, true
		case in.Op == ir.OpAdd && in.W == 8:
			if k, ok := fw.f.Const(in.B); ok {
				p, off = in.A, off+k
				continue
			}
			if in.Kind == ir.PtrStack {
				c, _ := fw.address(in.A, 0)
				return c, false
			}
		case in.Kind == ir.PtrStack:
			return cell{slot: -1}, false
		}
		return cell{base: p, slot: -1, off: off}, true
	}
}

// maxKnown is the maximum number of cells tracked in a block, which keeps long
// blocks from taking quadratic time.
const maxKnown = 48

// step follows one instruction. A store first invalidates every cell that it
// may overlap.
func (fw *forwarder) step(v ir.Value) {
	if len(fw.known) > maxKnown {
		fw.known = append(fw.known[:0], fw.known[len(fw.known)/2:]...)
	}
	in := fw.f.Ins(v)
	switch {
	case in.Op == ir.OpLoad:
		fw.load(v, in)
	case in.Op == ir.OpStore:
		c, exact := fw.address(in.A, in.Imm)
		c.w = in.W
		fw.kill(c, exact, fw.f.Ins(in.A).Kind)
		if exact {
			fw.known = append(fw.known, content{c, in.B, in.W < 8})
		}
	case in.Op.IsAtomic():
		c, exact := fw.address(in.A, in.Imm)
		c.w = in.W
		fw.kill(c, exact, fw.f.Ins(in.A).Kind)
	case in.Op.IsCall():
		fw.call(in)
	}
}

// load replaces v by the known content of its cell, or records v as the
// content. If the stored value has more bits than the cell, v becomes an
// extension of it.
func (fw *forwarder) load(v ir.Value, in *ir.Ins) {
	if fw.f.Ins(in.A).Kind == ir.PtrCtx {
		return // gvn handles it
	}
	c, exact := fw.address(in.A, in.Imm)
	c.w = in.W
	if !exact {
		return
	}
	for i := len(fw.known) - 1; i >= 0; i-- {
		k := &fw.known[i]
		if k.cell != c {
			continue
		}
		// A pointer that is loaded as a number is meant to become a number;
		// forwarding would make it a pointer again.
		if fw.f.Ins(k.val).Kind != in.Kind {
			return
		}
		if !k.any {
			fw.replace(v, k.val)
			return
		}
		if in.W <= 4 && in.Kind == ir.Scalar {
			*in = ir.Ins{Op: ir.OpZExt, W: in.W, Kind: ir.Scalar, A: k.val, Blk: in.Blk, Pos: in.Pos}
			k.val, k.any = v, false
		}
		return
	}
	fw.known = append(fw.known, content{c, v, false})
}

// kill forgets the cells that a write to c may change.
func (fw *forwarder) kill(c cell, exact bool, kind ir.Kind) {
	w := 0
	for _, k := range fw.known {
		var hit bool
		switch {
		case kind == ir.PtrStack && c.slot < 0:
			hit = k.slot >= 0
		case kind == ir.PtrStack && !exact:
			hit = k.slot == c.slot
		case kind == ir.PtrStack || k.slot >= 0:
			hit = k.slot == c.slot && k.off < c.off+int64(c.w) && c.off < k.off+int64(k.w)
		case k.base == c.base:
			hit = k.off < c.off+int64(c.w) && c.off < k.off+int64(k.w)
		default:
			hit = k.base >= 0 || c.base >= 0 // two different maps do not overlap
		}
		if !hit {
			fw.known[w] = k
			w++
		}
	}
	fw.known = fw.known[:w]
}

// reads lists the helpers that read memory through their arguments but write no
// memory that the program can access directly.
var reads = map[ir.Helper]bool{
	ir.HelperMapLookup: true, ir.HelperPerCPULookup: true,
}

// call forgets the cells that a call may change: all memory but stack slots,
// and the slots passed to it unless the helper only reads its arguments.
func (fw *forwarder) call(in *ir.Ins) {
	eff := fw.effect(in)
	if eff < ir.WritesMem && in.Op == ir.OpCall {
		return
	}
	if in.Op == ir.OpKfunc && eff == ir.Pure {
		return
	}
	keeps := in.Op == ir.OpCall && (reads[ir.Helper(in.Imm)] || ir.Helper(in.Imm) == ir.HelperMapUpdate || ir.Helper(in.Imm) == ir.HelperMapDelete ||
		ir.Helper(in.Imm) == ir.HelperRingOutput || ir.Helper(in.Imm) == ir.HelperPerfEventOutput)
	w := 0
	for _, k := range fw.known {
		hit := k.slot < 0 || fw.escaped[k.slot]
		for _, a := range in.Args {
			if !keeps && k.slot >= 0 && fw.f.Ins(a).Kind == ir.PtrStack {
				c, _ := fw.address(a, 0)
				hit = hit || c.slot == k.slot || c.slot < 0
			}
		}
		if !hit {
			fw.known[w] = k
			w++
		}
	}
	fw.known = fw.known[:w]
}
