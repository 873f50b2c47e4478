package ir

import (
	"errors"
	"fmt"
	"math"
)

// MapInfo is what the kernel's rules depend on for a map.
type MapInfo struct{ KeySize, ValueSize int } // bytes; 0 for unknown

// VerifyKernel checks p, which Verify accepts, against the rules of the
// kernel's verifier that apply to the intermediate form: operations on
// pointers, null checks, bounds of map values and stack slots, stack read
// before it is written (rejected before 6.0), and ring buffer records that are
// not released on some path. maps returns the sizes of the map with an index.
// VerifyKernel knows less about numbers than the kernel and joins paths instead
// of following each one, so it can reject what the kernel accepts; a program
// that it accepts has none of these faults. The error joins all broken rules.
func VerifyKernel(p *Prog, maps func(int) (MapInfo, bool)) error {
	var errs []error
	callbacks := make([]bool, len(p.Funcs))
	for _, f := range p.Funcs {
		for b := range f.Blocks {
			for _, v := range f.Blocks[b].Ins {
				if in := f.Ins(v); in.Op == OpFuncAddr {
					callbacks[in.Aux] = true
				}
			}
		}
	}
	for i, f := range p.Funcs {
		r := &rules{verifier: verifier{p: p, f: f}, maps: maps, callback: callbacks[i]}
		r.run()
		errs = append(errs, r.errs...)
	}
	return errors.Join(errs...)
}

// rules checks one function.
type rules struct {
	verifier
	maps     func(int) (MapInfo, bool)
	callback bool
	facts    []Fact
	ptrs     []pointer
	roots    []Value // values with a null check or a release to watch
	rootNum  []int32 // by value: place in roots, or -1
	slotBit  []int32 // by slot: first of its bytes in flow.init
	in       []*flow // by block
	final    bool    // report now
}

func (r *rules) run() {
	r.cfg = NewCFG(r.f)
	r.numbers()
	r.pointers()
	r.solve()
}

func (r *rules) bad(in *Ins, format string, args ...any) {
	if r.final {
		r.fail(in.Blk, in, format, args...)
	}
}

// numbers computes the facts of all values.
func (r *rules) numbers() {
	r.facts = make([]Fact, len(r.f.Vals))
	have := make([]bool, len(r.f.Vals))
	of := func(v Value) Fact { return r.facts[v] }
	for _, b := range r.cfg.Order {
		d := &r.f.Blocks[b]
		for i, p := range d.Params {
			x, first := Anything, true
			for _, q := range r.cfg.Preds[b] {
				t := &r.f.Blocks[q].Term
				for k := range t.NumSuccs() {
					if e := t.Succ(k); e.To == b {
						a := e.Args[i]
						switch {
						case !have[a]:
							x, first = Anything, false
						case first:
							x, first = r.facts[a], false
						default:
							x = x.Union(r.facts[a])
						}
					}
				}
			}
			r.facts[p], have[p] = x, true
		}
		for _, v := range d.Ins {
			r.facts[v], have[v] = FactOf(r.f.Ins(v), of), true
		}
	}
}

// number returns what is known about v in block b.
func (r *rules) number(v Value, b Block) Fact {
	x := r.facts[v]
	r.cfg.Above(r.f, b, func(t *Term, then bool) bool {
		c, ok := r.f.Const(t.Y)
		if t.X != v || !ok || t.W != 8 && x.Max > math.MaxUint32 {
			return true
		}
		cmp := t.Cmp
		if !then {
			if cmp, ok = cmp.Inverted(); !ok {
				return true
			}
		}
		y := uint64(c)
		if t.W == 4 {
			y = uint64(uint32(c))
		}
		x = x.Narrowed(cmp, y)
		return true
	})
	return x
}

// step checks one instruction and changes the state.
func (r *rules) step(v Value, s *flow) {
	in := r.f.Ins(v)
	switch {
	case in.Op.IsBinary():
		r.arithmetic(in, s)
	case in.Op == OpNum:
	case in.Op.IsUnary():
		if r.ptrs[in.A].kind != scalarPtr {
			r.bad(in, "arithmetic on a pointer")
		}
	case in.Op == OpLoad:
		r.access(in, in.A, in.Imm, int(in.W), false, s)
	case in.Op == OpStore, in.Op.IsAtomic():
		r.access(in, in.A, in.Imm, int(in.W), true, s)
		if in.Op.IsAtomic() && r.ptrs[in.B].kind != scalarPtr {
			r.bad(in, "atomic operation with a pointer")
		}
		if in.Op.IsAtomic() && in.Op != OpStore {
			r.access(in, in.A, in.Imm, int(in.W), false, s)
		}
	case in.Op.IsCall():
		r.call(v, in, s)
	}
	if n := r.rootNum[v]; n >= 0 {
		s.define(n)
	}
}

// arithmetic checks operations on pointers, as adjust_ptr_min_max_vals in
// kernel/bpf/verifier.c does.
func (r *rules) arithmetic(in *Ins, s *flow) {
	a, b := &r.ptrs[in.A], &r.ptrs[in.B]
	if a.kind == scalarPtr && b.kind == scalarPtr {
		return
	}
	switch {
	case in.W != 8:
		r.bad(in, "32-bit arithmetic on a pointer")
		return
	case in.Op == OpSub && a.kind != scalarPtr && b.kind != scalarPtr:
		return // the distance of two pointers is a number
	case in.Op == OpSub && a.kind == scalarPtr, in.Op != OpAdd && in.Op != OpSub:
		r.bad(in, "%s on a pointer; only constants and bounded numbers may be added", in.Op)
		return
	case a.kind != scalarPtr && b.kind != scalarPtr:
		r.bad(in, "addition of two pointers")
		return
	}
	p, x := in.A, in.B
	if a.kind == scalarPtr {
		p, x = x, p
	}
	base := &r.ptrs[p]
	if base.kind == mapPtr || base.kind == funcPtr {
		r.bad(in, "arithmetic on a pointer to a map or function")
	}
	if base.maybe && !s.nonNull(r.rootNum[base.root]) {
		r.bad(in, "arithmetic on a pointer that may be null")
	}
	if _, ok := r.f.Const(x); ok {
		return
	}
	if base.kind == ctxPtr || base.kind == btfPtr {
		r.bad(in, "a variable offset from the context or from kernel memory")
		return
	}
	if n := r.number(x, in.Blk); n.Max >= maxVarOff {
		r.bad(in, "the offset %%%d is not bounded: mask or compare it first", x)
	}
}

// maxVarOff is the maximum of a variable offset (BPF_MAX_VAR_OFF in
// include/linux/bpf_verifier.h).
const maxVarOff = 1 << 29

// ret checks the end of a function.
func (r *rules) ret(b Block, s *flow) {
	t := &r.f.Blocks[b].Term
	for n, st := range s.ring {
		if st&(ringHeld|ringMaybe) != 0 && r.final {
			r.failTerm(b, "the record %%%d is not released on some path", r.roots[n])
		}
	}
	if r.callback && t.X != 0 {
		if n := r.number(t.X, b); n.Max > 1 && r.final {
			r.failTerm(b, "a callback returns 0 or 1")
		}
	}
}

// compare checks a branch.
func (r *rules) compare(b Block) {
	t := &r.f.Blocks[b].Term
	x, y := &r.ptrs[t.X], &r.ptrs[t.Y]
	if x.kind == scalarPtr && y.kind == scalarPtr || !r.final {
		return
	}
	zero := func(v Value) bool { c, ok := r.f.Const(v); return ok && c == 0 }
	switch {
	case t.W != 8:
		r.failTerm(b, "32-bit comparison of a pointer")
	case t.Cmp == TEST:
		r.failTerm(b, "bit test of a pointer")
	case x.kind != scalarPtr && y.kind != scalarPtr:
	case t.Cmp != EQ && t.Cmp != NE || !zero(t.X) && !zero(t.Y):
		r.failTerm(b, "a pointer may be compared with null only")
	}
}

func (p *pointer) String() string {
	return fmt.Sprintf("pointer to %s", [...]string{scalarPtr: "nothing", ctxPtr: "the context", slotPtr: "the stack",
		outerPtr: "the caller's stack", mapPtr: "a map", valuePtr: "a map value", ringPtr: "a ring record",
		btfPtr: "kernel memory", funcPtr: "a function"}[p.kind])
}
