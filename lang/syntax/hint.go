package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
)

// hintAtStatement adds a help for text between two statements that looks like a
// habit from C or another scripting language.
func (p *parser) hintAtStatement(d *diag.Diagnostic, t *lexer.Token) {
	prev := &p.toks[max(p.i-1, 0)]
	switch {
	case isOp(t, "="):
		d.WithHelp("assignments cannot be chained; write one statement for each")
	case isOp(t, ")") || isOp(t, "]"):
		d.At(p.tokSpan(t), "there is nothing open here to close")
	case isOp(t, ":") && isOp(p.ahead(1), "="):
		d.WithHelp("an assignment is written with `=`")
	case isOp(t, ":") && prev.Type == tIdent:
		d.WithHelp("if a new probe starts here, a `}` is missing above")
	case prev.Type == tIdent && (isTypeWord(prev.Value) || prev.Value == "struct") && (t.Type == tIdent || t.Type == tVar):
		d.WithHelp("declare a variable with `let $%s : %s;`, or just assign to `$%s`",
			strings.TrimPrefix(t.Value, "$"), prev.Value, strings.TrimPrefix(t.Value, "$"))
	case prev.Type == tIdent && t.Type == tString:
		d.WithHelp("arguments are written in parentheses: `%s(%s)`", prev.Value, cutText(t.Value, 20))
	}
}

// hintAtEqual adds a help for a '=' inside an expression, which usually means
// '=='.
func (p *parser) hintAtEqual(d *diag.Diagnostic) {
	if next := p.ahead(1); next.Pos.Offset == tokEnd(p.tok()) && (isOp(next, ">") || isOp(next, "<")) {
		d.WithHelp("write `%s=`", next.Value)
		return
	}
	d.WithHelp("`==` compares; an assignment is a separate statement")
}

// helpProbe adds a help that fits the text of a wrong probe head.
func (p *parser) helpProbe(d *diag.Diagnostic, t *lexer.Token) {
	text := t.Value
	if prev := &p.toks[max(p.i-1, 0)]; prev.Type == tAttach && strings.Contains(prev.Value, "/") {
		d.At(p.tokSpan(prev), "after a `:` a `/` belongs to a path").
			WithHelp("put a space before the predicate")
		return
	}
	switch {
	case t.Type == lexer.EOF:
		d.WithHelp("a probe has a body in braces: `kprobe:vfs_read { … }`")
	case t.Type == tAttach && (strings.Contains(text, "(") || strings.HasPrefix(text, "@") || strings.HasPrefix(text, "$")):
		d.WithLabel("statements are only allowed inside probes").
			WithHelp("put the statements of a probe in braces")
	case t.Type == tAttach:
		d.WithHelp("attach points are separated by `,`")
	}
}
