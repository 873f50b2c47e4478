package diff

import (
	"cmp"
	"maps"
	"slices"

	"probe/runtime/graph"
)

// Options say how to compare.
type Options struct {
	// Ignore are patterns of functions that are left out, with all below.
	// Nil means DefaultIgnore, an empty list nothing.
	Ignore []string
	// All asks for rows of subtrees that are the same, too.
	All bool
	// NameA and NameB are what the sides are called in the text; "" means A
	// and B.
	NameA, NameB string
}

// Side is one of the two sets of trees.
type Side struct {
	Funcs *graph.Funcs
	Trees []*graph.Tree
}

// Variant is a set of trees that are equal in the form compared.
type Variant struct {
	Node *Node
	// A and B are how often it occurs on each side.
	A, B int
	// FirstA and FirstB are the indices of its first tree on each side, -1
	// for none.
	FirstA, FirstB int
}

// Comparison is the comparison of the trees of one function.
type Comparison struct {
	Root string
	// A and B are the numbers of complete trees, IncompleteA and IncompleteB
	// those of trees that lack something and were left out.
	A, B                     int
	IncompleteA, IncompleteB int
	// Variants are sorted by frequency.
	Variants []Variant
	// VA and VB are the variants that were compared: the most frequent of
	// each side or, where these are the same, one that only one side has.
	// They are nil when a side has none.
	VA, VB *Variant
	Rows   []Row
	// Shape and Result are the indices in Rows of the first difference of
	// each kind, -1 for none.
	Shape, Result int

	all          bool // print every row
	nameA, nameB string
}

// Same reports whether both sides have the same variants.
func (c *Comparison) Same() bool {
	return !slices.ContainsFunc(c.Variants, func(v Variant) bool { return (v.A == 0) != (v.B == 0) })
}

// Compare compares two sets of trees and returns a Comparison for each function
// that is a root, in the order of their names.
func Compare(a, b Side, o Options) []*Comparison {
	if o.Ignore == nil {
		o.Ignore = DefaultIgnore
	}
	o.NameA, o.NameB = cmp.Or(o.NameA, "A"), cmp.Or(o.NameB, "B")
	if o.NameA == o.NameB {
		o.NameA, o.NameB = o.NameA+" (first)", o.NameB+" (second)"
	}
	byRoot := map[string]*group{}
	take := func(s Side, n *normaliser, second bool) {
		v := &view{n: n}
		for i, t := range s.Trees {
			name := n.fn(t.Root().Fn).name
			g := byRoot[name]
			if g == nil {
				g = &group{c: &Comparison{Root: name, Shape: -1, Result: -1, nameA: o.NameA, nameB: o.NameB, all: o.All}, at: map[uint64]int{}}
				byRoot[name] = g
			}
			g.add(v, t, i, second)
		}
	}
	ofA, ofB := &normaliser{funcs: a.Funcs, ignore: o.Ignore}, &normaliser{funcs: b.Funcs, ignore: o.Ignore}
	take(a, ofA, false)
	take(b, ofB, true)
	// root returns the node of a variant, with the calls below it.
	root := func(v *Variant) *Node {
		x := &view{n: ofA}
		if v.FirstA >= 0 {
			x.look(a.Trees[v.FirstA])
		} else {
			x.n = ofB
			x.look(b.Trees[v.FirstB])
		}
		return x.node(0, nil)
	}
	var out []*Comparison
	for _, name := range slices.Sorted(maps.Keys(byRoot)) {
		c := byRoot[name].c
		c.compare(o, root)
		out = append(out, c)
	}
	return out
}

// group collects the trees of one root.
type group struct {
	c  *Comparison
	at map[uint64]int // index in Variants by full hash
}

func (g *group) add(x *view, t *graph.Tree, index int, second bool) {
	c := g.c
	switch incomplete := t.Incomplete(); {
	case incomplete && second:
		c.IncompleteB++
		return
	case incomplete:
		c.IncompleteA++
		return
	}
	x.look(t)
	full := x.hash[0].full
	i, ok := g.at[full]
	if !ok {
		i = len(c.Variants)
		g.at[full] = i
		n := x.node(0, nil)
		n.from = nil // the memory of the view is reused for the next tree
		c.Variants = append(c.Variants, Variant{Node: n, FirstA: -1, FirstB: -1})
	}
	v := &c.Variants[i]
	if second {
		c.B++
		if v.B++; v.FirstB < 0 {
			v.FirstB = index
		}
	} else {
		c.A++
		if v.A++; v.FirstA < 0 {
			v.FirstA = index
		}
	}
}

// compare picks the variants to compare and walks them.
func (c *Comparison) compare(o Options, root func(*Variant) *Node) {
	slices.SortStableFunc(c.Variants, func(x, y Variant) int { return cmp.Compare(y.A+y.B, x.A+x.B) })
	most := func(count func(*Variant) int, other func(*Variant) int, alone bool) (best *Variant) {
		for i := range c.Variants {
			v := &c.Variants[i]
			if count(v) > 0 && (!alone || other(v) == 0) && (best == nil || count(v) > count(best)) {
				best = v
			}
		}
		return best
	}
	ofA, ofB := func(v *Variant) int { return v.A }, func(v *Variant) int { return v.B }
	c.VA, c.VB = most(ofA, ofB, false), most(ofB, ofA, false)
	if c.VA == nil || c.VB == nil {
		return
	}
	if c.VA == c.VB {
		// A variant that only one side has is compared with the other side's
		// most frequent one.
		if v := most(ofB, ofA, true); v != nil {
			c.VB = v
		} else if v := most(ofA, ofB, true); v != nil {
			c.VA = v
		}
	}
	w := &walker{shape: -1, result: -1, all: o.All}
	if !c.Same() {
		w.pair(root(c.VA), root(c.VB), 0)
	}
	c.Rows, c.Shape, c.Result = w.rows, w.shape, w.result
}
