package syntax

import (
	"fmt"
	"slices"
)

// CloneExpr is a deep copy of an expression; places are kept. A nil expression
// gives nil.
func CloneExpr(x Expr) Expr {
	switch x := x.(type) {
	case nil:
		return nil
	case *IntLit:
		return clone(x)
	case *StringLit:
		return clone(x)
	case *BoolLit:
		return clone(x)
	case *Ident:
		return clone(x)
	case *Var:
		return clone(x)
	case *Positional:
		return clone(x)
	case *Map:
		c := clone(x)
		c.Keys = cloneExprs(x.Keys)
		return c
	case *Call:
		c := clone(x)
		c.Args = cloneExprs(x.Args)
		return c
	case *TypeArg:
		return &TypeArg{x.At, CloneType(x.Type)}
	case *Unary:
		return &Unary{x.At, x.Op, CloneExpr(x.X)}
	case *Postfix:
		return &Postfix{x.At, x.Op, CloneExpr(x.X)}
	case *Binary:
		c := clone(x)
		c.X, c.Y = CloneExpr(x.X), CloneExpr(x.Y)
		return c
	case *Ternary:
		return &Ternary{x.At, CloneExpr(x.Cond), CloneExpr(x.Then), CloneExpr(x.Else)}
	case *Field:
		c := clone(x)
		c.X = CloneExpr(x.X)
		return c
	case *Index:
		return &Index{x.At, CloneExpr(x.X), CloneExpr(x.I)}
	case *Cast:
		return &Cast{x.At, CloneType(x.Type), CloneExpr(x.X), CloneExpr(x.Alt)}
	case *Paren:
		return &Paren{x.At, CloneExpr(x.X)}
	case *Tuple:
		return &Tuple{x.At, cloneExprs(x.Elems)}
	case *Record:
		return &Record{x.At, slices.Clone(x.Names), slices.Clone(x.NamesAt), cloneExprs(x.Values)}
	case *BlockExpr:
		return &BlockExpr{x.At, CloneBlock(x.Block)}
	case *If:
		return &If{x.At, CloneExpr(x.Cond), x.Comptime, CloneBlock(x.Then), CloneExpr(x.Else)}
	case *Sizeof:
		return &Sizeof{x.At, CloneType(x.Type), CloneExpr(x.X)}
	case *Offsetof:
		return &Offsetof{x.At, CloneType(x.Type), CloneExpr(x.X), slices.Clone(x.Fields), x.FieldsAt}
	case *Typeinfo:
		return &Typeinfo{x.At, CloneType(x.Type), CloneExpr(x.X)}
	case *Comptime:
		return &Comptime{x.At, CloneExpr(x.X)}
	case *BadExpr:
		return clone(x)
	}
	panic(fmt.Sprintf("syntax: CloneExpr of %T", x))
}

// clone is a shallow copy.
func clone[T any](x *T) *T {
	c := *x
	return &c
}

func cloneExprs(list []Expr) []Expr {
	if list == nil {
		return nil
	}
	out := make([]Expr, len(list))
	for i, x := range list {
		out[i] = CloneExpr(x)
	}
	return out
}

// CloneType is a deep copy of a type; nil gives nil.
func CloneType(t *TypeExpr) *TypeExpr {
	if t == nil {
		return nil
	}
	c := clone(t)
	c.Of, c.OfType = CloneExpr(t.Of), CloneType(t.OfType)
	c.Quals = slices.Clone(t.Quals)
	c.Suffix = slices.Clone(t.Suffix)
	for i := range c.Suffix {
		c.Suffix[i].LenX = CloneExpr(c.Suffix[i].LenX)
	}
	return c
}

// CloneBlock is a deep copy of a block; nil gives nil.
func CloneBlock(b *Block) *Block {
	if b == nil {
		return nil
	}
	c := &Block{At: b.At, Value: CloneExpr(b.Value)}
	if b.Stmts != nil {
		c.Stmts = make([]Stmt, len(b.Stmts))
	}
	for i, s := range b.Stmts {
		c.Stmts[i] = CloneStmt(s)
	}
	return c
}

// CloneStmt is a deep copy of a statement.
func CloneStmt(s Stmt) Stmt {
	switch s := s.(type) {
	case *Let:
		return &Let{s.At, clone(s.Var), CloneType(s.Type), CloneExpr(s.X)}
	case *Assign:
		return &Assign{s.At, CloneExpr(s.Target), s.Op, s.OpAt, CloneExpr(s.X)}
	case *Discard:
		return &Discard{s.At, CloneExpr(s.X)}
	case *ExprStmt:
		return &ExprStmt{s.At, CloneExpr(s.X)}
	case *For:
		return &For{s.At, clone(s.Var), CloneExpr(s.Map), CloneExpr(s.From), CloneExpr(s.To), CloneBlock(s.Body)}
	case *While:
		return &While{s.At, CloneExpr(s.Cond), CloneBlock(s.Body)}
	case *Unroll:
		return &Unroll{s.At, CloneExpr(s.N), CloneBlock(s.Body)}
	case *Jump:
		return &Jump{s.At, s.Word, CloneExpr(s.X)}
	case *ImportStmt:
		return &ImportStmt{s.At, clone(s.Path)}
	case *BadStmt:
		return clone(s)
	}
	panic(fmt.Sprintf("syntax: CloneStmt of %T", s))
}
