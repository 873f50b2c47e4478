package accept

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Pattern is expected output: literal lines, regular expressions and gaps.
type Pattern struct {
	items []item
	// open is set when the last line has no line break.
	open bool
}

// empty reports whether a pattern matches no output but none.
func (p *Pattern) empty() bool { return len(p.items) == 0 }

// item is one line of a Pattern.
type item struct {
	text string         // literal text, or the source of re
	re   *regexp.Regexp // matches the whole line; nil for a literal
	gap  bool           // any number of lines
}

// NewPattern reads the lines of a pattern, as the package comment describes
// them.
func NewPattern(lines []string) (*Pattern, error) {
	p := &Pattern{}
	for i, l := range lines {
		switch {
		case l == "...":
			p.items = append(p.items, item{gap: true})
		case strings.HasPrefix(l, "~ "):
			re, err := regexp.Compile("^(?:" + l[2:] + ")$")
			if err != nil {
				return nil, err
			}
			p.items = append(p.items, item{text: l[2:], re: re})
		default:
			if strings.HasSuffix(l, `\`) {
				if i != len(lines)-1 {
					return nil, fmt.Errorf(`a "\" is possible at the end of the last line only`)
				}
				l, p.open = strings.TrimSuffix(l, `\`), true
			}
			p.items = append(p.items, item{text: l})
		}
	}
	return p, nil
}

// String returns the pattern as it is written, without marks for line breaks.
func (p *Pattern) String() string {
	var b strings.Builder
	for i, it := range p.items {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case it.gap:
			b.WriteString("...")
		case it.re != nil:
			b.WriteString("~ " + it.text)
		default:
			b.WriteString(it.text)
		}
	}
	if p.open {
		b.WriteString(`\`)
	}
	return b.String()
}

// line reports whether a line matches an item.
func (it *item) line(got string, expand func(string) string) bool {
	if it.re == nil {
		return expand(it.text) == got
	}
	if text := expand(it.text); text != it.text {
		re, err := regexp.Compile("^(?:" + text + ")$")
		return err == nil && re.MatchString(got)
	}
	return it.re.MatchString(got)
}

// Match compares a text with the pattern and returns "" or what is wrong.
// Placeholders of the pattern go through expand. With sorted the lines may
// come in any order.
func (p *Pattern) Match(text string, expand func(string) string, sorted bool) string {
	lines := strings.Split(text, "\n")
	switch last := len(lines) - 1; {
	case p.open:
	case lines[last] == "":
		lines = lines[:last] // the text ends with a line break, as it should
	default:
		return "the last line has no line break\n" + p.compare(text)
	}
	if sorted {
		if why := p.matchAnyOrder(lines, expand); why != "" {
			return why + "\n" + p.compare(text)
		}
		return ""
	}
	if !matchLines(p.items, lines, expand) {
		return p.compare(text)
	}
	return ""
}

// then returns the pattern of both texts with n line breaks between them.
func (p *Pattern) then(n int, q *Pattern) *Pattern {
	items := slices.Clone(p.items)
	if p.open {
		n-- // the first one ends the open line
	}
	for range n {
		items = append(items, item{})
	}
	return &Pattern{items: append(items, q.items...), open: q.open}
}

// matchLines compares in order. A gap takes as few lines as possible: taking
// more for an earlier gap never helps a later one, so no backtracking beyond
// the last gap is needed.
func matchLines(items []item, lines []string, expand func(string) string) bool {
	gap, retry := -1, 0 // the last gap, and the line to try next after it
	i, l := 0, 0
	for l < len(lines) {
		switch {
		case i < len(items) && items[i].gap:
			gap, retry = i, l
			i++
		case i < len(items) && items[i].line(lines[l], expand):
			i++
			l++
		case gap >= 0:
			retry++
			i, l = gap+1, retry
		default:
			return false
		}
	}
	for i < len(items) && items[i].gap {
		i++
	}
	return i == len(items)
}

// matchAnyOrder assigns a different line to each item, literals first, since a
// regular expression could take the line of a literal.
func (p *Pattern) matchAnyOrder(lines []string, expand func(string) string) string {
	left := slices.Clone(lines)
	items := slices.Clone(p.items)
	slices.SortStableFunc(items, func(a, b item) int { return rank(a) - rank(b) })
	for _, it := range items {
		if it.gap {
			return ""
		}
		at := slices.IndexFunc(left, func(l string) bool { return it.line(l, expand) })
		if at < 0 {
			return fmt.Sprintf("no line for %q", it.text)
		}
		left = slices.Delete(left, at, at+1)
	}
	if len(left) > 0 {
		return fmt.Sprintf("unexpected line %q", left[0])
	}
	return ""
}

func rank(it item) int {
	switch {
	case it.gap:
		return 2
	case it.re != nil:
		return 1
	}
	return 0
}

// compare formats both texts for a message.
func (p *Pattern) compare(text string) string {
	mark := func(s string) string { return "    |" + strings.ReplaceAll(s, "\n", "\n    |") }
	return "got:\n" + mark(text) + "\nwant:\n" + mark(p.String())
}
