package pass

import "probe/compiler/ir"

// number is the key of an instruction: two with the same number have the same
// value.
type number struct {
	op   ir.Op
	w    uint8
	kind ir.Kind
	a, b ir.Value
	imm  int64
	aux  int32
	args [5]ir.Value
}

// gvn computes each value once: an instruction is replaced by an equal one that
// dominates it (Alpern, Wegman and Zadeck's value numbering, in the simple form
// for SSA with a hash table). Only operations whose result cannot change during
// a run take part: arithmetic, reads of the context, and the ids of the thread
// and CPU. Clocks, loads and lookups are executed as often as the script says.
//
// Constants and addresses move to the entry block; place brings them back.
func gvn(s *state) {
	g := s.graph()
	seen := make(map[number]ir.Value, len(s.f.Vals))
	var front []ir.Value
	for _, b := range g.Order {
		d := &s.f.Blocks[b]
		w := 0
		for _, v := range d.Ins {
			in := s.f.Ins(v)
			in.Operands(func(p *ir.Value) { *p = s.use(*p) })
			if s.effect(in) > ir.PerRun || !in.HasResult() {
				d.Ins[w] = v
				w++
				continue
			}
			k := number{op: in.Op, w: in.W, kind: in.Kind, a: in.A, b: in.B, imm: in.Imm, aux: in.Aux}
			if in.Op.Commutes() && k.a > k.b && !s.f.Ins(k.a).Kind.IsPtr() {
				k.a, k.b = k.b, k.a
			}
			copy(k.args[:], in.Args)
			made := isMade(in.Op) || in.Op == ir.OpArg
			if first, ok := seen[k]; ok && (made || (!s.cheap(in) || s.f.Ins(first).Blk == b) && g.Dominates(s.f.Ins(first).Blk, b)) {
				s.replace(v, first)
				continue
			}
			seen[k] = v
			if made {
				in.Blk = 0
				front = append(front, v)
				continue
			}
			d.Ins[w] = v
			w++
		}
		d.Ins = d.Ins[:w]
	}
	d := &s.f.Blocks[0]
	d.Ins = append(front, d.Ins...)
	s.rewrite()
	s.forget()
}

// cheap reports whether in is an address at a constant distance from another
// one. Computing it again costs one instruction; keeping it alive across blocks
// costs a register or a spill slot.
func (s *state) cheap(in *ir.Ins) bool {
	if in.Op != ir.OpAdd || !in.Kind.IsPtr() {
		return false
	}
	_, ok := s.f.Const(in.B)
	return ok
}
