package check

import (
	"cmp"
	"slices"
	"sync"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// Info is what the checker learned about a script, for tools that show or
// change scripts: the type and the value of each node, the meaning and the uses
// of each name. A script with errors has one too, with everything that could be
// determined.
//
// A body is typed once for each place it is attached to, and the body of a
// macro once for each call. The same node can thus have several types, and a
// name in it several meanings; Info has all of them, in the order in which they
// were found. Names that mean the same thing at some node share one Def.
//
// An Info is filled on the first query, which takes about as long as checking
// did. The Input of Check, its Probes and its Types must still be usable then.
// Methods of Info are safe for concurrent use.
type Info struct {
	once   sync.Once
	c      *checker
	nodes  map[syntax.Node]*fact
	defs   map[any]*Def
	scopes []*blockScope
	files  []*syntax.File
}

// fact is what is known about one node.
type fact struct {
	types  []*types.Type
	consts []*types.Const
	varied bool // not the same constant each time, or none
	def    *Def
}

// TypesOf lists the distinct types of an expression over all sites of its body
// and expansions of its macro. It is empty if nothing is known: after an error,
// or in a macro that is never called.
func (i *Info) TypesOf(n syntax.Node) []*types.Type {
	if f := i.fact(n); f != nil {
		return f.types
	}
	return nil
}

// TypeOf returns the first of TypesOf, nil if there is none.
func (i *Info) TypeOf(n syntax.Node) *types.Type {
	if ts := i.TypesOf(n); len(ts) > 0 {
		return ts[0]
	}
	return nil
}

// ConstOf returns the value of an expression that is known when the script is
// compiled and the same in every place. It is nil for others.
func (i *Info) ConstOf(n syntax.Node) *types.Const {
	if f := i.fact(n); f != nil && !f.varied && len(f.consts) == 1 {
		return f.consts[0]
	}
	return nil
}

// DefOf returns what a node means or defines: a variable, map or macro, a
// function or value of the library, a member, a type. It is nil for nodes that
// are not names, and for undefined names.
func (i *Info) DefOf(n syntax.Node) *Def {
	if f := i.fact(n); f != nil && f.def != nil {
		return f.def.root()
	}
	return nil
}

// UsesOf lists the places of a script where a definition is named, its own
// included, in the order of files and offsets. Replacing each of them by
// another name that is free renames the definition.
func (i *Info) UsesOf(d *Def) []Use {
	i.fill()
	if d == nil {
		return nil
	}
	return d.root().uses
}

// Defs lists all definitions that the script uses or makes, those of the
// script first, by place and name.
func (i *Info) Defs() []*Def {
	i.fill()
	var out []*Def
	for _, d := range i.defs {
		if d.root() == d {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *Def) int {
		if a.At.Valid() != b.At.Valid() {
			if a.At.Valid() {
				return -1
			}
			return 1
		}
		return cmp.Or(compareSpans(a.At, b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Of, b.Of))
	})
	return out
}

// Files lists the trees that the script consists of: its own, then those of
// the scripts it imports.
func (i *Info) Files() []*syntax.File {
	i.fill()
	return i.files
}

// fact returns what is known about a node, or about the node inside
// parentheses.
func (i *Info) fact(n syntax.Node) *fact {
	i.fill()
	if e, ok := n.(syntax.Expr); ok {
		n = unparen(e)
	}
	return i.nodes[n]
}

// PathAt lists the nodes around an offset of a file of the script, from the
// file to the innermost. Below a cast that turned out to be an operator comes
// that operator.
func (i *Info) PathAt(f *source.File, offset int) []syntax.Node {
	i.fill()
	var path []syntax.Node
	within := func(n syntax.Node) bool {
		s := n.Span()
		return s.Start <= offset && offset <= s.End
	}
	var down func(n syntax.Node) bool
	down = func(n syntax.Node) bool {
		if !within(n) || len(path) > 0 && touches(path[len(path)-1], offset) && !contains(path[len(path)-1], n) {
			return false
		}
		path = append(path, n)
		if c, ok := n.(*syntax.Cast); ok && c.Alt != nil && i.nodes[c.Alt] != nil {
			syntax.Inspect(c.Alt, down)
			return false
		}
		return true
	}
	for _, file := range i.files {
		if file.Source == f {
			syntax.Inspect(file, down)
			break
		}
	}
	return path
}

// touches reports whether a node contains the byte at an offset instead of
// ending there.
func touches(n syntax.Node, offset int) bool { return offset < n.Span().End }

func contains(outer, inner syntax.Node) bool {
	o, s := outer.Span(), inner.Span()
	return o.Start <= s.Start && s.End <= o.End
}

// NodeAt returns the innermost node around an offset, nil if there is none. At
// the boundary of two nodes it is the second.
func (i *Info) NodeAt(f *source.File, offset int) syntax.Node {
	path := i.PathAt(f, offset)
	if len(path) == 0 {
		return nil
	}
	return path[len(path)-1]
}

// Scope lists the names visible at a place in a script.
type Scope struct {
	// Probe is the probe around the place, nil outside probes. Sites are its
	// sites, which have the names of its arguments.
	Probe *syntax.Probe
	Sites []*hir.Site
	// Vars are the variables that exist there and the parameters of the macro
	// around it, inner ones first.
	Vars []*Def
	// Maps and Macros are those of the whole script, by name.
	Maps, Macros []*Def
}

// ScopeAt returns the names visible at an offset of a file of the script.
func (i *Info) ScopeAt(f *source.File, offset int) *Scope {
	out := &Scope{}
	for _, n := range i.PathAt(f, offset) {
		if p, ok := n.(*syntax.Probe); ok {
			out.Probe = p
		}
	}
	for _, b := range i.c.bodies {
		if b.src == out.Probe && !b.stub {
			out.Sites = append(out.Sites, b.site)
		}
	}
	var around []*blockScope
	for _, s := range i.scopes {
		if s.at.File == f && s.at.Start < offset && offset <= s.at.End {
			around = append(around, s)
		}
	}
	slices.SortStableFunc(around, func(a, b *blockScope) int { return cmp.Compare(b.at.Start, a.at.Start) })
	for _, s := range around {
		for _, d := range s.defs {
			if d = d.root(); (d.Kind == Param || d.At.Start < offset) && !slices.Contains(out.Vars, d) {
				out.Vars = append(out.Vars, d)
			}
		}
	}
	for _, d := range i.Defs() {
		switch {
		case d.Kind == Map:
			out.Maps = append(out.Maps, d)
		case d.Kind == Macro:
			out.Macros = append(out.Macros, d)
		}
	}
	byName := func(a, b *Def) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortStableFunc(out.Maps, byName)
	slices.SortStableFunc(out.Macros, byName)
	return out
}

// fill computes everything, once. It continues where an error ended the check,
// and types all bodies again while recording what it sees. The results that
// Check has returned do not change: variables and maps are copied before they
// could.
func (i *Info) fill() {
	i.once.Do(func() {
		c := i.c
		c.out = diag.List{}
		c.info = i
		i.nodes, i.defs = map[syntax.Node]*fact{}, map[any]*Def{}
		for _, m := range c.mapList {
			hm := *m.hm
			m.hm = &hm
		}
		if c.phase < attached {
			c.attach()
		}
		c.stubBodies()
		c.infer()
		i.declared()
		for _, b := range c.bodies {
			for _, v := range b.vars {
				hv := *v.hv
				v.hv = &hv
			}
			b.rec = i
			b.run()
			b.rec = nil
			i.variables(b)
		}
		i.finish()
	})
}
