package ir

import "slices"

// Clone is a deep copy; rewriting it leaves p alone.
func (p *Prog) Clone() *Prog {
	q := *p
	q.Pos = slices.Clone(p.Pos)
	q.Funcs = make([]*Func, len(p.Funcs))
	for i, f := range p.Funcs {
		q.Funcs[i] = f.Clone()
	}
	return &q
}

// Clone is a deep copy.
func (f *Func) Clone() *Func {
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
