package ir

import (
	"errors"
	"fmt"
	"math/bits"
)

// ErrSteps reports that a run did not end within Env.Steps.
var ErrSteps = errors.New("too many steps")

// Interp runs function 0 of p in e and returns its result. An error is
// ErrSteps, or a fault that the verifier would have rejected.
func Interp(p *Prog, e *Env) (uint64, error) {
	in := &interp{p: p, e: e}
	r, err := in.call(0, e.Ctx.Base)
	if err == nil && e.Open() > 0 {
		err = fmt.Errorf("%d ring records were not released", e.Open())
	}
	return r, err
}

// funcBase is added to a function's index to make its address.
const funcBase = uint64(0x4000_0000_0000_0000)

type interp struct {
	p     *Prog
	e     *Env
	depth int
}

func (in *interp) call(fn int, args ...uint64) (uint64, error) {
	if in.depth++; in.depth > 8 {
		return 0, errors.New("calls are more than 8 deep")
	}
	defer func() { in.depth-- }()
	fr := &interpFrame{interp: in, f: in.p.Funcs[fn], args: args}
	fr.vals = make([]uint64, len(fr.f.Vals))
	for _, s := range fr.f.Slots {
		fr.slots = append(fr.slots, in.e.Mem.AddStack(s.Name, s.Size))
	}
	r, err := fr.run()
	for _, s := range fr.slots {
		in.e.Mem.Drop(s)
	}
	return r, err
}

type interpFrame struct {
	*interp
	f     *Func
	args  []uint64
	vals  []uint64
	slots []*Region
}

func (fr *interpFrame) run() (uint64, error) {
	b := Block(0)
	for {
		d := &fr.f.Blocks[b]
		for _, v := range d.Ins {
			if fr.e.Steps--; fr.e.Steps < 0 {
				return 0, ErrSteps
			}
			x, err := fr.eval(v)
			if err != nil {
				return 0, fmt.Errorf("%s %s: %s: %w", fr.f.Name, fr.f.BlockName(b), fr.f.InsString(v), err)
			}
			fr.vals[v] = x
		}
		if fr.e.Steps--; fr.e.Steps < 0 {
			return 0, ErrSteps
		}
		t := &d.Term
		var e *Edge
		switch t.Kind {
		case Ret:
			if t.X == 0 {
				return 0, nil
			}
			return fr.vals[t.X], nil
		case Jump:
			e = &t.Then
		case Branch:
			e = &t.Else
			if t.Cmp.Holds(t.W, fr.vals[t.X], fr.vals[t.Y]) {
				e = &t.Then
			}
		case MayGoto:
			e = &t.Else
			if fr.e.Budget > 0 {
				fr.e.Budget--
				e = &t.Then
			}
		default:
			return 0, fmt.Errorf("%s %s has no end", fr.f.Name, fr.f.BlockName(b))
		}
		// Read all arguments before writing any parameter: an edge can swap
		// parameters.
		var tmp [16]uint64
		vs := tmp[:0]
		for _, a := range e.Args {
			vs = append(vs, fr.vals[a])
		}
		b = e.To
		for i, p := range fr.f.Blocks[b].Params {
			fr.vals[p] = vs[i]
		}
	}
}

func (fr *interpFrame) eval(v Value) (uint64, error) {
	in := &fr.f.Vals[v]
	e := fr.e
	switch in.Op {
	case OpArg:
		return fr.args[in.Imm], nil
	case OpConst:
		return uint64(in.Imm), nil
	case OpMapPtr:
		return e.MapAddr(int(in.Imm))
	case OpMapValue:
		return e.ValueAddr(int(in.Aux), in.Imm)
	case OpFrame:
		return fr.slots[in.Aux].Base + uint64(in.Imm), nil
	case OpFuncAddr:
		return funcBase + uint64(in.Aux), nil
	case OpLoad:
		return e.Mem.Load(fr.vals[in.A]+uint64(in.Imm), int(in.W))
	case OpStore:
		return 0, e.Mem.Store(fr.vals[in.A]+uint64(in.Imm), int(in.W), fr.vals[in.B])
	case OpAtomicAdd, OpAtomicFetchAdd, OpAtomicXchg, OpAtomicAnd, OpAtomicOr:
		return Atomic(&e.Mem, in.Op, fr.vals[in.A]+uint64(in.Imm), in.W, fr.vals[in.B])
	case OpCall, OpKfunc, OpCallFunc:
		var a [5]uint64
		for i, x := range in.Args {
			a[i] = fr.vals[x]
		}
		switch in.Op {
		case OpCall:
			return e.Call(Helper(in.Imm), a, fr.callback)
		case OpKfunc:
			return e.Kfunc(in.Name, a)
		}
		return fr.call(int(in.Aux), a[:len(in.Args)]...)
	}
	if r, ok := Eval(in.Op, in.W, fr.vals[in.A], fr.vals[in.B]); ok {
		return r, nil
	}
	return 0, errors.New("cannot be interpreted")
}

func (in *interp) callback(fn uint64, args ...uint64) (uint64, error) {
	n := fn - funcBase
	if n == 0 || n >= uint64(len(in.p.Funcs)) {
		return 0, fmt.Errorf("%#x is no function", fn)
	}
	k := in.p.Funcs[n].NArgs
	if k > len(args) {
		return 0, fmt.Errorf("%s takes %d arguments, gets %d", in.p.Funcs[n].Name, k, len(args))
	}
	return in.call(int(n), args[:k]...)
}

// Atomic reads and writes w bytes at addr in one step and returns what was
// there before.
func Atomic(m *Memory, op Op, addr uint64, w uint8, x uint64) (uint64, error) {
	old, err := m.Load(addr, int(w))
	if err != nil {
		return 0, err
	}
	if addr%uint64(w) != 0 {
		return 0, &MemError{addr, int(w), "atomic access is not aligned"}
	}
	next := x
	switch op {
	case OpAtomicAdd, OpAtomicFetchAdd:
		next = old + x
	case OpAtomicAnd:
		next = old & x
	case OpAtomicOr:
		next = old | x
	}
	return old, m.Store(addr, int(w), next)
}

// Eval computes arithmetic on a and b as BPF defines it; unary operations
// ignore b. It returns false for operations that are not arithmetic.
func Eval(op Op, w uint8, a, b uint64) (uint64, bool) {
	switch op {
	case OpNum:
		return a, true
	case OpZExt:
		return a & mask(w), true
	case OpSExt:
		n := 64 - 8*uint(w)
		return uint64(int64(a<<n) >> n), true
	case OpBSwap:
		return bits.ReverseBytes64(a) >> (64 - 8*uint(w)), true
	}
	if w == 4 {
		a, b = uint64(uint32(a)), uint64(uint32(b))
	}
	count := b & uint64(8*w-1)
	var r uint64
	switch op {
	case OpAdd:
		r = a + b
	case OpSub:
		r = a - b
	case OpMul:
		r = a * b
	case OpDiv:
		if b != 0 {
			r = a / b
		}
	case OpMod:
		r = a
		if b != 0 {
			r = a % b
		}
	case OpAnd:
		r = a & b
	case OpOr:
		r = a | b
	case OpXor:
		r = a ^ b
	case OpShl:
		r = a << count
	case OpShr:
		r = a >> count
	case OpSar:
		if w == 4 {
			r = uint64(int32(a) >> count)
		} else {
			r = uint64(int64(a) >> count)
		}
	case OpNeg:
		r = -a
	default:
		return 0, false
	}
	if w == 4 {
		r = uint64(uint32(r))
	}
	return r, true
}

// mask returns a number with the bits of the low w bytes set.
func mask(w uint8) uint64 {
	if w >= 8 {
		return ^uint64(0)
	}
	return 1<<(8*w) - 1
}
