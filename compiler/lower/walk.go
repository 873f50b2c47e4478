package lower

import (
	"probe/lang/hir"
	"probe/lang/types"
)

// hasEffects reports whether evaluating an expression has side effects, so that
// it must be evaluated before a record is reserved for it.
func hasEffects(e hir.Expr) bool {
	found := false
	hir.WalkExpr(e, func(x hir.Expr) {
		switch x := x.(type) {
		case *hir.IncDec, *hir.BlockX:
			found = true
		case *hir.Call:
			found = found || x.Sig.Async || x.Sig.Effects.Has(types.Writes|types.Deletes|types.Acts|types.Loops)
		}
	}, func(hir.Stmt) { found = true })
	return found
}
