package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/source"
)

// callback lowers a body as a separate function and returns its number. body
// gets the new function and must finish all its blocks except the last.
func (f *fn) callback(name string, kinds []ir.Kind, frameArg int, body func(g *fn)) int {
	g := &fn{program: f.program, vars: map[*hir.Var]*binding{}, inCB: true, frames: f.frames + 1}
	g.b = ir.NewBuilder(f.ir, name, kinds...)
	g.f = g.b.F
	n := len(f.ir.Funcs) - 1
	g.b.Pos = f.b.Pos
	for v, b := range f.vars { // the callback finds variables in memory at the same place
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

// newFrame returns the frame record of a callback loop, cleared.
func (f *fn) newFrame() builtin.Place {
	size := frameSize
	if f.claims != nil {
		size += 8
	}
	f.stack += size
	p := f.local(f.b.Frame(f.b.Slot(size, "loop"), 0))
	f.Zero(p, frameSize)
	if f.claims != nil {
		f.b.Store(p.Base, p.Off+frameIndex, 8, f.regionIndex())
	}
	return p
}

// bareFrame returns the frame record of a callback that only calls functions.
func (f *fn) bareFrame() builtin.Place {
	if f.claims != nil {
		return f.newFrame()
	}
	p := f.local(f.b.Frame(f.b.Slot(8, "none"), 0))
	f.b.Store(p.Base, p.Off, 8, f.konst(0))
	return p
}

// afterLoop ends the program when the body of a callback loop returned.
func (f *fn) afterLoop(fr builtin.Place) {
	next, out := f.b.NewBlock("after"), f.b.NewBlock("returned")
	f.b.If(ir.EQ, 8, f.b.Load(fr.Base, fr.Off+frameRet, 8), f.konst(0), next, out)
	f.b.UseSealed(out)
	switch {
	case f.outlined:
		w := f.returnWord()
		f.b.Store(w.Base, w.Off, 8, f.b.Load(fr.Base, fr.Off+frameResult, 8))
		f.b.Ret(f.konst(returned))
	case f.inCB:
		f.b.Store(f.frame.Base, f.frame.Off+frameRet, 8, f.konst(1))
		f.b.Store(f.frame.Base, f.frame.Off+frameResult, 8, f.b.Load(fr.Base, fr.Off+frameResult, 8))
		f.b.Ret(f.konst(1))
	default:
		f.leaveProgram(f.keptResult(fr, frameResult))
	}
	f.b.UseSealed(next)
}

// rangeCallback lowers a for loop over a range to bpf_loop. The callback gets
// the number of the iteration, counted from 0.
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
		g.indexFromFrame()
		i := g.b.Bin(ir.OpAdd, g.b.Load(g.frame.Base, g.frame.Off+frameFrom, 8), g.b.Arg(0))
		g.SetVar(s.Var, builtin.Operand{T: s.Var.Type, V: i})
		g.block(s.Body)
	})
	f.b.Call(ir.HelperLoop, turns, f.b.FuncAddr(n), f.Addr(fr), f.konst(0))
	f.afterLoop(fr)
}

// whileCallback lowers a while loop to bpf_loop. The callback tests the
// condition.
func (f *fn) whileCallback(s *hir.While) {
	fr := f.newFrame()
	n := f.callback("while", []ir.Kind{ir.Scalar, ir.PtrStack}, 1, func(g *fn) {
		g.indexFromFrame()
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

// forMap lowers a loop over the entries of a map to bpf_for_each_map_elem
// (5.13).
func (f *fn) forMap(s *hir.ForMap) {
	if !f.Target().Has(target.ForEachMapElem) {
		f.u.Diag.Errorf("missing-kernel-feature", s.Span(), "loops over maps need a kernel that can visit map entries").
			WithLabel("not possible on this kernel").
			WithNote("the helper for_each_map_elem exists since Linux 5.13").
			WithHelp("print the map instead: print(@%s)", s.Map.Name).WithRow("E-FOR-05")
		return
	}
	fr := f.newFrame()
	n := f.callback("for", []ir.Kind{ir.PtrMap, ir.PtrMapValue, ir.PtrMapValue, ir.PtrStack}, 3, func(g *fn) {
		g.indexFromFrame()
		fs := s.Var.Type.Struct.Fields()
		key, val := g.local(g.b.Arg(1)), g.local(g.b.Arg(2))
		b := &binding{pair: true, frame: -1}
		b.key = g.fromPlace(key, fs[0].Type, s.Span())
		if s.Map.Value.IsAgg() {
			b.value = builtin.Operand{T: fs[1].Type, V: g.reduceKey(s.Map, g.Addr(key))}
		} else {
			b.value = g.fromPlace(val, fs[1].Type, s.Span())
		}
		if f.careful || usedInnerLoop(s.Body, s.Var) {
			pair := g.pairValue(b, s.Var.Type)
			g.SetVar(s.Var, pair)
		} else {
			g.vars[s.Var] = b
		}
		if !f.careful || g.deepest() {
			g.block(s.Body)
			return
		}
		g.run(g.outline("turn", 0, func(h *fn) { h.block(s.Body) }), exitsOf(s.Body))
	})
	f.b.Call(ir.HelperForEachMapElem, f.b.Map(f.u.mapIndex[s.Map.Index]), f.b.FuncAddr(n), f.Addr(fr), f.konst(0))
	f.afterLoop(fr)
}

// CountEntries returns len(@m). It visits and counts the entries, since no
// helper returns their number.
func (f *fn) CountEntries(m *hir.Map, at source.Span) ir.Value {
	if !f.Target().Has(target.ForEachMapElem) {
		f.u.Diag.Errorf("missing-kernel-feature", at, "len() of a map needs a kernel that can visit map entries").
			WithLabel("not possible on this kernel").WithNote("the helper for_each_map_elem exists since Linux 5.13").WithRow("F-LEN")
		return f.konst(0)
	}
	f.stack += 8
	slot := f.local(f.b.Frame(f.b.Slot(8, "count"), 0))
	// Start from an unknown zero: with a constant, the verifier would walk the
	// callback again for each value of the counter.
	f.b.Store(slot.Base, slot.Off, 8, f.hiddenZero())
	n := f.callback("len", []ir.Kind{ir.PtrMap, ir.PtrMapValue, ir.PtrMapValue, ir.PtrStack}, 3, func(g *fn) {
		g.b.Store(g.frame.Base, 0, 8, g.b.BinI(ir.OpAdd, g.b.Load(g.frame.Base, 0, 8), 1))
		g.b.Ret(g.konst(0))
	})
	f.b.Call(ir.HelperForEachMapElem, f.b.Map(f.u.mapIndex[m.Index]), f.b.FuncAddr(n), f.Addr(slot), f.konst(0))
	return f.b.Load(slot.Base, slot.Off, 8)
}

// usedInnerLoop reports whether a loop inside a body refers to a variable: that
// loop may become a callback of its own, which only sees memory.
func usedInnerLoop(b *hir.Block, v *hir.Var) bool {
	found := false
	see := func(e hir.Expr) {
		if r, ok := e.(*hir.VarRef); ok && r.Var == v {
			found = true
		}
	}
	hir.WalkBlock(b, nil, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.ForMap:
			hir.WalkBlock(s.Body, see, nil)
		case *hir.ForRange:
			hir.WalkBlock(s.Body, see, nil)
		case *hir.While:
			hir.WalkExpr(s.C, see, nil)
			hir.WalkBlock(s.Body, see, nil)
		}
	})
	return found
}
