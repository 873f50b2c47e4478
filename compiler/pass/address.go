package pass

import (
	"math"

	"probe/compiler/ir"
)

// address moves constants from pointers into the 16-bit offsets of loads,
// stores and atomics, and lets accesses to the value of one map share one base
// address, which costs two instructions wherever it is made.
func address(s *state) {
	f := s.f
	bases := map[int32]ir.Value{} // by map: the address of its first byte
	for _, v := range f.Blocks[0].Ins {
		in := f.Ins(v)
		if !isMade(in.Op) {
			break // what comes later does not dominate everything
		}
		if in.Op == ir.OpMapValue && in.Imm == 0 {
			bases[in.Aux] = v
		}
	}
	for b := range f.Blocks {
		d := &f.Blocks[b]
		// shareBase adds values to the entry block.
		for _, v := range append([]ir.Value(nil), d.Ins...) {
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
			in = s.shareBase(v, bases)
			if a := f.Ins(in.A); a.Op == ir.OpAdd && a.W == 8 && f.Ins(a.A).Op == ir.OpMapValue {
				s.shareElement(v, bases)
			}
		}
	}
	s.forget()
}

func offset(n int64) bool { return n >= math.MinInt16 && n <= math.MaxInt16 }

// base is the address of byte 0 of a map's value.
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
func (s *state) shareBase(v ir.Value, bases map[int32]ir.Value) *ir.Ins {
	in := s.f.Ins(v)
	m := s.f.Ins(in.A)
	if m.Op != ir.OpMapValue || m.Imm == 0 || !offset(in.Imm+m.Imm) {
		return in
	}
	off := in.Imm + m.Imm
	base := s.base(m, bases)
	in = s.f.Ins(v)
	in.A, in.Imm = base, off
	return in
}

// shareElement does the same for an access at a variable place.
func (s *state) shareElement(v ir.Value, bases map[int32]ir.Value) {
	in := s.f.Ins(v)
	sum := *s.f.Ins(in.A)
	m := s.f.Ins(sum.A)
	if m.Imm == 0 || !offset(in.Imm+m.Imm) {
		return
	}
	off := in.Imm + m.Imm
	sum.A = s.base(m, bases)
	x := s.elementAt(v, sum)
	in = s.f.Ins(v)
	in.A, in.Imm = x, off
}

// elementAt gives base + index in front of v, the one of before if there is
// one in the block.
func (s *state) elementAt(v ir.Value, sum ir.Ins) ir.Value {
	blk := s.f.Ins(v).Blk
	d := &s.f.Blocks[blk]
	at := len(d.Ins)
	for i, x := range d.Ins {
		if x == v {
			at = i
			break
		}
		if in := s.f.Ins(x); in.Op == sum.Op && in.A == sum.A && in.B == sum.B && in.W == sum.W {
			return x
		}
	}
	sum.Blk = blk
	x := s.value(sum)
	d.Ins = append(d.Ins, 0)
	copy(d.Ins[at+1:], d.Ins[at:])
	d.Ins[at] = x
	return x
}
