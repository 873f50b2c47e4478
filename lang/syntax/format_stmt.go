package syntax

import "fmt"

// stmt prints a statement with its ';'. last is set for the last statement of a
// block.
func (p *printer) stmt(s Stmt, last bool) {
	switch s := s.(type) {
	case *Let:
		p.put("let ")
		p.expr(s.Var)
		if s.Type != nil {
			p.put(" : ")
			p.typ(s.Type)
		}
		if s.X != nil {
			p.put(" = ")
			p.value(s.X)
		}
	case *Assign:
		p.expr(s.Target)
		p.put(" " + s.Op + " ")
		p.value(s.X)
	case *Discard:
		p.put("_ = ")
		p.value(s.X)
	case *ExprStmt:
		switch s.X.(type) {
		case *If, *BlockExpr:
			p.expr(s.X)
			// Without the ';' it would become the value of the block.
			if last && HasValue(s.X) {
				p.put(";")
			}
			return
		}
		p.op(opOpen)
		p.expr(s.X)
		p.op(opClose)
	case *For:
		p.put("for (")
		p.expr(s.Var)
		p.put(" : ")
		if s.Map != nil {
			p.expr(s.Map)
		} else {
			p.operand(s.From, levelUnary)
			p.put("..")
			p.operand(s.To, levelUnary)
		}
		p.put(") ")
		p.block(s.Body)
		return
	case *While:
		p.put("while ")
		p.expr(s.Cond)
		p.put(" ")
		p.block(s.Body)
		return
	case *Unroll:
		p.put("unroll ")
		p.expr(s.N)
		p.put(" ")
		p.block(s.Body)
		return
	case *Jump:
		p.put(s.Word)
		if s.X != nil {
			p.put(" ")
			p.value(s.X)
		}
	case *ImportStmt:
		p.put("import ")
		p.expr(s.Path)
	case *BadStmt:
		p.raw(s.At.At)
		return
	default:
		panic(fmt.Sprintf("syntax: Format of %T", s))
	}
	p.put(";")
}

// value prints an expression as a group of its own, which is broken only where
// it is too long. Lines continued after an operator are indented; lists indent
// themselves.
func (p *printer) value(x Expr) {
	p.op(opOpen)
	switch x.(type) {
	case *Binary, *Ternary:
		p.op(opIndent)
		p.expr(x)
		p.op(opDedent)
	default:
		p.expr(x)
	}
	p.op(opClose)
}

// typ prints a type.
func (p *printer) typ(t *TypeExpr) {
	p.at(t.At.At)
	for _, q := range t.Quals {
		if !spaceQualifier(q) {
			p.put(q + " ")
		}
	}
	switch {
	case t.Of != nil:
		p.put("typeof(")
		p.expr(t.Of)
		p.put(")")
	case t.OfType != nil:
		p.put("typeof(")
		p.typ(t.OfType)
		p.put(")")
	default:
		if t.Kind != "" {
			p.put(t.Kind + " ")
		}
		p.put(t.Name)
	}
	for _, q := range t.Quals {
		if spaceQualifier(q) {
			p.put(" " + q)
		}
	}
	for i, s := range t.Suffix {
		switch {
		case s.Ptr && i == 0:
			p.put(" *")
		case s.Ptr:
			p.put("*")
		case s.LenX != nil:
			p.put("[")
			p.expr(s.LenX)
			p.put("]")
		case s.Len < 0:
			p.put("[]")
		default:
			p.putf("[%d]", s.Len)
		}
	}
}

// spaceQualifier reports whether a qualifier names an address space and follows
// the type.
func spaceQualifier(q string) bool { return len(q) > 2 && q[:2] == "__" && q != "__restrict" }
