package lower

import "probe/lang/hir"

// hasEffects tells whether evaluating an expression does more than give a
// value, so that it must run even when its value is not wanted.
func hasEffects(e hir.Expr) bool {
	found := false
	hir.WalkExpr(e, func(x hir.Expr) {
		switch x := x.(type) {
		case *hir.IncDec, *hir.BlockX:
			found = true
		case *hir.Call:
			switch x.Sig.Name {
			case "delete", "find", "signal", "override":
				found = true
			case "kstack", "ustack", "graph":
				// Keeping a stack takes a loop, and loops do not belong between
				// the reservation of a record and its end. A graph sends a record of
				// its own, which has to come first.
				found = true
			}
			if x.Sig.Async {
				found = true
			}
		}
	}, func(hir.Stmt) { found = true })
	return found
}
