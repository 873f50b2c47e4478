package program

import (
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/dwarf"
)

// Func is a function of a program.
type Func struct {
	Name   string // in the source
	Params []Param
	// Ret is what the function returns, void if nothing; RetText is the type in
	// the words of the source.
	Ret     *types.Type
	RetText string
}

// Param is one parameter of a function.
type Param struct {
	Name string
	Type *types.Type
	Text string // the type in the words of the source
	// Loc is where the argument is at the entry of the function. For one in
	// several registers Parts are the places of its bytes, in their order.
	Loc   hir.Loc
	Parts []hir.Loc
	// Unreadable is the reason why the argument cannot be read, "" if it can.
	Unreadable string
}

// Func returns the function that begins at an address, which is one of the file.
// The error is a *NoFuncError if the debugging information does not have it.
func (p *Program) Func(addr uint64) (*Func, error) {
	g, ok := p.d.FuncAt(addr)
	if !ok {
		return nil, &NoFuncError{p.path, addr}
	}
	if start, ok := g.Entry.Start(); !ok || start != addr {
		return nil, &NoFuncError{p.path, addr}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.near = p.d.UnitAt(addr)
	f := &Func{Name: g.Entry.Name(), Ret: p.typeOf(g.Entry, maxDepth), RetText: "void"}
	if t, ok := g.Entry.Type(); ok {
		f.RetText = text(t, 0)
	}
	c := p.convention(g.Entry)
	for _, e := range parameters(g.Entry) {
		f.Params = append(f.Params, p.param(g, e, addr, c))
	}
	return f, nil
}

// parameters returns the parameters of a function in the order of its source. A
// copy of a function that the compiler has made may lack some: those are taken
// from the original, where they have no place.
func parameters(f dwarf.Entry) []dwarf.Entry {
	own := formal(f)
	origin, ok := f.Ref(dwarf.AttrAbstractOrigin)
	if !ok {
		return own
	}
	whole := formal(origin)
	if len(whole) < len(own) {
		return own
	}
	for i, w := range whole {
		for _, o := range own {
			if from, ok := o.Ref(dwarf.AttrAbstractOrigin); ok && from.U == w.U && from.Off == w.Off {
				whole[i] = o
			}
		}
	}
	return whole
}

func formal(f dwarf.Entry) []dwarf.Entry {
	var out []dwarf.Entry
	f.Children(func(c dwarf.Entry) bool {
		// Go marks results as variable parameters.
		if c.Tag == dwarf.TagParameter && !c.Flag(dwarf.AttrVariableParam) {
			out = append(out, c)
		}
		return len(out) < 256
	})
	return out
}

const removed = "it is optimised out here: the compiler has left no place for it at the entry of the function"

// param returns a parameter with its place at the entry of the function. The
// places of optimised code are those of the debugging information. Without
// optimisation that only has the place where the function itself stores the
// argument later; then it is where the calling convention has it.
func (p *Program) param(g dwarf.Func, e dwarf.Entry, entry uint64, c *convention) Param {
	out := Param{Name: e.Name(), Type: p.typeOf(e, maxDepth), Text: "void"}
	if t, ok := e.Type(); ok {
		out.Text = text(t, 0)
	}
	byRule := c.next(out.Type, e)
	places, always := e.Location()
	if len(places) == 0 {
		if v, ok := e.Int(dwarf.AttrConstValue); ok {
			out.Loc = hir.Loc{Kind: hir.LocConst, Disp: v, Size: 8}
			return out
		}
		out.Unreadable = removed
		return out
	}
	if always {
		if stored(places[0].Expr) {
			byRule.fill(&out)
			return out
		}
		p.locate(&out, g, places[0].Expr)
		return out
	}
	for _, at := range places {
		if at.Lo <= entry && entry < at.Hi {
			p.locate(&out, g, at.Expr)
			return out
		}
	}
	out.Unreadable = removed
	return out
}
