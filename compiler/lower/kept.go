package lower

import (
	"probe/compiler/builtin"
	"probe/lang/hir"
)

// keepArgs puts the arguments that the body reads into scratch memory, where
// outlined functions, which have no context, find them.
func (f *fn) keepArgs(pr *hir.Probe) {
	keep := func(a *hir.Arg) {
		if _, have := f.kept[a]; have || !a.Type.IsScalar() || !f.keepable(a) {
			return
		}
		off := f.region0(8)
		p := f.far(off)
		f.b.Store(p.Base, p.Off, 8, f.plain(f.Argument(a, pr.At)))
		if f.kept == nil {
			f.kept = map[*hir.Arg]int{}
		}
		f.kept[a] = off
	}
	hir.WalkBlock(pr.Body, func(e hir.Expr) {
		switch e := e.(type) {
		case *hir.ArgRef:
			keep(&f.site.Args[e.N])
		case *hir.Retval:
			if f.site.Ret != nil {
				keep(f.site.Ret)
			}
		}
	}, nil)
}

// keepable reports whether an argument is read from the context itself.
func (f *fn) keepable(a *hir.Arg) bool {
	switch a.Loc.Kind {
	case hir.LocCtx, hir.LocSlot, hir.LocReg, hir.LocSaved:
		return true
	}
	return false
}

// noteKept finds the builtins that read the context inside of a loop, whose
// body may become a function without one, as any part of a program may that is
// lowered carefully.
func (f *fn) noteKept(pr *hir.Probe) {
	note := func(e hir.Expr) {
		if c, ok := e.(*hir.Call); ok && f.contextual(c) {
			if f.keptCalls == nil {
				f.keptCalls = map[string]int{}
			}
			f.keptCalls[c.Sig.Name] = -1
		}
	}
	if f.careful {
		hir.WalkBlock(pr.Body, note, nil)
		return
	}
	hir.WalkBlock(pr.Body, nil, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.ForMap:
			hir.WalkBlock(s.Body, note, nil)
		case *hir.ForRange:
			hir.WalkBlock(s.Body, note, nil)
		case *hir.While:
			hir.WalkExpr(s.C, note, nil)
			hir.WalkBlock(s.Body, note, nil)
		}
	})
}

// contextual reports whether a call is of a builtin that reads the context, has
// no arguments, and is allowed in loops.
func (f *fn) contextual(c *hir.Call) bool {
	b := f.u.cfg.Builtins[c.Sig.Name]
	return b != nil && b.ReadsContext && !c.Sig.Context && len(c.Args) == 0
}

// keepCalls computes what noteKept found and puts it into scratch memory. Such a
// value is the same throughout a run of the program.
func (f *fn) keepCalls(pr *hir.Probe) {
	hir.WalkBlock(pr.Body, func(e hir.Expr) {
		c, ok := e.(*hir.Call)
		if !ok {
			return
		}
		if off, noted := f.keptCalls[c.Sig.Name]; !noted || off >= 0 {
			return
		}
		v := f.plain(f.u.cfg.Builtins[c.Sig.Name].Lower(f, c))
		off := f.region0(8)
		p := f.far(off)
		f.b.Store(p.Base, p.Off, 8, v)
		f.keptCalls[c.Sig.Name] = off
	}, nil)
}

// keptCall returns the value that keepCalls has stored for a call.
func (f *fn) keptCall(c *hir.Call) (builtin.Operand, bool) {
	off, noted := f.keptCalls[c.Sig.Name]
	if !noted || off < 0 {
		return builtin.Operand{}, false
	}
	p := f.far(off)
	return builtin.Operand{T: c.T, V: f.b.Load(p.Base, p.Off, 8)}, true
}
