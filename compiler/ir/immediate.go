package ir

import "math"

// Immediate returns the 32-bit field that encodes c as the second operand of an
// operation of w bytes, and whether there is one. Operations of 8 bytes
// sign-extend the field; for 4 bytes any value fits.
func Immediate(c int64, w uint8) (int64, bool) {
	if w == 4 {
		return int64(int32(c)), true
	}
	return c, c >= math.MinInt32 && c <= math.MaxInt32
}

// InRegister reports whether operand k of in (in the order of Operands) has to
// be in a register when in is encoded. Constants often are immediates, and
// addresses of stack slots go through the frame pointer; arguments of calls are
// moved or made in place.
func (f *Func) InRegister(in *Ins, k int) bool {
	if in.Op.IsCall() {
		return false
	}
	v := in.A
	if k == 1 {
		v = in.B
	}
	d := f.Ins(v)
	switch opTable[in.Op].form {
	case formLoad, formStore:
		if k == 0 {
			return d.Op != OpFrame
		}
		if c, ok := f.Const(v); ok && in.Op == OpStore {
			shift := 64 - 8*in.W
			_, fits := Immediate(c<<shift>>shift, 8)
			return !fits && !f.Halves(in)
		}
	case formBinary:
		c, ok := f.Const(v)
		if !ok {
			return true
		}
		if k == 0 {
			_, both := f.Const(in.B)
			return !in.Op.Commutes() || both
		}
		switch in.Op {
		case OpShl, OpShr, OpSar:
			return false
		case OpSub:
			if _, ok := Immediate(-c, in.W); ok && c != math.MinInt64 {
				return false
			}
			return true
		case OpDiv, OpMod:
			// The verifier rejects a division by the immediate 0, but not by a
			// register that holds 0 (check_alu_op in kernel/bpf/verifier.c).
			n, ok := Immediate(c, in.W)
			return !ok || n == 0
		}
		_, fits := Immediate(c, in.W)
		return !fits
	}
	return true
}

// TermInRegister is like InRegister for X (k 0) and Y (k 1) of a terminator.
func (f *Func) TermInRegister(t *Term, k int) bool {
	if t.Kind != Branch {
		return false
	}
	x, y := t.X, t.Y
	_, cx := f.Const(x)
	if cx {
		if _, cy := f.Const(y); !cy {
			x, y = y, x
			k = 1 - k
		}
	}
	if k == 0 {
		return true
	}
	c, ok := f.Const(y)
	if !ok {
		return true
	}
	_, fits := Immediate(c, t.W)
	return !fits
}

// Halves reports whether a store of a constant that is not an immediate can be
// split into two stores of 4 bytes. That is shorter than loading the constant.
// Other CPUs could see the state between the stores, so only the stack and ring
// records, which are private, are written that way.
func (f *Func) Halves(in *Ins) bool {
	k := f.Ins(in.A).Kind
	return in.W == 8 && (k == PtrStack || k == PtrRing || k == PtrRingMaybe) && in.Imm >= math.MinInt16 && in.Imm <= math.MaxInt16-4
}
