package pass

import (
	"math/bits"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

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

// numbering is a hash table of instructions.
type numbering struct {
	heads   []int32 // by hash: 1 + the first of entries
	entries []numbered
}

// numbered is an instruction of the table and the value that it has now.
type numbered struct {
	number
	val  ir.Value
	next int32 // 1 + the next one with the same hash
}

// reset empties a table and prepares it for about n instructions.
func (t *numbering) reset(n int) {
	t.heads, t.entries = reuse.Slice(t.heads, 1<<bits.Len(uint(n))), t.entries[:0]
	clear(t.heads)
}

// find returns where the value of an instruction is, which is 0 for a new one. The
// result is valid until the next call.
func (t *numbering) find(k *number) *ir.Value {
	const mix = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio, for Fibonacci hashing
	h := uint64(k.op) | uint64(k.w)<<8 | uint64(k.kind)<<16 | uint64(uint32(k.aux))<<32
	h = h*mix ^ uint64(k.imm)
	h = h*mix ^ (uint64(uint32(k.a)) | uint64(uint32(k.b))<<32)
	h = h*mix ^ (uint64(uint32(k.args[0])) | uint64(uint32(k.args[1]))<<32)
	h = h*mix ^ (uint64(uint32(k.args[2])) | uint64(uint32(k.args[3]))<<32)
	h *= mix
	head := &t.heads[h>>32&uint64(len(t.heads)-1)]
	for i := *head; i > 0; i = t.entries[i-1].next {
		if e := &t.entries[i-1]; e.number == *k {
			return &e.val
		}
	}
	t.entries = append(t.entries, numbered{number: *k, next: *head})
	*head = int32(len(t.entries))
	return &t.entries[len(t.entries)-1].val
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
	seen := &s.numbers
	seen.reset(len(s.f.Vals))
	var front []ir.Value
	for _, b := range g.Order {
		d := &s.f.Blocks[b]
		w := 0
		for _, v := range d.Ins {
			in := s.f.Ins(v)
			s.useIn(in)
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
			last := seen.find(&k)
			if first := *last; first != 0 && (made || (!s.cheap(in) || s.f.Ins(first).Blk == b) && g.Dominates(s.f.Ins(first).Blk, b)) {
				s.replace(v, first)
				continue
			}
			*last = v
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
