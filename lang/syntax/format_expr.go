package syntax

import (
	"fmt"
	"strconv"

	"github.com/alecthomas/participle/v2/lexer"
)

// Binding levels above and below those of binary operators.
const (
	levelTernary = 0
	levelUnary   = 11
	levelPostfix = 12
)

// level returns how tightly an expression binds as an operand. Trees from the
// parser have a Paren node wherever parentheses are needed; rewritten trees may
// not.
func level(x Expr) int {
	switch x := x.(type) {
	case *Ternary:
		return levelTernary
	case *Binary:
		return precedence(&lexer.Token{Type: tOp, Value: x.Op})
	case *Unary, *Cast, *Comptime:
		return levelUnary
	}
	return levelPostfix
}

// operand prints x, in parentheses if it binds less tightly than least.
func (p *printer) operand(x Expr, least int) {
	if level(x) >= least {
		p.expr(x)
		return
	}
	p.put("(")
	p.expr(x)
	p.put(")")
}

// list prints expressions separated by commas.
func (p *printer) list(xs []Expr) {
	p.op(opIndent)
	for i, x := range xs {
		if i > 0 {
			p.put(",")
			p.op(opFill)
		}
		p.expr(x)
	}
	p.op(opDedent)
}

// expr prints an expression.
func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *IntLit:
		p.at(x.At.At)
		if x.Text != "" {
			p.put(x.Text)
		} else {
			p.put(strconv.FormatUint(x.Value, 10))
		}
	case *StringLit:
		p.at(x.At.At)
		p.put(stringText(x))
	case *BoolLit:
		p.at(x.At.At)
		p.put(strconv.FormatBool(x.Value))
	case *Ident:
		p.at(x.At.At)
		p.put(x.Name)
	case *Var:
		p.at(x.At.At)
		p.put("$" + x.Name)
	case *Positional:
		p.at(x.At.At)
		if x.N == 0 {
			p.put("$#")
		} else {
			p.putf("$%d", x.N)
		}
	case *Map:
		p.at(x.NameAt)
		p.put("@" + x.Name)
		if x.Keys != nil {
			p.put("[")
			p.list(x.Keys)
			p.put("]")
		}
	case *Call:
		p.at(x.NameAt)
		p.put(x.Name + "(")
		p.list(x.Args)
		p.put(")")
	case *TypeArg:
		p.typ(x.Type)
	case *Paren:
		p.at(x.At.At)
		p.put("(")
		p.op(opIndent)
		p.expr(x.X)
		p.op(opDedent)
		p.put(")")
	case *Tuple:
		p.at(x.At.At)
		p.put("(")
		p.list(x.Elems)
		if len(x.Elems) == 1 {
			p.put(",")
		}
		p.put(")")
	case *Record:
		p.record(x)
	case *BlockExpr:
		p.at(x.At.At)
		p.block(x.Block)
	case *If:
		p.ifExpr(x)
	case *Sizeof:
		p.at(x.At.At)
		p.typeCall("sizeof", x.Type, x.X)
		p.put(")")
	case *Typeinfo:
		p.at(x.At.At)
		p.typeCall("typeinfo", x.Type, x.X)
		p.put(")")
	case *Offsetof:
		p.at(x.At.At)
		p.typeCall("offsetof", x.Type, x.X)
		p.put(", ")
		for i, f := range x.Fields {
			if i > 0 {
				p.put(".")
			}
			p.put(f)
		}
		p.put(")")
	case *BadExpr:
		p.raw(x.At.At)
	default:
		p.operator(x)
	}
}

// operator prints an expression with operators.
func (p *printer) operator(x Expr) {
	switch x := x.(type) {
	case *Unary:
		p.at(x.At.At)
		p.put(x.Op)
		if in, ok := x.X.(*Unary); ok && in.Op[0] == x.Op[0] && (x.Op[0] == '-' || x.Op[0] == '+' || x.Op[0] == '&') {
			p.put(" ") // "- -x" is not "--x"
		}
		p.operand(x.X, levelUnary)
	case *Postfix:
		p.operand(x.X, levelPostfix)
		p.put(x.Op)
	case *Binary:
		own := level(x)
		p.operand(x.X, own)
		p.put(" " + x.Op)
		p.op(opFill)
		p.operand(x.Y, own+1)
	case *Ternary:
		p.operand(x.Cond, levelTernary+1)
		if x.Then == nil {
			p.op(opFill)
			p.put("?: ")
		} else {
			p.op(opFill)
			p.put("? ")
			p.expr(x.Then)
			p.op(opFill)
			p.put(": ")
		}
		p.expr(x.Else)
	case *Field:
		p.operand(x.X, levelPostfix)
		if x.Arrow {
			p.put("->")
		} else {
			p.put(".")
		}
		p.at(x.NameAt)
		p.put(x.Name)
	case *Index:
		p.operand(x.X, levelPostfix)
		p.put("[")
		p.expr(x.I)
		p.put("]")
	case *Cast:
		p.at(x.At.At)
		p.put("(")
		p.typ(x.Type)
		p.put(")")
		p.operand(x.X, levelUnary)
	case *Comptime:
		p.at(x.At.At)
		p.put("comptime ")
		p.operand(x.X, levelUnary)
	default:
		panic(fmt.Sprintf("syntax: Format of %T", x))
	}
}

// typeCall prints word(T or x without the closing parenthesis.
func (p *printer) typeCall(word string, t *TypeExpr, x Expr) {
	p.put(word + "(")
	if t != nil {
		p.typ(t)
	} else {
		p.expr(x)
	}
}

// record prints (name = x, …).
func (p *printer) record(x *Record) {
	p.at(x.At.At)
	p.put("(")
	p.op(opIndent)
	for i, name := range x.Names {
		if i > 0 {
			p.put(",")
			p.op(opFill)
		}
		p.at(x.NamesAt[i])
		p.put(name + " = ")
		p.expr(x.Values[i])
	}
	p.op(opDedent)
	p.put(")")
}

// ifExpr prints an if with all its else branches.
func (p *printer) ifExpr(x *If) {
	p.at(x.At.At)
	for {
		p.put("if ")
		if x.Comptime {
			p.put("comptime ")
		}
		p.expr(x.Cond)
		p.put(" ")
		p.block(x.Then)
		if x.Else == nil {
			return
		}
		p.put(" else ")
		next, chained := x.Else.(*If)
		if !chained {
			p.block(x.Else.(*BlockExpr).Block)
			return
		}
		p.at(next.At.At)
		x = next
	}
}

// stringText returns a string as written in the script, or its canonical
// spelling when the node does not come from one.
func stringText(x *StringLit) string {
	raw := x.At.At.Text()
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return Quote(x.Value)
	}
	body := raw[1 : len(raw)-1]
	var b []byte
	for i := 0; i < len(body); {
		c, n := body[i], 1
		if c == '\\' {
			var why string
			if c, n, why = escape(body[i:]); why != "" {
				return Quote(x.Value)
			}
		}
		b = append(b, c)
		i += n
	}
	if string(b) != x.Value {
		return Quote(x.Value)
	}
	return raw
}
