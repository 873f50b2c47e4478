package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// The functions here record for Info what the typing of a body finds. They do
// nothing unless the body is typed for Info.

// phase is the phase that a check has reached.
type phase uint8

const (
	begun phase = iota
	attached
)

// blockScope is a block with the variables that were created in it.
type blockScope struct {
	at   source.Span
	defs []*Def
}

// learned records the type and the value of an expression.
func (b *body) learned(n syntax.Node, x hir.Expr) {
	if b.rec == nil || n == nil || x == nil {
		return
	}
	f := b.rec.at(n)
	t := x.Type()
	switch m := x.(type) { // a whole map is recorded with the type of its values
	case *hir.MapArg:
		t = b.c.maps[m.Map.Name].value.Typ
	case *hir.MapElem:
		t = b.c.maps[m.Map.Name].value.Typ
	}
	if t == nil || infer.IsBad(x) {
		return
	}
	f.types = addType(f.types, t)
	if f.def != nil && f.def.Kind == Param {
		f.def.addType(t)
	}
	c := (*types.Const)(nil)
	if infer.IsLiteral(x) {
		c = infer.ConstOf(x)
	}
	switch {
	case c == nil:
		f.varied = true
	case len(f.consts) == 0:
		f.consts = append(f.consts, c)
	case f.consts[0].Int != c.Int || f.consts[0].Str != c.Str:
		f.varied = true
	}
}

// typed records the type of a node that has no value.
func (b *body) typed(n syntax.Node, t *types.Type) {
	if b.rec != nil && t != nil {
		b.learned(n, &hir.VarRef{X: hir.X{T: t}})
	}
}

// addType adds a type to a list unless the list has it.
func addType(list []*types.Type, t *types.Type) []*types.Type {
	t = infer.Settle(t)
	for _, o := range list {
		if o == t || infer.SameType(o, t) && o.Space == t.Space && o.String() == t.String() {
			return list
		}
	}
	return append(list, t)
}

// at returns the fact of a node, created empty if there is none.
func (i *Info) at(n syntax.Node) *fact {
	if e, ok := n.(syntax.Expr); ok {
		n = unparen(e)
	}
	f := i.nodes[n]
	if f == nil {
		f = &fact{}
		i.nodes[n] = f
	}
	return f
}

// def finds or creates the definition of a key.
func (i *Info) def(key any, fresh func() *Def) *Def {
	d := i.defs[key]
	if d == nil {
		d = fresh()
		i.defs[key] = d
		if d.At.Valid() {
			d.use(Use{At: d.At})
		}
	}
	return d
}

// sameAs records for n what is known about o, which replaces it.
func (i *Info) sameAs(n, o syntax.Node) {
	if f := i.nodes[o]; f != nil {
		i.nodes[n] = f
	}
	for _, d := range i.defs {
		for k := range d.uses {
			if d.uses[k].Node == o {
				d.uses[k].Node = n
			}
		}
	}
}

// means records that a node names a definition; name is the place of the name.
func (i *Info) means(n syntax.Node, name source.Span, d *Def, write bool) {
	var f *fact
	if n != nil {
		f = i.at(n)
	}
	if f == nil {
	} else if f.def == nil {
		f.def = d
	} else if f.def.root() != d.root() && f.def.Kind == d.Kind && d.Kind == Variable {
		f.def.join(d)
	}
	if name.Valid() {
		d.use(Use{Node: n, At: name, Write: write})
	}
}

// noteVar records what $name means at a node: a variable, or a macro's
// parameter.
func (b *body) noteVar(e *syntax.Var, write bool) {
	if b.rec == nil {
		return
	}
	v := b.scope.lookup(e.Name)
	if v == nil && b.frame != nil {
		if p := b.frame.param(syntax.ParamVar, e.Name); p != nil {
			b.typed(e, p.v.Typ)
			b.rec.means(e, e.At.At, b.rec.paramDef(b.frame.m, p.node), write)
			return
		}
	}
	if v != nil {
		b.typed(e, v.Typ)
		b.rec.means(e, e.At.At, b.rec.varDef(v), write)
	}
}

func (i *Info) varDef(v *varCell) *Def {
	return i.def(v.node, func() *Def { return &Def{Kind: Variable, Name: "$" + v.name, At: v.hv.At} })
}

func (i *Info) paramDef(m *macro, p *syntax.Param) *Def {
	return i.def(p, func() *Def {
		sign := [...]string{"", "$", "@"}[p.Kind]
		return &Def{Kind: Param, Name: sign + p.Name, Of: m.name, At: p.At.At}
	})
}

func (i *Info) mapDef(m *mapCell) *Def {
	return i.def(m, func() *Def { return &Def{Kind: Map, Name: m.label(), At: m.at} })
}

// noteMap records what @name means at a node.
func (b *body) noteMap(e *syntax.Map, m *mapCell) {
	if b.rec == nil {
		return
	}
	d := b.rec.mapDef(m)
	if b.frame != nil {
		if p := b.frame.param(syntax.ParamMap, e.Name); p != nil {
			d = b.rec.paramDef(b.frame.m, p.node)
			if m.value.Typ != nil {
				d.addType(m.value.Typ)
			}
		}
	}
	at := e.NameAt
	if !at.Valid() {
		at = e.At.At
	}
	b.rec.means(e, at, d, false)
	if e.Keys == nil && m.value.Typ != nil {
		b.typed(e, m.value.Typ)
	}
}

// noteWrite marks a map that is assigned to.
func (b *body) noteWrite(e *syntax.Map, m *mapCell) {
	if b.rec == nil || m == nil {
		return
	}
	if f := b.rec.at(e); f.def != nil {
		f.def.use(Use{Node: e, At: e.NameAt, Write: true})
	}
	if m.value.Typ != nil {
		b.typed(e, m.value.Typ)
	}
}

// noteMacro records a call of a macro.
func (b *body) noteMacro(m *macro, n syntax.Node) {
	if b.rec != nil {
		b.rec.means(n, nameOf(n), b.rec.macroDef(m), false)
	}
}

// macroDef returns the definition of a macro. Macros that share a name share a
// Def, since a call means whichever fits.
func (i *Info) macroDef(m *macro) *Def {
	d := i.def("macro "+m.name, func() *Def { return &Def{Kind: Macro, Name: m.name, At: m.nameAt, Doc: m.doc} })
	d.use(Use{At: m.nameAt})
	return d
}

// nameOf returns the place of the name of a call or a word.
func nameOf(n syntax.Node) source.Span {
	switch n := n.(type) {
	case *syntax.Call:
		return n.NameAt
	case *syntax.Field:
		return n.NameAt
	}
	return n.Span()
}

// noteName records a name of the library or the language.
func (b *body) noteName(kind DefKind, name string, n syntax.Node) {
	if b.rec == nil {
		return
	}
	sig := b.c.in.Builtins[name]
	d := b.rec.def(kind.String()+" "+name, func() *Def {
		d := &Def{Kind: kind, Name: name, Sig: sig}
		if sig != nil {
			d.Doc = sig.Doc
		}
		if kind == Setting {
			d.Doc = settingDoc(name)
		}
		return d
	})
	b.rec.means(n, nameOf(n), d, false)
}

// noteOf records a name that belongs to something else: a member, an argument.
func (b *body) noteOf(kind DefKind, of, name string, n syntax.Node, at source.Span, t *types.Type) {
	if b.rec == nil {
		return
	}
	d := b.rec.def([3]string{kind.String(), of, name}, func() *Def {
		d := &Def{Kind: kind, Name: name, Of: of}
		if kind == Member {
			d.At, _ = b.c.csection().MemberAt(of, name)
		}
		return d
	})
	if t != nil {
		d.addType(t)
	}
	b.rec.means(n, at, d, false)
}

// noteType records the name of a type.
func (b *body) noteType(kind, name string, n syntax.Node, at source.Span, t *types.Type) {
	if b.rec != nil {
		d := b.rec.typeDef(b.c, kind, name)
		d.addType(t)
		b.rec.means(n, at, d, false)
	}
}

func (i *Info) typeDef(c *checker, kind, name string) *Def {
	return i.def([3]string{TypeName.String(), kind, name}, func() *Def {
		d := &Def{Kind: TypeName, Name: name, Of: kind}
		d.At, _ = c.csection().TypeAt(kind, name)
		return d
	})
}

// noteConstant records the name of a constant.
func (b *body) noteConstant(e *syntax.Ident, x hir.Expr) {
	if b.rec == nil {
		return
	}
	var d *Def
	if m := b.c.cmacros[e.Name]; m != nil {
		d = b.rec.def(m, func() *Def { return &Def{Kind: CMacro, Name: e.Name, At: m.def.NameAt} })
	} else {
		d = b.rec.def("constant "+e.Name, func() *Def {
			d := &Def{Kind: Enumerator, Name: e.Name}
			d.At, _ = b.c.csection().ConstantAt(e.Name)
			return d
		})
	}
	if !infer.IsBad(x) {
		d.addType(x.Type())
	}
	b.rec.means(e, e.At.At, d, false)
}

// noteParam records a word that is a macro's parameter.
func (b *body) noteParam(n syntax.Node, at source.Span, p *binding) {
	if b.rec != nil {
		b.rec.means(n, at, b.rec.paramDef(b.frame.m, p.node), false)
	}
}

// noteBlock records the names visible in a block that was just typed.
func (b *body) noteBlock(at source.Span) {
	if b.rec == nil {
		return
	}
	s := &blockScope{at: at}
	for sc := b.scope; sc != nil; sc = sc.parent {
		for _, v := range sc.vars {
			s.defs = append(s.defs, b.rec.varDef(v))
		}
	}
	if b.frame != nil {
		for k := range b.frame.params {
			s.defs = append(s.defs, b.rec.paramDef(b.frame.m, b.frame.params[k].node))
		}
	}
	b.rec.scopes = append(b.rec.scopes, s)
}

// unreached types for Info what is not compiled: a branch that is not taken,
// statements after the end of a block. It reports no errors and changes no
// types.
func (b *body) unreached(f func()) {
	if b.rec == nil {
		return
	}
	n := len(b.out.All)
	b.frozen++
	f()
	b.frozen--
	b.out.All = b.out.All[:n]
}
