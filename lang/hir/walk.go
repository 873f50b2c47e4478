package hir

// WalkBlock calls ex for every expression and st for every statement of a
// block, outer ones first. Either function can be nil.
func WalkBlock(b *Block, ex func(Expr), st func(Stmt)) {
	if b == nil {
		return
	}
	for _, s := range b.Stmts {
		walkStmt(s, ex, st)
	}
	WalkExpr(b.Value, ex, st)
}

func walkStmt(s Stmt, ex func(Expr), st func(Stmt)) {
	if st != nil {
		st(s)
	}
	switch s := s.(type) {
	case *SetVar:
		WalkExpr(s.X, ex, st)
	case *SetMap:
		WalkExpr(s.Key, ex, st)
		WalkExpr(s.X, ex, st)
	case *Aggregate:
		WalkExpr(s.Key, ex, st)
		for _, a := range s.Args {
			WalkExpr(a, ex, st)
		}
	case *Eval:
		WalkExpr(s.X, ex, st)
	case *ForRange:
		WalkExpr(s.From, ex, st)
		WalkExpr(s.To, ex, st)
		WalkBlock(s.Body, ex, st)
	case *ForMap:
		WalkBlock(s.Body, ex, st)
	case *While:
		WalkExpr(s.C, ex, st)
		WalkBlock(s.Body, ex, st)
	case *Unroll:
		WalkBlock(s.Body, ex, st)
	case *Return:
		WalkExpr(s.X, ex, st)
	case *BlockS:
		WalkBlock(s.Block, ex, st)
	}
}

// WalkExpr is like WalkBlock for an expression, which can be nil.
func WalkExpr(e Expr, ex func(Expr), st func(Stmt)) {
	if IsNil(e) {
		return
	}
	if ex != nil {
		ex(e)
	}
	switch e := e.(type) {
	case *MapGet:
		WalkExpr(e.Key, ex, st)
	case *MapElem:
		WalkExpr(e.Key, ex, st)
	case *Unary:
		WalkExpr(e.Of, ex, st)
	case *Binary:
		WalkExpr(e.L, ex, st)
		WalkExpr(e.R, ex, st)
	case *Logical:
		WalkExpr(e.L, ex, st)
		WalkExpr(e.R, ex, st)
	case *Cond:
		WalkExpr(e.C, ex, st)
		WalkExpr(e.Then, ex, st)
		WalkExpr(e.Else, ex, st)
	case *Elvis:
		WalkExpr(e.C, ex, st)
		WalkExpr(e.Else, ex, st)
	case *BlockX:
		WalkBlock(e.Block, ex, st)
	case *Member:
		WalkExpr(e.Of, ex, st)
	case *Deref:
		WalkExpr(e.Of, ex, st)
	case *Index:
		WalkExpr(e.Of, ex, st)
		WalkExpr(e.I, ex, st)
	case *Cast:
		WalkExpr(e.Of, ex, st)
	case *Tuple:
		for _, x := range e.Elems {
			WalkExpr(x, ex, st)
		}
	case *Call:
		for _, x := range e.Args {
			WalkExpr(x, ex, st)
		}
	case *IncDec:
		WalkExpr(e.Key, ex, st)
	}
}

// IsNil reports whether e is missing: nil, or a typed nil pointer in the
// interface.
func IsNil(e Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *BlockX:
		return e == nil
	case *Cond:
		return e == nil
	}
	return false
}
