package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/source"
)

// Loops come in five forms, best first:
//
//   - a plain loop, when the number of turns is a small constant and the body
//     simple: every verifier walks it through. With many branches in the body
//     older verifiers forget the states of early turns before they come back
//     to them, and the work explodes;
//   - a may_goto loop (6.9): the kernel's own budget bounds it. The verifier
//     has to see that a turn ends in a state that an earlier one covered, so
//     what the body changes starts out as an unknown number;
//   - a callback of bpf_loop (5.17): the body becomes a function of its own;
//   - copies of the body, when the number of turns is a small constant: each
//     copy has its own instructions and so its own states;
//   - a plain loop with a fixed bound, where none of these will do; a loop that
//     hits the bound is cut and counted (ErrLoopCut).
//
// A callback cannot see the registers of the function around it. Variables
// that such a body uses live in scratch memory from the start (findCaptured).
// The frame record on the stack only carries the loop's own words.

// loop is the innermost loop while its body is lowered.
type loop struct {
	brk, cont ir.Block
	callback  bool
}

// The frame record of a callback loop: set when the body returned, its result,
// the running counter and the start of a range.
const (
	frameRet    = 0
	frameResult = 8
	frameFrom   = 16
	frameSize   = 24
)

// plainTurns bounds the turns of plain loops, weighed by the body's size;
// cutTurns is the bound where nothing better exists, maxTurns that of bpf_loop
// (BPF_MAX_LOOPS).
const (
	plainWork    = 40_000 // of bodies with few branches
	branchyWork  = 1_500  // of the others
	fewBranches  = 3
	unrolledWork = 40_000
	cutTurns     = 512
	maxTurns     = 1 << 23
)

type loopForm uint8

const (
	plainLoop loopForm = iota
	mayGotoLoop
	callbackLoop
	unrolledLoop
	cutLoop
)

func (f *fn) form(turns int64, body *hir.Block, ctxFree bool) loopForm {
	t := f.Target()
	work, branches := weigh(body)
	plain := int64(plainWork)
	if branches > fewBranches {
		plain = branchyWork
	}
	switch {
	case turns >= 0 && turns <= plain && turns*int64(work) <= plain:
		return plainLoop
	case t.MayGoto:
		return mayGotoLoop
	case t.Loop && ctxFree:
		return callbackLoop
	case turns >= 0 && turns <= unrolledWork && turns*int64(work) <= unrolledWork:
		return unrolledLoop
	}
	return cutLoop
}

// weigh estimates the instructions of a body and its branches.
func weigh(b *hir.Block) (work, branches int) {
	work = 8
	walkBlock(b, func(e hir.Expr) {
		work += 6
		switch e := e.(type) {
		case *hir.MapGet, *hir.Cond, *hir.Logical, *hir.Elvis:
			branches++
		case *hir.Call:
			if e.Sig.Async || len(e.Args) > 0 {
				branches++
			}
		}
	}, func(s hir.Stmt) {
		work += 8
		switch s := s.(type) {
		case *hir.SetMap, *hir.Aggregate:
			branches++
		case *hir.ForRange:
			work += 16 * max(int(constTurns(s)), 16)
			branches++
		case *hir.While, *hir.ForMap:
			work += 256
			branches++
		}
	})
	return work, branches
}

// constTurns is the number of turns of a range with constant ends, -1 if they
// are not constant.
func constTurns(s *hir.ForRange) int64 {
	a, ok1 := s.From.(*hir.Int)
	b, ok2 := s.To.(*hir.Int)
	if !ok1 || !ok2 {
		return -1
	}
	if int64(b.V) <= int64(a.V) {
		return 0
	}
	return int64(b.V) - int64(a.V)
}

// needsCtx tells whether a body reads the probe's context or registers.
func needsCtx(b *hir.Block) bool {
	found := false
	walkBlock(b, func(e hir.Expr) {
		switch e := e.(type) {
		case *hir.ArgRef, *hir.ArgsRecord, *hir.Retval:
			found = true
		case *hir.Call:
			found = found || e.Sig.Context
		}
	}, nil)
	return found
}

// findCaptured notes the variables that callbacks will use.
func (f *fn) findCaptured(pr *hir.Probe) {
	note := func(b *hir.Block) {
		walkBlock(b, func(e hir.Expr) {
			switch e := e.(type) {
			case *hir.VarRef:
				f.memVars[e.Var] = true
			case *hir.VarAddr:
				f.memVars[e.Var] = true
			case *hir.IncDec:
				if e.Var != nil {
					f.memVars[e.Var] = true
				}
			}
		}, func(s hir.Stmt) {
			switch s := s.(type) {
			case *hir.SetVar:
				f.memVars[s.Var] = true
			case *hir.ForRange:
				f.memVars[s.Var] = true
			}
		})
	}
	walkBlock(pr.Body, nil, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.ForMap:
			note(s.Body)
		case *hir.ForRange:
			if f.form(constTurns(s), s.Body, !needsCtx(s.Body)) == callbackLoop {
				note(s.Body)
				f.memVars[s.Var] = true
			}
		case *hir.While:
			if f.form(-1, s.Body, !needsCtx(s.Body)) == callbackLoop {
				note(s.Body)
				walkExpr(s.C, func(e hir.Expr) {
					if r, ok := e.(*hir.VarRef); ok {
						f.memVars[r.Var] = true
					}
				}, nil)
			}
		}
	})
}

// hiddenZero is a zero that the verifier cannot see: a number plus it is
// unknown.
func (f *fn) hiddenZero() ir.Value {
	return f.b.Load(f.b.MapValue(mapData, zeroOff), 0, 8)
}

// blur makes what a body assigns unknown: ahead of a may_goto loop, and at the
// end of each turn. A comparison like $i == 250 would else make $i a constant
// from there on, and each turn after it a state of its own.
func (f *fn) blur(body *hir.Block, zero ir.Value) {
	seen := map[*hir.Var]bool{}
	blur := func(v *hir.Var) {
		if b := f.vars[v]; b != nil && b.scalar && !seen[v] {
			seen[v] = true
			f.b.Set(b.v, f.b.Bin(ir.OpAdd, f.b.Get(b.v), zero))
		}
	}
	walkBlock(body, func(e hir.Expr) {
		if d, ok := e.(*hir.IncDec); ok && d.Var != nil {
			blur(d.Var)
		}
	}, func(s hir.Stmt) {
		if a, ok := s.(*hir.SetVar); ok {
			blur(a.Var)
		}
	})
}

func (f *fn) forRange(s *hir.ForRange) {
	form := f.form(constTurns(s), s.Body, !needsCtx(s.Body))
	if form == callbackLoop {
		f.rangeCallback(s)
		return
	}
	if form == unrolledLoop {
		f.copies(s)
		return
	}
	from, to := f.Scalar(s.From), f.Scalar(s.To)
	var zero ir.Value
	if form == mayGotoLoop {
		zero = f.hiddenZero()
		from = f.b.Bin(ir.OpAdd, from, zero)
		f.blur(s.Body, zero)
	}
	signed := s.Var.Type.Signed
	i := f.b.NewVar(ir.Scalar)
	f.b.Set(i, from)
	f.turn(form, s.Span().Start, func(body, done ir.Block) {
		c := ir.ULT
		if signed {
			c = ir.SLT
		}
		f.b.If(c, 8, f.b.Get(i), to, body, done)
	}, func() {
		f.SetVar(s.Var, builtin.Operand{T: s.Var.Type, V: f.b.Get(i)})
		f.block(s.Body)
	}, func() {
		next := f.b.BinI(ir.OpAdd, f.b.Get(i), 1)
		if form == mayGotoLoop {
			next = f.b.Bin(ir.OpAdd, next, zero)
			f.blur(s.Body, zero)
		}
		f.b.Set(i, next)
	})
}

// copies repeats the body of a range with constant ends.
func (f *fn) copies(s *hir.ForRange) {
	done := f.b.NewBlock("done")
	from, to := int64(s.From.(*hir.Int).V), int64(s.To.(*hir.Int).V)
	for i := from; i < to; i++ {
		next := f.b.NewBlock("next")
		f.SetVar(s.Var, builtin.Operand{T: s.Var.Type, V: f.konst(i)})
		f.loops = append(f.loops, &loop{brk: done, cont: next})
		f.block(s.Body)
		f.loops = f.loops[:len(f.loops)-1]
		f.b.Jump(next)
		f.b.UseSealed(next)
	}
	f.b.Jump(done)
	f.b.UseSealed(done)
}

// turn lowers a loop that stays in its function.
func (f *fn) turn(form loopForm, _ int, test func(body, done ir.Block), body, step func()) {
	head, in, cont, done := f.b.NewBlock("loop"), f.b.NewBlock("turn"), f.b.NewBlock("next"), f.b.NewBlock("done")
	var left ir.Var
	if form == cutLoop {
		left = f.b.NewVar(ir.Scalar)
		f.b.Set(left, f.konst(0))
	}
	f.b.Jump(head)
	f.b.Use(head)
	switch form {
	case mayGotoLoop:
		go1, cut := f.b.NewBlock("budget"), f.b.Cold(f.b.NewBlock("cut"))
		f.b.MayGoto(go1, cut)
		f.b.UseSealed(cut)
		f.Fail(builtin.ErrLoopCut, f.b.Prog.Pos[f.b.Pos], 0)
		f.b.Jump(done)
		f.b.UseSealed(go1)
		test(in, done)
	case cutLoop:
		go1, cut, ask := f.b.NewBlock("budget"), f.b.Cold(f.b.NewBlock("cut")), f.b.NewBlock("test")
		test(ask, done)
		f.b.UseSealed(ask)
		f.b.If(ir.ULT, 8, f.b.Get(left), f.konst(cutTurns), go1, cut)
		f.b.UseSealed(cut)
		f.Fail(builtin.ErrLoopCut, f.b.Prog.Pos[f.b.Pos], 0)
		f.b.Jump(done)
		f.b.UseSealed(go1)
		f.b.Set(left, f.b.BinI(ir.OpAdd, f.b.Get(left), 1))
		f.b.Jump(in)
	default:
		test(in, done)
	}
	f.b.UseSealed(in)
	f.loops = append(f.loops, &loop{brk: done, cont: cont})
	body()
	f.loops = f.loops[:len(f.loops)-1]
	f.b.Jump(cont)
	f.b.UseSealed(cont)
	step()
	f.b.Jump(head)
	f.b.Seal(head)
	f.b.UseSealed(done)
}

func (f *fn) while(s *hir.While) {
	form := f.form(-1, s.Body, !needsCtx(s.Body))
	if form == callbackLoop {
		f.whileCallback(s)
		return
	}
	step := func() {}
	if form == mayGotoLoop {
		zero := f.hiddenZero()
		f.blur(s.Body, zero)
		step = func() { f.blur(s.Body, zero) }
	}
	f.turn(form, 0, func(body, done ir.Block) { f.cond(s.C, body, done) }, func() { f.block(s.Body) }, step)
}

func (f *fn) unroll(s *hir.Unroll) {
	for range s.N {
		f.block(s.Body)
	}
}

// leave is break or continue.
func (f *fn) leave(brk bool) {
	l := f.loops[len(f.loops)-1]
	switch {
	case l.callback && brk:
		f.b.Ret(f.konst(1))
	case l.callback:
		f.b.Ret(f.konst(0))
	case brk:
		f.b.Jump(l.brk)
	default:
		f.b.Jump(l.cont)
	}
	f.dead()
}

// callback lowers a body as a function of its own and returns its number.
// body gets the new function and must leave its blocks finished but the last.
func (f *fn) callback(name string, kinds []ir.Kind, frameArg int, body func(g *fn)) int {
	g := &fn{program: f.program, vars: map[*hir.Var]*binding{}, inCB: true}
	g.b = ir.NewBuilder(f.ir, name, kinds...)
	g.f = g.b.F
	n := len(f.ir.Funcs) - 1
	g.b.Pos = f.b.Pos
	for v, b := range f.vars { // what lives in memory is found there again
		if !b.scalar && !b.pair {
			c := *b
			g.vars[v] = &c
		}
	}
	g.frame = g.local(g.b.Arg(frameArg))
	g.loops = []*loop{{callback: true}}
	body(g)
	if !g.b.Done() {
		g.b.Ret(g.konst(0))
	}
	g.b.Finish()
	return n
}

// newFrame is the frame record of a callback loop, cleared.
func (f *fn) newFrame() builtin.Place {
	f.stack += frameSize
	p := f.local(f.b.Frame(f.b.Slot(frameSize, "loop"), 0))
	f.Zero(p, frameSize)
	return p
}

// afterLoop ends the program when the body of a callback loop returned.
func (f *fn) afterLoop(fr builtin.Place) {
	next, out := f.b.NewBlock("after"), f.b.NewBlock("returned")
	f.b.If(ir.EQ, 8, f.b.Load(fr.Base, fr.Off+frameRet, 8), f.konst(0), next, out)
	f.b.UseSealed(out)
	if f.inCB {
		f.b.Store(f.frame.Base, f.frame.Off+frameRet, 8, f.konst(1))
		f.b.Ret(f.konst(1))
	} else {
		f.b.Ret(f.b.Load(fr.Base, fr.Off+frameResult, 8))
	}
	f.b.UseSealed(next)
}

// rangeCallback is for over a range by bpf_loop: the callback gets the number
// of the turn, counted from 0.
func (f *fn) rangeCallback(s *hir.ForRange) {
	fr := f.newFrame()
	from, to := f.Scalar(s.From), f.Scalar(s.To)
	c := ir.ULE
	if s.Var.Type.Signed {
		c = ir.SLE
	}
	f.b.Store(fr.Base, fr.Off+frameFrom, 8, from)
	turns := f.IfElse(c, to, from, func() ir.Value { return f.konst(0) }, func() ir.Value { return f.b.Bin(ir.OpSub, to, from) })
	f.FailIf(ir.UGT, turns, f.konst(maxTurns), builtin.ErrLoopCut, s.Span(), ir.HelperLoop)
	turns = f.Select(ir.UGT, turns, f.konst(maxTurns), f.konst(maxTurns), turns)
	n := f.callback("loop", []ir.Kind{ir.Scalar, ir.PtrStack}, 1, func(g *fn) {
		i := g.b.Bin(ir.OpAdd, g.b.Load(g.frame.Base, g.frame.Off+frameFrom, 8), g.b.Arg(0))
		g.SetVar(s.Var, builtin.Operand{T: s.Var.Type, V: i})
		g.block(s.Body)
	})
	f.b.Call(ir.HelperLoop, turns, f.b.FuncAddr(n), f.Addr(fr), f.konst(0))
	f.afterLoop(fr)
}

// whileCallback is while by bpf_loop: the condition is tested in the callback.
func (f *fn) whileCallback(s *hir.While) {
	fr := f.newFrame()
	n := f.callback("while", []ir.Kind{ir.Scalar, ir.PtrStack}, 1, func(g *fn) {
		run, stop := g.b.NewBlock("turn"), g.b.NewBlock("stop")
		g.cond(s.C, run, stop)
		g.b.UseSealed(stop)
		g.b.Ret(g.konst(1))
		g.b.UseSealed(run)
		g.block(s.Body)
	})
	r := f.b.Call(ir.HelperLoop, f.konst(maxTurns), f.b.FuncAddr(n), f.Addr(fr), f.konst(0))
	f.FailIf(ir.EQ, r, f.konst(maxTurns), builtin.ErrLoopCut, s.Span(), ir.HelperLoop)
	f.afterLoop(fr)
}

// forMap visits the entries of a map by for_each_map_elem (5.13).
func (f *fn) forMap(s *hir.ForMap) {
	if !f.Target().ForEachMapElem {
		f.u.Diag.Errorf("missing-kernel-feature", s.Span(), "loops over maps need a kernel that can visit map entries").
			WithLabel("not possible on this kernel").
			WithNote("the helper for_each_map_elem exists since Linux 5.13").
			WithHelp("print the map instead: print(@%s)", s.Map.Name).WithRow("E-FOR-05")
		return
	}
	fr := f.newFrame()
	n := f.callback("for", []ir.Kind{ir.PtrMap, ir.PtrMapValue, ir.PtrMapValue, ir.PtrStack}, 3, func(g *fn) {
		fs := s.Var.Type.Struct.Fields()
		key, val := g.local(g.b.Arg(1)), g.local(g.b.Arg(2))
		b := &binding{pair: true, frame: -1}
		b.key = g.fromPlace(key, fs[0].Type, s.Span())
		if s.Map.Value.IsAgg() {
			b.value = builtin.Operand{T: fs[1].Type, V: g.reduceKey(s.Map, g.Addr(key))}
		} else {
			b.value = g.fromPlace(val, fs[1].Type, s.Span())
		}
		if usedInnerLoop(s.Body, s.Var) {
			pair := g.pairValue(b, s.Var.Type)
			g.SetVar(s.Var, pair)
		} else {
			g.vars[s.Var] = b
		}
		g.block(s.Body)
	})
	f.b.Call(ir.HelperForEachMapElem, f.b.Map(f.u.mapIndex[s.Map.Index]), f.b.FuncAddr(n), f.Addr(fr), f.konst(0))
	f.afterLoop(fr)
}

// CountEntries is len(@m): the entries are visited and counted.
func (f *fn) CountEntries(m *hir.Map, at source.Span) ir.Value {
	if !f.Target().ForEachMapElem {
		f.u.Diag.Errorf("missing-kernel-feature", at, "len() of a map needs a kernel that can visit map entries").
			WithLabel("not possible on this kernel").WithNote("the helper for_each_map_elem exists since Linux 5.13").WithRow("F-LEN")
		return f.konst(0)
	}
	f.stack += 8
	slot := f.local(f.b.Frame(f.b.Slot(8, "count"), 0))
	f.b.Store(slot.Base, slot.Off, 8, f.konst(0))
	n := f.callback("len", []ir.Kind{ir.PtrMap, ir.PtrMapValue, ir.PtrMapValue, ir.PtrStack}, 3, func(g *fn) {
		g.b.Store(g.frame.Base, 0, 8, g.b.BinI(ir.OpAdd, g.b.Load(g.frame.Base, 0, 8), 1))
		g.b.Ret(g.konst(0))
	})
	f.b.Call(ir.HelperForEachMapElem, f.b.Map(f.u.mapIndex[m.Index]), f.b.FuncAddr(n), f.Addr(slot), f.konst(0))
	return f.b.Load(slot.Base, slot.Off, 8)
}

// usedInnerLoop tells whether a loop inside a body refers to a variable: that
// loop may become a callback of its own, which only sees memory.
func usedInnerLoop(b *hir.Block, v *hir.Var) bool {
	found := false
	see := func(e hir.Expr) {
		if r, ok := e.(*hir.VarRef); ok && r.Var == v {
			found = true
		}
	}
	walkBlock(b, nil, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.ForMap:
			walkBlock(s.Body, see, nil)
		case *hir.ForRange:
			walkBlock(s.Body, see, nil)
		case *hir.While:
			walkExpr(s.C, see, nil)
			walkBlock(s.Body, see, nil)
		}
	})
	return found
}
