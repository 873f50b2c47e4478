package syntax

import (
	"strings"

	"probe/lang/source"
)

// cTok is one token of C text.
type cTok struct {
	text string
	at   source.Span
	kind cTokKind
}

type cTokKind uint8

const (
	cEnd cTokKind = iota
	cWord
	cNumber
	cText // a string or character literal
	cPunct
)

// cPuncts are the operators of C of more than one character, longest first.
var cPuncts = []string{"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "##"}

// cToken reads the token of span.File at pos, which must not be layout; it
// ends before limit.
func cToken(f *source.File, pos, limit int) cTok {
	s := f.Text[:limit]
	end, kind := pos+1, cPunct
	switch c := s[pos]; {
	case isLetter(c) || c == '$':
		kind, end = cWord, wordEnd(s, pos+1)
	case isDigit(c):
		kind, end = cNumber, wordEnd(s, pos)
	case c == '"' || c == '\'':
		kind, end = cText, min(quoteEnd(s, pos), limit)
	default:
		for _, op := range cPuncts {
			if strings.HasPrefix(s[pos:], op) {
				end = pos + len(op)
				break
			}
		}
	}
	return cTok{s[pos:end], source.Span{File: f, Start: pos, End: end}, kind}
}

// cLine cuts one line of a directive, from pos to limit, into tokens; line
// continuations count as blanks. Of more than maxWords tokens it returns one more.
func cLine(f *source.File, pos, limit int) []cTok {
	var out []cTok
	s := f.Text[:limit]
	for {
		pos = skipLayout(s, pos)
		if pos < limit && s[pos] == '\\' && isLayout(f.Text[min(pos+1, len(f.Text)-1)]) {
			pos++
			continue
		}
		if pos >= limit {
			return out
		}
		if len(out) > maxWords {
			return out
		}
		t := cToken(f, pos, limit)
		out = append(out, t)
		pos = t.at.End
	}
}

// logicalLine returns the end of the line that starts at pos, continuation
// lines included.
func logicalLine(s string, pos, limit int) int {
	for {
		end := min(lineEnd(s, pos), limit)
		if end == pos || s[end-1] != '\\' || end >= limit {
			return end
		}
		next := strings.IndexByte(s[end:limit], '\n')
		if next < 0 {
			return limit
		}
		pos = end + next + 1
	}
}
