package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
)

// In programs with branches in loops, or with many branches, each iteration is
// a call of a function (outline.go). Other loops, and those whose body needs
// the context, take one of five forms, best first:
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
	outlined  bool // break and continue return from the function
	turn      bool // the function is an iteration of the loop
}

// Offsets in the frame record of a callback loop: whether the body returned,
// its result, the running counter and the start of a range.
const (
	frameRet    = 0
	frameResult = 8
	frameFrom   = 16
	frameSize   = 24
	frameIndex  = frameSize // in programs that claim scratch memory: the number of the region
)

// plainWork is the maximum work of a plain loop: its iterations times the size
// of its body. cutTurns is the maximum number of iterations where no better
// form exists, maxTurns that of bpf_loop (BPF_MAX_LOOPS).
const (
	plainWork    = 40_000 // of bodies with few branches
	branchyWork  = 1_500  // of the others
	fewBranches  = 3
	unrolledWork = 40_000
	cutTurns     = 512
	maxWaiting   = 8_192 // BPF_COMPLEXITY_LIMIT_JMP_SEQ
	maxTurns     = 1 << 23
)

// loopForm is one of the forms in the comment above.
type loopForm uint8

const (
	plainLoop loopForm = iota
	mayGotoLoop
	callbackLoop
	unrolledLoop
	cutLoop
)

// form chooses the form of a loop. turns is -1 if it is not constant; ctxFree
// is set if the body does not need the context, which callbacks lack.
func (f *fn) form(turns int64, body *hir.Block, ctxFree bool) loopForm {
	t := f.Target()
	work, branches := weigh(body)
	switch {
	case plainTurns(turns, work, branches):
		return plainLoop
	case t.Has(target.MayGoto):
		return mayGotoLoop
	case ctxFree && t.Has(target.Loop):
		return callbackLoop
	case turns >= 0 && turns <= unrolledWork && turns*int64(work) <= unrolledWork:
		return unrolledLoop
	}
	return cutLoop
}

// plainTurns reports whether every supported verifier can walk all iterations
// of a loop.
func plainTurns(turns int64, work, branches int) bool {
	plain := int64(plainWork)
	if branches > fewBranches {
		plain = branchyWork
	}
	return turns >= 0 && turns <= plain && turns*int64(work) <= plain
}

// weigh estimates the instructions of a body and its branches.
func weigh(b *hir.Block) (work, branches int) {
	work = 8
	hir.WalkBlock(b, func(e hir.Expr) {
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

// constTurns returns the number of turns of a range with constant ends, -1 if
// they are not constant.
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

// needsCtx reports whether a body reads the probe's context or registers.
func (f *fn) needsCtx(b *hir.Block) bool {
	found := false
	hir.WalkBlock(b, func(e hir.Expr) { found = found || f.readsCtx(e) }, nil)
	return found
}

func (f *fn) needsCtxExpr(e hir.Expr) bool {
	found := false
	hir.WalkExpr(e, func(e hir.Expr) { found = found || f.readsCtx(e) }, nil)
	return found
}

// readsCtx reports whether an expression by itself reads the context. Arguments
// and calls whose values are kept in memory (kept.go) do not.
func (f *fn) readsCtx(e hir.Expr) bool {
	switch e := e.(type) {
	case *hir.ArgRef:
		_, kept := f.kept[&f.site.Args[e.N]]
		return !kept
	case *hir.Retval:
		_, kept := f.kept[f.site.Ret]
		return !kept
	case *hir.ArgsRecord, *hir.Duration:
		return true
	case *hir.Call:
		if _, kept := f.keptCalls[e.Sig.Name]; kept {
			return false
		}
		b := f.u.cfg.Builtins[e.Sig.Name]
		return e.Sig.Context || b != nil && b.ReadsContext
	}
	return false
}

// findCaptured collects the variables that callbacks will use.
func (f *fn) findCaptured(pr *hir.Probe) {
	note := func(b *hir.Block) {
		hir.WalkBlock(b, func(e hir.Expr) {
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
	hir.WalkBlock(pr.Body, nil, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.ForMap:
			note(s.Body)
		case *hir.ForRange:
			if f.form(constTurns(s), s.Body, !f.needsCtx(s.Body)) == callbackLoop {
				note(s.Body)
				f.memVars[s.Var] = true
			}
		case *hir.While:
			if f.form(-1, s.Body, !f.needsCtx(s.Body)) == callbackLoop {
				note(s.Body)
				hir.WalkExpr(s.C, func(e hir.Expr) {
					if r, ok := e.(*hir.VarRef); ok {
						f.memVars[r.Var] = true
					}
				}, nil)
			}
		}
	})
}

// hiddenZero returns a zero that the verifier takes for an unknown number.
// Adding it makes a number unknown.
func (f *fn) hiddenZero() ir.Value {
	return f.b.Load(f.b.MapValue(mapData, zeroOff), 0, 8)
}

// blur makes the variables that a body assigns unknown to the verifier, before
// a may_goto loop and at the end of each iteration. Otherwise a comparison such
// as $i == 250 would make $i a constant, and every iteration after it a
// different state.
func (f *fn) blur(body *hir.Block, zero ir.Value) {
	seen := map[*hir.Var]bool{}
	blur := func(v *hir.Var) {
		if b := f.vars[v]; b != nil && b.scalar && !seen[v] {
			seen[v] = true
			f.b.Set(b.v, f.b.Bin(ir.OpAdd, f.b.Get(b.v), zero))
		}
	}
	hir.WalkBlock(body, func(e hir.Expr) {
		if d, ok := e.(*hir.IncDec); ok && d.Var != nil {
			blur(d.Var)
		}
	}, func(s hir.Stmt) {
		if a, ok := s.(*hir.SetVar); ok {
			blur(a.Var)
		}
	})
}

// forRange lowers a for loop over a range. The ends are evaluated once. The
// counter is separate from the script's variable, so that assignments in the
// body do not change the number of iterations.
func (f *fn) forRange(s *hir.ForRange) {
	if f.byTurns(constTurns(s), s.Body) {
		f.rangeTurns(s)
		return
	}
	form := f.form(constTurns(s), s.Body, !f.needsCtx(s.Body))
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
	f.turn(form, f.cutAfter(s.Body), func(body, done ir.Block) {
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

// cutAfter returns the number of iterations after which a loop of form cutLoop
// is cut. The verifier keeps each branch of each iteration until it has walked
// the last iteration, and keeps at most maxWaiting.
func (f *fn) cutAfter(body *hir.Block) int64 {
	_, branches := f.effort(body)
	return max(min(cutTurns, maxWaiting/int64(4*branches+4)), 8)
}

// turn lowers a loop inside its function. most is the number of iterations
// after which the form cutLoop is cut.
func (f *fn) turn(form loopForm, most int64, test func(body, done ir.Block), body, step func()) {
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
		f.b.If(ir.ULT, 8, f.b.Get(left), f.konst(most), go1, cut)
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
	if f.byTurns(-1, s.Body) && !f.needsCtxExpr(s.C) {
		f.whileTurns(s)
		return
	}
	form := f.form(-1, s.Body, !f.needsCtx(s.Body))
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
	f.turn(form, f.cutAfter(s.Body), func(body, done ir.Block) { f.cond(s.C, body, done) }, func() { f.block(s.Body) }, step)
}

// unroll repeats a body. In a program that is lowered carefully, a body with much
// to verify is a function that is called so often. The time that a kernel takes
// to rewrite a program grows with the square of its length, too.
func (f *fn) unroll(s *hir.Unroll) {
	if work, _ := f.effort(s.Body); f.careful && !f.deepest() && s.N > 1 && s.N*work > turnWork && f.movable(s) {
		n := f.outline("copy", 0, func(g *fn) { g.block(s.Body) })
		e := exitsOf(s.Body)
		for range s.N {
			f.run(n, e)
		}
		return
	}
	for range s.N {
		f.block(s.Body)
	}
}

// leave lowers break and continue.
func (f *fn) leave(brk bool) {
	f.jumpOut(brk)
	f.dead()
}

// jumpOut ends the current block with break or continue. In a function that is
// an iteration or part of one, the return value tells the caller what to do.
func (f *fn) jumpOut(brk bool) {
	l := f.loops[len(f.loops)-1]
	switch {
	case l.outlined && brk:
		f.b.Ret(f.konst(broke))
	case l.outlined && l.turn:
		f.b.Ret(f.konst(wentOn))
	case l.outlined:
		f.b.Ret(f.konst(continued))
	case l.callback && brk:
		f.b.Ret(f.konst(1))
	case l.callback:
		f.b.Ret(f.konst(0))
	case brk:
		f.b.Jump(l.brk)
	default:
		f.b.Jump(l.cont)
	}
}
