package syntax

import (
	"strings"

	"probe/lang/source"
)

// maxAlternatives is the maximum number of attach points that one with
// alternatives expands to.
const maxAlternatives = 64

// NewAttachPoint splits the text of an attach point: its name, its parts and
// its alternatives. at is the place of the text in the script. If it is as long
// as the text, each part gets its own place within it; otherwise parameters
// have been replaced, offsets no longer match, and every part gets at.
//
// Alternatives are written with '|' outside quotes. In "ret:a|b" only the part
// has alternatives: Parts are those of ret:a, where the Text of the last part
// is "a" and its Raw the whole "a|b"; Alts holds one further attach point,
// ret:b, with its Raw and Parts as if it had been written alone. "ret:a|ret:b"
// gives the same: text after a '|' that repeats the first part is a whole
// attach point. If several parts have alternatives, every combination is made.
// A provider for which '|' is an ordinary character uses the Raw of the parts.
func NewAttachPoint(text string, at source.Span) *AttachPoint {
	alts := splitWhole(text)
	first := newAttachPoint(text[alts[0].start:alts[0].end], alts[0].start, at, len(text))
	for _, r := range alts[1:] {
		a := newAttachPoint(text[r.start:r.end], r.start, at, len(text))
		first.Alts = append(first.Alts, a)
		first.Alts = append(first.Alts, a.Alts...)
		a.Alts = nil
	}
	first.At = At{at}
	first.Raw = text
	if len(first.Alts) >= maxAlternatives {
		first.Alts = first.Alts[:maxAlternatives-1]
	}
	return first
}

type textRange struct{ start, end int }

// splitWhole cuts the text at every '|' that is followed by a whole attach
// point of the same type.
func splitWhole(text string) []textRange {
	head := text
	if i := strings.IndexAny(text, ":|\""); i >= 0 && text[i] == ':' {
		head = text[:i+1]
	}
	if _, kind, ok := strings.Cut(head, "="); ok {
		head = kind
	}
	out := []textRange{{0, len(text)}}
	if !strings.HasSuffix(head, ":") {
		return out
	}
	scanAttach(text, func(i int, c byte) {
		if c == '|' && strings.HasPrefix(text[i+1:], head) {
			out[len(out)-1].end = i
			out = append(out, textRange{i + 1, len(text)})
		}
	})
	return out
}

// scanAttach calls f for every byte outside quotes.
func scanAttach(text string, f func(i int, c byte)) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted:
			f(i, c)
		}
	}
}

// newAttachPoint splits one attach point at offset off in a text of size bytes;
// at is the place of the whole text.
func newAttachPoint(text string, off int, at source.Span, size int) *AttachPoint {
	place := func(start, end int) source.Span {
		if at.End-at.Start != size {
			return at
		}
		return source.Span{File: at.File, Start: at.Start + off + start, End: at.Start + off + end}
	}
	a := &AttachPoint{At: At{place(0, len(text))}, Raw: text}
	rest := 0
	first := len(text)
	if i := strings.IndexAny(text, ":@\""); i >= 0 {
		first = i
	}
	if i := strings.IndexByte(text[:first], '='); i > 0 {
		a.Name = text[:i]
		rest = i + 1
	}
	// choices[i] are the alternatives of part i.
	var choices [][]AttachPart
	start, bar, sep := rest, rest, byte(0)
	var cuts []textRange
	flush := func(end int) {
		cuts = append(cuts, textRange{bar, end})
		choices = append(choices, partChoices(text, start, end, cuts, sep, place))
		cuts = nil
	}
	scanAttach(text[rest:], func(i int, c byte) {
		i += rest
		switch {
		case c == ':' || c == '@':
			flush(i)
			start, bar, sep = i+1, i+1, c
		case c == '|' && isAlternative(text[start:i], text[i+1:]):
			cuts = append(cuts, textRange{bar, i})
			bar = i + 1
		}
	})
	flush(len(text))
	a.combine(choices)
	return a
}

// isAlternative reports whether a '|' between before (in the same part) and
// after separates alternatives: both sides must have text, and the '|' must not
// belong to the name of a C++ operator.
func isAlternative(before, after string) bool {
	return before != "" && !strings.HasSuffix(before, "|") && !strings.HasSuffix(before, "operator") &&
		after != "" && after[0] != '|' && after[0] != ':' && after[0] != '@'
}

// partChoices makes the alternatives of one part.
func partChoices(text string, start, end int, cuts []textRange, sep byte, place func(int, int) source.Span) []AttachPart {
	out := make([]AttachPart, 0, len(cuts))
	for _, c := range cuts {
		part := AttachPart{At: At{place(c.start, c.end)}, Raw: text[start:end], Sep: sep}
		part.Text, part.Quoted = unquotePart(text[c.start:c.end])
		out = append(out, part)
	}
	return out
}

// unquotePart removes the double quotes of a part; inside them \x is x.
func unquotePart(s string) (text string, quoted bool) {
	if strings.IndexByte(s, '"') < 0 {
		return s, false
	}
	var b strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			in = !in
		case in && c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// combine sets the parts of a from the first choice of each, and its Alts from
// all other combinations, the last part varying fastest.
func (a *AttachPoint) combine(choices [][]AttachPart) {
	pick := make([]int, len(choices))
	for {
		parts := make([]AttachPart, len(choices))
		for i, c := range choices {
			parts[i] = c[pick[i]]
		}
		if a.Parts == nil {
			a.Parts = parts
		} else {
			a.Alts = append(a.Alts, alternative(a, parts))
		}
		i := len(pick) - 1
		for ; i >= 0; i-- {
			if pick[i]++; pick[i] < len(choices[i]) {
				break
			}
			pick[i] = 0
		}
		if i < 0 || len(a.Alts) >= maxAlternatives {
			return
		}
	}
}

// alternative returns the attach point with these parts instead of those of a.
func alternative(a *AttachPoint, parts []AttachPart) *AttachPoint {
	alt := &AttachPoint{At: a.At, Name: a.Name, Parts: parts}
	var b strings.Builder
	if a.Name != "" {
		b.WriteString(a.Name + "=")
	}
	for i := range parts {
		if parts[i].Sep != 0 {
			b.WriteByte(parts[i].Sep)
		}
		text := parts[i].Text
		if parts[i].Quoted {
			text = Quote(text)
		} else {
			parts[i].Raw = text
		}
		b.WriteString(text)
	}
	alt.Raw = b.String()
	return alt
}
