package lower

import "probe/lang/hir"

// written reports whether an expression is text or a number that the script has
// written: a literal, a choice between such, or a variable that never holds
// anything else.
func (u *Unit) written(a hir.Expr) bool {
	switch a := a.(type) {
	case *hir.Int, *hir.Bytes:
		return true
	case *hir.Cast:
		return u.written(a.Of)
	case *hir.Cond:
		return a.Else != nil && u.written(a.Then) && u.written(a.Else)
	case *hir.VarRef:
		return !u.traced[a.Var]
	}
	return false
}

// findTraced collects the variables that may hold something that the script has
// not written. One variable may be given to another, so it is looked for until
// nothing is found any more.
func (u *Unit) findTraced(p *hir.Script) {
	for more := true; more; {
		more = false
		mark := func(v *hir.Var) {
			if v != nil && !u.traced[v] {
				u.traced[v], more = true, true
			}
		}
		for _, pr := range p.Probes {
			hir.WalkBlock(pr.Body, func(e hir.Expr) {
				switch e := e.(type) {
				case *hir.VarAddr:
					mark(e.Var)
				case *hir.IncDec:
					mark(e.Var)
				}
			}, func(s hir.Stmt) {
				switch s := s.(type) {
				case *hir.SetVar:
					if s.Var.AddrTaken || !hir.IsNil(s.X) && !u.written(s.X) {
						mark(s.Var)
					}
				case *hir.ForRange:
					mark(s.Var)
				case *hir.ForMap:
					mark(s.Var)
				}
			})
		}
	}
}
