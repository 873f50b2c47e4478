package lower

import "probe/lang/hir"

// walkBlock visits every expression and statement of a block, inner ones
// after outer ones. Either function may be nil.
func walkBlock(b *hir.Block, ex func(hir.Expr), st func(hir.Stmt)) {
	if b == nil {
		return
	}
	for _, s := range b.Stmts {
		walkStmt(s, ex, st)
	}
	walkExpr(b.Value, ex, st)
}

func walkStmt(s hir.Stmt, ex func(hir.Expr), st func(hir.Stmt)) {
	if st != nil {
		st(s)
	}
	switch s := s.(type) {
	case *hir.SetVar:
		walkExpr(s.X, ex, st)
	case *hir.SetMap:
		walkExpr(s.Key, ex, st)
		walkExpr(s.X, ex, st)
	case *hir.Aggregate:
		walkExpr(s.Key, ex, st)
		for _, a := range s.Args {
			walkExpr(a, ex, st)
		}
	case *hir.Eval:
		walkExpr(s.X, ex, st)
	case *hir.ForRange:
		walkExpr(s.From, ex, st)
		walkExpr(s.To, ex, st)
		walkBlock(s.Body, ex, st)
	case *hir.ForMap:
		walkBlock(s.Body, ex, st)
	case *hir.While:
		walkExpr(s.C, ex, st)
		walkBlock(s.Body, ex, st)
	case *hir.Unroll:
		walkBlock(s.Body, ex, st)
	case *hir.Return:
		walkExpr(s.X, ex, st)
	case *hir.BlockS:
		walkBlock(s.Block, ex, st)
	}
}

func walkExpr(e hir.Expr, ex func(hir.Expr), st func(hir.Stmt)) {
	if isNil(e) {
		return
	}
	if ex != nil {
		ex(e)
	}
	switch e := e.(type) {
	case *hir.MapGet:
		walkExpr(e.Key, ex, st)
	case *hir.MapElem:
		walkExpr(e.Key, ex, st)
	case *hir.Unary:
		walkExpr(e.Of, ex, st)
	case *hir.Binary:
		walkExpr(e.L, ex, st)
		walkExpr(e.R, ex, st)
	case *hir.Logical:
		walkExpr(e.L, ex, st)
		walkExpr(e.R, ex, st)
	case *hir.Cond:
		walkExpr(e.C, ex, st)
		walkExpr(e.Then, ex, st)
		walkExpr(e.Else, ex, st)
	case *hir.Elvis:
		walkExpr(e.C, ex, st)
		walkExpr(e.Else, ex, st)
	case *hir.BlockX:
		walkBlock(e.Block, ex, st)
	case *hir.Member:
		walkExpr(e.Of, ex, st)
	case *hir.Deref:
		walkExpr(e.Of, ex, st)
	case *hir.Index:
		walkExpr(e.Of, ex, st)
		walkExpr(e.I, ex, st)
	case *hir.Cast:
		walkExpr(e.Of, ex, st)
	case *hir.Tuple:
		for _, x := range e.Elems {
			walkExpr(x, ex, st)
		}
	case *hir.Call:
		for _, x := range e.Args {
			walkExpr(x, ex, st)
		}
	case *hir.IncDec:
		walkExpr(e.Key, ex, st)
	}
}

// isNil tells a missing expression, typed nil pointers included.
func isNil(e hir.Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *hir.BlockX:
		return e == nil
	case *hir.Cond:
		return e == nil
	}
	return false
}

// hasEffects tells whether evaluating an expression does more than give a
// value, so that it must run even when its value is not wanted.
func hasEffects(e hir.Expr) bool {
	found := false
	walkExpr(e, func(x hir.Expr) {
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
