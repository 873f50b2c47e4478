package pass

import (
	"math"
	"math/bits"

	"probe/compiler/ir"
)

// binary simplifies arithmetic on two operands; see simplify.
func (fo *folder) binary(v ir.Value, in *ir.Ins) ir.Value {
	a, isA := fo.konst(in.A)
	b, isB := fo.konst(in.B)
	w := in.W
	if w == 4 {
		b = int64(int32(b))
	}
	switch {
	case isA && isB:
		r, _ := ir.Eval(in.Op, w, uint64(a), uint64(b))
		return fo.constant(int64(r))
	case in.Op.Commutes() && (isA || in.Op == ir.OpAdd && fo.f.Ins(in.B).Kind.IsPtr() && !fo.f.Ins(in.A).Kind.IsPtr()):
		in.A, in.B = in.B, in.A
		return v
	case in.A == in.B:
		if r := fo.twice(v, in); r != 0 {
			return r
		}
	}
	if isB {
		return fo.byConst(v, in, b)
	}
	if in.Op == ir.OpSub && isA && a == 0 && in.Kind == ir.Scalar {
		return fo.become(v, ir.OpNeg, w, in.B, 0)
	}
	// Rewrite (map+c)+x as (map+x)+c: accesses to several places then share the
	// sum map+x.
	if m := fo.f.Ins(in.A); in.Op == ir.OpAdd && w == 8 && m.Op == ir.OpMapValue && m.Imm != 0 {
		base := *m
		base.Imm = 0
		c := fo.constant(m.Imm)
		a := fo.insert(v, base)
		x := fo.insert(v, ir.Ins{Op: ir.OpAdd, W: 8, Kind: ir.PtrMapValue, A: a, B: fo.f.Ins(v).B})
		return fo.become(v, ir.OpAdd, 8, x, c)
	}
	// Rewrite p+c+x as p+x+c: a load can take the constant as its offset.
	if p := fo.f.Ins(in.A); in.Op == ir.OpAdd && w == 8 && in.Kind.IsPtr() && p.Op == ir.OpAdd && p.Kind == in.Kind {
		if _, ok := fo.konst(p.B); ok {
			c := p.B
			x := fo.insert(v, ir.Ins{Op: ir.OpAdd, W: 8, Kind: in.Kind, A: p.A, B: in.B})
			return fo.become(v, ir.OpAdd, 8, x, c)
		}
	}
	return 0
}

// twice simplifies x op x.
func (fo *folder) twice(v ir.Value, in *ir.Ins) ir.Value {
	if in.Kind != ir.Scalar || fo.f.Ins(in.A).Kind.IsPtr() {
		return 0
	}
	switch in.Op {
	case ir.OpSub, ir.OpXor:
		return fo.constant(0)
	case ir.OpAnd, ir.OpOr:
		return fo.low(v, in.A, in.W)
	}
	return 0
}

// byConst simplifies x op c.
func (fo *folder) byConst(v ir.Value, in *ir.Ins, c int64) ir.Value {
	w, x := in.W, in.A
	ones := c == -1
	log := -1
	if u := uint64(c); w == 4 {
		if u = uint64(uint32(c)); bits.OnesCount64(u) == 1 {
			log = bits.TrailingZeros64(u)
		}
	} else if bits.OnesCount64(u) == 1 {
		log = bits.TrailingZeros64(u)
	}
	switch in.Op {
	case ir.OpAdd, ir.OpOr, ir.OpXor, ir.OpSub:
		if c == 0 {
			return fo.low(v, x, w)
		}
	}
	switch in.Op {
	case ir.OpAdd:
		return fo.addConst(v, in, c)
	case ir.OpSub:
		if c != math.MinInt64 {
			return fo.become(v, ir.OpAdd, w, x, fo.constant(-c))
		}
	case ir.OpMul:
		switch {
		case c == 0:
			return fo.constant(0)
		case log >= 0:
			return fo.become(v, ir.OpShl, w, x, fo.constant(int64(log)))
		case ones:
			return fo.become(v, ir.OpNeg, w, x, 0)
		}
	case ir.OpDiv:
		switch {
		case c == 0:
			return fo.constant(0)
		case log >= 0:
			return fo.become(v, ir.OpShr, w, x, fo.constant(int64(log)))
		}
	case ir.OpMod:
		switch {
		case c == 0:
			return fo.low(v, x, w)
		case log >= 0:
			return fo.become(v, ir.OpAnd, w, x, fo.constant(1<<log-1))
		}
	case ir.OpAnd:
		return fo.andConst(v, in, c)
	case ir.OpOr:
		if ones {
			return fo.constant(int64(maskOf(w)))
		}
	case ir.OpShl, ir.OpShr, ir.OpSar:
		return fo.shift(v, in, uint64(c)&uint64(8*w-1))
	}
	// (x op c1) op c2
	if y := fo.f.Ins(x); y.Op == in.Op && y.W == w && (in.Op == ir.OpOr || in.Op == ir.OpXor || in.Op == ir.OpMul) {
		if c1, ok := fo.konst(y.B); ok {
			r, _ := ir.Eval(in.Op, w, uint64(c1), uint64(c))
			return fo.become(v, in.Op, w, y.A, fo.constant(signed(r, w)))
		}
	}
	return 0
}

// signed returns c of w bytes in sign-extended form, which is the form of
// immediates.
func signed(c uint64, w uint8) int64 {
	if w == 4 {
		return int64(int32(c))
	}
	return int64(c)
}

func maskOf(w uint8) uint64 {
	if w == 4 {
		return math.MaxUint32
	}
	return math.MaxUint64
}

// addConst simplifies A + c. The sum of an address and a constant becomes an
// address, and sums of constants are joined.
func (fo *folder) addConst(v ir.Value, in *ir.Ins, c int64) ir.Value {
	a := fo.f.Ins(in.A)
	if in.W == 8 {
		switch {
		case a.Op == ir.OpFrame:
			in.Op, in.Aux, in.Imm, in.A, in.B = ir.OpFrame, a.Aux, a.Imm+c, 0, 0
			return v
		case a.Op == ir.OpMapValue && a.Imm+c >= 0 && a.Imm+c <= math.MaxInt32:
			in.Op, in.Aux, in.Imm, in.A, in.B = ir.OpMapValue, a.Aux, a.Imm+c, 0, 0
			return v
		}
	}
	if a.Op == ir.OpAdd && a.W == in.W && a.Kind == in.Kind {
		if c1, ok := fo.konst(a.B); ok {
			x := a.A
			return fo.become(v, ir.OpAdd, in.W, x, fo.constant(signed(uint64(c1+c), in.W)))
		}
	}
	return 0
}

// andConst simplifies A & c. A mask that only clears bits known to be 0 is
// dropped, which is safe because Fact knows no more than the verifier.
func (fo *folder) andConst(v ir.Value, in *ir.Ins, c int64) ir.Value {
	m := uint64(c)
	if in.W == 4 {
		m = uint64(uint32(c))
	}
	f := fo.fact(in.A)
	switch {
	case m == 0:
		return fo.constant(0)
	case f.May()&^m == 0:
		return in.A
	case m == math.MaxUint32:
		return fo.become(v, ir.OpZExt, 4, in.A, 0)
	}
	if y := fo.f.Ins(in.A); y.Op == ir.OpAnd {
		if c1, ok := fo.konst(y.B); ok {
			m1 := uint64(c1)
			if y.W == 4 {
				m1 = uint64(uint32(c1))
			}
			x, w := y.A, uint8(8)
			if y.W == 4 && in.W == 4 {
				w = 4
			}
			return fo.become(v, ir.OpAnd, w, x, fo.constant(signed(m&m1, w)))
		}
	} else if y.Op == ir.OpZExt && m&^(1<<(8*y.W)-1) == 0 {
		return fo.become(v, ir.OpAnd, in.W, y.A, in.B)
	}
	return 0
}

// shift simplifies a shift by the constant n, which is below the width. Two
// shifts that clear the high or low bits become a mask, whose bound every
// verifier tracks.
func (fo *folder) shift(v ir.Value, in *ir.Ins, n uint64) ir.Value {
	w := uint64(8 * in.W)
	f := fo.fact(in.A)
	if n == 0 {
		return fo.low(v, in.A, in.W)
	}
	if in.Op == ir.OpSar && f.Low(in.W).May()>>(w-1) == 0 {
		return fo.become(v, ir.OpShr, in.W, in.A, fo.constant(int64(n)))
	}
	y := fo.f.Ins(in.A)
	if y.W != in.W || y.Op != ir.OpShl && y.Op != ir.OpShr && y.Op != ir.OpSar {
		return 0
	}
	c1, ok := fo.konst(y.B)
	if !ok {
		return 0
	}
	x, n1 := y.A, uint64(c1)&(w-1)
	switch {
	case y.Op == in.Op:
		if n+n1 < w {
			return fo.become(v, in.Op, in.W, x, fo.constant(int64(n+n1)))
		}
		if in.Op == ir.OpSar {
			return fo.become(v, in.Op, in.W, x, fo.constant(int64(w-1)))
		}
		return fo.constant(0)
	case in.Op == ir.OpShr && y.Op == ir.OpShl && n == n1 && in.W == 8:
		// The shifts clear the high bits. A mask of 32 bits or less is an
		// immediate.
		if n == 32 {
			return fo.become(v, ir.OpZExt, 4, x, 0)
		}
		if n > 32 {
			return fo.become(v, ir.OpAnd, 8, x, fo.constant(int64(^uint64(0)>>n)))
		}
	case in.Op == ir.OpShl && y.Op == ir.OpShr && n == n1 && in.W == 8 && n < 32:
		return fo.become(v, ir.OpAnd, 8, x, fo.constant(-1<<n))
	}
	return 0
}
