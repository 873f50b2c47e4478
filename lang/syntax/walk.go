package syntax

import "fmt"

// Inspect calls f for a node and, if f returns true, for everything below it
// in source order. Nodes are pointers; nil ones are left out. Cast.Alt, the
// second reading of the same text, is not visited.
func Inspect(n Node, f func(Node) bool) {
	if !f(n) {
		return
	}
	switch n := n.(type) {
	case *File:
		for _, item := range n.Items {
			Inspect(item, f)
		}
	case *Config:
		for _, e := range n.Entries {
			Inspect(e, f)
		}
	case *ConfigEntry:
		Inspect(n.Value, f)
	case *Import:
		Inspect(n.Path, f)
	case *MapDecl:
		inspectExpr(n.Entries, f)
	case *Macro:
		for _, p := range n.Params {
			Inspect(p, f)
		}
		Inspect(n.Body, f)
	case *Fn:
		for _, p := range n.Params {
			Inspect(p, f)
		}
		inspectType(n.Result, f)
		Inspect(n.Body, f)
	case *FnParam:
		inspectType(n.Type, f)
	case *NamedProbe:
		for _, a := range n.Alts {
			Inspect(a, f)
		}
	case *Probe:
		for _, a := range n.Attach {
			Inspect(a, f)
		}
		inspectExpr(n.Pred, f)
		Inspect(n.Body, f)
	case *AttachPoint:
		for _, a := range n.Alts {
			Inspect(a, f)
		}
	case *Block:
		for _, s := range n.Stmts {
			Inspect(s, f)
		}
		inspectExpr(n.Value, f)
	case *TypeExpr:
		inspectExpr(n.Of, f)
		inspectType(n.OfType, f)
		for _, s := range n.Suffix {
			inspectExpr(s.LenX, f)
		}
	case Stmt:
		inspectStmt(n, f)
	case Expr:
		inspectOperands(n, f)
	case *Preproc, *CDef, *BadItem, *Comment, *Param:
	default:
		panic(fmt.Sprintf("syntax: Inspect of %T", n))
	}
}

// Walk calls f for a node and everything below it in source order.
func Walk(n Node, f func(Node)) {
	Inspect(n, func(n Node) bool {
		f(n)
		return true
	})
}

func inspectExpr(x Expr, f func(Node) bool) {
	if x != nil {
		Inspect(x, f)
	}
}

func inspectType(t *TypeExpr, f func(Node) bool) {
	if t != nil {
		Inspect(t, f)
	}
}

func inspectExprs(list []Expr, f func(Node) bool) {
	for _, x := range list {
		inspectExpr(x, f)
	}
}

// inspectStmt visits the parts of a statement.
func inspectStmt(s Stmt, f func(Node) bool) {
	switch s := s.(type) {
	case *Let:
		Inspect(s.Var, f)
		inspectType(s.Type, f)
		inspectExpr(s.X, f)
	case *Assign:
		inspectExpr(s.Target, f)
		inspectExpr(s.X, f)
	case *Discard:
		inspectExpr(s.X, f)
	case *ExprStmt:
		inspectExpr(s.X, f)
	case *For:
		Inspect(s.Var, f)
		inspectExpr(s.Map, f)
		inspectExpr(s.From, f)
		inspectExpr(s.To, f)
		Inspect(s.Body, f)
	case *While:
		inspectExpr(s.Cond, f)
		Inspect(s.Body, f)
	case *Unroll:
		inspectExpr(s.N, f)
		Inspect(s.Body, f)
	case *Jump:
		inspectExpr(s.X, f)
	case *ImportStmt:
		Inspect(s.Path, f)
	case *BadStmt:
	default:
		panic(fmt.Sprintf("syntax: Inspect of %T", s))
	}
}

// inspectOperands visits the parts of an expression.
func inspectOperands(x Expr, f func(Node) bool) {
	switch x := x.(type) {
	case *Map:
		inspectExprs(x.Keys, f)
	case *Call:
		inspectExprs(x.Args, f)
	case *TypeArg:
		inspectType(x.Type, f)
	case *Unary:
		inspectExpr(x.X, f)
	case *Postfix:
		inspectExpr(x.X, f)
	case *Binary:
		inspectExpr(x.X, f)
		inspectExpr(x.Y, f)
	case *Ternary:
		inspectExpr(x.Cond, f)
		inspectExpr(x.Then, f)
		inspectExpr(x.Else, f)
	case *Field:
		inspectExpr(x.X, f)
	case *Index:
		inspectExpr(x.X, f)
		inspectExpr(x.I, f)
	case *Cast:
		inspectType(x.Type, f)
		inspectExpr(x.X, f)
	case *Paren:
		inspectExpr(x.X, f)
	case *Tuple:
		inspectExprs(x.Elems, f)
	case *Record:
		inspectExprs(x.Values, f)
	case *BlockExpr:
		Inspect(x.Block, f)
	case *If:
		inspectExpr(x.Cond, f)
		Inspect(x.Then, f)
		inspectExpr(x.Else, f)
	case *Sizeof:
		inspectType(x.Type, f)
		inspectExpr(x.X, f)
	case *Offsetof:
		inspectType(x.Type, f)
		inspectExpr(x.X, f)
	case *Typeinfo:
		inspectType(x.Type, f)
		inspectExpr(x.X, f)
	case *Comptime:
		inspectExpr(x.X, f)
	case *IntLit, *StringLit, *BoolLit, *Ident, *Var, *Positional, *BadExpr:
	default:
		panic(fmt.Sprintf("syntax: Inspect of %T", x))
	}
}
