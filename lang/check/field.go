package check

import (
	"strconv"

	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// field types x.name, x->name and x.N.
func (b places) field(e *syntax.Field) hir.Expr {
	if id, ok := unparen(e.X).(*syntax.Ident); ok && b.word(id.Name) == nil {
		switch id.Name {
		case "args":
			x := b.siteVals.argField(e.Name, e.At.At, e.NameAt)
			if b.rec != nil {
				b.noteName(Value, "args", id)
				if !infer.IsBad(x) {
					b.typed(id, b.siteVals.argsType())
					b.noteOf(Argument, "args", e.Name, e, e.NameAt, x.Type())
				}
			}
			return x
		case "config":
			if b.c.macros["config"] == nil {
				b.noteName(Value, "config", id)
				b.noteName(Setting, e.Name, e)
				if b.rec != nil {
					b.learned(id, b.siteVals.configRecord(id.At.At))
				}
				return b.siteVals.configField(e)
			}
		}
	}
	var x hir.Expr
	if v, ok := addressed(e.X); ok {
		x = b.readAddressed(e.X, v)
	} else {
		x = b.exprs.value(e.X)
	}
	if infer.IsBad(x) {
		return firstBad(e.At.At, x)
	}
	y := b.member(x, e.Name, e.At.At, e.NameAt)
	if b.rec != nil && !infer.IsBad(y) {
		t := x.Type()
		for t.Kind == types.Pointer && t.Elem != nil {
			t = t.Elem
		}
		if !t.IsTuple() {
			b.noteOf(Member, t.String(), e.Name, e, e.NameAt, y.Type())
		}
	}
	return y
}

// member reads a member through any number of pointers (T-STRUCT-01).
func (b places) member(x hir.Expr, name string, at, nameAt source.Span) hir.Expr {
	for range 16 {
		t := x.Type()
		if t.Kind != types.Pointer {
			break
		}
		if infer.Pointee(t).Kind == types.Void {
			b.errorf("bad-field", at, "can not access field `%s` on an expression of type `%s`", name, t).
				WithCompat("Can not access field '%s' on expression of type '%s'", name, t).
				WithLabel("the type it points to is not known").WithRow("T-REC-02").
				WithHelp("cast it: `((struct NAME *)%s)->%s`", short(x.Span().Text()), name)
			return infer.Poison(at)
		}
		x = b.load(x, x.Span())
	}
	t := x.Type()
	if t.Kind != types.Record {
		d := b.errorf("bad-field", at, "can not access field `%s` on an expression of type `%s`", name, b.shown(x)).
			WithCompat("Can not access field '%s' on expression of type '%s'", name, b.shown(x)).
			WithLabel("not a struct").At(x.Span(), "this is %s", article(b.shown(x))).WithRow("T-REC-02")
		if t.IsInt() {
			d.WithHelp("cast it: `((struct NAME *)%s)->%s`", short(x.Span().Text()), name)
		}
		return infer.Poison(at)
	}
	if t.IsTuple() {
		return b.tupleElem(x, name, at, nameAt)
	}
	f, ok := t.Struct.Field(name)
	if !ok {
		return b.noField(t, name, nameAt, at)
	}
	if !representable(f.Type) {
		return b.typeExprs.unsupportedType(name, t.String(), nameAt)
	}
	if lit, ok := x.(*hir.Tuple); ok && infer.IsLiteral(lit) {
		for i := range t.Struct.Members {
			if &t.Struct.Members[i] == f {
				return lit.Elems[i]
			}
		}
	}
	return &hir.Member{X: hir.X{T: infer.Inherit(f.Type, x.Type().Space), At: at}, Of: x, Field: f}
}

// representable reports whether the language can represent t. Other types of
// the kernel are Invalid.
func representable(t *types.Type) bool { return t != nil && t.Kind != types.Invalid }

func (b typeExprs) unsupportedType(name, of string, at source.Span) hir.Expr {
	b.errorf("unsupported-type", at, "field `%s` of `%s` has unsupported type", name, of).
		WithCompat("'%s' has unsupported type", name).
		WithLabel("its type cannot be represented").WithRow("T-STRUCT-05").
		WithHelp("read its bytes through a pointer: `*(uint32 *)…`")
	return infer.Poison(at)
}

// noField reports a member that a struct does not have, with the most similar
// one as a help.
func (b places) noField(t *types.Type, name string, at, whole source.Span) hir.Expr {
	if t.Struct.Size == 0 && len(t.Struct.Fields()) == 0 && t.Struct.Name != "" {
		b.typeExprs.unknownStruct(t.Struct.String(), t.Struct.Name, at)
		return infer.Poison(at)
	}
	d := b.errorf("unknown-field", at, "`%s` does not contain a field named `%s`", t, name).
		WithCompat("%s", noFieldText(t, name)).CompatAt(whole).
		WithLabel("no such field").WithRow("T-STRUCT-02")
	var names []string
	for _, f := range t.Struct.Fields() {
		if f.Name != "" {
			names = append(names, f.Name)
		}
	}
	b.suggest(d, "a field", name, names)
	return infer.Poison(at)
}

// suggest offers the name nearest to a wrong one.
func (b *body) suggest(d *diag.Diagnostic, what, name string, names []string) {
	if n := nearest(name, names); n != "" {
		d.WithHelp("%s with a similar name exists: `%s`", what, n)
	}
}

// tupleElem types t.N.
func (b places) tupleElem(x hir.Expr, name string, at, nameAt source.Span) hir.Expr {
	t := x.Type()
	n, err := strconv.Atoi(name)
	if err != nil {
		b.errorf("bad-field", nameAt, "can not access field `%s` on an expression of type `%s`", name, t).
			WithCompat("Can not access field '%s' on expression of type '%s'", name, t).CompatAt(at).
			WithLabel("the elements of a tuple have numbers").WithRow("T-TUP-01").WithHelp("the first element is `.0`")
		return infer.Poison(at)
	}
	return b.elem(x, n, at, nameAt)
}

func (b places) elem(x hir.Expr, n int, at, nameAt source.Span) hir.Expr {
	t := x.Type()
	fs := t.Struct.Fields()
	if n < 0 || n >= len(fs) {
		b.errorf("tuple-index", nameAt, "invalid tuple index: %d", n).
			WithCompat("Invalid tuple index: %d. Found %d elements in tuple.", n, len(fs)).CompatAt(at).
			WithLabel("%s has %s", article(t), count(len(fs), "element")).WithRow("T-TUP-01")
		return infer.Poison(at)
	}
	if lit, ok := x.(*hir.Tuple); ok && infer.IsLiteral(lit) {
		return lit.Elems[n]
	}
	return &hir.Member{X: hir.X{T: infer.Settle(fs[n].Type), At: at}, Of: x, Field: &fs[n]}
}

// index types x[i].
func (b places) index(e *syntax.Index) hir.Expr {
	x, i := b.exprs.value(e.X), b.exprs.value(e.I)
	if infer.IsBad(x) || infer.IsBad(i) {
		return firstBad(e.At.At, x, i)
	}
	t := x.Type()
	if !infer.IsNum(i.Type()) {
		b.errorf("bad-index", e.I.Span(), "an index must be an integer, not a value of type `%s`", i.Type()).
			WithCompat("The array index operator [] only accepts non-negative integer indices. Got: %s", i.Type()).CompatAt(e.At.At).
			WithLabel("this is %s", article(i.Type())).WithRow("T-ARR-01")
		return infer.Poison(e.At.At)
	}
	v, neg, isConst := infer.ConstInt(i)
	switch t.Kind {
	case types.Pointer:
		return b.indexPointer(x, i, e.At.At)
	case types.Array, types.String:
		if s, ok := infer.StrLit(x); ok && isConst && !neg && v < uint64(len(s.V)+1) {
			return infer.Lit(e.At.At, uint64((s.V + "\x00")[v]), false)
		}
		return b.indexArray(x, i, e)
	case types.Record:
		if t.IsTuple() && isConst {
			if neg || v > 1<<30 {
				v = 1 << 30
			}
			return b.elem(x, int(v), e.At.At, e.I.Span())
		}
	}
	b.errorf("bad-index", e.At.At, "the index operator `[]` can only be used on arrays, pointers, and tuples, not on `%s`", b.shown(x)).
		WithCompat("The array index operator [] can only be used on arrays, pointers, and tuples, found %s.", b.shown(x)).
		At(x.Span(), "this is %s", article(b.shown(x))).WithRow("T-ARR-03")
	return infer.Poison(e.At.At)
}

// indexPointer types p[i], a scaled read (T-ARR-03).
func (b places) indexPointer(p, i hir.Expr, at source.Span) hir.Expr {
	if infer.Pointee(p.Type()).Kind == types.Void {
		b.errorf("bad-index", at, "cannot index a `void *`: the size of what it points to is not known").
			WithLabel("cast it first").WithRow("T-ARR-03").WithHelp("cast it: `((uint64 *)%s)[…]`", short(p.Span().Text()))
		return infer.Poison(at)
	}
	return b.load(b.ops.pointerAdd(p, i, false, at), at)
}

// isNatural reports whether an index cannot be negative although its type is
// signed: a loop variable that starts at zero or above, or a variable only
// assigned literals.
func (b places) isNatural(x hir.Expr) bool {
	if x.Type().Flex {
		return true
	}
	r, ok := x.(*hir.VarRef)
	if !ok {
		return false
	}
	v := b.cellOf(r.Var)
	return v != nil && (v.natural || !v.Fixed && v.Raw != nil && v.Raw.Flex)
}

// indexArray returns a[i] on an array or a string.
func (b places) indexArray(x, i hir.Expr, e *syntax.Index) hir.Expr {
	t := x.Type()
	n, elem := t.Len, t.Elem
	if t.Kind == types.String {
		elem = types.Int8
	}
	if v, neg, ok := infer.ConstInt(i); ok {
		if neg || n > 0 && v >= uint64(n) {
			b.errorf("index-out-of-bounds", e.I.Span(), "the index %s is out of bounds for array of size %d", e.I.Span().Text(), n).
				SameCompat().CompatAt(e.At.At).
				WithLabel("valid indices are 0 to %d", n-1).At(x.Span(), "this is %s", article(t)).WithRow("T-ARR-01")
			return infer.Poison(e.At.At)
		}
	} else if infer.NumType(i.Type()).Signed && !b.isNatural(i) {
		b.errorf("signed-index", e.I.Span(), "the index operator only accepts non-negative integer indices, found `%s`", i.Type()).
			WithCompat("The array index operator [] only accepts non-negative integer indices. Got: %s", i.Type()).CompatAt(e.At.At).
			WithLabel("could be negative").WithRow("T-ARR-01").WithHelp("cast it: `(uint64)%s`", short(e.I.Span().Text()))
		return infer.Poison(e.At.At)
	}
	if !representable(elem) {
		return b.typeExprs.unsupportedType(short(e.At.At.Text()), t.String(), e.At.At)
	}
	et := infer.Inherit(elem, x.Type().Space)
	return &hir.Index{X: hir.X{T: et, At: e.At.At}, Of: x, I: infer.ToInt(i, types.Uint64)}
}
