package pass

import (
	"math"

	"probe/compiler/ir"
)

// address moves constants from pointers into the 16-bit offsets of loads,
// stores and atomics, and lets accesses to the value of one map share one base
// address, which takes two instructions wherever it is loaded.
func address(s *state) {
	f := s.f
	bases := map[int32]ir.Value{} // by map: the address of its first byte
	for _, v := range f.Blocks[0].Ins {
		in := f.Ins(v)
		if !isMade(in.Op) {
			break // later blocks do not dominate everything
		}
		if in.Op == ir.OpMapValue && in.Imm == 0 {
			bases[in.Aux] = v
		}
	}
	for b := range f.Blocks {
		d := &f.Blocks[b]
		// shareBase adds values to the entry block.
		s.list = append(s.list[:0], d.Ins...)
		for _, v := range s.list {
			in := f.Ins(v)
			if in.Op != ir.OpLoad && in.Op != ir.OpStore && !in.Op.IsAtomic() {
				continue
			}
			for {
				a := f.Ins(in.A)
				if a.Op != ir.OpAdd || a.W != 8 || !a.Kind.IsPtr() {
					break
				}
				c, ok := f.Const(a.B)
				if !ok || !offset(in.Imm+c) {
					break
				}
				in.A, in.Imm = a.A, in.Imm+c
			}
			s.shareBase(v, bases)
		}
	}
	s.rejoin()
	s.forget()
}

func offset(n int64) bool { return n >= math.MinInt16 && n <= math.MaxInt16 }

// base returns the address of byte 0 of a map's value.
func (s *state) base(m *ir.Ins, bases map[int32]ir.Value) ir.Value {
	v, ok := bases[m.Aux]
	if !ok {
		v = s.value(ir.Ins{Op: ir.OpMapValue, W: 8, Kind: ir.PtrMapValue, Aux: m.Aux})
		d := &s.f.Blocks[0]
		d.Ins = append([]ir.Value{v}, d.Ins...)
		bases[m.Aux] = v
	}
	return v
}

// shareBase lets an access at a constant place of a map's value go through the
// address of its first byte.
func (s *state) shareBase(v ir.Value, bases map[int32]ir.Value) {
	in := s.f.Ins(v)
	m := s.f.Ins(in.A)
	if m.Op != ir.OpMapValue || m.Imm == 0 || !offset(in.Imm+m.Imm) {
		return
	}
	off := in.Imm + m.Imm
	base := s.base(m, bases)
	in = s.f.Ins(v)
	in.A, in.Imm = base, off
}

// rejoin moves the constant of an address map+index+c back into the address of
// the map if the sum is used only once. That saves the addition that fold made
// for sharing.
func (s *state) rejoin() {
	f := s.f
	count := s.uses()
	for b := range f.Blocks {
		s.list = append(s.list[:0], f.Blocks[b].Ins...)
		for _, v := range s.list {
			in := f.Ins(v)
			if in.Op != ir.OpAdd || in.Kind != ir.PtrMapValue {
				continue
			}
			c, ok := f.Const(in.B)
			sum := f.Ins(in.A)
			if !ok || count[v] == 0 || count[in.A] != 1 || sum.Op != ir.OpAdd || f.Ins(sum.A).Op != ir.OpMapValue {
				continue
			}
			m := *f.Ins(sum.A)
			if m.Imm+c < 0 || m.Imm+c > math.MaxInt32 {
				continue
			}
			m.Imm, m.Blk = m.Imm+c, 0
			x := s.value(m)
			d := &f.Blocks[0]
			d.Ins = append([]ir.Value{x}, d.Ins...)
			in = f.Ins(v)
			in.A, in.B = x, f.Ins(in.A).B
		}
	}
}
