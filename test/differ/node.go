package differ

import (
	"strings"
)

// sort is what a part of a statement is; parts of one sort can replace each
// other.
type sort int

const (
	list sort = iota // statements, of which each may be left out
	stmt
	number
	boolean
	text
	other // cannot be replaced
)

// node is a part of a statement: its text, with a hole for each kid.
type node struct {
	sort sort
	text string
	kids []*node
}

// hole stands for a kid in the text of a node.
const hole = "\x00"

// mapName stands for what the names of a statement's maps begin with: no two
// statements share a map.
const mapName = "@\x01"

// String returns the source text, in which mapName still stands.
func (n *node) String() string {
	if n.sort == list {
		var b strings.Builder
		for _, k := range n.kids {
			b.WriteString(k.String())
			b.WriteByte(' ')
		}
		return b.String()
	}
	parts := strings.Split(n.text, hole)
	var b strings.Builder
	b.WriteString(parts[0])
	for i, k := range n.kids {
		b.WriteString(k.String())
		b.WriteString(parts[i+1])
	}
	return b.String()
}

// leaf returns a node without kids.
func leaf(s sort, t string) *node { return &node{sort: s, text: t} }

// of returns a node whose text has holes for kids.
func of(s sort, t string, kids ...*node) *node { return &node{sort: s, text: t, kids: kids} }

// smaller returns the statements that are one step smaller than n: with one
// statement fewer, with a part replaced by one of its own parts of the same
// sort, or by a constant.
func (n *node) smaller() []*node {
	var out []*node
	out = append(out, n.replacements()...)
	for i, k := range n.kids {
		for _, r := range k.smaller() {
			c := *n
			c.kids = append([]*node(nil), n.kids...)
			c.kids[i] = r
			out = append(out, &c)
		}
	}
	return out
}

// replacements returns what can stand in the place of n itself.
func (n *node) replacements() []*node {
	var out []*node
	switch n.sort {
	case list:
		for i := range n.kids {
			c := *n
			c.kids = append(append([]*node(nil), n.kids[:i]...), n.kids[i+1:]...)
			out = append(out, &c)
		}
		return out
	case stmt:
		// The inside of a block in the place of the block.
		for _, k := range n.kids {
			if k.sort == list || k.sort == stmt {
				out = append(out, k)
			}
		}
		return out
	case other:
		return nil
	}
	for _, k := range n.kids {
		if k.sort == n.sort {
			out = append(out, k)
		}
	}
	if len(n.kids) > 0 {
		out = append(out, leaf(n.sort, map[sort]string{number: "1", boolean: "true", text: `"a"`}[n.sort]))
	}
	return out
}
