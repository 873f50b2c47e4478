package syntax

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
	"probe/lang/source"
)

// Parse parses a script. The tree is never nil: each part that could not be
// understood is a BadItem, BadStmt or BadExpr in it and an error in the list.
// The list is sorted and can hold warnings even without errors. Parse does not
// panic and runs in time linear in the size of the text.
func Parse(f *source.File) (*File, diag.List) {
	var diags diag.List
	out := &File{Source: f}
	if reportBinary(f, &diags) {
		return out, diags
	}
	g := acquireGrammar()
	defer releaseGrammar(g)
	sc := newScanner(f, &diags)
	g.p = parser{file: f, diags: &diags, sc: sc}
	skipMark(sc)
	out.Shebang = sc.shebang()
	order := order{p: &g.p}
	for !g.p.quiet && !sc.cut {
		kind := sc.startItem()
		if kind == itemNone {
			break
		}
		item := g.item(kind)
		out.Items = append(out.Items, item)
		order.check(kind, item)
		if g.p.resume > 0 && !sc.cut {
			sc.rewind(g.p.resume)
			g.p.resume = 0
		}
	}
	out.Comments = sc.comments
	diags.Sort()
	return out, diags
}

// rewind goes back to an offset and forgets the comments after it.
func (sc *scanner) rewind(offset int) {
	sc.pos = offset
	n := len(sc.comments)
	for n > 0 && sc.comments[n-1].At.At.Start >= offset {
		n--
	}
	sc.comments = sc.comments[:n]
}

// skipMark moves past a byte order mark.
func skipMark(sc *scanner) {
	if strings.HasPrefix(sc.s, "\ufeff") {
		sc.pos = len("\ufeff")
	}
}

// shebang reads the #! line if the script starts with one, after optional
// layout.
func (sc *scanner) shebang() string {
	sc.skipLayout()
	if !strings.HasPrefix(sc.s[sc.pos:], "#!") {
		return ""
	}
	start := sc.pos
	sc.pos = lineEnd(sc.s, sc.pos)
	return sc.s[start:sc.pos]
}

// minBad is the number of invalid bytes from which a short text counts as
// binary data.
const minBad = 16

// reportBinary reports a file that is not text: UTF-16, or one whose start has
// NUL bytes or mostly invalid bytes. It returns whether it did.
func reportBinary(f *source.File, diags *diag.List) bool {
	head := f.Text[:min(len(f.Text), 4096)]
	span := source.Span{File: f, Start: 0, End: min(len(f.Text), 1)}
	if strings.HasPrefix(head, "\xff\xfe") || strings.HasPrefix(head, "\xfe\xff") {
		diags.Errorf("not-text", span, "this file is UTF-16 text").
			WithHelp("save the script as UTF-8")
		return true
	}
	bad := 0
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRuneInString(head[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && !isLayout(byte(r)) {
			bad++
		}
		i += n
	}
	if (bad < minBad || bad*10 <= len(head)) && !strings.HasPrefix(head, "\x7fELF") {
		return false
	}
	d := diags.Errorf("not-text", span, "this file is not a script but binary data")
	if strings.HasPrefix(head, "\x7fELF") {
		d.WithNote("it is a compiled program (ELF)")
	}
	d.WithHelp("give the name of a script; scripts are UTF-8 text")
	return true
}

// item parses the scanner's current item.
func (g *grammar) item(kind itemKind) Item {
	p := &g.p
	sc := p.sc
	switch kind {
	case itemPreproc:
		span := sc.span(sc.start, sc.pos)
		return &Preproc{At{span}, span.Text()}
	case itemCDef:
		span := sc.span(sc.start, sc.pos)
		return &CDef{At{span}, span.Text()}
	}
	p.depth, p.high, p.alt, p.failed, p.muted = 0, 0, 0, false, false
	lex, err := lexer.Upgrade(sc)
	if err != nil { // the scanner never fails
		panic("syntax: " + err.Error())
	}
	p.enter(lex)
	doc := p.docComment()
	var item Item
	switch kind {
	case itemConfig:
		item, err = parseItem(g.config, lex, p.config)
	case itemImport:
		item, err = parseItem(g.imp, lex, p.imp)
	case itemMapDecl:
		item, err = parseItem(g.mapd, lex, p.mapDecl)
	case itemMacro:
		item, err = parseItem(g.macro, lex, p.macro(doc))
	case itemFn:
		item, err = parseItem(g.fn, lex, p.fn(doc))
	case itemNamedProbe:
		item, err = parseItem(g.named, lex, p.namedProbe(doc))
	case itemProbe:
		item, err = parseItem(g.probe, lex, p.probe(doc))
	}
	if err == nil {
		return item
	}
	p.headError(kind, lex, err)
	return &BadItem{At{sc.span(sc.start, p.prevEnd())}}
}

// parseItem runs one production over the tokens of an item and makes a node of
// the result.
func parseItem[G any](production *participle.Parser[G], lex *lexer.PeekingLexer, node func(*G) Item) (Item, error) {
	v, err := production.ParseFromLexer(lex)
	if err != nil {
		return nil, err
	}
	return node(v), nil
}

// headError reports what participle found wrong in the head of an item, in
// words a user knows, and then reads the body for further errors.
func (p *parser) headError(kind itemKind, lex *lexer.PeekingLexer, err error) {
	p.enter(lex)
	var unexpected *participle.UnexpectedTokenError
	if errors.As(err, &unexpected) {
		for i := range p.toks {
			if p.toks[i].Pos.Offset == unexpected.Unexpected.Pos.Offset {
				p.i = i
				break
			}
		}
	}
	if !p.failed {
		p.reportHead(kind)
	}
	if kind != itemProbe && kind != itemMacro && kind != itemFn {
		p.i = len(p.toks) - 1
		return
	}
	for !p.eof() && !p.is("{") {
		p.next()
	}
	if p.is("{") && !p.quiet {
		p.block()
	}
	p.i = len(p.toks) - 1
}

// docComment returns the text of the comment block that ends on the line above
// the current item, without comment marks.
func (p *parser) docComment() string {
	sc := p.sc
	line, _ := p.file.Position(sc.start)
	first := len(sc.comments)
	for first > 0 {
		c := sc.comments[first-1].At.At
		if c.Start > sc.start {
			first--
			continue
		}
		break
	}
	end := first
	for first > 0 {
		c := sc.comments[first-1].At.At
		last, _ := p.file.Position(c.End)
		start, col := p.file.Position(c.Start)
		if last != line-1 || strings.TrimSpace(p.file.Line(start)[:col-1]) != "" {
			break
		}
		line = start
		first--
	}
	var lines []string
	for _, c := range sc.comments[first:end] {
		lines = append(lines, commentText(c.Text)...)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// commentText returns the text of a comment without its marks, line by line.
func commentText(s string) []string {
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		return []string{strings.TrimRight(strings.TrimPrefix(rest, " "), " \t")}
	}
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(s, "/*"), "*/"), "\n")
	for i, l := range lines {
		l = strings.TrimRight(l, " \t\r")
		if trimmed, ok := strings.CutPrefix(strings.TrimLeft(l, " \t"), "*"); ok {
			l = trimmed
		}
		lines[i] = strings.TrimPrefix(l, " ")
	}
	return lines
}
