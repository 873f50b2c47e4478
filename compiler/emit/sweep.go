package emit

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// live is the set of registers and spill slots that are read later.
type live struct {
	regs  uint16
	spill uint64
}

// sweep removes instructions whose result is never read. The peephole pass
// leaves such copies and spills behind.
func (g *generator) sweep() {
	n := len(g.blocks)
	mem := g.mem
	mem.live, mem.drop = reuse.Zeroed(mem.live, n), reuse.Zeroed(mem.drop, len(g.code))
	in, drop, order := mem.live, mem.drop, g.rpo
	any := false
	block := func(b int, final bool) live {
		l := g.atEnd(b, in)
		for i := g.first[b+1] - 1; i >= g.first[b]; i-- {
			if !g.flow(&g.code[i], &l) && final {
				drop[i], any = true, true
			}
		}
		return l
	}
	for changed := true; changed; {
		changed = false
		for i := n - 1; i >= 0; i-- {
			if i >= len(order) {
				continue
			}
			b := order[i]
			if l := block(b, false); l != in[b] {
				in[b], changed = l, g.mem.cfg.Cyclic()
			}
		}
	}
	for _, b := range order {
		block(b, true)
	}
	if !any {
		return
	}
	out := g.code[:0]
	for b := range g.blocks {
		start, end := g.first[b], g.first[b+1]
		g.first[b] = len(out)
		for i := start; i < end; i++ {
			if !drop[i] {
				out = append(out, g.code[i])
			}
		}
	}
	g.first[n] = len(out)
	g.code = out
}

// atEnd returns what is live before the end of block b.
func (g *generator) atEnd(b int, in []live) live {
	var l live
	for i := range g.blocks[b].Succs {
		s := in[g.blocks[b].Succs[i].To]
		l.regs |= s.regs
		l.spill |= s.spill
	}
	e := &g.ends[b]
	switch e.inst.kind {
	case kRet:
		l.regs |= 1 << asm.R0
	case kBranch:
		l.regs |= 1 << e.regs.Use[0]
		if !e.inst.useImm {
			l.regs |= 1 << e.regs.Use[1]
		}
	}
	return l
}

// spillBit returns the bit of the spill slot at an offset from the frame
// pointer, 0 for everything else.
func (g *generator) spillBit(base asm.Register, off int16) uint64 {
	if c := cell(off); base == asm.RFP && c >= 0 && c < min(g.fr.spills, 64) {
		return 1 << c
	}
	return 0
}

// flow updates l backwards over one instruction. It returns false if the result
// of the instruction is never read.
func (g *generator) flow(r *raw, l *live) bool {
	dst, src := uint16(1)<<r.dst, uint16(1)<<r.src
	switch class := r.op.Class(); {
	case r.op == opCall:
		l.regs = l.regs&^0x3f | arguments(r)
		return true
	case r.op.IsDWordLoad():
		if l.regs&dst == 0 {
			return false
		}
		l.regs &^= dst
	case class == asm.LdXClass:
		if l.regs&dst == 0 {
			return false
		}
		l.regs = l.regs&^dst | src
		l.spill |= g.spillBit(r.src, r.off)
	case class == asm.StClass, class == asm.StXClass:
		if bit := g.spillBit(r.dst, r.off); bit != 0 && r.op.Mode() == asm.MemMode {
			if l.spill&bit == 0 {
				return false
			}
			l.spill &^= bit
		}
		l.regs |= dst
		if class == asm.StXClass {
			l.regs |= src
		}
	default:
		if l.regs&dst == 0 {
			return false
		}
		op := r.op.ALUOp()
		if op == asm.Mov {
			l.regs &^= dst
		}
		if r.op.Source() == asm.RegSource && op != asm.Swap {
			l.regs |= src
		}
	}
	return true
}

// arguments returns the registers that a call reads.
func arguments(r *raw) uint16 {
	n := 5
	if h, ok := ir.Helpers[ir.Helper(r.imm)]; ok && r.src == 0 {
		n = h.Args
	}
	return uint16(bits.RotateLeft16(1<<n-1, 1))
}
