package ir

import (
	"math"
	"math/bits"
)

// Fact is what is known about a number in every run: bits, and an unsigned
// range. It never knows more than the verifiers of all supported kernels
// (kernel/bpf/tnum.c, adjust_scalar_min_max_vals in kernel/bpf/verifier.c). So
// if a mask is redundant by a Fact, the verifier accepts the program without
// it.
type Fact struct {
	One, Unknown uint64 // bits known to be 1; bits not known
	Min, Max     uint64
}

// Anything is the Fact of an unknown number.
var Anything = Fact{Unknown: math.MaxUint64, Max: math.MaxUint64}

// Exactly returns the Fact of the constant c.
func Exactly(c uint64) Fact { return Fact{One: c, Min: c, Max: c} }

// upTo returns the Fact of a number whose bits outside m are 0.
func upTo(m uint64) Fact { return Fact{Unknown: m, Max: m}.tight() }

// tight improves the bits by the range and the range by the bits.
func (a Fact) tight() Fact {
	a.Min = max(a.Min, a.One)
	a.Max = min(a.Max, a.One|a.Unknown)
	if a.Min > a.Max {
		return Anything // contradiction: the code is dead, and any answer is right
	}
	// The bits above the highest one in which the bounds differ are known.
	same := ^uint64(0) << bits.Len64(a.Min^a.Max)
	if bits.Len64(a.Min^a.Max) == 64 {
		same = 0
	}
	a.One |= a.Min & same
	a.Unknown &^= same
	return a
}

// May returns the bits that can be 1.
func (a Fact) May() uint64 { return a.One | a.Unknown }

// Constant returns the number if only one is possible.
func (a Fact) Constant() (uint64, bool) { return a.One, a.Unknown == 0 }

// Union returns what holds for both a and b.
func (a Fact) Union(b Fact) Fact {
	unk := a.Unknown | b.Unknown | (a.One ^ b.One)
	return Fact{One: a.One &^ unk, Unknown: unk, Min: min(a.Min, b.Min), Max: max(a.Max, b.Max)}.tight()
}

// Both returns what holds for a number of which a and b are known.
func (a Fact) Both(b Fact) Fact {
	return Fact{One: a.One | b.One, Unknown: a.Unknown & b.Unknown &^ (a.One | b.One), Min: max(a.Min, b.Min), Max: min(a.Max, b.Max)}.tight()
}

// Low returns the Fact of the low w bytes, zero-extended.
func (a Fact) Low(w uint8) Fact {
	if w >= 8 {
		return a
	}
	m := uint64(1)<<(8*w) - 1
	if a.Max <= m {
		return a
	}
	return Fact{One: a.One & m, Unknown: a.Unknown & m, Max: m}.tight()
}

// add follows tnum_add: every bit that a carry from an unknown bit can reach is
// unknown. The range is only kept if neither end overflows.
func (a Fact) add(b Fact) Fact {
	sv, sm := a.One+b.One, a.Unknown+b.Unknown
	mu := (sm + sv) ^ sv | a.Unknown | b.Unknown
	r := Fact{One: sv &^ mu, Unknown: mu, Max: math.MaxUint64}
	if lo, c1 := bits.Add64(a.Min, b.Min, 0); c1 == 0 {
		if hi, c2 := bits.Add64(a.Max, b.Max, 0); c2 == 0 {
			r.Min, r.Max = lo, hi
		}
	}
	return r.tight()
}

// sub follows tnum_sub. The range is only kept if the result cannot be
// negative.
func (a Fact) sub(b Fact) Fact {
	dv := a.One - b.One
	mu := (dv + a.Unknown) ^ (dv - b.Unknown) | a.Unknown | b.Unknown
	r := Fact{One: dv &^ mu, Unknown: mu, Max: math.MaxUint64}
	if a.Min >= b.Max {
		r.Min, r.Max = a.Min-b.Max, a.Max-b.Min
	}
	return r.tight()
}

// mul only tracks the range. tnum_mul has changed between kernels, so bits
// below the highest possible one count as unknown.
func (a Fact) mul(b Fact) Fact {
	r := Anything
	if h, hi := bits.Mul64(a.Max, b.Max); h == 0 {
		r = Fact{Unknown: math.MaxUint64, Min: a.Min * b.Min, Max: hi}
		if n := bits.Len64(hi); n < 64 {
			r.Unknown = 1<<n - 1
		}
	}
	return r.tight()
}

func (a Fact) and(b Fact) Fact {
	v := a.One & b.One
	return Fact{One: v, Unknown: a.May() & b.May() &^ v, Max: min(a.Max, b.Max)}.tight()
}

func (a Fact) or(b Fact) Fact {
	v := a.One | b.One
	return Fact{One: v, Unknown: (a.Unknown | b.Unknown) &^ v, Min: max(a.Min, b.Min), Max: math.MaxUint64}.tight()
}

// xor only tracks bits, as scalar_min_max_xor does; the range follows from
// them.
func (a Fact) xor(b Fact) Fact {
	unk := a.Unknown | b.Unknown
	return Fact{One: (a.One ^ b.One) &^ unk, Unknown: unk, Max: math.MaxUint64}.tight()
}

func (a Fact) shl(n uint64) Fact {
	r := Fact{One: a.One << n, Unknown: a.Unknown << n, Max: math.MaxUint64}
	if a.Max<<n>>n == a.Max {
		r.Min, r.Max = a.Min<<n, a.Max<<n
	}
	return r.tight()
}

func (a Fact) shr(n uint64) Fact {
	return Fact{One: a.One >> n, Unknown: a.Unknown >> n, Min: a.Min >> n, Max: a.Max >> n}.tight()
}

// FactOf computes what is known of an instruction's result.
func FactOf(in *Ins, of func(Value) Fact) Fact {
	switch in.Op {
	case OpConst:
		return Exactly(uint64(in.Imm))
	case OpMapPtr, OpMapValue, OpFrame, OpFuncAddr:
		return Fact{Unknown: math.MaxUint64, Min: 1, Max: math.MaxUint64}
	case OpLoad:
		if in.W < 8 {
			return upTo(1<<(8*in.W) - 1)
		}
		return Anything
	case OpZExt:
		return of(in.A).Low(in.W)
	case OpSExt:
		if a := of(in.A).Low(in.W); a.May()>>(8*in.W-1) == 0 {
			return a
		}
		return Anything
	}
	if !in.Op.IsBinary() || in.Kind != Scalar {
		return Anything
	}
	a, b := of(in.A).Low(in.W), of(in.B).Low(in.W)
	r := Anything
	n, known := b.Constant()
	n &= uint64(8*in.W - 1)
	switch in.Op {
	case OpAdd:
		r = a.add(b)
	case OpSub:
		r = a.sub(b)
	case OpMul:
		r = a.mul(b)
	case OpAnd:
		r = a.and(b)
	case OpOr:
		r = a.or(b)
	case OpXor:
		r = a.xor(b)
	case OpShl:
		if known {
			r = a.shl(n)
		}
	case OpShr:
		if known {
			r = a.shr(n)
		}
	case OpSar:
		if known && a.May()>>(8*in.W-1) == 0 {
			r = a.shr(n)
		}
	}
	// Results of divisions stay unknown: verifiers before 6.16 do not track
	// them.
	return r.Low(in.W)
}

// Decide evaluates a comparison of the low w bytes of x and y, if the facts
// allow it.
func Decide(c Cmp, w uint8, x, y Fact) (holds, known bool) {
	if w == 4 {
		x, y = x.Low(4), y.Low(4)
	}
	sign := uint64(1) << (8*w - 1)
	signed := c == SLT || c == SLE || c == SGT || c == SGE
	if signed {
		// With the sign bit flipped, signed order is unsigned order, if neither
		// range crosses zero.
		if (x.Min^x.Max)&sign != 0 || (y.Min^y.Max)&sign != 0 {
			return false, false
		}
		x.Min, x.Max, y.Min, y.Max = x.Min^sign, x.Max^sign, y.Min^sign, y.Max^sign
	}
	switch c {
	case TEST:
		switch {
		case x.May()&y.May() == 0:
			return false, true
		case x.One&y.One != 0:
			return true, true
		}
	case EQ, NE:
		switch {
		case x.Min > y.Max, y.Min > x.Max, x.One&^y.May() != 0, y.One&^x.May() != 0:
			return c == NE, true
		case x.Min == x.Max && y.Min == y.Max:
			return c == EQ, true
		}
	case ULT, SLT:
		return x.Max < y.Min, x.Max < y.Min || x.Min >= y.Max
	case ULE, SLE:
		return x.Max <= y.Min, x.Max <= y.Min || x.Min > y.Max
	case UGT, SGT:
		return x.Min > y.Max, x.Min > y.Max || x.Max <= y.Min
	case UGE, SGE:
		return x.Min >= y.Max, x.Min >= y.Max || x.Max < y.Min
	}
	return false, false
}

// Narrowed returns what is known of x once "x c y" held, for constant y and 8
// bytes.
func (x Fact) Narrowed(c Cmp, y uint64) Fact {
	switch c {
	case EQ:
		return Exactly(y)
	case NE:
		if y == x.Min && x.Min < x.Max {
			x.Min++
		}
		if y == x.Max && x.Min < x.Max {
			x.Max--
		}
	case ULT:
		if y > 0 {
			x.Max = min(x.Max, y-1)
		}
	case ULE:
		x.Max = min(x.Max, y)
	case UGT:
		if y < math.MaxUint64 {
			x.Min = max(x.Min, y+1)
		}
	case UGE:
		x.Min = max(x.Min, y)
	case SGT:
		if int64(y) < math.MaxInt64 {
			return x.Narrowed(SGE, y+1)
		}
	case SGE:
		if int64(y) >= 0 {
			x.Min, x.Max = max(x.Min, y), min(x.Max, math.MaxInt64)
		}
	case SLE:
		if int64(y) < math.MaxInt64 {
			return x.Narrowed(SLT, y+1)
		}
	case SLT:
		if int64(y) <= 0 {
			x.Min, x.Max = max(x.Min, 1<<63), min(x.Max, y-1)
		}
	}
	return x.tight()
}

// Narrowed4 returns what is known of x once "x c y" held for the lower four bytes
// of x and of the constant y.
func (x Fact) Narrowed4(c Cmp, y uint64) Fact {
	const low = math.MaxUint32
	y &= low
	switch {
	case c == EQ:
		x.One, x.Unknown = x.One&^low|y, x.Unknown&^low
		return x.tight()
	case x.Max <= low && c != SLT && c != SLE && c != SGT && c != SGE && c != TEST:
		return x.Narrowed(c, y)
	}
	return x
}
