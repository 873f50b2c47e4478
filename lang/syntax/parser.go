package syntax

import (
	"fmt"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
	"probe/lang/source"
)

// Bounds on the depth of the tree. The checker, the formatter and the compiler
// walk it recursively, and a script must not exhaust the stack.
const (
	maxDepth   = 500  // brackets, blocks and prefix operators inside each other
	maxChain   = 5000 // consecutive operators of one level: a + b + c …, a.b.c …
	maxErrors  = 100  // parsing stops after this many
	maxResumed = 10   // times that parsing resumes at a probe inside an unclosed block
)

// parser is the state of one parse. The functions for blocks, statements,
// expressions and types are plain recursive descent over the tokens of the
// current item. A syntax error inside a statement is recorded and unwinds to
// the statement by a panic with bail, which never leaves this package.
type parser struct {
	file  *source.File
	diags *diag.List
	sc    *scanner
	toks  []lexer.Token // of the current item, the end included
	i     int           // index of the next one

	depth   int          // nesting of the tree at this point
	high    int          // longest operator chain below the expression just parsed
	alt     int          // see unary
	failed  bool         // an error was reported inside the current item
	muted   bool         // report nothing more about this item
	quiet   bool         // too deep or too many errors: report nothing more at all
	resume  int          // where the next item really starts, 0 if after this one
	resumed int          // how often that happened
	brace   *lexer.Token // the '{' of the innermost open block
	bare    bool         // statements end at the end of the text, not at a '}'
}

// bail is the value of the panic that unwinds to the statement after its error
// has been reported.
type bail struct{}

// enter takes over the tokens of an item from participle.
func (p *parser) enter(lex *lexer.PeekingLexer) {
	p.toks = lex.Range(0, lexer.RawCursor(p.sc.tokens))
	p.i = int(lex.RawCursor())
}

// leave passes the parser's position back to participle.
func (p *parser) leave(lex *lexer.PeekingLexer) {
	if p.i > int(lex.RawCursor()) {
		lex.FastForward(lexer.RawCursor(p.i - 1))
	}
}

// blockProduction parses a block for a grammar struct.
func (p *parser) blockProduction(lex *lexer.PeekingLexer) (blockPart, error) {
	p.enter(lex)
	if !p.is("{") {
		return nil, participle.NextMatch
	}
	b := p.block()
	p.leave(lex)
	return b, nil
}

// exprProduction parses an expression for a grammar struct. A wrong one is
// reported and skipped, so participle always sees a good one.
func (p *parser) exprProduction(lex *lexer.PeekingLexer) (exprPart, error) {
	p.enter(lex)
	start := p.i
	empty := p.sc.kind == itemMapDecl && p.is(")")
	before := len(p.diags.All)
	x, ok := p.safeExpr()
	if !ok {
		if empty && len(p.diags.All) > before {
			d := p.diags.All[len(p.diags.All)-1]
			d.SameCompat().WithRow("L-MAPD-01").WithLabel("the number of entries is missing").
				WithHelp("say how many entries the map has room for, for example 1000")
		}
		for !p.eof() && p.tok().Type != tPredClose && !(p.is(")") && p.sc.kind == itemMapDecl) {
			p.next()
		}
		x = &BadExpr{p.from(start)}
	}
	p.leave(lex)
	return x, nil
}

// typeProduction parses a type for a grammar struct.
func (p *parser) typeProduction(lex *lexer.PeekingLexer) (typePart, error) {
	p.enter(lex)
	t, ok := p.safeType()
	if !ok {
		for !p.eof() && !p.is(",") && !p.is(")") && !p.is("{") {
			p.next()
		}
		t = &TypeExpr{Name: "int64"}
	}
	p.leave(lex)
	return t, nil
}

// safeExpr is like expr, but recovers from bail.
func (p *parser) safeExpr() (x Expr, ok bool) {
	defer p.caught(p.depth)
	x = p.expr()
	return x, true
}

// safeType is like typeExpr, but recovers from bail.
func (p *parser) safeType() (t *TypeExpr, ok bool) {
	defer p.caught(p.depth)
	t = p.typeExpr()
	return t, true
}

// caught stops a bail at a deferred call and restores the nesting depth.
func (p *parser) caught(depth int) {
	switch r := recover(); r.(type) {
	case nil:
	case bail:
		p.depth = depth
	default:
		panic(r)
	}
}

// tok returns the next token. At the end it keeps returning the end-of-file
// token.
func (p *parser) tok() *lexer.Token { return &p.toks[p.i] }

// ahead returns the token n places further, or the end.
func (p *parser) ahead(n int) *lexer.Token {
	return &p.toks[min(p.i+n, len(p.toks)-1)]
}

func (p *parser) eof() bool { return p.toks[p.i].Type == lexer.EOF }

// next consumes a token.
func (p *parser) next() *lexer.Token {
	t := &p.toks[p.i]
	if t.Type != lexer.EOF {
		p.i++
	}
	return t
}

// is reports whether the next token is this operator or bracket.
func (p *parser) is(op string) bool { return isOp(&p.toks[p.i], op) }

func isOp(t *lexer.Token, op string) bool { return t.Type == tOp && t.Value == op }

func isIdent(t *lexer.Token, word string) bool { return t.Type == tIdent && t.Value == word }

// accept consumes the operator if it is next.
func (p *parser) accept(op string) bool {
	if p.is(op) {
		p.i++
		return true
	}
	return false
}

// off returns where the next token starts.
func (p *parser) off() int { return p.toks[p.i].Pos.Offset }

// prevEnd returns where the last consumed token ended.
func (p *parser) prevEnd() int {
	if p.i == 0 {
		return p.toks[0].Pos.Offset
	}
	return tokEnd(&p.toks[p.i-1])
}

// at returns the place [start, end).
func (p *parser) at(start, end int) At {
	return At{source.Span{File: p.file, Start: start, End: end}}
}

// since returns the place from the offset start to the last consumed token.
func (p *parser) since(start int) At { return p.at(start, max(start, p.prevEnd())) }

// from is like since, but starts at the token with index first.
func (p *parser) from(first int) At { return p.since(p.toks[first].Pos.Offset) }

// tokSpan returns the place of a token; for the end of the text it is just past
// the last token.
func (p *parser) tokSpan(t *lexer.Token) source.Span {
	if t.Type == lexer.EOF {
		end := p.prevEnd()
		return source.Span{File: p.file, Start: end, End: end}
	}
	return source.Span{File: p.file, Start: t.Pos.Offset, End: tokEnd(t)}
}

// joins returns the place from a to b.
func joins(a, b Node) At { return At{a.Span().To(b.Span())} }

// report adds an error unless errors are suppressed. The returned message is
// never nil, so callers can add to it.
func (p *parser) report(code diag.Code, span source.Span, format string, args ...any) *diag.Diagnostic {
	p.failed = true
	if p.quiet || p.muted || p.sc.cut {
		return &diag.Diagnostic{}
	}
	d := p.diags.Errorf(code, span, format, args...)
	if len(p.diags.All) >= maxErrors {
		p.stop()
	}
	return d
}

// stop ends the parse without further messages.
func (p *parser) stop() {
	p.quiet = true
	p.mute()
}

// mute makes the parser skip to the end of the item without further messages.
func (p *parser) mute() {
	p.muted = true
	if len(p.toks) > 0 {
		p.i = len(p.toks) - 1
	}
}

// expected reports that something else was expected in place of the next
// token.
func (p *parser) expected(what string) *diag.Diagnostic {
	t := p.tok()
	if p.i > 0 && (isOpenString(&p.toks[p.i-1]) || p.sc.open > 0 && p.toks[p.i-1].Type == tAttach) {
		p.failed = true // the unclosed string was reported, and contains what is missing here
		return &diag.Diagnostic{}
	}
	return p.report("expected-token", p.tokSpan(t), "expected %s, found %s", what, p.found(t)).
		WithCompat("expected %s", firstQuoted(what)).CompatAt(p.compatToken(t))
}

// isOpenString reports whether a token is a string without its closing quote.
func isOpenString(t *lexer.Token) bool {
	s, n := t.Value, len(t.Value)
	return t.Type == tString && (n < 2 || s[n-1] != s[0] || escapedEnd(s[1:n-1]))
}

// found describes a token in words a user knows.
func (p *parser) found(t *lexer.Token) string {
	text := t.Value
	if len(text) > 40 {
		text = cutText(text, 40) + "…"
	}
	switch t.Type {
	case lexer.EOF:
		if skipLayout(p.file.Text, p.sc.pos) < len(p.file.Text) && p.sc.ended && !p.bare {
			return "the end of the line"
		}
		return "the end of the script"
	case tString:
		return "the string " + fmt.Sprintf("`%s`", text)
	case tInt:
		return fmt.Sprintf("the number `%s`", text)
	}
	return fmt.Sprintf("`%s`", text)
}

// cutText returns at most n bytes of s without splitting a character.
func cutText(s string, n int) string {
	if n >= len(s) {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// need consumes the operator or fails.
func (p *parser) need(op string) {
	if !p.accept(op) {
		p.expected("`" + op + "`")
		panic(bail{})
	}
}

// deeper enters one level of the tree. Callers leave it with p.depth--; after
// an error, caught restores the depth.
func (p *parser) deeper() {
	if p.depth++; p.depth > maxDepth {
		p.tooDeep("the code is nested more than %d levels deep", maxDepth)
	}
}

// longer counts one more operator in a chain that is n long.
func (p *parser) longer(n int) int {
	if n++; n > maxChain {
		p.tooDeep("more than %d operators in one expression", maxChain)
	}
	return n
}

func (p *parser) tooDeep(format string, n int) {
	span := p.tokSpan(p.tok())
	p.report("too-deep", span, format, n).
		WithLabel("the rest is not read").
		WithHelp("split it: keep parts in variables, or move them to a macro")
	p.stop()
	panic(bail{})
}
