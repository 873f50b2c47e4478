package syntax

import (
	"fmt"
	"strings"

	"probe/lang/source"
)

// Format returns the canonical text of a script. Comments keep their places, at
// most one blank line in a row is kept, parentheses stay as written, and a
// block written on one line stays on one line if it fits. Parsing the result
// yields the same tree (see Equal), and formatting it again the same text.
// Parts that could not be parsed are copied unchanged.
func Format(f *File) string {
	p := &printer{comments: f.Comments, text: f.Source.Text}
	prev := 0
	if f.Shebang != "" {
		p.put(f.Shebang)
		prev = strings.Index(p.text, f.Shebang) + len(f.Shebang)
		p.started = true
	}
	for _, item := range f.Items {
		prev = p.lead(prev, item.Span().Start)
		p.item(item)
		p.started = true
		prev = max(prev, item.Span().End)
	}
	p.tail(prev, len(p.text))
	out := (&layout{ops: p.ops}).run()
	if out == "" {
		return ""
	}
	return strings.TrimRight(out, "\n") + "\n"
}

// String returns the type as the formatter prints it.
func (t *TypeExpr) String() string {
	p := &printer{}
	p.typ(t)
	return (&layout{ops: p.ops}).run()
}

// printer turns a tree into layout operations.
type printer struct {
	ops      []layoutOp
	text     string     // of the script, "" for parts of trees
	comments []*Comment // not printed yet
	started  bool       // something has been printed
}

func (p *printer) op(k opKind)  { p.ops = append(p.ops, layoutOp{kind: k}) }
func (p *printer) put(s string) { p.ops = append(p.ops, layoutOp{opText, s}) }
func (p *printer) putf(format string, args ...any) {
	p.put(fmt.Sprintf(format, args...))
}

// at prints the comments in front of a token inside a statement or a head. A
// line comment forces a line break.
func (p *printer) at(span source.Span) {
	if !span.Valid() {
		return
	}
	for len(p.comments) > 0 && p.comments[0].At.At.Start < span.Start {
		c := p.take()
		if n := len(p.ops); n > 0 && p.ops[n-1].kind == opText && !strings.HasSuffix(p.ops[n-1].text, " ") &&
			!strings.HasSuffix(p.ops[n-1].text, "(") && !strings.HasSuffix(p.ops[n-1].text, "[") {
			p.put(" ")
		}
		p.comment(c)
		if c.Text[1] == '/' {
			p.op(opHard)
		} else {
			p.put(" ")
		}
	}
}

func (p *printer) take() *Comment {
	c := p.comments[0]
	p.comments = p.comments[1:]
	return c
}

// comment prints the text of a comment. Lines of a block comment that start
// with '*' are aligned under the first one, other lines stay as they are.
func (p *printer) comment(c *Comment) {
	for i, l := range strings.Split(c.Text, "\n") {
		l = strings.TrimRight(l, " \t\r")
		star := strings.TrimLeft(l, " \t")
		switch {
		case i == 0:
			p.put(l)
		case strings.HasPrefix(star, "*"):
			p.op(opHard)
			p.ops = append(p.ops, layoutOp{opAligned, " " + star})
		default:
			p.op(opHard)
			p.ops = append(p.ops, layoutOp{opVerbatim, l})
		}
	}
}

// lead prints the comments between two elements of a list (items, statements),
// where prev is the end of the element before and start the start of the next
// one, and ends at the start of a fresh line.
func (p *printer) lead(prev, start int) int {
	prev = p.loose(prev, start)
	p.separate(prev, start)
	return start
}

// tail prints the comments after the last element of a list.
func (p *printer) tail(prev, end int) { p.loose(prev, end) }

// loose prints the comments before end. A comment on the line of the previous
// element stays on that line; the others get lines of their own.
func (p *printer) loose(prev, end int) int {
	for len(p.comments) > 0 && p.comments[0].At.At.Start < end {
		c := p.take()
		span := c.At.At
		if p.started && (span.Start < prev || strings.IndexByte(p.text[prev:span.Start], '\n') < 0) {
			p.put(" ")
		} else {
			p.separate(prev, span.Start)
		}
		p.comment(c)
		p.started = true
		prev = max(prev, span.End)
	}
	return prev
}

// separate ends the line and adds an empty line if the source has one there.
func (p *printer) separate(prev, start int) {
	switch {
	case !p.started:
	case start > prev && strings.Count(p.text[prev:start], "\n") > 1 && !p.afterOpen():
		p.op(opBlank)
	default:
		p.op(opHard)
	}
}

// afterOpen reports whether a block has just been opened.
func (p *printer) afterOpen() bool {
	n := len(p.ops)
	return n > 0 && p.ops[n-1].kind == opIndent
}

// item prints one top-level item.
func (p *printer) item(item Item) {
	switch n := item.(type) {
	case *Preproc:
		p.put(n.Text)
	case *CDef:
		p.put(strings.ReplaceAll(n.Text, "\r\n", "\n"))
	case *BadItem:
		p.raw(n.At.At)
	case *Config:
		p.configItem(n)
	case *Import:
		p.put("import ")
		p.expr(n.Path)
		p.put(";")
	case *MapDecl:
		p.at(n.NameAt)
		p.putf("let @%s = %s(", n.Name, n.Kind)
		p.expr(n.Entries)
		p.put(");")
	case *Macro:
		p.putf("macro %s(", n.Name)
		for i, param := range n.Params {
			p.comma(i)
			p.at(param.At.At)
			p.put([...]string{ParamWord: "", ParamVar: "$", ParamMap: "@"}[param.Kind] + param.Name)
		}
		p.put(") ")
		p.block(n.Body)
	case *Fn:
		p.putf("fn %s(", n.Name)
		for i, param := range n.Params {
			p.comma(i)
			p.at(param.At.At)
			p.putf("$%s : ", param.Name)
			p.typ(param.Type)
		}
		p.put(") : ")
		p.typ(n.Result)
		p.put(" ")
		p.block(n.Body)
	case *NamedProbe:
		p.putf("probe %s = ", n.Name)
		for i, a := range n.Alts {
			if i > 0 {
				p.put(" | ")
			}
			p.at(a.At.At)
			p.put(a.Raw)
		}
		p.put(";")
	case *Probe:
		p.probe(n)
	default:
		panic(fmt.Sprintf("syntax: Format of %T", item))
	}
}

// raw copies a part of the source that could not be parsed.
func (p *printer) raw(span source.Span) {
	for len(p.comments) > 0 && p.comments[0].At.At.Start < span.End {
		p.take() // it is in the copied text
	}
	p.put(span.Text())
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.put(", ")
	}
}

// configItem prints the config block with one entry per line.
func (p *printer) configItem(n *Config) {
	p.put("config = {")
	p.started = true
	if len(n.Entries) == 0 && !p.commentBefore(n.At.At.End) {
		p.put(" }")
		return
	}
	p.op(opIndent)
	prev := n.At.At.Start + strings.IndexByte(n.At.At.Text(), '{') + 1
	for _, e := range n.Entries {
		p.lead(prev, e.At.At.Start)
		p.putf("%s = ", e.Key)
		p.expr(e.Value)
		p.put(";")
		prev = e.At.At.End
	}
	p.tail(prev, n.At.At.End-1)
	p.op(opDedent)
	p.op(opHard)
	p.put("}")
}

// commentBefore reports whether a comment that is not printed yet starts before
// an offset.
func (p *printer) commentBefore(end int) bool {
	return len(p.comments) > 0 && p.comments[0].At.At.Start < end
}

// probe prints a probe. A single attach point shares the line of the brace;
// several get a line each.
func (p *printer) probe(n *Probe) {
	p.op(opOpen)
	for i, a := range n.Attach {
		if i > 0 {
			p.put(",")
			p.op(opHard)
		}
		p.at(a.At.At)
		p.put(a.Raw)
	}
	if n.Pred != nil {
		p.op(opBreak)
		p.put("/")
		open := len(p.ops)
		p.expr(n.Pred)
		for _, op := range p.ops[open:] {
			if op.text != "" {
				if op.text[0] == '*' { // "/*" would start a comment
					p.ops[open-1].text = "/ "
				}
				break
			}
		}
		p.put("/")
	}
	if p.commentBefore(n.Body.At.At.Start) {
		p.put(" ")
		for p.commentBefore(n.Body.At.At.Start) {
			p.comment(p.take())
			p.op(opHard)
		}
	} else {
		p.op(opBreak)
	}
	p.op(opClose)
	p.block(n.Body)
}

// block prints a block, on one line if it was written so and fits.
func (p *printer) block(b *Block) {
	span := b.At.At
	p.put("{")
	p.started = true
	if len(b.Stmts) == 0 && b.Value == nil && !p.commentBefore(span.End) {
		p.put(" }")
		return
	}
	if p.oneLine(b) {
		p.op(opOpen)
		p.op(opIndent)
		for i, s := range b.Stmts {
			p.op(opBreak)
			p.stmt(s, i == len(b.Stmts)-1 && b.Value == nil)
		}
		if b.Value != nil {
			p.op(opBreak)
			p.expr(b.Value)
		}
		p.op(opDedent)
		p.op(opBreak)
		p.op(opClose)
		p.put("}")
		return
	}
	p.op(opIndent)
	prev := span.Start + 1
	for i, s := range b.Stmts {
		p.between(&prev, s)
		p.stmt(s, i == len(b.Stmts)-1 && b.Value == nil)
	}
	if b.Value != nil {
		p.between(&prev, b.Value)
		p.expr(b.Value)
	}
	if span.Valid() {
		p.tail(prev, span.End-1)
	}
	p.op(opDedent)
	p.op(opHard)
	p.put("}")
}

// between starts the line of the next statement of a block.
func (p *printer) between(prev *int, n Node) {
	span := n.Span()
	if !span.Valid() || p.text == "" {
		p.op(opHard)
		return
	}
	p.lead(*prev, span.Start)
	*prev = span.End
}

// oneLine reports whether a block may be printed on one line: it was written on
// one line, has few statements (fewer if one of them has a block) and contains
// no comment.
func (p *printer) oneLine(b *Block) bool {
	span := b.At.At
	if !span.Valid() || p.commentBefore(span.End) || strings.IndexByte(span.Text(), '\n') >= 0 {
		return false
	}
	most := 4
	for _, s := range b.Stmts {
		switch s := s.(type) {
		case *For, *While, *Unroll:
			most = 2
		case *ExprStmt:
			switch s.X.(type) {
			case *If, *BlockExpr:
				most = 2
			}
		}
	}
	return len(b.Stmts) <= most
}
