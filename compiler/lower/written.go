package lower

import "probe/lang/hir"

// written reports whether the value of an expression comes from the script's
// text: a literal, a choice between literals, or a variable that only ever
// holds such values.
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

// findTraced collects the variables that can hold values from outside the
// script. Variables can be assigned to each other, so it iterates until it
// finds no more.
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
