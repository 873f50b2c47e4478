package pass

import (
	"sync"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// state is what the passes over one function share.
type state struct {
	f         *ir.Func
	cfg       ir.CFG             // the control flow graph, if analysed is set
	analysed  bool               // cfg need not be recomputed
	repl      []ir.Value         // by value: what replaces it, 0 for nothing
	replaced  bool               // repl has anything but 0
	consts    map[int64]ir.Value // constants in the entry block; valid if collected is set
	collected bool

	// Memory that the passes use one after the other.
	numbers numbering
	counts  []int32
	edges   []int32
	facts   []ir.Fact
	have    []bool
	list    []ir.Value
}

// states holds the memory of earlier runs.
var states = sync.Pool{New: func() any { return &state{} }}

// reset prepares s for another function.
func (s *state) reset(f *ir.Func) {
	s.f, s.analysed, s.collected, s.replaced = f, false, false, false
	clear(s.repl) // of a pass that failed
}

// graph returns the control flow graph, which is valid until the next call after
// blocks or edges have changed.
func (s *state) graph() *ir.CFG {
	if !s.analysed {
		s.cfg.Analyse(s.f)
		s.analysed = true
	}
	return &s.cfg
}

// shape records that blocks or edges have changed, which invalidates the CFG.
func (s *state) shape() { s.analysed = false }

// use returns the current replacement of v, or v itself.
func (s *state) use(v ir.Value) ir.Value {
	for int(v) < len(s.repl) && s.repl[v] != 0 {
		v = s.repl[v]
	}
	return v
}

// replace records that by replaces v. The operands change in rewrite.
func (s *state) replace(v, by ir.Value) {
	for len(s.repl) < len(s.f.Vals) {
		s.repl = append(s.repl, 0)
	}
	s.repl[v] = by
	s.replaced = true
}

// rewrite applies the replacements to all operands.
func (s *state) rewrite() {
	if !s.replaced {
		return
	}
	for b := range s.f.Blocks {
		d := &s.f.Blocks[b]
		for _, v := range d.Ins {
			s.useIn(&s.f.Vals[v])
		}
		s.useAt(&d.Term)
	}
	clear(s.repl)
	s.replaced = false
}

// useIn applies the replacements to the operands of an instruction.
func (s *state) useIn(in *ir.Ins) {
	if !s.replaced {
		return
	}
	in.A, in.B = s.use(in.A), s.use(in.B)
	for k, v := range in.Args {
		in.Args[k] = s.use(v)
	}
}

// useAt applies the replacements to the operands of the end of a block.
func (s *state) useAt(t *ir.Term) {
	t.X, t.Y = s.use(t.X), s.use(t.Y)
	k := t.NumSuccs()
	for i := range k {
		e := t.Succ(i)
		for j, v := range e.Args {
			e.Args[j] = s.use(v)
		}
	}
}

// value adds an instruction without placing it in a block.
func (s *state) value(in ir.Ins) ir.Value {
	s.f.Vals = append(s.f.Vals, in)
	return ir.Value(len(s.f.Vals) - 1)
}

// constant returns a value for c, in the entry block.
func (s *state) constant(c int64) ir.Value {
	if !s.collected {
		s.collect()
	}
	v, ok := s.consts[c]
	if !ok {
		v = s.value(ir.Ins{Op: ir.OpConst, W: 8, Kind: ir.Scalar, Imm: c})
		d := &s.f.Blocks[0]
		d.Ins = append(d.Ins, 0)
		copy(d.Ins[1:], d.Ins)
		d.Ins[0] = v
		s.consts[c] = v
	}
	return v
}

// collect moves the constants of the entry block to its front, where they
// dominate everything, and notes them.
func (s *state) collect() {
	if s.consts == nil {
		s.consts = map[int64]ir.Value{}
	}
	clear(s.consts)
	s.collected = true
	d := &s.f.Blocks[0]
	front, rest := make([]ir.Value, 0, len(d.Ins)+8), make([]ir.Value, 0, len(d.Ins))
	for _, v := range d.Ins {
		in := s.f.Ins(v)
		if in.Op != ir.OpConst {
			rest = append(rest, v)
			continue
		}
		s.consts[in.Imm] = v
		front = append(front, v)
	}
	d.Ins = append(front, rest...)
}

// forget drops the table of constants, because the entry block has changed.
func (s *state) forget() { s.collected = false }

// uses counts how often each value is read. The result is valid until the next call.
func (s *state) uses() []int32 {
	s.counts = reuse.Slice(s.counts, len(s.f.Vals))
	n := s.counts
	clear(n)
	for b := range s.f.Blocks {
		d := &s.f.Blocks[b]
		for _, v := range d.Ins {
			in := &s.f.Vals[v]
			n[in.A]++
			n[in.B]++
			for _, a := range in.Args {
				n[a]++
			}
		}
		t := &d.Term
		n[t.X]++
		n[t.Y]++
		for i := range t.NumSuccs() {
			for _, a := range t.Succ(i).Args {
				n[a]++
			}
		}
	}
	n[0] = 0
	return n
}

// isMade reports whether an operation has no operands, so that it can be placed
// anywhere.
func isMade(op ir.Op) bool {
	switch op {
	case ir.OpConst, ir.OpMapPtr, ir.OpMapValue, ir.OpFrame, ir.OpFuncAddr:
		return true
	}
	return false
}

// effect is like ir.Ins.Effect, but takes the kind of the base into account:
// the context does not change during a run.
func (s *state) effect(in *ir.Ins) ir.Effect {
	if in.Op == ir.OpLoad && s.f.Ins(in.A).Kind == ir.PtrCtx {
		return ir.PerRun
	}
	return in.Effect()
}
