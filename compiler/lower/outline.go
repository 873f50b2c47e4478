package lower

import (
	"slices"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/source"
)

// The verifier walks every path of a program, and only stops following one when
// it reaches a state that an earlier path covered. A number that is a different
// constant on two paths makes two states, and the paths after them multiply. A
// program with loops or many branches is therefore lowered so that no constants
// differ where paths meet (program.careful):
//
//   - variables live in scratch memory: what is loaded from there is unknown;
//   - so do keys and values for helpers, since the verifier keeps a state for
//     each way in which bytes of the stack have been written;
//   - values that a condition chooses go through forget;
//   - a turn of a loop, and pieces of what is too long, become global functions,
//     which the verifier looks at once each, whoever calls them how often.
//
// Global functions (5.6) only take and return numbers, so everything they share
// is in scratch memory: variables, arguments of the probe, the result of
// `return`.

// Return values of outlined functions.
const (
	wentOn    = 0
	broke     = 1 // by break, or the loop is over
	returned  = 2 // the program ends; its result is in memory
	continued = 3 // by continue
	elsewhere = 4 // no branch of a chain was taken
)

// maxFrames is the maximum depth of calls: the kernel's MAX_CALL_FRAMES minus
// one for a function that visits the entries of a map.
const maxFrames = 8 - 1

// outline makes a global function of a body and returns its number. between is
// the number of functions between it and f in the chain of calls.
func (f *fn) outline(name string, between int, body func(g *fn)) int {
	g := &fn{program: f.program, vars: map[*hir.Var]*binding{}, outlined: true, frames: f.frames + between + 1}
	var args []ir.Kind
	if f.claims != nil {
		args = append(args, ir.Scalar)
	}
	g.b = ir.NewBuilder(f.ir, name, args...)
	g.f = g.b.F
	g.f.Global = true
	n := len(f.ir.Funcs) - 1
	g.b.Pos = f.b.Pos
	for v, b := range f.vars {
		if !b.scalar && !b.pair {
			c := *b
			g.vars[v] = &c
		}
	}
	if f.claims != nil {
		g.receiveIndex(g.b.Arg(0))
	}
	g.loops = []*loop{{outlined: true}}
	body(g)
	if !g.b.Done() {
		g.b.Ret(g.konst(wentOn))
	}
	g.b.Finish()
	return n
}

// deepest reports whether the depth of calls is at its maximum here.
func (f *fn) deepest() bool { return f.frames+1 > maxFrames }

// levels returns how deep the loops of a block are nested. Each becomes a
// function at least.
func levels(b *hir.Block) int {
	most := 0
	in := func(body *hir.Block) { most = max(most, 1+levels(body)) }
	hir.WalkBlock(b, nil, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.ForRange:
			in(s.Body)
		case *hir.ForMap:
			in(s.Body)
		case *hir.While:
			in(s.Body)
		case *hir.Unroll:
			in(s.Body)
		}
	})
	return most
}

// room reports whether a block can move to a function without making the calls
// of its loops too deep.
func (f *fn) room(b *hir.Block) bool { return f.frames+1+levels(b) <= maxFrames }

// between returns the number of functions that a loop needs between itself and
// its iterations, and whether the depth of calls allows them. Loops in the body
// keep room for their own iterations.
func (f *fn) between(body *hir.Block) (n int, ok bool) {
	switch t := f.Target(); {
	case t.Has(target.MayGoto):
		n = 0
	case t.Has(target.Loop):
		n = 1
	default:
		inside := levels(body)
		for n = nestedLoops; n > 0 && f.frames+n+1+inside > maxFrames; n-- {
		}
	}
	return n, f.frames+n+1 <= maxFrames
}

// returnWord returns the place of the result of a `return` in an outlined
// function.
func (f *fn) returnWord() builtin.Place {
	if f.retOff < 0 {
		f.retOff = f.region0(8)
	}
	return f.far(f.retOff)
}

// passReturn ends this function because a function it called executed `return`.
func (f *fn) passReturn() {
	switch {
	case f.outlined:
		f.b.Ret(f.konst(returned))
	case f.inCB:
		w := f.returnWord()
		v := f.b.Load(w.Base, w.Off, 8)
		f.b.Store(f.frame.Base, f.frame.Off+frameRet, 8, f.konst(1))
		f.b.Store(f.frame.Base, f.frame.Off+frameResult, 8, v)
		f.b.Ret(f.konst(1))
	default:
		w := f.returnWord()
		f.leaveProgram(f.keptResult(w, 0))
	}
}

// exits records how a body can be left other than at its end.
type exits struct{ leave, ret bool }

// exitsOf finds break and continue of a loop around the body, and return.
func exitsOf(b *hir.Block) (e exits) {
	inner := map[hir.Stmt]bool{}
	mark := func(b *hir.Block) {
		hir.WalkBlock(b, nil, func(s hir.Stmt) { inner[s] = true })
	}
	hir.WalkBlock(b, nil, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.Return:
			e.ret = true
		case *hir.Break, *hir.Continue:
			e.leave = e.leave || !inner[s]
		case *hir.ForRange:
			mark(s.Body)
		case *hir.ForMap:
			mark(s.Body)
		case *hir.While:
			mark(s.Body)
		}
	})
	return e
}

// call0 calls an outlined function.
func (f *fn) call0(n int) ir.Value {
	if f.claims != nil {
		return f.b.CallFunc(n, ir.Scalar, f.regionIndex())
	}
	return f.b.CallFunc(n, ir.Scalar)
}

// run calls an outlined piece of a block and acts on its return value.
func (f *fn) run(n int, e exits) ir.Value {
	r := f.call0(n)
	test := func(code int64, do func()) {
		yes, no := f.b.NewBlock("leave"), f.b.NewBlock("on")
		f.b.If(ir.EQ, 4, r, f.konst(code), yes, no)
		f.b.UseSealed(yes)
		do()
		f.b.UseSealed(no)
	}
	if e.ret {
		test(returned, f.passReturn)
	}
	if e.leave {
		test(broke, func() { f.jumpOut(true) })
		test(continued, func() { f.jumpOut(false) })
	}
	return r
}

// repeat calls turn until it returns anything but wentOn. All state of an
// iteration is in memory, so every call looks the same to the verifier.
func (f *fn) repeat(turn, between int, at source.Span, e exits) {
	t := f.Target()
	out, ret, done := f.b.NewBlock("out"), f.b.NewBlock("returned"), f.b.NewBlock("done")
	var r ir.Value
	switch {
	case t.Has(target.MayGoto):
		head, in, cut := f.b.NewBlock("loop"), f.b.NewBlock("turn"), f.b.Cold(f.b.NewBlock("cut"))
		f.b.Jump(head)
		f.b.Use(head)
		f.b.MayGoto(in, cut)
		f.b.UseSealed(cut)
		f.Fail(builtin.ErrLoopCut, at, 0)
		f.b.Jump(done)
		f.b.UseSealed(in)
		r = f.call0(turn)
		f.b.If(ir.EQ, 4, r, f.konst(wentOn), head, out)
		f.b.Seal(head)
	case t.Has(target.Loop):
		code := f.far(f.region0(8))
		f.b.Store(code.Base, code.Off, 8, f.konst(wentOn))
		off := code.Off
		n := f.callback("repeat", []ir.Kind{ir.Scalar, ir.PtrStack}, 1, func(g *fn) {
			g.indexFromFrame()
			r := g.call0(turn)
			stop, on := g.b.NewBlock("stop"), g.b.NewBlock("on")
			g.b.If(ir.EQ, 4, r, g.konst(wentOn), on, stop)
			g.b.UseSealed(stop)
			w := g.far(off)
			g.b.Store(w.Base, w.Off, 8, r)
			g.b.Ret(g.konst(1))
			g.b.UseSealed(on)
		})
		frame := f.bareFrame()
		f.b.Call(ir.HelperLoop, f.konst(maxTurns), f.b.FuncAddr(n), f.Addr(frame), f.konst(0))
		r = f.b.Load(code.Base, code.Off, 8)
		cut := f.b.Cold(f.b.NewBlock("cut"))
		f.b.If(ir.NE, 4, r, f.konst(wentOn), out, cut)
		f.b.UseSealed(cut)
		f.Fail(builtin.ErrLoopCut, at, ir.HelperLoop)
		f.b.Jump(done)
	case between == 0:
		i := f.b.NewVar(ir.Scalar)
		f.b.Set(i, f.konst(0))
		head, in, on, cut := f.b.NewBlock("times"), f.b.NewBlock("turn"), f.b.NewBlock("on"), f.b.Cold(f.b.NewBlock("cut"))
		f.b.Jump(head)
		f.b.Use(head)
		f.b.If(ir.ULT, 8, f.b.Get(i), f.konst(cutTurns), in, cut)
		f.b.UseSealed(in)
		r = f.call0(turn)
		f.b.If(ir.EQ, 4, r, f.konst(wentOn), on, out)
		f.b.UseSealed(on)
		f.b.Set(i, f.b.BinI(ir.OpAdd, f.b.Get(i), 1))
		f.b.Jump(head)
		f.b.Seal(head)
		f.b.UseSealed(cut)
		f.Fail(builtin.ErrLoopCut, at, 0)
		f.b.Jump(done)
	default:
		// Nest the loop in functions that repeat it: the verifier walks the
		// iterations of each function separately.
		for left := between - 1; left >= 0; left-- {
			inner := turn
			turn = f.outline("turns", left, func(g *fn) {
				g.times(nestedTurns, func() {
					r := g.call0(inner)
					stop, on := g.b.NewBlock("stop"), g.b.NewBlock("on")
					g.b.If(ir.EQ, 4, r, g.konst(wentOn), on, stop)
					g.b.UseSealed(stop)
					g.b.Ret(r)
					g.b.UseSealed(on)
				})
			})
		}
		r = f.call0(turn)
		cut := f.b.Cold(f.b.NewBlock("cut"))
		f.b.If(ir.NE, 4, r, f.konst(wentOn), out, cut)
		f.b.UseSealed(cut)
		f.Fail(builtin.ErrLoopCut, at, 0)
		f.b.Jump(done)
	}
	f.b.UseSealed(out)
	if e.ret {
		f.b.If(ir.EQ, 4, r, f.konst(returned), ret, done)
		f.b.UseSealed(ret)
		f.passReturn()
	} else {
		f.b.Jump(done)
		f.b.UseSealed(ret)
		f.b.Jump(done)
	}
	f.b.UseSealed(done)
}

// nestedLoops is how many loops are nested, and nestedTurns how often one of the
// nested functions repeats, where there is nothing better: the square of it is how
// far loops get. Where calls are too deep for that, a loop gets to nestedTurns, or
// to cutTurns without a function between.
const (
	nestedLoops = 2
	nestedTurns = 256
)

// times repeats code a constant number of times.
func (f *fn) times(n int64, body func()) {
	i := f.b.NewVar(ir.Scalar)
	f.b.Set(i, f.konst(0))
	head, in, done := f.b.NewBlock("times"), f.b.NewBlock("turn"), f.b.NewBlock("done")
	f.b.Jump(head)
	f.b.Use(head)
	f.b.If(ir.ULT, 8, f.b.Get(i), f.konst(n), in, done)
	f.b.UseSealed(in)
	body()
	f.b.Set(i, f.b.BinI(ir.OpAdd, f.b.Get(i), 1))
	f.b.Jump(head)
	f.b.Seal(head)
	f.b.UseSealed(done)
}

// Reserve implements builtin.Lowerer.
func (f *fn) Reserve(size int) int { return f.region0(size) }

// Reserved implements builtin.Lowerer.
func (f *fn) Reserved(n int) builtin.Place { return f.far(n) }

// Unwalked implements builtin.Lowerer: only programs that are lowered carefully have so
// much to verify.
func (f *fn) Unwalked(turns int) bool {
	return turns > shortString && f.careful && f.Target().Has(target.MayGoto)
}

// shortString is how many turns of a loop over the bytes of a string always are a plain
// loop.
const shortString = 64

// Unknown implements builtin.Lowerer.
func (f *fn) Unknown(v ir.Value) ir.Value { return f.b.Bin(ir.OpAdd, v, f.hiddenZero()) }

// Turns implements builtin.Lowerer.
func (f *fn) Turns(at source.Span, turn func(l builtin.Lowerer, stop ir.Block)) bool {
	between, ok := f.turnsFit()
	if !ok {
		return false
	}
	n := f.outline("turn", between, func(g *fn) {
		stop := g.b.NewBlock("stop")
		turn(g, stop)
		g.b.Ret(g.konst(wentOn))
		g.b.UseSealed(stop)
		g.b.Ret(g.konst(broke))
	})
	f.repeat(n, between, at, exits{})
	return true
}

// turnsFit is between for Turns, of which there can be many: the loop of a kernel that has
// nothing better must not be cut after a few.
func (f *fn) turnsFit() (between int, ok bool) {
	between, ok = f.between(&hir.Block{})
	if t := f.Target(); !t.Has(target.MayGoto) && !t.Has(target.Loop) && between < nestedLoops {
		return 0, false
	}
	return between, ok
}

// lastTurns reports whether Turns would be too deep in a function of its own for a call
// that may need it, but is not here.
func (f *fn) lastTurns(c *hir.Call) bool {
	if !f.careful || slices.ContainsFunc(c.Args, func(e hir.Expr) bool { _, ok := literal(e); return ok }) {
		return false
	}
	g := &fn{program: f.program, frames: f.frames + 1}
	_, here := f.turnsFit()
	_, deeper := g.turnsFit()
	return here && !deeper
}

// rangeTurns lowers a for loop over a range with a function call per iteration.
func (f *fn) rangeTurns(s *hir.ForRange) {
	t := s.Var.Type
	next, end := f.region0(8), f.region0(8)
	from, to := f.Scalar(s.From), f.Scalar(s.To)
	put := func(off int, v ir.Value) {
		p := f.far(off)
		f.b.Store(p.Base, p.Off, 8, v)
	}
	put(next, from)
	put(end, to)
	f.bind(s.Var)
	between, _ := f.between(s.Body)
	n := f.outline("turn", between, func(g *fn) {
		np, ep := g.far(next), g.far(end)
		i := g.b.Load(np.Base, np.Off, 8)
		c := ir.ULT
		if t.Signed {
			c = ir.SLT
		}
		run, over := g.b.NewBlock("body"), g.b.NewBlock("over")
		g.b.If(c, 8, i, g.b.Load(ep.Base, ep.Off, 8), run, over)
		g.b.UseSealed(over)
		g.b.Ret(g.konst(broke))
		g.b.UseSealed(run)
		g.b.Store(np.Base, np.Off, 8, g.b.BinI(ir.OpAdd, i, 1))
		g.SetVar(s.Var, builtin.Operand{T: t, V: i})
		g.loops[0].turn = true
		g.block(s.Body)
	})
	f.repeat(n, between, s.Span(), exitsOf(s.Body))
}

// whileTurns lowers a while loop with a function call per iteration, which
// tests the condition.
func (f *fn) whileTurns(s *hir.While) {
	between, _ := f.between(s.Body)
	n := f.outline("turn", between, func(g *fn) {
		run, over := g.b.NewBlock("body"), g.b.NewBlock("over")
		g.cond(s.C, run, over)
		g.b.UseSealed(over)
		g.b.Ret(g.konst(broke))
		g.b.UseSealed(run)
		g.loops[0].turn = true
		g.block(s.Body)
	})
	f.repeat(n, between, s.Span(), exitsOf(s.Body))
}

// pieceLength is the target number of instructions of each function that a long
// block is split into. A block of less than twice that stays whole.
const pieceLength = 1_500

// pieces lowers the statements of a block. A long block is split into
// functions.
func (f *fn) pieces(stmts []hir.Stmt) {
	if !f.careful || lengthOf(stmts) <= 2*pieceLength || !f.room(&hir.Block{Stmts: stmts}) {
		for _, s := range stmts {
			f.stmt(s)
		}
		return
	}
	for i := 0; i < len(stmts); {
		j, n := i, 0
		for j < len(stmts) && f.movable(stmts[j]) && n < pieceLength {
			n += lengthOf(stmts[j : j+1])
			j++
		}
		if j-i < 2 {
			f.stmt(stmts[i])
			i++
			continue
		}
		run := stmts[i:j]
		piece := f.outline("piece", 0, func(g *fn) {
			for _, s := range run {
				g.stmt(s)
			}
		})
		f.run(piece, exitsOf(&hir.Block{Stmts: run}))
		i = j
	}
}

// movable reports whether a statement can move to another function.
func (f *fn) movable(s hir.Stmt) bool {
	return !f.needsCtx(&hir.Block{Stmts: []hir.Stmt{s}})
}

// apart computes a number in a separate function, if the program is lowered
// carefully and x needs nothing that functions lack. It is for code with loops:
// the verifier would otherwise keep each exit of the loop until the end of the
// program.
func (f *fn) apart(x hir.Expr, value func(g *fn) ir.Value) (ir.Value, bool) {
	if !f.careful || f.deepest() || f.needsCtxExpr(x) {
		return 0, false
	}
	off := f.region0(8)
	n := f.outline("value", 0, func(g *fn) {
		v := value(g)
		p := g.far(off)
		g.b.Store(p.Base, p.Off, 8, v)
	})
	f.call0(n)
	p := f.far(off)
	return f.b.Load(p.Base, p.Off, 8), true
}

// forget makes a number chosen by a condition unknown to the verifier.
func (f *fn) forget(v ir.Value) ir.Value {
	if !f.careful || f.f.Ins(v).Kind != ir.Scalar {
		return v
	}
	return f.b.Bin(ir.OpAdd, v, f.hiddenZero())
}
