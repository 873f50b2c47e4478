package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// scope holds the variables of one block. The outermost scope of a macro body
// has no parent, so a macro does not see the variables of its caller.
type scope struct {
	parent *scope
	vars   []*varCell
	byName map[string]*varCell // the last of each name, if there are many variables
}

// fewVars is the number of variables up to which a scope is searched without an
// index.
const fewVars = 16

// lookup finds a visible variable.
func (s *scope) lookup(name string) *varCell {
	for ; s != nil; s = s.parent {
		if s.byName != nil {
			if v := s.byName[name]; v != nil {
				return v
			}
			continue
		}
		for i := len(s.vars) - 1; i >= 0; i-- {
			if s.vars[i].name == name {
				return s.vars[i]
			}
		}
	}
	return nil
}

// add makes a variable visible.
func (s *scope) add(v *varCell) {
	s.vars = append(s.vars, v)
	switch {
	case s.byName != nil:
		s.byName[v.name] = v
	case len(s.vars) > fewVars:
		s.byName = map[string]*varCell{}
		for _, v := range s.vars {
			s.byName[v.name] = v
		}
	}
}

// push opens a block.
func (b *body) push() *scope {
	old := b.scope
	b.scope = &scope{parent: old}
	return old
}

// declare creates a variable in the innermost block.
func (b *body) declare(node any, name string, at source.Span) *varCell {
	k := varKey{node: node, frame: b.frame.number()}
	v := b.vars[k]
	if v == nil {
		v = &varCell{name: name, node: node, hv: &hir.Var{Name: name, At: at}}
		if b.vars == nil {
			b.vars = map[varKey]*varCell{}
		}
		b.vars[k] = v
	}
	if v.run != b.stamp {
		v.run = b.stamp
		v.hv.Captured = false
		b.live = append(b.live, v)
	}
	v.assigned, v.let, v.natural, v.readAt, v.stmt = false, false, false, source.Span{}, at
	v.depth, v.inLoop, v.frame, v.now = b.loops, b.inLoop, k.frame, nil
	b.scope.add(v)
	return v
}

// temp makes a nameless variable of a known type.
func (b *body) temp(t *types.Type, at source.Span) *hir.Var {
	v := &hir.Var{Type: t, At: at}
	b.temps = append(b.temps, v)
	return v
}

// variable finds $name, or reports that there is none.
func (b *body) variable(e *syntax.Var) *varCell {
	v := b.lookupVar(e.Name)
	if v == nil {
		b.undefinedVar(e)
	}
	return v
}

// lookupVar finds a visible variable; a macro's $parameters are the caller's.
func (b *body) lookupVar(name string) *varCell {
	v := b.scope.lookup(name)
	if v == nil && b.frame != nil {
		if p := b.frame.param(syntax.ParamVar, name); p != nil {
			v = p.v
		}
	}
	if v != nil && b.loops > v.depth {
		v.hv.Captured = true
	}
	return v
}

// readVar types $name as a value.
func (b *body) readVar(e *syntax.Var) hir.Expr {
	v := b.variable(e)
	if v == nil {
		return infer.Poison(e.At.At)
	}
	b.noteVar(e, false)
	if !v.assigned && v.let && !v.readAt.Valid() {
		v.readAt = e.At.At
	}
	if !v.assigned && !v.let {
		b.undefinedVar(e) // a macro's parameter whose variable the caller has not created
		return infer.Poison(e.At.At)
	}
	b.depend(&v.Cell)
	if v.Typ == nil {
		return infer.Pending(e.At.At)
	}
	return &hir.VarRef{X: hir.X{T: b.present(v), At: e.At.At}, Var: v.hv}
}

// present returns the type of a variable where it is read. Its address spaces
// are those of the assignment before, if no other assignment can have happened.
// In a loop a later assignment can come before the read.
func (b *body) present(v *varCell) *types.Type {
	if v.now == nil || b.inLoop != v.inLoop || b.frame.number() != v.frame || !infer.SameType(v.Typ, v.now) {
		return v.Typ
	}
	return infer.SpacesOf(v.Typ, v.now)
}

// frame is one active macro expansion.
type frame struct {
	parent *frame // the caller's
	id     int
	call   source.Span
	m      *macro
	params []binding
}

// binding is the argument bound to a macro parameter.
type binding struct {
	name  string
	kind  syntax.ParamKind
	node  *syntax.Param
	expr  syntax.Expr // word parameters: typed where it was written
	scope *scope
	frame *frame
	v     *varCell
	m     *mapCell
}

// number returns the number of the expansion, 0 outside macros.
func (f *frame) number() int {
	if f == nil {
		return 0
	}
	return f.id
}

// param finds a parameter by kind and name.
func (f *frame) param(kind syntax.ParamKind, name string) *binding {
	for i := range f.params {
		if f.params[i].kind == kind && f.params[i].name == name {
			return &f.params[i]
		}
	}
	return nil
}

// word returns the binding of a word parameter, nil if name is not one.
func (b *body) word(name string) *binding {
	if b.frame == nil {
		return nil
	}
	return b.frame.param(syntax.ParamWord, name)
}

// wordAt is like word, and records the use for Info.
func (b *body) wordAt(e *syntax.Ident) *binding {
	p := b.word(e.Name)
	if p != nil {
		b.noteParam(e, e.At.At, p)
	}
	return p
}

// inCaller runs f in the scope where a word parameter's argument was written.
func (b *body) inCaller(p *binding, f func() hir.Expr) hir.Expr {
	fr, sc := b.frame, b.scope
	b.frame, b.scope = p.frame, &scope{parent: p.scope}
	x := f()
	b.frame, b.scope = fr, sc
	return x
}
