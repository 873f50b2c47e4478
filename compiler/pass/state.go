package pass

import (
	"probe/compiler/ir"
)

// state is what the passes over one function share.
type state struct {
	f      *ir.Func
	cfg    *ir.CFG            // nil if it must be recomputed
	repl   []ir.Value         // by value: what replaces it, 0 for nothing
	consts map[int64]ir.Value // constants in the entry block
}

// graph returns the control flow graph.
func (s *state) graph() *ir.CFG {
	if s.cfg == nil {
		s.cfg = ir.NewCFG(s.f)
	}
	return s.cfg
}

// shape records that blocks or edges have changed, which invalidates the CFG.
func (s *state) shape() { s.cfg = nil }

// use returns the current replacement of v, or v itself.
func (s *state) use(v ir.Value) ir.Value {
	for int(v) < len(s.repl) && s.repl[v] != 0 {
		v = s.repl[v]
	}
	return v
}

// replace records that by replaces v. The operands change in rewrite.
func (s *state) replace(v, by ir.Value) {
	if len(s.repl) < len(s.f.Vals) {
		s.repl = append(s.repl, make([]ir.Value, len(s.f.Vals)-len(s.repl))...)
	}
	s.repl[v] = by
}

// rewrite applies the replacements to all operands.
func (s *state) rewrite() {
	if s.repl == nil {
		return
	}
	fix := func(v *ir.Value) { *v = s.use(*v) }
	for b := range s.f.Blocks {
		d := &s.f.Blocks[b]
		for _, v := range d.Ins {
			s.f.Vals[v].Operands(fix)
		}
		d.Term.Operands(fix)
	}
	s.repl = nil
}

// value adds an instruction without placing it in a block.
func (s *state) value(in ir.Ins) ir.Value {
	s.f.Vals = append(s.f.Vals, in)
	return ir.Value(len(s.f.Vals) - 1)
}

// constant returns a value for c, in the entry block.
func (s *state) constant(c int64) ir.Value {
	if s.consts == nil {
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
	s.consts = map[int64]ir.Value{}
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
func (s *state) forget() { s.consts = nil }

// uses counts how often each value is read.
func (s *state) uses() []int32 {
	n := make([]int32, len(s.f.Vals))
	count := func(v *ir.Value) { n[*v]++ }
	for b := range s.f.Blocks {
		d := &s.f.Blocks[b]
		for _, v := range d.Ins {
			s.f.Vals[v].Operands(count)
		}
		d.Term.Operands(count)
	}
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
