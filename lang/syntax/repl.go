package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
	"probe/lang/source"
)

// ParseExpr parses a text that is one expression with an optional ';' at the
// end. The expression is nil when there are errors.
func ParseExpr(f *source.File) (Expr, diag.List) {
	b, diags := ParseStmts(f)
	switch {
	case diags.HasErrors():
		return nil, diags
	case len(b.Stmts) == 0 && b.Value != nil:
		return b.Value, diags
	case len(b.Stmts) == 1 && b.Value == nil:
		if s, ok := b.Stmts[0].(*ExprStmt); ok {
			return s.X, diags
		}
	}
	span := b.At.At
	if len(b.Stmts) > 0 {
		span = b.Stmts[0].Span()
	}
	if len(b.Stmts) > 0 && b.Value != nil || len(b.Stmts) > 1 {
		diags.Errorf("expected-token", span, "expected one expression, found several statements")
	} else if len(b.Stmts) == 1 {
		diags.Errorf("expected-token", span, "expected an expression, found a statement")
	} else {
		diags.Errorf("expected-token", span, "expected an expression, found the end of the script")
	}
	return nil, diags
}

// ParseStmts parses a list of statements as written between the braces of a
// block. The last one needs no ';' and is the value of the block if it is an
// expression. The block is never nil.
func ParseStmts(f *source.File) (*Block, diag.List) {
	var diags diag.List
	if reportBinary(f, &diags) {
		return &Block{At: At{source.Span{File: f, End: len(f.Text)}}}, diags
	}
	p := stmtParser(f, &diags)
	b := &Block{}
	for !p.eof() {
		if p.is("}") {
			p.expected("a statement").WithLabel("no `{` is open here")
			p.next()
			continue
		}
		if b.Value != nil { // the value ends a block, so nothing can follow
			b.Stmts = append(b.Stmts, &ExprStmt{At{b.Value.Span()}, b.Value})
			b.Value = nil
		}
		p.statement(b)
	}
	b.At = p.at(0, len(f.Text))
	diags.Sort()
	return b, diags
}

// stmtParser returns a parser over the tokens of a whole text read as code.
func stmtParser(f *source.File, diags *diag.List) *parser {
	sc := newScanner(f, diags)
	skipMark(sc)
	sc.mode, sc.kind = modePred, itemMacro
	sc.depth = 1 << 30 // never ends at a '}'
	lex, err := lexer.Upgrade(sc)
	if err != nil { // the scanner never fails
		panic("syntax: " + err.Error())
	}
	p := &parser{file: f, diags: diags, sc: sc, bare: true}
	p.enter(lex)
	return p
}

// ParseMacroBody parses the body of an object-like C macro as an expression
// (row L-CMAC-01): ok is false if it is not one. Errors are not reported, since
// the macro may never be used. span is the place of the body in the script.
func ParseMacroBody(span source.Span) (x Expr, ok bool) {
	var diags diag.List
	f := span.File
	sc := newScanner(f, &diags)
	sc.s = f.Text[:span.End]
	sc.pos, sc.start = span.Start, span.Start
	sc.mode, sc.kind, sc.depth = modePred, itemMacro, 1<<30
	lex, err := lexer.Upgrade(sc)
	if err != nil { // the scanner never fails
		panic("syntax: " + err.Error())
	}
	p := &parser{file: f, diags: &diags, sc: sc, bare: true}
	p.enter(lex)
	x, ok = p.safeExpr()
	if !ok || !p.eof() || diags.HasErrors() {
		return nil, false
	}
	return x, true
}

// Incomplete reports whether a text typed so far continues on the next line: a
// brace, parenthesis, bracket or comment is open, or an attach point is
// expected after a comma. A text with an unclosed string is not incomplete:
// strings end on their line, so more lines cannot complete it.
func Incomplete(text string) bool {
	sc := newScanner(source.New("", text), new(diag.List))
	if IsItem(text) {
		return sc.incompleteItems()
	}
	sc.mode, sc.kind, sc.depth = modePred, itemMacro, 1<<30
	return sc.openBrackets() || sc.openComment()
}

// incompleteItems is like Incomplete for a text of top-level items.
func (sc *scanner) incompleteItems() bool {
	sc.shebang()
	for {
		switch sc.startItem() {
		case itemNone:
			return sc.openComment()
		case itemPreproc:
			continue
		case itemCDef:
			if sc.pos >= len(sc.s) && len(sc.diags.All) > 0 {
				return true
			}
			continue
		}
		if sc.openBrackets() || sc.mode == modePred || sc.openComment() {
			return true
		}
		if sc.mode == modeHeader && sc.last == lastOther {
			return true // after a comma or a predicate
		}
		if sc.mode == modeDecl && (sc.kind == itemMacro || sc.kind == itemFn || sc.kind == itemConfig) && !strings.HasSuffix(strings.TrimSpace(sc.s), ";") {
			return true // the head of something that has a body
		}
	}
}

// openBrackets reads the rest of the item and reports whether brackets are open
// at its end.
func (sc *scanner) openBrackets() bool {
	open := 0
	for {
		typ, start := sc.scan()
		if typ == lexer.EOF {
			return open > 0
		}
		if typ != tOp {
			continue
		}
		switch sc.s[start] {
		case '(', '[', '{':
			open++
		case ')', ']', '}':
			open--
		}
	}
}

// openComment reports whether a comment runs to the end of the text unclosed.
func (sc *scanner) openComment() bool {
	for _, d := range sc.diags.All {
		if d.Code == "unterminated-comment" {
			return true
		}
	}
	return false
}

// IsItem reports whether a text starts with a top-level item (a probe, a macro,
// a declaration, a C definition) and not with a statement or an expression. A
// probe is recognized by its attach point: a probe type and a ':' without a
// blank between them, or a word followed by '{', '/' or ','.
func IsItem(text string) bool {
	sc := newScanner(source.New("", text), new(diag.List))
	sc.shebang()
	sc.skipLayout()
	if sc.pos >= len(sc.s) {
		return false
	}
	switch sc.classify() {
	case itemMapDecl: // let $x is a statement
		next := skipLayout(sc.s, wordEnd(sc.s, sc.pos))
		return next < len(sc.s) && sc.s[next] == '@'
	case itemProbe:
	default:
		return true
	}
	end := sc.pos
	for end < len(sc.s) && (isWord(sc.s[end]) || sc.s[end] == '.' || sc.s[end] == '*' && end > sc.pos) {
		end++
	}
	word := sc.s[sc.pos:end]
	if word == "" || !isLetter(word[0]) || reserved(word) {
		return false
	}
	if end < len(sc.s) && sc.s[end] == ':' {
		return end+1 < len(sc.s) && !isLayout(sc.s[end+1])
	}
	next := skipLayout(sc.s, end)
	if next >= len(sc.s) {
		return false
	}
	switch sc.s[next] {
	case '{':
		return true
	case ',':
		return true
	case '/': // begin /pid/ { … }, not a / b
		return strings.Contains(sc.s[next+1:], "/") && strings.Contains(sc.s[next+1:], "{")
	case '=': // name=kprobe:f { … }
		return next == end && strings.Contains(sc.s[next:], ":") && strings.Contains(sc.s[next:], "{")
	}
	return false
}
