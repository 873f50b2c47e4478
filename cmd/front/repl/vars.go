package repl

import (
	"reflect"
	"slices"

	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// The scope of a scratch variable is a block, and every input of statements is
// a block of its own. A user who types $x = 1 expects $x to exist in the next
// line, so the variables of an input's outermost level are kept in maps without
// keys whose names no script can contain: for all code below this file $x is
// @$x. Variables of inner blocks and loops, and those that must be variables
// (&$x, find(@m, k, $x)), are not replaced.

// keepVars replaces the scratch variables that outlive an input by maps, and
// notes which of them are set before they are read.
func (in *stmtsInput) keepVars() {
	local := localVars(in.r, in.block)
	kept := map[string]bool{}
	for name := range in.r.maps {
		if len(name) > 1 && name[:1] == scratchMap("") && !local[name[1:]] {
			kept[name[1:]] = true
		}
	}
	read := map[string]bool{}
	note := func(x syntax.Node) {
		if x == nil {
			return
		}
		syntax.Walk(x, func(n syntax.Node) {
			if v, ok := n.(*syntax.Var); ok {
				read[v.Name] = true
			}
		})
	}
	for i, s := range in.block.Stmts {
		name, x := outerVar(s)
		if name == "" || local[name] {
			note(s)
			continue
		}
		note(x)
		if a, ok := s.(*syntax.Assign); ok && a.Op != "=" {
			read[name] = true
		}
		kept[name] = true
		if !read[name] && !slices.Contains(in.reset, name) {
			in.reset = append(in.reset, name)
		}
		if l, ok := s.(*syntax.Let); ok {
			in.block.Stmts[i] = assignment(l)
		}
	}
	toMaps(reflect.ValueOf(in.block), kept)
}

// outerVar returns the scratch variable that a statement sets, and its value.
func outerVar(s syntax.Stmt) (name string, x syntax.Expr) {
	switch s := s.(type) {
	case *syntax.Assign:
		if v, ok := s.Target.(*syntax.Var); ok {
			return v.Name, s.X
		}
	case *syntax.Let:
		if s.X != nil && s.Var != nil {
			return s.Var.Name, s.X
		}
	}
	return "", nil
}

// assignment returns let $x : T = e as the assignment $x = (T)e.
func assignment(l *syntax.Let) *syntax.Assign {
	x := l.X
	if l.Type != nil {
		x = &syntax.Cast{At: syntax.At{At: x.Span()}, Type: l.Type, X: x}
	}
	return &syntax.Assign{At: l.At, Target: l.Var, Op: "=", OpAt: l.At.At, X: x}
}

// localVars returns the variables of an input that cannot be kept in maps.
func localVars(r *repl, block *syntax.Block) map[string]bool {
	local := map[string]bool{}
	outer := map[*syntax.Let]bool{}
	for _, s := range block.Stmts {
		if l, ok := s.(*syntax.Let); ok && l.X != nil {
			outer[l] = true
		}
	}
	syntax.Walk(block, func(n syntax.Node) {
		switch n := n.(type) {
		case *syntax.For:
			if n.Var != nil {
				local[n.Var.Name] = true
			}
		case *syntax.Let:
			if n.Var != nil && !outer[n] {
				local[n.Var.Name] = true
			}
		case *syntax.Unary:
			if v, ok := n.X.(*syntax.Var); ok && n.Op == "&" {
				local[v.Name] = true
			}
		case *syntax.Call:
			for i, a := range n.Args {
				if v, ok := a.(*syntax.Var); ok && r.wantsVar(n.Name, i) {
					local[v.Name] = true
				}
			}
		}
	})
	return local
}

// wantsVar reports whether argument i of a function must be a scratch variable.
func (r *repl) wantsVar(name string, i int) bool {
	for _, d := range r.defs {
		if m, ok := d.(*syntax.Macro); ok && m.Name == name && i < len(m.Params) {
			return m.Params[i].Kind == syntax.ParamVar
		}
	}
	sig := r.builtins[name]
	return sig != nil && i < len(sig.Params) && sig.Params[i].Kind == types.LValueParam
}

var exprType = reflect.TypeFor[syntax.Expr]()

// toMaps replaces variables by maps in all expressions. A variable that a
// statement declares is not an expression and is not replaced.
func toMaps(v reflect.Value, kept map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			toMaps(v.Elem(), kept)
		}
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		if x, ok := v.Interface().(*syntax.Var); ok && v.Type() == exprType {
			if kept[x.Name] {
				v.Set(reflect.ValueOf(&syntax.Map{At: x.At, Name: scratchMap(x.Name), NameAt: x.At.At}))
			}
			return
		}
		toMaps(v.Elem(), kept)
	case reflect.Slice:
		for i := range v.Len() {
			toMaps(v.Index(i), kept)
		}
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[syntax.At](), reflect.TypeFor[source.Span]():
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() || f.Kind() == reflect.Pointer || f.Kind() == reflect.Slice {
				toMaps(f, kept)
			}
		}
	}
}
