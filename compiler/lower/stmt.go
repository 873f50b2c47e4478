package lower

import (
	"fmt"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

func (f *fn) block(b *hir.Block) {
	f.enterBlock(b, func() {
		if !hir.IsNil(b.Value) {
			f.Operand(b.Value)
		}
	})
}

// enterBlock lowers the statements of a block and then its value.
func (f *fn) enterBlock(b *hir.Block, value func()) {
	if b == nil {
		return
	}
	f.pieces(b.Stmts)
	value()
}

func (f *fn) stmt(s hir.Stmt) {
	defer f.b.At(s.Span())()
	switch s := s.(type) {
	case *hir.SetVar:
		f.setVar(s)
	case *hir.SetMap:
		f.setMap(s)
	case *hir.Aggregate:
		f.aggregate(s)
	case *hir.Eval:
		f.eval(s)
	case *hir.ForRange:
		f.forRange(s)
	case *hir.ForMap:
		f.forMap(s)
	case *hir.While:
		f.while(s)
	case *hir.Unroll:
		f.unroll(s)
	case *hir.Break:
		f.leave(true)
	case *hir.Continue:
		f.leave(false)
	case *hir.Return:
		f.ret(s.X)
	case *hir.BlockS:
		f.block(s.Block)
	default:
		panic(fmt.Sprintf("lower: statement %T", s))
	}
}

func (f *fn) eval(s *hir.Eval) {
	if c, ok := s.X.(*hir.Call); ok && c.Sig.Effects.Has(types.Deletes) && s.Discarded {
		r := f.Operand(c).V
		f.FailIf(ir.EQ, r, f.konst(0), builtin.ErrDelete, s.At, ir.HelperMapDelete)
		return
	}
	f.Operand(s.X)
}

// dead starts an unreachable block, for statements after a jump.
func (f *fn) dead() { f.b.UseSealed(f.b.NewBlock("dead")) }

// ret ends the program. In a callback it stops the loop and sets a mark that
// ends the program after the loop.
func (f *fn) ret(x hir.Expr) {
	v := ir.Value(0)
	if !hir.IsNil(x) {
		v = f.Scalar(x)
	}
	switch {
	case f.outlined:
		if v == 0 {
			v = f.result()
		}
		w := f.returnWord()
		f.b.Store(w.Base, w.Off, 8, v)
		f.b.Ret(f.konst(returned))
	case f.inCB:
		if v == 0 {
			v = f.konst(0)
		}
		f.b.Store(f.frame.Base, f.frame.Off+frameRet, 8, f.konst(1))
		f.b.Store(f.frame.Base, f.frame.Off+frameResult, 8, v)
		f.b.Ret(f.konst(1))
	default:
		if v == 0 || f.fixedResult() {
			v = f.result()
		}
		f.leaveProgram(v)
	}
	f.dead()
}

// bind finds or creates the location of a variable.
func (f *fn) bind(v *hir.Var) *binding {
	if b := f.vars[v]; b != nil {
		return b
	}
	b := &binding{frame: -1}
	f.vars[v] = b
	switch {
	case f.memVars[v] || f.careful:
		b.frame = f.frameOff(v)
	case v.Type.IsScalar() && !v.AddrTaken:
		b.scalar = true
		b.v = f.b.NewVar(ir.Scalar)
	default:
		b.frame = f.frameOff(v)
	}
	return b
}

// frameOff reserves memory for a variable once per program: the offset is
// shared by the entry function and its callbacks.
func (f *fn) frameOff(v *hir.Var) int {
	if off, ok := f.homes[v]; ok {
		return off
	}
	if f.homes == nil {
		f.homes = map[*hir.Var]int{}
	}
	off := f.region0(max(v.Type.Size, 8))
	f.homes[v] = off
	return off
}

// home returns the memory of a variable that is not in SSA: scratch memory of
// this program on this CPU, which callbacks can compute the address of.
func (f *fn) home(b *binding) builtin.Place { return f.far(b.frame) }

func (f *fn) readVar(v *hir.Var, t *types.Type) builtin.Operand {
	b := f.bind(v)
	switch {
	case b.pair:
		return f.pairValue(b, t)
	case b.scalar:
		return builtin.Operand{T: t, V: f.b.Get(b.v)}
	}
	return f.fromPlace(f.home(b), t, v.At)
}

// varAddr returns the address of a variable as a number. The variables of loops may
// be in no memory: then it is that of a copy.
func (f *fn) varAddr(e *hir.VarAddr) builtin.Operand {
	b, t := f.bind(e.Var), e.Var.Type
	var p builtin.Place
	switch {
	case !b.pair && !b.scalar:
		p = f.home(b)
	default:
		p = f.far(f.frameOff(e.Var))
		f.put(p, f.readVar(e.Var, t), t, e.At)
	}
	return builtin.Operand{T: e.T, V: f.launder(f.Addr(p))}
}

// pairValue builds the (key, value) tuple of a map loop's variable.
func (f *fn) pairValue(b *binding, t *types.Type) builtin.Operand {
	p := f.Scratch(t.Size, "pair")
	f.Zero(p, t.Size)
	fs := t.Struct.Fields()
	f.put(p.At(fs[0].Offset), b.key, fs[0].Type, f.probe.At)
	f.put(p.At(fs[1].Offset), b.value, fs[1].Type, f.probe.At)
	return builtin.Operand{T: t, Mem: &p}
}

// SetVar assigns a scratch variable.
func (f *fn) SetVar(v *hir.Var, o builtin.Operand) {
	b := f.bind(v)
	if b.scalar {
		f.b.Set(b.v, f.convert(f.plain(o), o.T, v.Type))
		return
	}
	if o.Mem == nil {
		o.V, o.Direct = f.convert(f.plain(o), o.T, v.Type), false
	}
	f.put(f.home(b), o, v.Type, v.At)
}

// setVar lowers an assignment to a variable or its declaration, which zeroes
// it.
func (f *fn) setVar(s *hir.SetVar) {
	b := f.bind(s.Var)
	t := s.Var.Type
	switch {
	case hir.IsNil(s.X) && b.scalar:
		f.b.Set(b.v, f.konst(0))
	case hir.IsNil(s.X):
		f.Zero(f.home(b), t.Size)
	case b.scalar:
		f.b.Set(b.v, f.Scalar(s.X))
	case t.IsScalar():
		f.store(f.home(b), t, f.Scalar(s.X))
	default:
		// The value may read the variable itself ($s = f($s)), so put2 only
		// builds it in place if it cannot.
		f.put2(f.home(b), s.X, t)
	}
}

// put2 evaluates an expression into memory that the expression may read.
func (f *fn) put2(dst builtin.Place, x hir.Expr, t *types.Type) {
	reads := false
	hir.WalkExpr(x, func(e hir.Expr) {
		switch e.(type) {
		case *hir.VarRef, *hir.MapGet, *hir.BlockX, *hir.Cond:
			reads = true
		}
	}, nil)
	if !reads {
		f.into(x, dst, true)
		return
	}
	o := f.Operand(x)
	f.put(dst, o, t, x.Span())
}

// incDec lowers ++ and -- on a variable or map value.
func (f *fn) incDec(e *hir.IncDec) builtin.Operand {
	step := e.Step
	if e.Dec {
		step = -step
	}
	old, add := ir.Value(0), func(v ir.Value, t *types.Type) ir.Value { return f.fit(f.b.BinI(ir.OpAdd, v, step), t) }
	var now ir.Value
	switch {
	case e.Var != nil:
		old = f.plain(f.readVar(e.Var, e.Var.Type))
		now = add(old, e.Var.Type)
		f.SetVar(e.Var, builtin.Operand{T: e.Var.Type, V: now})
	default:
		old = f.updateMap(e.Map, e.Key, func(v ir.Value) ir.Value { return add(v, e.Map.Value) }, e.At)
		if !e.Post {
			now = add(old, e.Map.Value)
		}
	}
	if e.Post {
		return builtin.Operand{T: e.T, V: old}
	}
	return builtin.Operand{T: e.T, V: now}
}
