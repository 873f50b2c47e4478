package pass

import (
	"math"
	"math/bits"

	"probe/compiler/ir"
)

// narrow computes which bits of each value are read, and drops masks and
// extensions that only change other bits. An extension of 4 bytes is merged
// into the operation before it, whose 32-bit form zero-extends its result
// anyway.
func narrow(s *state) {
	f := s.f
	n := &narrower{state: s, need: demanded(s), count: s.uses()}
	for _, b := range s.graph().Order {
		for _, v := range f.Blocks[b].Ins {
			s.useIn(f.Ins(v))
			if by := n.step(v); by != 0 {
				s.replace(v, by)
			}
		}
	}
	s.rewrite()
}

type narrower struct {
	*state
	need  []uint64
	count []int32
}

// step returns what v can be replaced by, or 0.
func (n *narrower) step(v ir.Value) ir.Value {
	in := n.f.Ins(v)
	if in.Kind != ir.Scalar {
		return 0
	}
	need := n.need[v]
	switch in.Op {
	case ir.OpZExt, ir.OpSExt:
		if need&^(1<<(8*in.W)-1) == 0 && n.f.Ins(in.A).Kind == ir.Scalar {
			return in.A
		}
		if in.Op == ir.OpZExt && in.W == 4 && n.count[in.A] == 1 && n.half(in.A) {
			return in.A
		}
	case ir.OpAnd, ir.OpOr, ir.OpXor:
		c, ok := n.f.Const(in.B)
		if !ok || n.f.Ins(in.A).Kind != ir.Scalar {
			break
		}
		keeps := uint64(c) // bits of A that the mask keeps
		if in.Op != ir.OpAnd {
			keeps = ^uint64(c)
		}
		if in.W == 4 {
			keeps &= math.MaxUint32
		}
		if need&^keeps == 0 {
			return in.A
		}
		// The constant is an immediate only in a 32-bit operation.
		if need <= math.MaxUint32 && c != int64(int32(c)) {
			in.W = 4
		}
	case ir.OpAdd, ir.OpSub, ir.OpMul:
		if c, ok := n.f.Const(in.B); ok && need <= math.MaxUint32 && c != int64(int32(c)) {
			in.W = 4
		}
	}
	return 0
}

// half turns an operation into its 32-bit form, if the low 32 bits of its
// result only depend on those of its operands.
func (n *narrower) half(v ir.Value) bool {
	in := n.f.Ins(v)
	switch in.Op {
	case ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpAnd, ir.OpOr, ir.OpXor, ir.OpNeg:
	case ir.OpShl:
		if c, ok := n.f.Const(in.B); !ok || c&63 > 31 {
			return false
		}
	default:
		return false
	}
	if in.Kind != ir.Scalar || n.f.Ins(in.A).Kind != ir.Scalar || in.B != 0 && n.f.Ins(in.B).Kind != ir.Scalar {
		return false
	}
	in.W = 4
	return true
}

// demanded computes for each value which of its bits can matter.
func demanded(s *state) []uint64 {
	f := s.f
	need := make([]uint64, len(f.Vals))
	order := s.graph().Order
	done := make([]bool, len(f.Blocks))
	for i := len(order) - 1; i >= 0; i-- {
		b := order[i]
		d := &f.Blocks[b]
		t := &d.Term
		for k := range t.NumSuccs() {
			e := t.Succ(k)
			for j, a := range e.Args {
				if done[e.To] {
					need[a] |= need[f.Blocks[e.To].Params[j]]
				} else {
					need[a] = math.MaxUint64 // around a loop
				}
			}
		}
		whole := uint64(math.MaxUint64)
		if t.Kind == ir.Branch && t.W == 4 {
			whole = math.MaxUint32
		}
		if t.X != 0 {
			need[t.X] |= whole
		}
		if t.Y != 0 {
			need[t.Y] |= whole
		}
		for j := len(d.Ins) - 1; j >= 0; j-- {
			operands(f, d.Ins[j], need)
		}
		done[b] = true
	}
	return need
}

// operands passes the demand for v on to its operands.
func operands(f *ir.Func, v ir.Value, need []uint64) {
	in := f.Ins(v)
	m := need[v]
	all := uint64(math.MaxUint64)
	if in.W == 4 && in.Op.IsBinary() {
		all = math.MaxUint32
	}
	m &= all
	// Carries and borrows only propagate upwards, so a result bit depends on
	// operand bits up to its own.
	below := uint64(1)<<bits.Len64(m) - 1
	if bits.Len64(m) == 64 {
		below = math.MaxUint64
	}
	c, isConst := f.Const(in.B)
	n := uint64(c) & uint64(8*in.W-1)
	pass := func(a, b uint64) {
		need[in.A] |= a
		if in.B != 0 {
			need[in.B] |= b
		}
	}
	switch {
	case in.Kind.IsPtr() && in.Op.IsBinary():
		pass(math.MaxUint64, math.MaxUint64)
	case in.Op == ir.OpAnd && isConst:
		pass(m&uint64(c), m)
	case in.Op == ir.OpOr && isConst:
		pass(m&^uint64(c), m)
	case in.Op == ir.OpAnd, in.Op == ir.OpOr, in.Op == ir.OpXor:
		pass(m, m)
	case in.Op == ir.OpAdd, in.Op == ir.OpSub, in.Op == ir.OpMul:
		pass(below, below)
	case in.Op == ir.OpNeg:
		if in.W == 4 {
			below &= math.MaxUint32
		}
		pass(below, 0)
	case in.Op == ir.OpShl && isConst:
		pass(m>>n, all)
	case in.Op == ir.OpShr && isConst:
		pass(m<<n&all, all)
	case in.Op.IsBinary():
		pass(all, all)
	case in.Op == ir.OpZExt:
		pass(m&(1<<(8*in.W)-1), 0)
	case in.Op == ir.OpSExt:
		low := uint64(1)<<(8*in.W) - 1
		if m&^low != 0 {
			m |= 1 << (8*in.W - 1)
		}
		pass(m&low, 0)
	case in.Op == ir.OpStore, in.Op.IsAtomic():
		data := uint64(math.MaxUint64)
		if in.W < 8 {
			data = 1<<(8*in.W) - 1
		}
		pass(math.MaxUint64, data)
	default:
		in.Operands(func(p *ir.Value) { need[*p] = math.MaxUint64 })
	}
}
