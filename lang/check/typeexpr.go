package check

import (
	"probe/lang/check/ctype"
	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// maxTypeLen is the maximum length of an array or string type written in a
// script.
const maxTypeLen = 1 << 20

// isType reports whether a type expression names a type. It reports no errors.
func (b typeExprs) isType(te *syntax.TypeExpr) bool {
	if te.Of != nil || te.OfType != nil || te.Kind != "" {
		return true
	}
	if p := b.word(te.Name); p != nil {
		_, ok := p.expr.(*syntax.TypeArg)
		return ok
	}
	_, ok := b.named(te.Kind, te.Name)
	return ok
}

// named finds a type by name: the script's, that of the probed program, the
// kernel's. The kernel's come first for names without a word before them, most
// of which are numbers that are the same everywhere, so that the debugging
// information is not read for them.
func (b typeExprs) named(kind, name string) (*types.Type, bool) {
	var own hir.Types
	if b.site != nil {
		own = b.site.Types
	}
	if own != nil && kind != "" && !b.c.csection().Defined(kind, name) {
		if t, ok := own.Named(kind, name); ok {
			return t, true
		}
	}
	t, ok := b.c.csection().Named(kind, name)
	if !ok && own != nil && kind == "" {
		return own.Named(kind, name)
	}
	return t, ok
}

// typeExpr resolves a type as written. It returns nil if it reported an error,
// and infer.Unknown if the type of an expression in it is not known yet.
func (b typeExprs) typeExpr(te *syntax.TypeExpr) *types.Type {
	t := b.baseType(te)
	if t == nil || t.Kind == types.Invalid {
		return t
	}
	return b.suffixes(t, te)
}

// baseType resolves a type without its suffixes.
func (b typeExprs) baseType(te *syntax.TypeExpr) *types.Type {
	switch {
	case te.OfType != nil:
		return b.typeOrExpr(te.OfType, nil)
	case te.Of != nil:
		return b.typeOf(te.Of)
	case te.Kind == "":
		if p := b.word(te.Name); p != nil {
			b.noteParam(te, te.NameAt, p)
			var t *types.Type
			b.inCaller(p, func() hir.Expr {
				if ta, ok := p.expr.(*syntax.TypeArg); ok {
					t = b.typeExpr(ta.Type)
				} else {
					t = b.typeOf(p.expr)
				}
				return nil
			})
			return t
		}
	}
	if t, ok := b.named(te.Kind, te.Name); ok {
		b.noteType(te.Kind, te.Name, te, te.NameAt, t)
		return t
	}
	at := te.At.At
	if te.NameAt.Valid() {
		at = te.NameAt
	}
	b.unknownType(te.Kind, te.Name, at)
	return nil
}

// typeOf returns the static type of an expression that never runs; typeof(@m)
// of a keyed map is the key type (E-TYPEOF-01).
func (b typeExprs) typeOf(e syntax.Expr) *types.Type {
	if me, ok := unparen(e).(*syntax.Map); ok && me.Keys == nil {
		m := b.mapUses.mapOf(me)
		if m == nil {
			return nil
		}
		if m.mode == modeKeyed {
			return b.lock(&m.key, me.At.At)
		}
	}
	x := b.observed(e)
	if infer.IsBad(x) {
		if x.Type() == infer.Unknown {
			return infer.Unknown
		}
		return nil
	}
	return infer.Settle(b.shown(x))
}

// lock returns the type of an observed cell. Later assignments can still change
// the type, since the observer is then typed again. But if a branch depends on
// the type, that branch must not change it (T-PROM-12).
func (b *body) lock(c *infer.Cell, at source.Span) *types.Type {
	b.depend(c)
	if c.Typ == nil {
		return infer.Unknown
	}
	if b.deciding > 0 && !c.Locked.Valid() {
		c.Locked = at
	}
	return c.Typ
}

// observed types an expression of which only the type is needed.
func (b typeExprs) observed(e syntax.Expr) hir.Expr {
	b.observe++
	x := b.exprs.expr(e)
	b.observe--
	switch n := x.(type) {
	case *hir.VarRef:
		if v := b.cellOf(n.Var); v != nil {
			b.lock(&v.Cell, e.Span())
		}
	case *hir.MapGet:
		if m := b.c.maps[n.Map.Name]; m != nil {
			b.lock(&m.value, e.Span())
		}
	}
	return x
}

func (b *body) cellOf(v *hir.Var) *varCell {
	for _, c := range b.live {
		if c.hv == v {
			return c
		}
	}
	return nil
}

// lockedError reports a value that would change a type that was observed
// elsewhere.
func (b *body) lockedError(c *infer.Cell, x hir.Expr) {
	b.errorf("locked-type", x.Span(), "this type has been locked because it was used in another part of the script: `%s` does not fit `%s`",
		infer.Settle(x.Type()), c.Typ).WithLabel("would change the type").At(c.Locked, "its type was used here").WithRow("T-PROM-12")
}

// suffixes applies '*' and '[N]' from left to right (T-KIND-22).
func (b typeExprs) suffixes(t *types.Type, te *syntax.TypeExpr) *types.Type {
	for _, s := range te.Suffix {
		if s.Ptr {
			t = types.PointerTo(t, types.SpaceNone)
			continue
		}
		n := s.Len
		if s.LenX != nil {
			x := b.exprs.value(s.LenX)
			if infer.IsBad(x) {
				return x.Type()
			}
			v, neg, ok := infer.ConstInt(x)
			if !ok || neg {
				b.errorf("bad-type", s.LenX.Span(), "an array length must be a non-negative integer literal").
					WithLabel("not one").WithRow("T-KIND-22")
				return nil
			}
			n = int64(min(v, maxTypeLen+1))
		}
		if n > maxTypeLen || n > 0 && t.Size > 0 && n*int64(t.Size) > maxTypeLen {
			b.errorf("bad-type", te.At.At, "this type is too large").
				WithLabel("the limit is %d bytes", maxTypeLen).WithRow("T-KIND-05")
			return nil
		}
		switch {
		case t.Kind == types.String && t.Len == 0 && n > 0:
			t = types.StringType(int(n))
		case t.Kind == types.Buffer && t.Len == 0 && n > 0:
			t = types.BufferType(int(n))
		case t.Kind == types.Inet:
		case t.Size == 0:
			b.errorf("bad-type", te.At.At, "an array needs elements with a size, `%s` has none", t).
				WithLabel("in this type").WithRow("T-KIND-05")
			return nil
		default:
			t = types.ArrayOf(t, int(max(n, 0)))
		}
	}
	return t
}

// unknownType reports an unknown type name.
func (b typeExprs) unknownType(kind, name string, at source.Span) {
	if kind == "struct" || kind == "union" {
		b.unknownStruct(kind+" "+name, name, at)
		return
	}
	label, row := "no such type", "T-KIND-21"
	if kind == "enum" {
		label, row = "unknown enum", "T-CAST-09"
	}
	d := b.errorf("unknown-type", at, "cannot resolve unknown type `%s`", joinWords(kind, name)).
		WithCompat("Cannot resolve unknown type \"%s\"", joinWords(kind, name)).
		WithLabel("%s", label).WithRow(row)
	b.typeHelp(d, kind, name)
}

func (b typeExprs) unknownStruct(full, name string, at source.Span) {
	d := b.errorf("unknown-type", at, "unknown struct/union: `%s`", full).
		WithCompat("Cannot resolve unknown type \"%s\"", full).CompatAt(wholeType(at)).
		WithLabel("not defined by the kernel or the script").WithRow("T-STRUCT-02")
	b.typeHelp(d, "struct", name)
}

// typeHelp adds a help with the nearest type name, or the reason why there are
// no kernel types.
func (b typeExprs) typeHelp(d *diag.Diagnostic, kind, name string) {
	if ok, why := b.c.csection().KernelTypes(); !ok {
		d.WithNote("types of the kernel are not known here: %s", why).
			WithHelp("define what the script needs in its C section: `struct %s { … };`", name)
		return
	}
	var names []string
	if b.c.in.Types != nil {
		names = b.c.in.Types.Names(kind)
	}
	for n := range ctype.Language {
		if kind == "" {
			names = append(names, n)
		}
	}
	if n := nearest(name, names); n != "" {
		d.WithHelp("a type with a similar name exists: `%s`", joinWords(kind, n))
	}
}

func joinWords(kind, name string) string {
	if kind == "" {
		return name
	}
	return kind + " " + name
}
