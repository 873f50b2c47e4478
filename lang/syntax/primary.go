package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/source"
)

// primary parses an operand without prefix and postfix operators, except those
// that start with '('.
func (p *parser) primary() Expr {
	t := p.tok()
	switch t.Type {
	case tInt:
		return p.intLit()
	case tString:
		return p.stringLit()
	case tVar:
		return p.variable()
	case tParam:
		return p.positional()
	case tMap:
		return p.mapExpr()
	case tIdent:
		return p.word()
	case tOp:
		if t.Value == "{" {
			b := p.block()
			return &BlockExpr{b.At, b}
		}
	}
	return p.noExpr()
}

// noExpr reports that an expression is missing and gives up on the statement.
func (p *parser) noExpr() Expr {
	d := p.expected("an expression")
	switch t := p.tok(); {
	case isIdent(t, "else"):
		d.WithLabel("no `if` belongs to it")
	case t.Type != tOp:
	case t.Value == "=":
		p.hintAtEqual(d)
	case p.i > 0 && t.Value == "/" && p.sc.kind == itemProbe && p.toks[p.i-1].Type == tPredOpen:
		d.WithHelp("omit the predicate if there is no condition")
	}
	panic(bail{})
}

// mapExpr parses @m or @m[keys].
func (p *parser) mapExpr() Expr {
	t := p.next()
	m := &Map{Name: t.Value[1:], NameAt: p.tokSpan(t)}
	if p.accept("[") {
		p.deeper()
		high := 0
		for {
			m.Keys = append(m.Keys, p.expr())
			high = max(high, p.high)
			if !p.accept(",") {
				break
			}
		}
		if !p.accept("]") {
			if d := p.expected("`,` or `]`"); p.is("=") {
				p.hintAtEqual(d)
			}
			panic(bail{})
		}
		p.high = high
		p.depth--
	}
	m.At = p.since(t.Pos.Offset)
	return m
}

// reserved reports whether word belongs to the grammar and so cannot name
// anything.
func reserved(word string) bool {
	switch word {
	case "break", "config", "continue", "else", "for", "if", "import", "let", "macro", "offsetof",
		"return", "sizeof", "unroll", "while", "fn", "typeof", "typeinfo", "comptime",
		"struct", "union", "enum", "true", "false":
		return true
	}
	return false
}

// IsReservedBuiltin reports whether a word is a builtin that parses as one
// everywhere: it is never a type, a macro parameter or a field of a record
// (rows L-LEX-10, L-MAC-02).
func IsReservedBuiltin(word string) bool {
	switch word {
	case "args", "ctx", "kstack", "ustack", "nsecs", "pid", "tid":
		return true
	}
	if strings.HasPrefix(word, "__builtin_") {
		return true
	}
	digits, ok := strings.CutPrefix(strings.TrimPrefix(word, "s"), "arg")
	if !ok || digits == "" {
		return false
	}
	for _, c := range []byte(digits) {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// word parses what starts with a bare word.
func (p *parser) word() Expr {
	t := p.tok()
	switch t.Value {
	case "true", "false":
		p.next()
		return &BoolLit{At{p.tokSpan(t)}, t.Value == "true"}
	case "if":
		p.deeper()
		x := p.ifExpr()
		p.depth--
		return x
	case "sizeof", "typeinfo", "offsetof":
		return p.typeCall()
	case "config": // also a macro of the library
	default:
		if reserved(t.Value) {
			return p.noExpr()
		}
	}
	p.next()
	if !p.is("(") {
		return &Ident{At{p.tokSpan(t)}, t.Value}
	}
	return p.call(t)
}

// call parses the arguments of name( … ).
func (p *parser) call(name *lexer.Token) Expr {
	open := p.next()
	c := &Call{Name: name.Value, NameAt: p.tokSpan(name)}
	if p.accept(")") {
		c.At = p.since(name.Pos.Offset)
		return c
	}
	p.deeper()
	high := 0
	for {
		c.Args = append(c.Args, p.argument())
		high = max(high, p.high)
		if !p.accept(",") {
			break
		}
	}
	p.closeParen(open, "`,` or `)`")
	p.high = high
	p.depth--
	c.At = p.since(name.Pos.Offset)
	return c
}

// argument parses one argument of a call: an expression or typeof( … ).
func (p *parser) argument() Expr {
	if isIdent(p.tok(), "typeof") {
		t := p.typeExpr()
		return &TypeArg{t.At, t}
	}
	if p.is(")") {
		p.expected("an argument").WithLabel("there is no argument after the last comma")
		panic(bail{})
	}
	return p.expr()
}

// closeParen consumes the ')' that belongs to open, or fails.
func (p *parser) closeParen(open *lexer.Token, what string) {
	if p.accept(")") {
		return
	}
	d := p.expected(what)
	if p.is("=") {
		p.hintAtEqual(d)
	} else {
		d.At(source.Span{File: p.file, Start: open.Pos.Offset, End: tokEnd(open)}, "the parenthesis opened here")
	}
	panic(bail{})
}

// paren parses what starts with '(': a group, a tuple, a record or a cast.
func (p *parser) paren(alt int) Expr {
	open := p.tok()
	start := open.Pos.Offset
	if first := p.ahead(1); first.Type == tIdent {
		if isOp(p.ahead(2), "=") && !IsReservedBuiltin(first.Value) && !reserved(first.Value) {
			return p.record()
		}
		if x := p.cast(alt); x != nil {
			return x
		}
	}
	p.next()
	if p.accept(")") {
		return &Tuple{At: p.since(start)}
	}
	p.deeper()
	x := p.expr()
	if !p.is(",") {
		p.closeParen(open, "`)`")
		p.depth--
		return &Paren{p.since(start), x}
	}
	high := p.high
	t := &Tuple{Elems: []Expr{x}}
	for p.accept(",") && !p.is(")") {
		t.Elems = append(t.Elems, p.expr())
		high = max(high, p.high)
	}
	p.closeParen(open, "`,` or `)`")
	p.high = high
	p.depth--
	t.At = p.since(start)
	return t
}

// record parses (name = x, …).
func (p *parser) record() Expr {
	open := p.next()
	p.deeper()
	r := &Record{}
	high := 0
	for !p.is(")") {
		t := p.tok()
		if t.Type != tIdent {
			p.expected("the name of a field")
			panic(bail{})
		}
		for i, name := range r.Names {
			if name == t.Value {
				p.report("duplicate-field", p.tokSpan(t), "the field `%s` appears twice", t.Value).
					WithCompat("Named argument list already contains name: %s", t.Value).
					WithRow("T-REC-01").
					At(r.NamesAt[i], "first here")
				break
			}
		}
		if len(r.Names) >= maxFields {
			p.tooDeep("more than %d fields in one record", maxFields)
		}
		p.next()
		p.need("=")
		r.Names = append(r.Names, t.Value)
		r.NamesAt = append(r.NamesAt, p.tokSpan(t))
		r.Values = append(r.Values, p.expr())
		high = max(high, p.high)
		if !p.accept(",") {
			break
		}
	}
	p.closeParen(open, "`,` or `)`")
	p.high = high
	p.depth--
	r.At = p.since(open.Pos.Offset)
	return r
}

// maxFields is the maximum number of fields in a record: each name is compared
// with all others, which takes quadratic time.
const maxFields = 1000

// cast parses (type)operand if the text is one, and returns nil otherwise.
//
// A bare word in parentheses is a type only if something that starts an operand
// follows; reserved builtin words never are (row T-CAST-01). If what follows
// could also be a binary operator, as in (name) - x, the language reads the
// text as a cast. Since name may turn out to be a constant, the other reading
// is kept in Alt if it does not affect the surrounding expression: the operator
// must bind at least as tightly as the surroundings (alt) and as the operator
// after it.
func (p *parser) cast(alt int) Expr {
	open := p.i
	if isIdent(p.ahead(1), "typeof") {
		return p.sureCast()
	}
	end, shape := p.scanType(open + 1)
	if shape == typeNone || !isOp(&p.toks[end], ")") {
		return nil
	}
	next := &p.toks[end+1]
	ambiguous := false
	if !startsOperand(next) {
		if shape != typeSure {
			return nil
		}
	} else if next.Type == tOp && shape != typeSure {
		switch next.Value {
		case "{":
			if shape == typeWord {
				return nil
			}
		case "-", "*":
			ambiguous = shape == typeWord
		case "&":
			if shape == typeWord && p.toks[end+2].Type != tVar && p.toks[end+2].Type != tMap {
				return nil
			}
			ambiguous = shape == typeWord
		case "++", "--":
			if !startsOperand(&p.toks[end+2]) {
				return nil
			}
		}
	}
	c := p.sureCast()
	if ambiguous && alt > 0 && precedence(next) >= alt && precedence(p.tok()) <= precedence(next) {
		c.Alt = p.altCast(open, end, next, c)
	}
	return c
}

// sureCast parses (type)operand.
func (p *parser) sureCast() *Cast {
	start := p.next().Pos.Offset
	c := &Cast{Type: p.typeExpr()}
	p.need(")")
	p.deeper()
	c.X = p.unary()
	p.depth--
	c.At = p.since(start)
	return c
}

// altCast returns the reading of (name) op x as a binary expression; open and
// end are the indexes of the parentheses.
func (p *parser) altCast(open, end int, op *lexer.Token, c *Cast) Expr {
	u, ok := c.X.(*Unary)
	if !ok || c.Type.Name == "" {
		return nil
	}
	name := Expr(&Ident{At{c.Type.NameAt}, c.Type.Name})
	for _, s := range c.Type.Suffix {
		i := s.LenX
		if i == nil {
			i = &IntLit{At{c.Type.At.At}, uint64(max(s.Len, 0)), ""}
		}
		name = &Index{c.Type.At, name, i}
	}
	paren := &Paren{p.at(p.toks[open].Pos.Offset, tokEnd(&p.toks[end])), name}
	return &Binary{At: c.At, Op: op.Value, OpAt: p.tokSpan(op), X: paren, Y: u.X}
}

// startsOperand reports whether a token can start an operand.
func startsOperand(t *lexer.Token) bool {
	switch t.Type {
	case tInt, tString, tVar, tMap, tParam:
		return true
	case tIdent:
		switch t.Value {
		case "if", "sizeof", "offsetof", "typeinfo", "comptime", "true", "false":
			return true
		}
		return !reserved(t.Value)
	case tOp:
		switch t.Value {
		case "(", "{", "-", "!", "~", "*", "&", "++", "--":
			return true
		}
	}
	return false
}
