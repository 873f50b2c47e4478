package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
	"probe/lang/source"
)

// This file has the words of bpftrace's parser, for its command line.

// firstQuoted returns the first of the alternatives that a message offers, in
// bpftrace's quotes.
func firstQuoted(what string) string {
	what = strings.TrimPrefix(what, "`,` or ") // a list may go on, but what is missing is its end
	for _, w := range compatWants {
		if what == w.what {
			return w.compat
		}
	}
	if i := strings.IndexByte(what, '`'); i >= 0 {
		if j := strings.IndexByte(what[i+1:], '`'); j > 0 {
			return "'" + what[i+1:i+1+j] + "'"
		}
	}
	for _, article := range [...]string{"an ", "a ", "the "} {
		what = strings.TrimPrefix(what, article)
	}
	return what
}

// What a user is told to write, and bpftrace's words for it.
const (
	wantLetVar    = "a variable like `$name`"
	wantLoopVar   = "a loop variable like `$i`"
	wantModule    = "the name of a module in quotes"
	wantPredicate = "`/` at the end of the predicate, and `{` behind it"
)

var compatWants = [...]struct{ what, compat string }{
	{wantLetVar, "variable after 'let'"},
	{wantLoopVar, "variable in for loop"},
	{wantModule, "string after 'import'"},
	{wantPredicate, "'/' to close predicate"},
}

// compatEscape says what is wrong with an escape.
func compatEscape(text string) string {
	switch {
	case strings.HasPrefix(text, "\\x"):
		return "invalid hex escape sequence"
	case len(text) > 1 && text[1] >= '0' && text[1] <= '7':
		return "octal escape sequence out of range '" + text + "'"
	}
	return "invalid escape character '" + text + "'"
}

// compatEscapeAt returns the place of a wrong escape, whose characters behind
// the backslash are at span: what follows "\\x" where hexadecimal digits are
// missing.
func compatEscapeAt(span source.Span) source.Span {
	if span.Text() == "x" {
		span.Start, span.End = span.End, span.End+1
	}
	return span
}

// compatToken returns the place where bpftrace puts a message about an
// unexpected token: of a string, it has only read the quote.
func (p *parser) compatToken(t *lexer.Token) source.Span {
	at := p.tokSpan(t)
	if t.Type == tString {
		at.End = min(at.End, at.Start+1)
	}
	return at
}

// compatEnd returns the place of what is missing at a place: the end of the script
// where nothing but a comment without an end follows.
func (p *parser) compatEnd(at source.Span) source.Span {
	text := p.file.Text
	if i := skipLayout(text, at.Start); strings.HasPrefix(text[i:], "/*") && !strings.Contains(text[i+2:], "*/") {
		at.Start, at.End = len(text), len(text)
	}
	return at
}

// compatBehindRange returns the place where bpftrace notices that a loop has
// nothing to iterate over: behind the head.
func (p *parser) compatBehindRange() source.Span {
	i := p.i
	if p.is(")") && i+1 < len(p.toks) {
		i++
	}
	return p.compatToken(&p.toks[i])
}

// firstWord returns the place of the first word of an item.
func firstWord(at source.Span) source.Span {
	if i := strings.IndexAny(at.Text(), " \t\n=({"); i > 0 {
		at.End = at.Start + i
	}
	return at
}

// compatInteger words a wrong number, whose text is given, as bpftrace does.
func compatInteger(d *diag.Diagnostic, text, message string, at source.Span) {
	switch {
	case strings.HasPrefix(message, "invalid integer suffix"):
		d.WithCompat("%s", strings.ReplaceAll(message, "`", "'"))
	case strings.HasSuffix(text, "_"):
		d.WithCompat("trailing underscore in integer literal")
	case strings.HasPrefix(message, "invalid digit"), strings.HasPrefix(message, "invalid trailing"), message == "invalid integer exponent" && strings.HasSuffix(strings.ToLower(text), "e"):
		d.WithCompat("invalid trailing bytes: %s", text).CompatAt(at)
	case message == "invalid integer":
		d.WithCompat("invalid integer: %s", strings.TrimLeft(text, "0xX")).CompatAt(at)
	default:
		d.WithCompat("%s: %s", message, text).CompatAt(at)
	}
}
