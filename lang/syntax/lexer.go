package syntax

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
	"probe/lang/source"
)

// The scanner cuts a script into items first and into tokens second. The
// meaning of a character depends on its context (a '/' can be part of a path, a
// predicate or a division). The context can be tracked without the parser, so
// the scanner keeps a mode:
//
//	top      between items; decides what kind of item starts here
//	header   attach points, raw text up to a blank, a comma or a brace
//	pred     a predicate, ordinary tokens until a '/' with '{' after it
//	decl     the head of config, import, let, macro, fn or probe NAME
//	block    inside braces, ordinary tokens until the brace depth is 0 again
//
// The parser gets each item as a separate token stream that ends in an
// end-of-file token. Therefore an error in one item cannot leak into the next,
// and memory is bounded by the largest item.
type scanner struct {
	file  *source.File
	s     string
	pos   int
	diags *diag.List

	comments []*Comment

	mode    mode
	kind    itemKind
	start   int       // where the current item starts
	depth   int       // open braces
	paren   int       // open parentheses, in decl mode
	ended   bool      // the current item is complete
	last    lastToken // what the previous token of this item was
	ifs     int       // if and else words seen in this predicate
	named   bool      // the name of a named probe has been read
	rootVar bool      // a top-level let declares a variable, which is an error
	tokens  int       // tokens handed out for this item, the end included
	bad     int       // runs of characters that belong to no token
	open    int       // strings of this item that are not closed

	far   int  // the end of the last token that was handed out for the first time
	words int  // tokens up to there
	cut   bool // there were too many, and the rest is not read
}

type mode uint8

const (
	modeTop mode = iota
	modeHeader
	modePred
	modeDecl
	modeBlock
)

// lastToken classifies the previous token.
type lastToken uint8

const (
	lastNone lastToken = iota
	lastOperand
	lastString
	lastAttach
	lastOther
)

// itemKind is the kind of a top-level item.
type itemKind uint8

const (
	itemNone itemKind = iota
	itemPreproc
	itemCDef
	itemConfig
	itemImport
	itemMapDecl
	itemMacro
	itemFn
	itemNamedProbe
	itemProbe
)

func newScanner(f *source.File, diags *diag.List) *scanner {
	return &scanner{file: f, s: f.Text, diags: diags}
}

// span returns the place [start, end) in the script.
func (sc *scanner) span(start, end int) source.Span {
	return source.Span{File: sc.file, Start: start, End: end}
}

// Next implements lexer.Lexer: the next token of the current item, and an
// end-of-file token when the item is over. It never fails.
func (sc *scanner) Next() (lexer.Token, error) {
	typ, start := sc.scan()
	sc.tokens++
	if sc.pos > sc.far {
		sc.far = sc.pos
		if sc.words++; sc.words > maxWords && !sc.cut {
			sc.tooLong(start)
			typ, start = lexer.EOF, sc.pos
		}
	}
	end := sc.pos
	if typ == lexer.EOF {
		end = start
	}
	return lexer.Token{Type: typ, Value: sc.s[start:end], Pos: lexer.Position{Offset: start}}, nil
}

// maxWords is the maximum number of tokens in a script. The tree takes some
// hundred bytes per token, and no script written by a person has more.
const maxWords = 200_000

// tooLong reports a script with too many tokens, at the last token that is
// read.
func (sc *scanner) tooLong(start int) {
	sc.diags.Errorf("too-long", sc.span(start, sc.pos), "the script has more than %d words", maxWords).
		WithLabel("the rest is not read").
		WithHelp("split it into several scripts, or write repeated parts as a loop or a macro")
	sc.cut, sc.ended, sc.pos = true, true, len(sc.s)
}

// scan reads one token and returns its type and where it starts; it ends at
// sc.pos.
func (sc *scanner) scan() (lexer.TokenType, int) {
	if sc.ended {
		return lexer.EOF, sc.pos
	}
	before := sc.pos
	for {
		sc.skipLayout()
		if sc.pos >= len(sc.s) {
			sc.ended = true
			return lexer.EOF, sc.pos
		}
		if sc.mode == modeDecl && sc.declEnds(before) {
			sc.ended = true
			sc.pos = before
			return lexer.EOF, sc.pos
		}
		start := sc.pos
		typ, ok := sc.token()
		if !ok {
			continue // a bad character, already reported
		}
		sc.remember(typ, start)
		return typ, start
	}
}

// remember records what later decisions depend on.
func (sc *scanner) remember(typ lexer.TokenType, start int) {
	switch typ {
	case tIdent, tVar, tMap, tParam, tInt:
		sc.last = lastOperand
		if typ == tIdent && sc.mode == modePred && sc.depth == 0 {
			if w := sc.s[start:sc.pos]; w == "if" || w == "else" || w == "comptime" {
				sc.ifs++
			}
		}
		sc.rootVar = sc.rootVar || typ == tVar && sc.mode == modeDecl
	case tString:
		sc.last = lastString
	case tAttach:
		sc.last = lastAttach
	case tOp:
		switch sc.s[start] {
		case ')', ']', '}':
			sc.last = lastOperand
		default:
			sc.last = lastOther
		}
	default:
		sc.last = lastOther
	}
}

// token reads the token at sc.pos according to the mode.
func (sc *scanner) token() (lexer.TokenType, bool) {
	switch sc.mode {
	case modeHeader:
		return sc.headerToken(), true
	case modeDecl:
		return sc.declToken()
	}
	c := sc.s[sc.pos]
	switch {
	case c == '{':
		if sc.mode == modePred && sc.depth == 0 && sc.ifs == 0 && sc.endsOperand() {
			sc.mode = modeBlock // the closing '/' is missing; the parser reports it
		}
		sc.depth++
		sc.pos++
		return tOp, true
	case c == '}' && sc.depth > 0:
		sc.depth--
		sc.pos++
		if sc.depth == 0 && sc.mode == modeBlock {
			sc.ended = true
		}
		return tOp, true
	case c == '/' && sc.mode == modePred && sc.depth == 0:
		if next := skipLayout(sc.s, sc.pos+1); next < len(sc.s) && sc.s[next] == '{' {
			sc.pos++
			sc.mode = modeHeader
			return tPredClose, true
		}
		sc.pos++
		return tOp, true
	}
	return sc.plainToken()
}

// endsOperand reports whether the previous token can end an operand.
func (sc *scanner) endsOperand() bool { return sc.last == lastOperand || sc.last == lastString }

// headerToken reads one token of a probe's head.
func (sc *scanner) headerToken() lexer.TokenType {
	switch c := sc.s[sc.pos]; {
	case c == '{':
		sc.pos++
		sc.depth++
		sc.mode = modeBlock
		return tOp
	case c == ',' || c == '|': // inside an attach point a '|' is part of it
		sc.pos++
		return tOp
	case c == '/':
		sc.pos++
		sc.mode = modePred
		sc.ifs = 0
		return tPredOpen
	}
	sc.attach()
	return tAttach
}

// attach reads the raw text of one attach point. It ends before a blank, a
// comma or a brace, and before a '/' unless a ':' came earlier, because after a
// colon the '/' belongs to a path. Quoted parts are taken whole. In the list
// options of fgraph (only=…, skip=…) a comma followed by text continues the
// list. In named probes (probe NAME = …) ';' and '|' end an attach point too.
func (sc *scanner) attach() {
	start, part := sc.pos, sc.pos
	colon := false
	for sc.pos < len(sc.s) {
		switch c := sc.s[sc.pos]; {
		case c == '"':
			sc.attachQuote()
			continue
		case c == '{' || isLayout(c):
			return
		case c == ',' && !(colon && sc.listOption(start, part)):
			return
		case c == '/' && !colon:
			return
		case c == ':':
			colon = true
			part = sc.pos + 1
		case sc.kind == itemNamedProbe && (c == ';' || c == '|' && wholeAlternative(sc.s[sc.pos+1:])):
			return
		}
		sc.pos++
	}
}

// listOption reports whether the comma at sc.pos continues with a list such as
// fgraph:f:only=a_*,b_*.
func (sc *scanner) listOption(start, part int) bool {
	const kind = "fgraph:"
	head := sc.s[start:part]
	if i := strings.IndexByte(head, '='); i >= 0 && i < strings.IndexByte(head, ':') {
		head = head[i+1:] // the name before the kind
	}
	if len(head) < len(kind) || !strings.EqualFold(head[:len(kind)], kind) {
		return false
	}
	opt := sc.s[part:sc.pos]
	if !strings.HasPrefix(opt, "only=") && !strings.HasPrefix(opt, "skip=") {
		return false
	}
	next := sc.pos + 1
	return next < len(sc.s) && !isLayout(sc.s[next]) && sc.s[next] != '{' && sc.s[next] != ',' && sc.s[next] != '/'
}

// wholeAlternative reports whether the text after a '|' is a whole attach point
// (with a probe type) and not just another function name.
func wholeAlternative(rest string) bool {
	if end := strings.IndexAny(rest, " \t\r\n;|\""); end >= 0 {
		return end == 0 || strings.IndexByte(rest[:end], ':') >= 0
	}
	return strings.IndexByte(rest, ':') >= 0
}

// attachQuote reads a quoted part of an attach point, in which \x is x.
func (sc *scanner) attachQuote() {
	start := sc.pos
	for i := sc.pos + 1; i < len(sc.s) && sc.s[i] != '\n'; i++ {
		switch sc.s[i] {
		case '\\':
			if i+1 < len(sc.s) && sc.s[i+1] != '\n' {
				i++
			}
		case '"':
			sc.pos = i + 1
			return
		}
	}
	sc.pos = lineEnd(sc.s, start)
	sc.unterminated(start)
}

// unterminated reports the string that starts at start and runs to sc.pos.
func (sc *scanner) unterminated(start int) {
	sc.open++
	if sc.bad++; sc.bad > maxBadRuns {
		return
	}
	sc.diags.Errorf("unterminated-string", sc.span(start, sc.pos), "unterminated string").
		SameCompat().CompatAt(sc.span(sc.pos, sc.pos)).
		WithRow("L-STR-01").
		WithLabel("the closing `\"` is missing on this line").
		WithHelp("end the string with `\"` on the same line; write `\\n` for a line break")
}

// declToken reads one token of a declaration's head or body.
func (sc *scanner) declToken() (lexer.TokenType, bool) {
	c := sc.s[sc.pos]
	if sc.last == lastNone {
		sc.pos = wordEnd(sc.s, sc.pos)
		return tKeyword, true
	}
	if sc.kind == itemNamedProbe {
		return sc.namedProbeToken(c)
	}
	switch c {
	case '{':
		sc.depth++
		sc.pos++
		sc.mode = modeBlock
		return tOp, true
	case '(':
		sc.paren++
	case ')':
		sc.paren--
	case ';':
		sc.ended = true
	}
	return sc.plainToken()
}

// namedProbeToken reads one token of probe NAME = attach | attach;
func (sc *scanner) namedProbeToken(c byte) (lexer.TokenType, bool) {
	switch {
	case c == ';':
		sc.ended = true
		fallthrough
	case c == '=' || c == '|' || c == ',' || c == '{':
		sc.pos++
		return tOp, true
	case !sc.named && isLetter(c):
		sc.named = true
		for sc.pos < len(sc.s) && (isWord(sc.s[sc.pos]) || sc.s[sc.pos] == '.') {
			sc.pos++
		}
		return tName, true
	}
	if c == '/' { // cannot start an attach point
		sc.pos++
		return tOp, true
	}
	sc.attach()
	return tAttach, true
}

// declEnds reports whether a declaration without a body ends here although it
// has no ';'. before is the end of its last token and sc.pos the start of the
// next one.
func (sc *scanner) declEnds(before int) bool {
	if sc.last == lastNone || sc.paren > 0 {
		return false
	}
	newline := strings.IndexByte(sc.s[before:sc.pos], '\n') >= 0
	next := sc.s[sc.pos]
	switch sc.kind {
	case itemImport:
		return next != ';' && (newline || sc.last == lastString)
	case itemMapDecl:
		if next == ';' {
			return false
		}
		if !sc.rootVar && sc.s[before-1] == ')' {
			return true
		}
		return newline && sc.last == lastOperand && next != '=' && next != '('
	case itemNamedProbe:
		return newline && sc.last == lastAttach && next != ';' && next != '|'
	}
	return false
}

// plainToken reads one token of ordinary code. It returns false for a character
// that belongs to no token.
func (sc *scanner) plainToken() (lexer.TokenType, bool) {
	c := sc.s[sc.pos]
	switch {
	case isLetter(c):
		sc.pos = wordEnd(sc.s, sc.pos)
		return tIdent, true
	case isDigit(c):
		sc.pos = wordEnd(sc.s, sc.pos)
		return tInt, true
	case c == '@':
		sc.pos++
		if sc.pos < len(sc.s) && isLetter(sc.s[sc.pos]) {
			sc.pos = wordEnd(sc.s, sc.pos)
		}
		return tMap, true
	case c == '$':
		if sc.pos+1 < len(sc.s) {
			switch n := sc.s[sc.pos+1]; {
			case isLetter(n):
				sc.pos = wordEnd(sc.s, sc.pos+1)
				return tVar, true
			case isDigit(n):
				sc.pos++
				for sc.pos < len(sc.s) && isDigit(sc.s[sc.pos]) {
					sc.pos++
				}
				return tParam, true
			case n == '#':
				sc.pos += 2
				return tParam, true
			}
		}
	case c == '"':
		sc.str()
		return tString, true
	case c == '\'':
		if n := strings.IndexByte(sc.s[sc.pos+1:lineEnd(sc.s, sc.pos)], '\''); n >= 0 {
			sc.badString(n + 2)
			return tString, true
		}
	case c == '#':
		sc.misplacedHash()
		return 0, false
	}
	if n := operatorLen(sc.s[sc.pos:]); n > 0 {
		sc.pos += n
		return tOp, true
	}
	sc.badCharacters()
	return 0, false
}

// str reads a string literal; an unclosed one ends at the end of its line.
func (sc *scanner) str() {
	start := sc.pos
	for i := sc.pos + 1; i < len(sc.s) && sc.s[i] != '\n'; i++ {
		switch sc.s[i] {
		case '\\':
			if i+1 < len(sc.s) && sc.s[i+1] != '\n' {
				i++
			}
		case '"':
			sc.pos = i + 1
			return
		}
	}
	sc.pos = lineEnd(sc.s, start)
	sc.unterminated(start)
}
