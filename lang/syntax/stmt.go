package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
	"probe/lang/source"
)

// block parses { statements; value? }; the next token is the '{'.
func (p *parser) block() *Block {
	open := p.next()
	outer := p.brace
	p.brace = open
	p.deeper()
	b := &Block{}
	high := 0
	for !p.is("}") && !p.eof() {
		p.statement(b)
		high = max(high, p.high)
	}
	p.high = high
	if p.eof() {
		if p.sc.open > 0 { // an unclosed string may contain the brace
			p.mute()
		}
		p.unclosed(p.tokSpan(p.tok()), p.found(p.tok())).WithLabel("the block is not closed")
		p.mute()
	} else {
		p.next()
	}
	p.brace = outer
	p.depth--
	b.At = p.since(open.Pos.Offset)
	return b
}

// unclosed reports that the innermost open block is not closed at the place at.
func (p *parser) unclosed(at source.Span, found string) *diag.Diagnostic {
	missing := "'}'"
	if prev := &p.toks[max(p.i-1, 0)]; at.Start >= len(p.file.Text) && p.i > 0 && prev.Value != ";" && prev.Value != "{" && prev.Value != "}" {
		missing = "';'"
	}
	return p.report("unclosed-brace", at, "expected `}`, found %s", found).
		WithCompat("expected %s", missing).CompatAt(p.compatEnd(at)).
		WithRow("L-LEX-13").
		At(p.tokSpan(p.brace), "it starts here").
		WithHelp("add the missing `}`")
}

// startsProbe reports whether a probe's head appears where a statement is
// expected: a word directly followed by a ':' and more text, which cannot be a
// statement.
func (p *parser) startsProbe() bool {
	t, colon, more := p.tok(), p.ahead(1), p.ahead(2)
	return t.Type == tIdent && isOp(colon, ":") && tokEnd(t) == colon.Pos.Offset &&
		more.Type != lexer.EOF && more.Pos.Offset == tokEnd(colon) && !p.bare
}

// probeInside reports a probe that starts inside a block that is not closed,
// and resumes parsing at that probe.
func (p *parser) probeInside() {
	start := p.off()
	end := start
	for end < len(p.file.Text) && !isLayout(p.file.Text[end]) && p.file.Text[end] != '{' && p.file.Text[end] != ',' {
		end++
	}
	span := p.at(start, end).At
	p.unclosed(span, "`"+cutText(span.Text(), 40)+"`").WithLabel("a probe starts here, but a block is still open")
	if p.resumed++; p.resumed <= maxResumed {
		p.resume = start
	}
	p.mute()
	panic(bail{})
}

// statement parses one statement into b: it becomes the last of b.Stmts, or
// b.Value when it is the value of the block. A wrong statement is reported,
// skipped, and replaced by a BadStmt.
func (p *parser) statement(b *Block) {
	if p.accept(";") {
		return
	}
	start := p.i
	if s, value, ok := p.safeStmt(); ok {
		if value != nil {
			b.Value = value
		} else {
			b.Stmts = append(b.Stmts, s)
		}
		return
	}
	p.skipStatement(start)
	b.Stmts = append(b.Stmts, &BadStmt{p.from(start)})
}

// skipStatement moves past the next ';' or closed brace of this block, or to
// the '}' that ends it. start is the start of the statement. At least one token
// is consumed, so that parsing always makes progress.
func (p *parser) skipStatement(start int) {
	depth := 0
	for !p.eof() {
		switch {
		case p.is("{"):
			depth++
		case p.is("}"):
			if depth == 0 {
				return
			}
			if depth--; depth == 0 {
				p.next()
				if p.is(";") {
					p.next()
				}
				return
			}
		case p.is(";") && depth == 0:
			p.next()
			// After "(;" the brackets are still open, and an else belongs to an
			// if without braces.
			if !p.is(")") && !p.is("]") && !isIdent(p.tok(), "else") {
				return
			}
		}
		p.next()
	}
	if p.i == start {
		p.next()
	}
}

// safeStmt is like stmt, but recovers from bail.
func (p *parser) safeStmt() (s Stmt, value Expr, ok bool) {
	defer p.caught(p.depth)
	s, value = p.stmt()
	return s, value, true
}

// stmt parses one statement, or the value at the end of a block.
func (p *parser) stmt() (Stmt, Expr) {
	t := p.tok()
	start := t.Pos.Offset
	if t.Type == tIdent {
		if p.startsProbe() {
			p.probeInside()
		}
		switch t.Value {
		case "let":
			return p.let(), nil
		case "for":
			return p.forLoop(), nil
		case "while":
			p.next()
			s := &While{Cond: p.condition("while"), Body: p.body()}
			s.At = p.since(start)
			if !p.quiet && !p.muted && len(p.diags.All) < maxErrors {
				p.diags.Warnf("while-loop", p.at(start, tokEnd(t)).At, "while loops are deprecated").
					WithCompat("While loops are deprecated and may be removed in the future.").CompatAt(s.At.At).
					CompatHint("For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and can be used in place of while. These are more easily proven to be bounded by the verifier.").
					WithRow("E-WHILE-01").
					WithHelp("count with a range: `for ($i : 0..10) { … }`")
			}
			return s, nil
		case "unroll":
			p.next()
			s := &Unroll{N: p.condition("unroll"), Body: p.body()}
			s.At = p.since(start)
			return s, nil
		case "break", "continue", "return":
			p.next()
			s := &Jump{Word: t.Value}
			if t.Value == "return" && !p.is(";") && !p.stmtEnd() {
				s.X = p.expr()
			}
			s.At = p.since(start)
			p.terminate()
			return s, nil
		case "import":
			p.next()
			if p.tok().Type != tString {
				p.expected(wantModule)
				panic(bail{})
			}
			s := &ImportStmt{Path: p.stringLit()}
			s.At = p.since(start)
			p.terminate()
			return s, nil
		case "_":
			if isOp(p.ahead(1), "=") {
				p.next()
				p.next()
				s := &Discard{X: p.expr()}
				s.At = p.since(start)
				p.terminate()
				return s, nil
			}
		case "if":
			return p.blockLike(p.ifExpr())
		}
	}
	if p.is("{") {
		b := p.block()
		return p.blockLike(&BlockExpr{b.At, b})
	}
	x := p.expr()
	if op := p.tok(); op.Type == tOp && isAssignOp(op.Value) {
		p.next()
		bad := p.checkTarget(x, op.Value)
		s := &Assign{Target: x, Op: op.Value, OpAt: p.tokSpan(op), X: p.expr()}
		s.At = p.since(start)
		bad.CompatAt(s.At.At)
		if _, ok := x.(*Index); bad.Code == "invalid-target" && !ok {
			bad.WithCompat("expected ';'").CompatAt(s.OpAt) // for bpftrace the statement ends in front of the "="
		}
		p.terminate()
		return s, nil
	}
	if p.stmtEnd() {
		return nil, x
	}
	s := &ExprStmt{p.since(start), x}
	p.terminate()
	return s, nil
}

// stmtEnd reports whether the block ends here.
func (p *parser) stmtEnd() bool { return p.is("}") || p.eof() }

// blockLike makes a statement of an if or a block, or the value of the
// surrounding block if it is the last there and has a value. It needs no ';'.
func (p *parser) blockLike(x Expr) (Stmt, Expr) {
	if p.accept(";") {
		return &ExprStmt{At{x.Span()}, x}, nil
	}
	if p.stmtEnd() && HasValue(x) {
		return nil, x
	}
	return &ExprStmt{At{x.Span()}, x}, nil
}

// HasValue reports whether an if or a block as an expression can have a value:
// a block ends in an expression without ';', and so does every branch of an if,
// which has an else. Any other expression has one.
func HasValue(x Expr) bool {
	switch x := x.(type) {
	case *BlockExpr:
		return x.Block.Value != nil
	case *If:
		for {
			if x.Then.Value == nil {
				return false
			}
			next, chained := x.Else.(*If)
			if !chained {
				return x.Else != nil && HasValue(x.Else)
			}
			x = next
		}
	}
	return true
}

// terminate consumes the ';' that ends a statement, which is optional before a
// '}'. If only the ';' is missing, the next statement is parsed as usual.
func (p *parser) terminate() {
	if p.accept(";") || p.stmtEnd() {
		return
	}
	t := p.tok()
	end := p.prevEnd()
	if isOpenString(&p.toks[p.i-1]) {
		p.failed = true
		panic(bail{})
	}
	d := p.report("expected-token", source.Span{File: p.file, Start: end, End: end}, "expected `;`, found %s", p.found(t)).
		WithCompat("expected ';'").CompatAt(p.compatToken(t)).
		WithRow("A-ER-01").
		WithLabel("expected `;` after this statement")
	if strings.IndexByte(p.file.Text[end:t.Pos.Offset], '\n') >= 0 {
		return
	}
	p.hintAtStatement(d, t)
	panic(bail{})
}

// assignOps are the operators of an assignment.
var assignOps = []string{"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}

func isAssignOp(op string) bool {
	for _, a := range assignOps {
		if op == a {
			return true
		}
	}
	return false
}

// checkTarget reports an assignment to something that cannot be assigned to. The
// message is empty if there is nothing to report.
func (p *parser) checkTarget(x Expr, op string) *diag.Diagnostic {
	switch x := x.(type) {
	case *Var, *Map:
	case *Field:
		return p.report("immutable-target", x.At.At, "fields and tuple elements are immutable").
			WithCompat("Tuples and records are immutable once created. Consider creating a new value and assigning it instead.").
			WithRow("T-TUP-01").
			WithLabel("cannot be assigned to").
			WithHelp("assign a whole new value to the variable or map")
	case *Ident:
		return p.report("invalid-target", x.At.At, "invalid assignment target").
			SameCompat().
			WithRow("E-ASG-01").
			WithLabel("only a variable, a map or a map element can be assigned to").
			WithHelp("a variable starts with `$`: `$%s %s …`", x.Name, op)
	default:
		return p.report("invalid-target", x.Span(), "invalid assignment target").
			SameCompat().
			WithRow("E-ASG-01").
			WithLabel("only a variable, a map or a map element can be assigned to")
	}
	return &diag.Diagnostic{}
}

// let parses let $x : T = e.
func (p *parser) let() Stmt {
	start := p.off()
	p.next()
	if t := p.tok(); t.Type != tVar {
		d := p.expected(wantLetVar)
		switch t.Type {
		case tMap:
			d.WithHelp("maps need no declaration; to set the kind of a map write `let %s = hash(1024);` outside probes", t.Value)
		case tIdent:
			d.WithHelp("a variable starts with `$`: `let $%s`", t.Value)
		}
		panic(bail{})
	}
	s := &Let{Var: p.variable()}
	if p.accept(":") {
		s.Type = p.typeExpr()
	}
	if p.accept("=") {
		s.X = p.expr()
	}
	s.At = p.since(start)
	p.terminate()
	return s
}

// condition parses the condition of if, while and unroll, with or without
// parentheses.
func (p *parser) condition(word string) Expr {
	if p.is("{") {
		what := "a condition"
		if word == "unroll" {
			what = "the number of repetitions"
		}
		p.expected(what + " after `" + word + "`")
		panic(bail{})
	}
	return p.expr()
}

// body parses the block of a loop or a branch.
func (p *parser) body() *Block {
	if !p.is("{") {
		d := p.expected("`{`")
		if p.is("=") {
			p.hintAtEqual(d)
		} else {
			d.WithLabel("the block needs braces, for a single statement too")
		}
		panic(bail{})
	}
	return p.block()
}

// ifExpr parses if c { } else …; a chain of else if is read in a loop.
func (p *parser) ifExpr() Expr {
	var chain []*If
	high := 0
	for {
		start := p.off()
		p.next() // if
		x := &If{At: p.at(start, start)}
		if isIdent(p.tok(), "comptime") {
			p.next()
			x.Comptime = true
		}
		x.Cond = p.condition("if")
		high = max(high, p.high)
		x.Then = p.body()
		high = max(high, p.high)
		if len(chain) > 0 {
			chain[len(chain)-1].Else = x
		}
		chain = append(chain, x)
		if len(chain) > maxChain {
			p.tooDeep("more than %d branches of one `if`", maxChain)
		}
		if !isIdent(p.tok(), "else") {
			break
		}
		p.next()
		if isIdent(p.tok(), "if") {
			continue
		}
		b := p.body()
		x.Else = &BlockExpr{b.At, b}
		high = max(high, p.high)
		break
	}
	end := p.prevEnd()
	for _, x := range chain {
		x.At.At.End = end
	}
	p.high = high + len(chain)
	return chain[0]
}
