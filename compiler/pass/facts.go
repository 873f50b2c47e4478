package pass

import (
	"math"
	"math/bits"

	"probe/compiler/ir"
)

// fact is what is known of a number on every run: bits, and an unsigned range.
// It is never more than what the verifiers of all supported kernels find out
// (tnum.c and adjust_scalar_min_max_vals in kernel/bpf), so that a mask that is
// superfluous by a fact is superfluous for them as well.
type fact struct {
	val, unk uint64 // bits known to be 1; bits not known
	lo, hi   uint64
}

var anything = fact{unk: math.MaxUint64, hi: math.MaxUint64}

func exactly(c uint64) fact { return fact{val: c, lo: c, hi: c} }

// upTo is a number whose bits outside m are 0.
func upTo(m uint64) fact { return fact{unk: m, hi: m}.tight() }

// tight lets bits and range learn from each other.
func (a fact) tight() fact {
	a.lo = max(a.lo, a.val)
	a.hi = min(a.hi, a.val|a.unk)
	if a.lo > a.hi {
		return anything // dead code: any answer will do
	}
	// The bits above the highest one in which the bounds differ are known.
	same := ^uint64(0) << bits.Len64(a.lo^a.hi)
	if bits.Len64(a.lo^a.hi) == 64 {
		same = 0
	}
	a.val |= a.lo & same
	a.unk &^= same
	return a
}

// may are the bits that can be 1.
func (a fact) may() uint64 { return a.val | a.unk }

func (a fact) constant() (uint64, bool) { return a.val, a.unk == 0 }

// union holds for both.
func (a fact) union(b fact) fact {
	unk := a.unk | b.unk | (a.val ^ b.val)
	return fact{val: a.val &^ unk, unk: unk, lo: min(a.lo, b.lo), hi: max(a.hi, b.hi)}.tight()
}

// low keeps the low w bytes.
func (a fact) low(w uint8) fact {
	if w >= 8 {
		return a
	}
	m := uint64(1)<<(8*w) - 1
	if a.hi <= m {
		return a
	}
	return fact{val: a.val & m, unk: a.unk & m, hi: m}.tight()
}

func (a fact) add(b fact) fact {
	sv, sm := a.val+b.val, a.unk+b.unk
	mu := (sm + sv) ^ sv | a.unk | b.unk
	r := fact{val: sv &^ mu, unk: mu, hi: math.MaxUint64}
	if lo, c1 := bits.Add64(a.lo, b.lo, 0); c1 == 0 {
		if hi, c2 := bits.Add64(a.hi, b.hi, 0); c2 == 0 {
			r.lo, r.hi = lo, hi
		}
	}
	return r.tight()
}

func (a fact) sub(b fact) fact {
	dv := a.val - b.val
	mu := (dv + a.unk) ^ (dv - b.unk) | a.unk | b.unk
	r := fact{val: dv &^ mu, unk: mu, hi: math.MaxUint64}
	if a.lo >= b.hi {
		r.lo, r.hi = a.lo-b.hi, a.hi-b.lo
	}
	return r.tight()
}

func (a fact) mul(b fact) fact {
	r := anything
	if h, hi := bits.Mul64(a.hi, b.hi); h == 0 {
		r = fact{unk: math.MaxUint64, lo: a.lo * b.lo, hi: hi}
		if n := bits.Len64(hi); n < 64 {
			r.unk = 1<<n - 1
		}
	}
	return r.tight()
}

func (a fact) and(b fact) fact {
	v := a.val & b.val
	return fact{val: v, unk: a.may() & b.may() &^ v, hi: min(a.hi, b.hi)}.tight()
}

func (a fact) or(b fact) fact {
	v := a.val | b.val
	return fact{val: v, unk: (a.unk | b.unk) &^ v, lo: max(a.lo, b.lo), hi: math.MaxUint64}.tight()
}

func (a fact) xor(b fact) fact {
	unk := a.unk | b.unk
	return fact{val: (a.val ^ b.val) &^ unk, unk: unk, hi: math.MaxUint64}.tight()
}

func (a fact) shl(n uint64) fact {
	r := fact{val: a.val << n, unk: a.unk << n, hi: math.MaxUint64}
	if a.hi<<n>>n == a.hi {
		r.lo, r.hi = a.lo<<n, a.hi<<n
	}
	return r.tight()
}

func (a fact) shr(n uint64) fact {
	return fact{val: a.val >> n, unk: a.unk >> n, lo: a.lo >> n, hi: a.hi >> n}.tight()
}

// factOf computes what is known of an instruction's result.
func factOf(in *ir.Ins, of func(ir.Value) fact) fact {
	switch in.Op {
	case ir.OpConst:
		return exactly(uint64(in.Imm))
	case ir.OpMapPtr, ir.OpMapValue, ir.OpFrame, ir.OpFuncAddr:
		return fact{unk: math.MaxUint64, lo: 1, hi: math.MaxUint64}
	case ir.OpLoad:
		if in.W < 8 {
			return upTo(1<<(8*in.W) - 1)
		}
		return anything
	case ir.OpZExt:
		return of(in.A).low(in.W)
	case ir.OpSExt:
		if a := of(in.A).low(in.W); a.may()>>(8*in.W-1) == 0 {
			return a
		}
		return anything
	}
	if !in.Op.IsBinary() || in.Kind != ir.Scalar {
		return anything
	}
	a, b := of(in.A).low(in.W), of(in.B).low(in.W)
	r := anything
	n, known := b.constant()
	n &= uint64(8*in.W - 1)
	switch in.Op {
	case ir.OpAdd:
		r = a.add(b)
	case ir.OpSub:
		r = a.sub(b)
	case ir.OpMul:
		r = a.mul(b)
	case ir.OpAnd:
		r = a.and(b)
	case ir.OpOr:
		r = a.or(b)
	case ir.OpXor:
		r = a.xor(b)
	case ir.OpShl:
		if known {
			r = a.shl(n)
		}
	case ir.OpShr:
		if known {
			r = a.shr(n)
		}
	case ir.OpSar:
		if known && a.may()>>(8*in.W-1) == 0 {
			r = a.shr(n)
		}
	}
	// Divisions stay unknown: verifiers before 6.16 do not follow them.
	return r.low(in.W)
}

// decide evaluates a comparison of the low w bytes of x and y, if the facts
// allow it.
func decide(c ir.Cmp, w uint8, x, y fact) (holds, known bool) {
	if w == 4 {
		x, y = x.low(4), y.low(4)
	}
	sign := uint64(1) << (8*w - 1)
	signed := c == ir.SLT || c == ir.SLE || c == ir.SGT || c == ir.SGE
	if signed {
		// With the sign bit flipped the order is that of unsigned numbers, as
		// long as each side stays on its side of zero.
		if (x.lo^x.hi)&sign != 0 || (y.lo^y.hi)&sign != 0 {
			return false, false
		}
		x.lo, x.hi, y.lo, y.hi = x.lo^sign, x.hi^sign, y.lo^sign, y.hi^sign
	}
	switch c {
	case ir.TEST:
		switch {
		case x.may()&y.may() == 0:
			return false, true
		case x.val&y.val != 0:
			return true, true
		}
	case ir.EQ, ir.NE:
		switch {
		case x.lo > y.hi, y.lo > x.hi, x.val&^y.may() != 0, y.val&^x.may() != 0:
			return c == ir.NE, true
		case x.lo == x.hi && y.lo == y.hi:
			return c == ir.EQ, true
		}
	case ir.ULT, ir.SLT:
		return x.hi < y.lo, x.hi < y.lo || x.lo >= y.hi
	case ir.ULE, ir.SLE:
		return x.hi <= y.lo, x.hi <= y.lo || x.lo > y.hi
	case ir.UGT, ir.SGT:
		return x.lo > y.hi, x.lo > y.hi || x.hi <= y.lo
	case ir.UGE, ir.SGE:
		return x.lo >= y.hi, x.lo >= y.hi || x.hi < y.lo
	}
	return false, false
}

// narrowed is what is known of x once "x c y" held, for constant y and 8
// bytes.
func (x fact) narrowed(c ir.Cmp, y uint64) fact {
	switch c {
	case ir.EQ:
		return exactly(y)
	case ir.NE:
		if y == x.lo && x.lo < x.hi {
			x.lo++
		}
		if y == x.hi && x.lo < x.hi {
			x.hi--
		}
	case ir.ULT:
		if y > 0 {
			x.hi = min(x.hi, y-1)
		}
	case ir.ULE:
		x.hi = min(x.hi, y)
	case ir.UGT:
		if y < math.MaxUint64 {
			x.lo = max(x.lo, y+1)
		}
	case ir.UGE:
		x.lo = max(x.lo, y)
	case ir.SGT:
		if int64(y) < math.MaxInt64 {
			return x.narrowed(ir.SGE, y+1)
		}
	case ir.SGE:
		if int64(y) >= 0 {
			x.lo, x.hi = max(x.lo, y), min(x.hi, math.MaxInt64)
		}
	case ir.SLE:
		if int64(y) < math.MaxInt64 {
			return x.narrowed(ir.SLT, y+1)
		}
	case ir.SLT:
		if int64(y) <= 0 {
			x.lo, x.hi = max(x.lo, 1<<63), min(x.hi, y-1)
		}
	}
	return x.tight()
}
