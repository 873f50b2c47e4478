package check_test

import (
	"fmt"

	"probe/lang/hir"
	"probe/lang/types"
)

// verifier checks the promises of package hir: that the compiler never has to
// convert anything.
type verifier struct{ problems []string }

// verify lists what is not as package hir promises.
func verify(p *hir.Script) []string {
	v := &verifier{}
	for _, pr := range p.Probes {
		vars := map[*hir.Var]bool{}
		for _, x := range pr.Vars {
			vars[x] = true
			if x.Type == nil || x.Type.Kind == types.Invalid || x.Type.Kind == types.Void || x.Type.Flex {
				v.bad("variable $%s has type %s", x.Name, x.Type)
			}
		}
		if pr.Pred != nil {
			v.boolean(pr.Pred, "predicate")
		}
		v.block(pr.Body)
	}
	for i, m := range p.Maps {
		if m.Index != i || m.Value == nil || m.Value.Kind == types.Invalid || m.Entries <= 0 {
			v.bad("map @%s: index %d, value %s, entries %d", m.Name, m.Index, m.Value, m.Entries)
		}
	}
	return v.problems
}

func (v *verifier) bad(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// exact tells that x is stored as a t without conversion.
func (v *verifier) exact(x hir.Expr, t *types.Type, where string) {
	v.expr(x)
	g := x.Type()
	if g.Kind != t.Kind || g.Size != t.Size || g.Kind == types.Int && g.Signed != t.Signed || g.Len != t.Len {
		v.bad("%s: %s is not exactly %s", where, g, t)
		return
	}
	if g.Kind == types.Record && g.Struct.Flavour == types.Tuple {
		fg, ft := g.Struct.Fields(), t.Struct.Fields()
		for i := range ft {
			if len(fg) != len(ft) || fg[i].Offset != ft[i].Offset || fg[i].Type.Kind != ft[i].Type.Kind || fg[i].Type.Size != ft[i].Type.Size {
				v.bad("%s: layout of %s is not that of %s", where, g, t)
				return
			}
		}
	}
}

func (v *verifier) boolean(x hir.Expr, where string) {
	v.expr(x)
	if x.Type().Kind != types.Bool {
		v.bad("%s has type %s", where, x.Type())
	}
}

func (v *verifier) block(b *hir.Block) {
	for _, s := range b.Stmts {
		v.stmt(s)
	}
	if b.Value != nil {
		v.expr(b.Value)
	}
}

func (v *verifier) key(m *hir.Map, key hir.Expr) {
	switch {
	case m.Key == nil && key != nil:
		v.bad("@%s has no key but is used with one", m.Name)
	case m.Key != nil && key == nil:
		v.bad("@%s is used without its key", m.Name)
	case key != nil:
		v.exact(key, m.Key, "key of @"+m.Name)
	}
}

func (v *verifier) stmt(s hir.Stmt) {
	if !s.Span().Valid() {
		v.bad("%T has no place", s)
	}
	switch s := s.(type) {
	case *hir.SetVar:
		if s.X != nil {
			v.exact(s.X, s.Var.Type, "$"+s.Var.Name)
		}
	case *hir.SetMap:
		v.key(s.Map, s.Key)
		v.exact(s.X, s.Map.Value, "@"+s.Map.Name)
	case *hir.Aggregate:
		v.key(s.Map, s.Key)
		if !s.Map.Value.IsAgg() {
			v.bad("@%s is aggregated but holds %s", s.Map.Name, s.Map.Value)
		}
		for _, a := range s.Args {
			v.expr(a)
			if a.Type().Size != 8 {
				v.bad("argument of %s has type %s", s.Fn.Name, a.Type())
			}
		}
	case *hir.Eval:
		v.expr(s.X)
	case *hir.ForRange:
		v.exact(s.From, s.Var.Type, "range")
		v.exact(s.To, s.Var.Type, "range")
		v.block(s.Body)
	case *hir.ForMap:
		if !s.Var.Type.IsTuple() || len(s.Var.Type.Struct.Fields()) != 2 {
			v.bad("loop variable has type %s", s.Var.Type)
		}
		v.block(s.Body)
	case *hir.While:
		v.boolean(s.C, "while")
		v.block(s.Body)
	case *hir.Unroll:
		v.block(s.Body)
	case *hir.Return:
		if s.X != nil {
			v.exact(s.X, types.Int64, "return")
		}
	case *hir.BlockS:
		v.block(s.Block)
	}
}

func (v *verifier) expr(x hir.Expr) {
	t := x.Type()
	if t == nil || t.Kind == types.Invalid {
		v.bad("%T at %s has no type", x, x.Span())
		return
	}
	if !x.Span().Valid() {
		v.bad("%T has no place", x)
	}
	switch x := x.(type) {
	case *hir.Bytes:
		if len(x.V) > t.Size {
			v.bad("constant %q does not fit %s", x.V, t)
		}
	case *hir.MapGet:
		v.key(x.Map, x.Key)
	case *hir.MapElem:
		v.key(x.Map, x.Key)
	case *hir.Unary:
		v.expr(x.Of)
		if x.Op != hir.LogNot && (!x.Of.Type().IsInt() || x.Of.Type().Size != x.T.Size || x.T.Size != 8 && x.T.Signed) {
			v.bad("%s of %s", x.Op, x.Of.Type())
		}
	case *hir.Binary:
		v.binary(x)
	case *hir.Logical:
		v.boolean(x.L, "left of && or ||")
		v.boolean(x.R, "right of && or ||")
	case *hir.Cond:
		v.boolean(x.C, "condition")
		for _, b := range []hir.Expr{x.Then, x.Else} {
			switch {
			case b == nil && t.Kind != types.Void:
				v.bad("a branch of a %s is missing", t)
			case b != nil:
				v.exact(b, t, "branch")
			}
		}
	case *hir.Elvis:
		v.exact(x.C, t, "?:")
		v.exact(x.Else, t, "?:")
	case *hir.BlockX:
		v.block(x.Block)
		if (x.Block.Value == nil) != (t.Kind == types.Void) {
			v.bad("block of type %s", t)
		}
	case *hir.Member:
		v.expr(x.Of)
		if x.Of.Type().Kind != types.Record {
			v.bad("member of %s", x.Of.Type())
		}
	case *hir.Deref:
		v.expr(x.Of)
		if x.Of.Type().Kind != types.Pointer {
			v.bad("dereference of %s", x.Of.Type())
		}
	case *hir.Index:
		v.expr(x.Of)
		v.exact(x.I, types.Uint64, "index")
	case *hir.Cast:
		v.expr(x.Of)
		if t.Kind == types.Void || t.Kind == types.Record {
			v.bad("cast to %s", t)
		}
	case *hir.Tuple:
		fs := t.Struct.Fields()
		if len(fs) != len(x.Elems) {
			v.bad("tuple %s with %d elements", t, len(x.Elems))
			return
		}
		for i, e := range x.Elems {
			v.exact(e, fs[i].Type, "element")
		}
	case *hir.Call:
		for _, a := range x.Args {
			v.expr(a)
		}
	case *hir.IncDec:
		if x.Var == nil {
			v.key(x.Map, x.Key)
		}
	}
}

func (v *verifier) binary(x *hir.Binary) {
	v.expr(x.L)
	v.expr(x.R)
	l, r := x.L.Type(), x.R.Type()
	switch {
	case x.Op < hir.Eq && l.Kind == types.Pointer:
		if x.Op != hir.Add || r.Kind != types.Int || r.Size != 8 || !r.Signed {
			v.bad("%s %s %s", l, x.Op, r)
		}
	case x.Op < hir.Eq:
		if !l.IsInt() || l.Size != 8 || l.Kind != r.Kind || l.Size != r.Size || l.Signed != r.Signed || x.T.Signed != l.Signed {
			v.bad("%s %s %s gives %s", l, x.Op, r, x.T)
		}
	case l.Kind == types.Int:
		if r.Kind != types.Int || l.Size != r.Size || l.Signed != r.Signed {
			v.bad("%s %s %s", l, x.Op, r)
		}
	case l.Kind != r.Kind || x.Op > hir.Ne && l.Kind != types.Pointer:
		v.bad("%s %s %s", l, x.Op, r)
	case l.Kind == types.Record:
		v.exact(x.L, r, "comparison")
	}
}
