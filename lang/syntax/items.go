package syntax

import (
	"strings"
)

// startItem skips to the next top-level item, decides what it is, and prepares
// to hand out its tokens. itemNone means the end of the script.
func (sc *scanner) startItem() itemKind {
	sc.mode, sc.depth, sc.paren, sc.tokens, sc.ifs, sc.open = modeTop, 0, 0, 0, 0, 0
	sc.last, sc.ended, sc.named, sc.rootVar = lastNone, false, false, false
	for {
		sc.skipLayout()
		sc.start = sc.pos
		if sc.pos >= len(sc.s) {
			sc.kind = itemNone
			return sc.kind
		}
		if c := sc.s[sc.pos]; c == ';' {
			sc.pos++ // "};", a C habit
			continue
		} else if c == '}' || c == ')' || c == ']' {
			sc.pos++
			sc.strayBracket(c)
			continue
		} else if sc.isBad(c) {
			sc.badCharacters()
			continue
		}
		break
	}
	sc.kind = sc.classify()
	switch sc.kind {
	case itemPreproc:
		sc.pos += len(strings.TrimRight(sc.s[sc.pos:lineEnd(sc.s, sc.pos)], " \t\r\v\f"))
	case itemCDef:
		sc.cDef()
	case itemProbe:
		sc.mode = modeHeader
	default:
		sc.mode = modeDecl
	}
	return sc.kind
}

// strayBracket reports a closing bracket between two items.
func (sc *scanner) strayBracket(c byte) {
	if sc.bad++; sc.bad > maxBadRuns {
		return
	}
	open := map[byte]string{'}': "{", ')': "(", ']': "["}[c]
	d := sc.diags.Errorf("expected-token", sc.span(sc.pos-1, sc.pos), "expected a probe, found `%c`", c).
		WithLabel("no `%s` is open here", open)
	if c == '}' {
		// It is taken for an attach point, whose body is missing.
		d.WithCompat("expected '{'").CompatAt(sc.span(sc.pos, sc.pos))
	}
}

// classify decides from the text at sc.pos what kind of item starts there.
func (sc *scanner) classify() itemKind {
	if sc.s[sc.pos] == '#' {
		return itemPreproc
	}
	end := wordEnd(sc.s, sc.pos)
	word := sc.s[sc.pos:end]
	var kind itemKind
	switch word {
	case "struct", "union", "enum":
		if sc.cBody(end) >= 0 || sc.cForward(end) {
			return itemCDef
		}
		return itemProbe
	case "typedef":
		kind = itemCDef
	case "config":
		next := skipLayout(sc.s, end)
		if next < len(sc.s) && sc.s[next] == '=' {
			next = skipLayout(sc.s, next+1)
		}
		if next < len(sc.s) && sc.s[next] == '{' {
			return itemConfig
		}
		return itemProbe
	case "import":
		kind = itemImport
	case "let":
		kind = itemMapDecl
	case "macro":
		kind = itemMacro
	case "fn":
		kind = itemFn
	case "probe":
		kind = itemNamedProbe
	default:
		return itemProbe
	}
	// An attach point can have any name before its '=' or ':'.
	if end < len(sc.s) && !isLayout(sc.s[end]) && strings.IndexByte(`"@${(/,;`, sc.s[end]) < 0 {
		return itemProbe
	}
	return kind
}

// cBody returns the offset of the '{' that opens the body of a C definition
// whose keyword ends at pos, or -1 when no definition follows. A name and
// balanced parentheses or brackets (attributes) may come between.
func (sc *scanner) cBody(pos int) int {
	nest := 0
	for {
		pos = skipLayout(sc.s, pos)
		if pos >= len(sc.s) {
			return -1
		}
		switch c := sc.s[pos]; {
		case c == '(' || c == '[':
			nest++
			pos++
		case (c == ')' || c == ']') && nest > 0:
			nest--
			pos++
		case c == '{' && nest == 0:
			return pos
		case isWord(c):
			pos = wordEnd(sc.s, pos)
		case nest > 0 && (c == ',' || c == '+' || c == '*' || c == '-' || c == '<'):
			pos++
		default:
			return -1
		}
	}
}

// cForward reports whether a C keyword that ends at pos starts a declaration
// without a body: struct NAME;
func (sc *scanner) cForward(pos int) bool {
	name := skipLayout(sc.s, pos)
	end := name
	if name > pos && name < len(sc.s) && isLetter(sc.s[name]) {
		end = wordEnd(sc.s, name)
	}
	next := skipLayout(sc.s, end)
	return end > name && next < len(sc.s) && sc.s[next] == ';'
}

// cDef moves past one C definition: its body up to the matching brace,
// attributes, and the optional ';'. A typedef goes up to its ';'.
func (sc *scanner) cDef() {
	typedef := strings.HasPrefix(sc.s[sc.pos:], "typedef")
	depth := 0
	for pos := sc.pos; ; {
		pos = skipLayout(sc.s, pos)
		if pos >= len(sc.s) {
			sc.pos = len(sc.s)
			if depth > 0 {
				sc.diags.Errorf("unclosed-brace", sc.span(sc.pos, sc.pos), "expected `}`, found the end of the script").
					WithRow("L-LEX-13").
					WithLabel("the C definition is not finished").
					At(sc.span(sc.start, wordEnd(sc.s, sc.start)), "it starts here")
			} else {
				sc.diags.Errorf("expected-token", sc.span(sc.pos, sc.pos), "expected `;`, found the end of the script").
					WithRow("L-LEX-13").
					WithLabel("the C definition is not finished").
					At(sc.span(sc.start, wordEnd(sc.s, sc.start)), "it starts here")
			}
			return
		}
		switch c := sc.s[pos]; {
		case c == '{':
			depth++
			pos++
		case c == '}':
			depth--
			pos++
			if depth <= 0 && !typedef {
				sc.pos = pos
				sc.cTail()
				return
			}
		case c == ';' && depth <= 0:
			sc.pos = pos + 1
			return
		case c == '"' || c == '\'':
			pos = quoteEnd(sc.s, pos)
		case isWord(c):
			pos = wordEnd(sc.s, pos)
		default:
			pos++
		}
	}
}

// cTail moves past the attributes and the ';' after the body of a C definition.
func (sc *scanner) cTail() {
	for {
		pos := skipLayout(sc.s, sc.pos)
		switch {
		case strings.HasPrefix(sc.s[pos:], "__attribute__"):
			pos = skipLayout(sc.s, pos+len("__attribute__"))
			nest := 0
			for ; pos < len(sc.s); pos++ {
				if c := sc.s[pos]; c == '(' {
					nest++
				} else if c == ')' {
					nest--
				} else if c == '{' || c == ';' {
					return
				}
				if nest <= 0 {
					break
				}
			}
			if pos >= len(sc.s) {
				return
			}
			sc.pos = pos + 1
		case pos < len(sc.s) && sc.s[pos] == ';':
			sc.pos = pos + 1
			return
		default:
			return
		}
	}
}

// quoteEnd returns the offset just past the quoted text that starts at pos, or
// the end of its line if it is not closed.
func quoteEnd(s string, pos int) int {
	q := s[pos]
	for i := pos + 1; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			i++
		case q:
			return i + 1
		}
	}
	return max(lineEnd(s, pos), pos+1)
}
