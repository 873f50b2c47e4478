package pass

import "probe/compiler/ir"

// fuse turns "and, then compare with zero" into a bit test in the branch
// (BPF_JSET). The mask must have no other use: the verifier would learn nothing
// about the masked value from the bit test.
func fuse(s *state) {
	f := s.f
	var count []int32
	for b := range f.Blocks {
		t := &f.Blocks[b].Term
		if t.Kind != ir.Branch || t.Cmp != ir.EQ && t.Cmp != ir.NE {
			continue
		}
		c, ok := f.Const(t.Y)
		x := f.Ins(t.X)
		if !ok || c != 0 || x.Op != ir.OpAnd {
			continue
		}
		if count == nil {
			count = s.uses()
		}
		if count[t.X] > 1 {
			continue
		}
		if t.Cmp == ir.EQ {
			t.Then, t.Else = t.Else, t.Then
		}
		if x.W == 4 {
			t.W = 4
		}
		t.Cmp, t.X, t.Y = ir.TEST, x.A, x.B
		s.shape()
	}
}
