package provider

import (
	"strings"

	"probe/lang/diag"
)

// isPattern reports whether a part has a wildcard (P-COM-04): '*' matches any
// sequence of characters. A pair of brackets also makes it a pattern, although
// brackets match only themselves.
func isPattern(s string) bool {
	return strings.Contains(s, "*") || strings.Contains(s, "[") && strings.Contains(s, "]")
}

// Match reports whether a name matches a pattern of an attach point.
func Match(pattern, name string) bool { return match(pattern, name) }

// match reports whether a name matches a pattern as a whole.
func match(pattern, name string) bool {
	star, back := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			back++
			p, n = star+1, back
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// literalPrefix returns the part of a pattern before its first wildcard.
func literalPrefix(pattern string) string {
	prefix, _, _ := strings.Cut(pattern, "*")
	return prefix
}

// nearest collects candidates for "a … with a similar name exists".
type nearest struct {
	want       string
	candidates []string
}

// maxNear is the maximum number of similar names in a message.
const maxNear = 3

func newNearest(want string) *nearest { return &nearest{want: want} }

// maxSought is the maximum number of names of one script for which the kernel's lists
// are searched for similar ones: a search takes some 40 ms.
const maxSought = 20

// seek is newNearest for a list of the kernel. It returns nil when a script has
// had maxSought of them.
func (s *Set) seek(want string) *nearest {
	if s.sought++; s.sought > maxSought {
		return nil
	}
	return newNearest(want)
}

func (n *nearest) add(name string) { n.candidates = append(n.candidates, name) }

// best lists the similar names, best first.
func (n *nearest) best() []string { return diag.NearestN(n.want, n.candidates, maxNear) }

// first returns the most similar name, "" if none is similar.
func (n *nearest) first() string {
	name, _ := diag.Nearest(n.want, n.candidates)
	return name
}

// names lists the similar names as text: "`a`, `b`".
func (n *nearest) names() string { return quoteAll(n.best()) }

func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = "`" + name + "`"
	}
	return strings.Join(out, ", ")
}
