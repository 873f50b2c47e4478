package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }
func isLayout(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}

// wordEnd returns the first offset at or after pos that is not part of a word.
func wordEnd(s string, pos int) int {
	for pos < len(s) && isWord(s[pos]) {
		pos++
	}
	return pos
}

// lineEnd returns the offset of the line end at or after pos, before a CR if
// the line ends in CR LF.
func lineEnd(s string, pos int) int {
	end := len(s)
	if i := strings.IndexByte(s[pos:], '\n'); i >= 0 {
		end = pos + i
	}
	if end > pos && s[end-1] == '\r' {
		end--
	}
	return end
}

// operators holds the operators of more than one character by their first
// one, longest first.
var operators = [128][]string{
	'-': {"->", "--", "-="}, '+': {"++", "+="}, '*': {"*="}, '/': {"/="}, '%': {"%="},
	'&': {"&&", "&="}, '|': {"||", "|="}, '^': {"^="}, '=': {"=="}, '!': {"!="},
	'<': {"<<=", "<<", "<="}, '>': {">>=", ">>", ">="}, '.': {".."},
}

const singles = "{}()[],;:.?=+-*/%&|^!~<>"

// operatorLen returns the length of the operator or bracket that s starts with,
// 0 if it starts with none.
func operatorLen(s string) int {
	c := s[0]
	if c >= 128 {
		return 0
	}
	for _, op := range operators[c] {
		if strings.HasPrefix(s, op) {
			return len(op)
		}
	}
	if strings.IndexByte(singles, c) >= 0 {
		return 1
	}
	return 0
}

// skipLayout returns the offset of the first byte at or after pos that is
// neither blank nor in a comment.
func skipLayout(s string, pos int) int {
	for pos < len(s) {
		switch c := s[pos]; {
		case isLayout(c):
			pos++
		case c == '/' && pos+1 < len(s) && s[pos+1] == '/':
			pos = lineEnd(s, pos)
		case c == '/' && pos+1 < len(s) && s[pos+1] == '*':
			i := strings.Index(s[pos+2:], "*/")
			if i < 0 {
				return len(s)
			}
			pos += i + 4
		default:
			return pos
		}
	}
	return pos
}

// skipLayout moves to the next token and keeps the comments on the way.
func (sc *scanner) skipLayout() {
	for sc.pos < len(sc.s) {
		switch c := sc.s[sc.pos]; {
		case isLayout(c):
			sc.pos++
		case c == '/' && strings.HasPrefix(sc.s[sc.pos:], "//"):
			sc.comment(lineEnd(sc.s, sc.pos))
		case c == '/' && strings.HasPrefix(sc.s[sc.pos:], "/*"):
			i := strings.Index(sc.s[sc.pos+2:], "*/")
			if i >= 0 {
				sc.comment(sc.pos + i + 4)
				continue
			}
			sc.diags.Errorf("unterminated-comment", sc.span(sc.pos, sc.pos+2), "unterminated comment").
				WithRow("L-LEX-03").
				WithLabel("this comment is never closed").
				WithHelp("close it with `*/`")
			sc.comment(len(sc.s))
		default:
			return
		}
	}
}

// comment keeps the comment from sc.pos to end.
func (sc *scanner) comment(end int) {
	sc.comments = append(sc.comments, &Comment{At{sc.span(sc.pos, end)}, sc.s[sc.pos:end]})
	sc.pos = end
}

// lookalikes are characters that word processors and web pages substitute for
// plain ones.
var lookalikes = map[rune]struct{ name, plain string }{
	'\u201c': {"a typographic quote", "`\"`"}, '\u201d': {"a typographic quote", "`\"`"},
	'\u2018': {"a typographic quote", "`\"`"}, '\u2019': {"a typographic quote", "`\"`"},
	'\u2013': {"a dash", "`-`"}, '\u2014': {"a dash", "`-`"}, '\u2212': {"a minus sign", "`-`"},
	'\u00a0': {"a no-break space", "an ordinary blank"}, '\u3000': {"a wide blank", "an ordinary blank"},
	'\u200b': {"an invisible space", "nothing"}, '\ufeff': {"a byte order mark", "nothing"},
	'\u00d7': {"a multiplication sign", "`*`"}, '\u2026': {"an ellipsis", "`..`"},
}

// maxBadRuns is the maximum number of places with bad characters reported per
// file; a file with more is not a script.
const maxBadRuns = 50

// badCharacters skips and reports a run of characters that belong to no token.
func (sc *scanner) badCharacters() {
	start := sc.pos
	r, n := utf8.DecodeRuneInString(sc.s[start:])
	sc.pos += n
	for sc.pos < len(sc.s) && sc.isBad(sc.s[sc.pos]) {
		_, n := utf8.DecodeRuneInString(sc.s[sc.pos:])
		sc.pos += n
	}
	if sc.bad++; sc.bad > maxBadRuns {
		return
	}
	d := sc.diags.Errorf("bad-character", sc.span(start, sc.pos), "%s is not part of the language", runeName(r, n)).
		WithRow("L-LEX-01")
	switch like, ok := lookalikes[r]; {
	case ok:
		d.WithLabel("this is %s", like.name).WithHelp("write %s instead", like.plain)
	case r == '\'':
		d.WithLabel("strings are written in double quotes")
	case r == '$':
		d.WithCompat("expected identifier after '$'").WithLabel("a name or a number is missing after `$`").WithHelp("write `$name` for a variable, `$1` for the first parameter, `$#` for their number")
	case r == utf8.RuneError && n == 1:
		d.WithLabel("this is not UTF-8 text").WithHelp("save the script as UTF-8")
	case r == 0:
		d.WithLabel("scripts are text; this is a NUL byte")
	default:
		d.WithLabel("only strings and comments can contain this")
	}
}

// badString reads the n bytes of a single-quoted string as if it were
// double-quoted, so that it causes only one error.
func (sc *scanner) badString(n int) {
	start := sc.pos
	sc.pos += n
	if sc.bad++; sc.bad > maxBadRuns {
		return
	}
	d := sc.diags.Errorf("bad-character", sc.span(start, sc.pos), "single quotes are not part of the language").
		WithRow("L-STR-01").
		WithLabel("strings are written in double quotes").
		WithHelp("write `\"%s\"`", sc.s[start+1:sc.pos-1])
	if n == 3 {
		d.WithNote("there are no character literals; `\"%s\"[0]` is the number of the character", sc.s[start+1:sc.pos-1])
	}
}

// misplacedHash skips and reports a preprocessor line inside code.
func (sc *scanner) misplacedHash() {
	start := sc.pos
	sc.pos = lineEnd(sc.s, start)
	if sc.bad++; sc.bad > maxBadRuns {
		return
	}
	sc.diags.Errorf("bad-character", sc.span(start, sc.pos), "`#` has no meaning here").
		WithRow("L-PRE-01").
		WithLabel("preprocessor lines belong at the top of the script, outside braces").
		WithHelp("a comment starts with `//`")
}

// isBad reports whether c cannot be part of any token.
func (sc *scanner) isBad(c byte) bool {
	return c >= utf8.RuneSelf || c < ' ' && !isLayout(c) || c == 0x7f || c == '`'
}

// runeName names a character for a message.
func runeName(r rune, n int) string {
	switch {
	case r == utf8.RuneError && n == 1:
		return "a byte that is not UTF-8"
	case r == '`':
		return "a backquote"
	case r < ' ' || r == 0x7f:
		return fmt.Sprintf("the control character %U", r)
	}
	return fmt.Sprintf("the character `%c`", r)
}
