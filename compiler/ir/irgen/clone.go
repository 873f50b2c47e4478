package irgen

import (
	"slices"

	"probe/compiler/ir"
)

// Clone returns a deep copy of p; rewriting the copy leaves p alone.
func Clone(p *ir.Prog) *ir.Prog {
	q := *p
	q.Pos = slices.Clone(p.Pos)
	q.Funcs = make([]*ir.Func, len(p.Funcs))
	for i, f := range p.Funcs {
		q.Funcs[i] = CloneFunc(f)
	}
	return &q
}

// CloneFunc returns a deep copy of f.
func CloneFunc(f *ir.Func) *ir.Func {
	g := *f
	g.ArgKinds = slices.Clone(f.ArgKinds)
	g.Slots = slices.Clone(f.Slots)
	g.Vals = slices.Clone(f.Vals)
	for i := range g.Vals {
		g.Vals[i].Args = slices.Clone(g.Vals[i].Args)
	}
	g.Blocks = slices.Clone(f.Blocks)
	for i := range g.Blocks {
		d := &g.Blocks[i]
		d.Params, d.Ins = slices.Clone(d.Params), slices.Clone(d.Ins)
		d.Term.Then.Args, d.Term.Else.Args = slices.Clone(d.Term.Then.Args), slices.Clone(d.Term.Else.Args)
	}
	return &g
}
