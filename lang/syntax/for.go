package syntax

import (
	"probe/lang/diag"
	"probe/lang/source"
)

// forLoop parses for $v : @m { } and for $v : a..b { }.
func (p *parser) forLoop() Stmt {
	start := p.off()
	p.next()
	s := &For{}
	open := -1
	if p.is("(") {
		open = p.i
		p.next()
	}
	if p.tok().Type != tVar {
		p.badFor(open, wantLoopVar)
	}
	s.Var = p.variable()
	if !p.accept(":") {
		p.badFor(open, "`:`")
	}
	first := p.i
	x := p.unary()
	if p.accept("..") {
		s.From = x
		s.To = p.unary()
	} else if m, ok := x.(*Map); ok && m.Keys == nil {
		s.Map = x
	} else if !isBinaryOp(p.tok()) {
		p.badRange(x.Span(), "expected a map or a range").
			WithCompat("expected map or range in for loop").CompatAt(p.compatBehindRange()).
			WithLabel("a loop iterates over a map or a range of numbers").
			WithHelp("write `for ($kv : @map) { … }` or `for ($i : 0..10) { … }`")
		p.leaveFor(open)
	}
	if isBinaryOp(p.tok()) {
		end := p.tok()
		p.binaryRest(x, 1)
		p.badRange(p.from(first).At, "expected a map or a range").
			At(p.tokSpan(end), "calculated ends of a range need parentheses").
			WithHelp("write `0..($n + 1)`")
		p.leaveFor(open)
	}
	if open >= 0 && !p.accept(")") {
		p.badFor(open, "`)`")
	}
	s.Body = p.body()
	s.At = p.since(start)
	return s
}

// badFor reports a wrong head of a for loop and gives up on the loop. open is
// the index of its parenthesis, -1 if there is none.
func (p *parser) badFor(open int, what string) {
	t := p.tok()
	p.report("for-range", p.tokSpan(t), "expected %s, found %s", what, p.found(t)).
		WithCompat("expected %s", firstQuoted(what)).
		WithRow("E-FOR-01").
		WithHelp("write `for ($i : 0..10) { … }` to count, `for ($kv : @map) { … }` to go through a map")
	p.leaveFor(open)
}

// leaveFor abandons a loop. The rest of its head is skipped first, so that the
// semicolons of a C loop are not taken for ends of statements.
func (p *parser) leaveFor(open int) {
	if open >= 0 {
		if end := p.matching(open); end >= p.i {
			p.i = end + 1
		}
	}
	panic(bail{})
}

// badRange reports something that a loop cannot iterate over.
func (p *parser) badRange(span source.Span, message string) *diag.Diagnostic {
	return p.report("for-range", span, "%s", message).WithRow("A-ER-14")
}
