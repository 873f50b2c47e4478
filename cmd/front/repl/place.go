package repl

import (
	"strings"

	"probe/lang/syntax"
)

// placeKind says what is being typed at the cursor.
type placeKind uint8

const (
	inCode   placeKind = iota
	inHeader           // the attach points of a clause
	inText             // a string or a comment
)

// place describes the position of the cursor in an unfinished input.
type place struct {
	kind   placeKind
	item   bool   // the input is items, not statements
	header string // attach points of the clause around the cursor
	body   int    // where the code around the cursor begins
	stmt   int    // where its last statement begins
	depth  int    // open braces, the body's own included
	word   int    // inHeader: where the attach point begins
}

// headed matches inputs that begin with an attach point, complete or not.
var headed = pattern(`^\s*[A-Za-z][\w*]*:`)

// placeOf scans an input up to the cursor. It looks only at braces, strings and
// comments, since an unfinished input rarely parses.
func placeOf(text string) place {
	p := place{item: syntax.IsItem(text) || headed().MatchString(text)}
	start, head := 0, 0 // of the item
	inPred := false
	if p.item {
		p.kind = inHeader
	}
	parens := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if end, text := skipQuiet(text, i); end > i {
			if text {
				p.kind = inText
				return p
			}
			i = end - 1
			continue
		}
		switch {
		case p.kind == inHeader && (c == ' ' || c == '\t' || c == '\n' || c == ',' || c == '|'):
			p.word = i + 1
		case p.kind == inHeader && c == '{', inPred && c == '{' && strings.HasSuffix(strings.TrimSpace(text[p.body:i]), "/"):
			if !inPred {
				head = i
			}
			p.kind, inPred = inCode, false
			p.header, p.body, p.stmt, p.depth, parens = text[start:head], i+1, i+1, 1, 0
		case p.kind == inHeader && c == '/' && i > 0 && strings.ContainsRune(" \t\n", rune(text[i-1])):
			p.kind, inPred, head = inCode, true, i
			p.header, p.body, p.stmt, p.depth = text[start:head], i+1, i+1, 0
		case p.kind != inCode || inPred:
		case c == '{':
			p.depth++
			p.stmt, parens = i+1, 0
		case c == '}':
			p.depth--
			p.stmt, parens = i+1, 0
			if p.item && p.depth <= 0 {
				p.kind, start, p.header, p.word = inHeader, i+1, "", i+1
			}
		case c == '(' || c == '[':
			parens++
		case c == ')' || c == ']':
			parens--
		case c == ';' && parens <= 0:
			p.stmt = i + 1
		}
	}
	return p
}

// skipQuiet skips a string or a comment that begins at i. open reports that it
// does not end.
func skipQuiet(text string, i int) (end int, open bool) {
	switch {
	case text[i] == '"':
		for j := i + 1; j < len(text); j++ {
			switch text[j] {
			case '\\':
				j++
			case '"':
				return j + 1, false
			case '\n':
				return j, false // strings end on their line
			}
		}
		return len(text), true
	case strings.HasPrefix(text[i:], "//"):
		if j := strings.IndexByte(text[i:], '\n'); j >= 0 {
			return i + j, false
		}
		return len(text), true
	case strings.HasPrefix(text[i:], "/*"):
		if j := strings.Index(text[i+2:], "*/"); j >= 0 {
			return i + 2 + j + 2, false
		}
		return len(text), true
	}
	return i, false
}

// isWordByte reports whether c can be part of a name.
func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// wordStart returns where the name that ends at the end of text begins.
func wordStart(text string) int {
	i := len(text)
	for i > 0 && isWordByte(text[i-1]) {
		i--
	}
	return i
}

// operandStart returns where the operand begins that ends at the end of text:
// names with members, indexes and calls, as in $x->a.b[1] or ((struct sock
// *)p).
func operandStart(text string) int {
	i := len(text)
	for {
		at := i
		i = len(strings.TrimRight(text[:i], " \t"))
		for i > 0 && (text[i-1] == ')' || text[i-1] == ']') {
			if i = openBracket(text, i-1); i < 0 {
				return at
			}
		}
		w := wordStart(text[:i])
		if w == i && (i == at || text[i] != '(') {
			return at
		}
		i = w
		if i > 0 && (text[i-1] == '$' || text[i-1] == '@') {
			return i - 1
		}
		switch {
		case i > 0 && text[i-1] == '.':
			i--
		case i > 1 && text[i-2:i] == "->":
			i -= 2
		default:
			return i
		}
	}
}

// openBracket returns the index of the bracket that the one at close closes; -1
// if there is none.
func openBracket(text string, close int) int {
	depth := 0
	for i := close; i >= 0; i-- {
		switch text[i] {
		case ')', ']':
			depth++
		case '(', '[':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
