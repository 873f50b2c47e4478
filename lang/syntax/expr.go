package syntax

import (
	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
)

// precedence returns the level of a binary operator, 0 for anything else. There
// are ten levels; 1 binds loosest.
func precedence(t *lexer.Token) int {
	if t.Type != tOp {
		return 0
	}
	switch t.Value {
	case "||":
		return 1
	case "&&":
		return 2
	case "|":
		return 3
	case "^":
		return 4
	case "&":
		return 5
	case "==", "!=":
		return 6
	case "<", ">", "<=", ">=":
		return 7
	case "<<", ">>":
		return 8
	case "+", "-":
		return 9
	case "*", "/", "%":
		return 10
	}
	return 0
}

func isBinaryOp(t *lexer.Token) bool { return precedence(t) > 0 }

// expr parses any expression: a binary one, or a ? b : c.
func (p *parser) expr() Expr {
	p.deeper()
	x := p.binary(1)
	if p.is("?") {
		p.next()
		c := &Ternary{Cond: x}
		high := p.high
		if !p.is(":") {
			c.Then = p.expr()
		}
		if !p.accept(":") {
			p.expected("`:` and the other value")
			panic(bail{})
		}
		c.Else = p.expr()
		p.high = max(high, p.high)
		c.At = joins(x, c.Else)
		x = c
	}
	p.depth--
	return x
}

// binary parses operators of level least and above by precedence climbing.
func (p *parser) binary(least int) Expr {
	p.alt = least
	return p.binaryRest(p.unary(), least)
}

// binaryRest continues with the operators after the operand x.
func (p *parser) binaryRest(x Expr, least int) Expr {
	n := p.high
	for {
		op := p.tok()
		level := precedence(op)
		if level == 0 || level < least {
			p.high = n
			return x
		}
		p.next()
		p.high = 0
		y := p.binary(level + 1)
		n = p.longer(max(n, p.high))
		x = &Binary{At: joins(x, y), Op: op.Value, OpAt: p.tokSpan(op), X: x, Y: y}
	}
}

// unary parses prefix operators, casts and comptime.
//
// p.alt is the level of the surrounding binary expression when its left
// operand starts here, and 0 elsewhere: only there can the text of a cast be
// read as a binary expression too (see cast).
func (p *parser) unary() Expr {
	alt := p.alt
	p.alt, p.high = 0, 0
	t := p.tok()
	switch t.Type {
	case tOp:
		switch t.Value {
		case "-", "!", "~", "*", "&", "++", "--":
			p.next()
			p.deeper()
			x := p.unary()
			p.depth--
			u := &Unary{At: p.since(t.Pos.Offset), Op: t.Value, X: x}
			switch t.Value {
			case "&":
				if !isPlace(x) {
					p.report("address-of", u.At.At, "the address-of operator `&` needs a variable or a map").
						WithCompat("address-of operator (&) can only be used on a map or variable").CompatAt(x.Span()).
						WithRow("T-PTR-05").
						At(x.Span(), "this has no address")
				}
			case "++", "--":
				if d := p.needPlace(t.Value, x); d != nil {
					d.CompatAt(p.tokSpan(t))
				}
			}
			return u
		case "(":
			return p.postfix(p.paren(alt))
		}
	case tIdent:
		if t.Value == "comptime" {
			p.next()
			p.deeper()
			x := p.unary()
			p.depth--
			return &Comptime{p.since(t.Pos.Offset), x}
		}
	}
	return p.postfix(p.primary())
}

// isPlace reports whether x is a variable, a map or a map element.
func isPlace(x Expr) bool {
	switch x := x.(type) {
	case *Var, *Map, *BadExpr:
		return true
	case *Paren:
		return isPlace(x.X)
	}
	return false
}

// needPlace reports ++ or -- on anything but a variable, a map or a map
// element.
func (p *parser) needPlace(op string, x Expr) *diag.Diagnostic {
	if isPlace(x) {
		return nil
	}
	d := p.report("needs-variable", x.Span(), "`%s` requires a variable or map", op).
		WithCompat("increment/decrement requires a variable or map").
		WithRow("E-ASG-03").
		WithLabel("not a variable, a map or a map element")
	if id, ok := x.(*Ident); ok && !IsReservedBuiltin(id.Name) {
		d.WithHelp("a variable starts with `$`: `$%s%s`", id.Name, op)
	}
	return d
}

// postfix parses what follows an operand: .name ->name .N [i] ++ --.
func (p *parser) postfix(x Expr) Expr {
	n := p.high
	for {
		t := p.tok()
		if t.Type != tOp {
			break
		}
		switch t.Value {
		case ".", "->":
			x = p.field(x)
		case "[":
			p.next()
			i := p.expr()
			if !p.accept("]") {
				p.expected("`]`")
				panic(bail{})
			}
			x = &Index{At: p.since(x.Span().Start), X: x, I: i}
			n = max(n, p.high)
		case "++", "--":
			p.next()
			if d := p.needPlace(t.Value, x); d != nil {
				d.CompatAt(p.tokSpan(t))
			}
			x = &Postfix{At: p.since(x.Span().Start), Op: t.Value, X: x}
		default:
			p.high = n
			return x
		}
		n = p.longer(n)
	}
	p.high = n
	return x
}

// field parses .name, ->name or .N after x.
func (p *parser) field(x Expr) Expr {
	op := p.next()
	t := p.tok()
	switch {
	case t.Type == tIdent:
	case t.Type == tInt && op.Value == ".":
		if lit, ok := x.(*IntLit); ok && lit.At.At.End == op.Pos.Offset && tokEnd(op) == t.Pos.Offset {
			p.badInteger(p.at(lit.At.At.Start, tokEnd(t)).At, "there are no floating point numbers").
				WithRow("G-05").
				WithHelp("scale the value: milliseconds instead of seconds, per mille instead of a fraction")
			break
		}
		for _, c := range []byte(t.Value) {
			if !isDigit(c) {
				p.report("expected-token", p.tokSpan(t), "expected the number of a tuple element, found `%s`", t.Value)
				break
			}
		}
	case op.Value == ".":
		p.expected("a field name or the number of a tuple element")
		panic(bail{})
	default:
		p.expected("a field name")
		panic(bail{})
	}
	p.next()
	return &Field{At: p.since(x.Span().Start), X: x, Name: t.Value, NameAt: p.tokSpan(t), Arrow: op.Value == "->"}
}

// variable makes a node of the $name that is next.
func (p *parser) variable() *Var {
	t := p.next()
	return &Var{At{p.tokSpan(t)}, t.Value[1:]}
}
