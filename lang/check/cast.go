package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// castExpr types (T)x. If the parenthesised word is not a type, the other
// reading applies: (a) - b.
func (b convs) castExpr(e *syntax.Cast) hir.Expr {
	if e.Alt != nil && !b.typeExprs.isType(e.Type) {
		return b.exprs.expr(e.Alt)
	}
	t := b.typeExprs.typeExpr(e.Type)
	x := b.exprs.value(e.X)
	if t == nil || t.Kind == types.Invalid || infer.IsBad(x) {
		if t == infer.Unknown {
			return infer.Pending(e.At.At)
		}
		if t == nil || t.Kind == types.Invalid {
			return infer.Poison(e.At.At)
		}
		return firstBad(e.At.At, x)
	}
	return b.cast(t, x, e.At.At)
}

// cast converts by the rules of section 2.6 and appendix E.
func (b convs) cast(t *types.Type, x hir.Expr, at source.Span) hir.Expr {
	from := x.Type()
	if _, lit := infer.IntLit(x); lit && b.c.in.Exact && infer.SameType(t, from) {
		b.warnf("useless-cast", at, "unnecessary cast: the expression already has type `%s`", t).
			WithCompat("Unnecessary cast: expression is already of type %s", t).CompatAt(castHead(at)).
			WithLabel("same type").WithRow("T-CAST-12")
	}
	if infer.SameType(t, from) && !from.Flex && t.Kind != types.Pointer {
		if _, lit := infer.IntLit(x); !lit && !isAggRead(x) && t.Kind != types.String {
			b.warnf("useless-cast", at, "unnecessary cast: the expression already has type `%s`", t).
				WithCompat("Unnecessary cast: expression is already of type %s", t).CompatAt(castHead(at)).
				WithLabel("same type").WithRow("T-CAST-12")
			return x
		}
	}
	if isAggRead(x) && t.Kind != types.Int && t.Kind != types.Bool {
		return b.badCast(t, x, at)
	}
	switch t.Kind {
	case types.Record:
		if _, lit := infer.IntLit(x); lit && b.observe > 0 {
			// sizeof(((struct s)0).member): only the type is needed.
			return infer.Deref(infer.AsPointer(x, types.PointerTo(t, types.SpaceNone)), t, at)
		}
	case types.Int:
		if y := b.castToInt(t, x, at); y != nil {
			return y
		}
	case types.Bool:
		if from.IsInt() || from.Kind == types.Pointer || from.Kind == types.Bool {
			y := infer.ToBool(x)
			return y
		}
	case types.Enum:
		if from.IsInt() {
			return b.castToEnum(t, x, at)
		}
	case types.Pointer:
		if from.IsInt() || from.Kind == types.Pointer || from.Kind == types.KSym {
			return b.castToPointer(t, x, at)
		}
		if from.Kind == types.Array || from.Kind == types.String {
			// An array converts to its address, as in C.
			if p := addressOf(x, at); p != nil {
				return b.castToPointer(t, p, at)
			}
		}
	case types.Array:
		if y := b.castToArray(t, x, at); y != nil {
			return y
		}
	case types.String:
		if y := b.castToString(t, x, at); y != nil {
			return y
		}
	case types.Username:
		if from.IsInt() {
			return infer.Cast(infer.ToInt(x, types.Uint64), t)
		}
	case types.Buffer:
		if from.Kind == types.Buffer && (t.Len == 0 || t.Len >= from.Len) {
			if t.Len == 0 {
				return x
			}
			return b.convert(x, t)
		}
	}
	return b.badCast(t, x, at)
}

// addressOf returns the address of a place in kernel or user memory, nil if x
// is a value or in the program's own memory.
func addressOf(x hir.Expr, at source.Span) hir.Expr {
	var base hir.Expr
	var off hir.Expr
	switch n := x.(type) {
	case *hir.Deref:
		return n.Of
	case *hir.Member:
		if n.Field.BitSize > 0 || n.Field.DataLoc || n.Field.RelLoc {
			return nil
		}
		base = addressOf(n.Of, at)
		off = &hir.Int{X: hir.X{T: types.Int64, At: at}, V: uint64(n.Field.Offset)}
	case *hir.Index:
		base, off = addressOf(n.Of, at), infer.Scale(n.I, n.T.Size, false)
	}
	if base == nil {
		return nil
	}
	t := types.PointerTo(x.Type(), base.Type().Space)
	if n, ok := off.(*hir.Int); ok && n.V == 0 {
		return infer.Cast(base, t)
	}
	return &hir.Binary{X: hir.X{T: t, At: at}, Op: hir.Add, L: infer.Cast(base, t), R: off}
}

func (b convs) badCast(t *types.Type, x hir.Expr, at source.Span) hir.Expr {
	from := b.shown(x)
	d := b.errorf("bad-cast", at, "cannot cast from \"%s\" to \"%s\"", from, t).
		WithCompat("Cannot cast from \"%s\" to \"%s\"", from, t).CompatAt(castHead(at)).
		At(x.Span(), "this is %s", article(from)).WithRow("T-CAST-13")
	if t.Kind == types.Record {
		d.WithRow("T-CAST-04").WithHelp("cast to a pointer and read through it: `*(%s *)…`", t)
	}
	return infer.Poison(at)
}

// castToInt converts x to an integer or enum type. It returns nil if there is
// no such conversion.
func (b convs) castToInt(t *types.Type, x hir.Expr, at source.Span) hir.Expr {
	from := x.Type()
	switch {
	case infer.IsNum(from) || from.Kind == types.Pointer:
		to := infer.IntIn(t.Size, t.Signed, from.Space)
		if n, ok := x.(*hir.Int); ok {
			return &hir.Int{X: hir.X{T: to, At: at}, V: infer.Extend(n.V, to)}
		}
		return &hir.Cast{X: hir.X{T: to, At: at}, Of: x}
	case from.Kind == types.KSym || from.Kind == types.Username:
		return &hir.Cast{X: hir.X{T: t, At: at}, Of: x}
	case from.Kind == types.Array && (from.Elem.IsInt() || from.Elem.Kind == types.Bool) && from.Size == t.Size:
		return &hir.Cast{X: hir.X{T: t, At: at}, Of: x}
	}
	return nil
}

// castToEnum checks literals against the listed values (T-CAST-09), except negative
// ones, which bpftrace takes as well. The result
// has 64 bits, as enumerators have, so a value that is not listed is kept whole.
func (b convs) castToEnum(t *types.Type, x hir.Expr, at source.Span) hir.Expr {
	if t.Size < 8 {
		t = infer.Clone(t)
		t.Size, t.Signed = 8, false
	}
	if n, ok := infer.IntLit(x); ok && (int64(n.V) >= 0 || !x.Type().Signed) {
		if _, found := t.Enum.Lookup(n.V); !found {
			b.errorf("bad-enum-value", at, "`%s` doesn't contain a variant value of %s", t, x.Span().Text()).
				WithCompat("Enum: %s doesn't contain a variant value of %s", t.Enum.Name, x.Span().Text()).CompatAt(castHead(at)).
				WithLabel("not one of its values").WithRow("T-CAST-09")
			return infer.Poison(at)
		}
	}
	if n, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: t, At: at}, V: infer.Extend(n.V, t)}
	}
	return &hir.Cast{X: hir.X{T: t, At: at}, Of: x}
}

// castToPointer converts x to a pointer, in the address space of the value or
// else that of the probe (T-CAST-03).
func (b convs) castToPointer(t *types.Type, x hir.Expr, at source.Span) hir.Expr {
	from := x.Type()
	sp := from.Space
	if t.Space != types.SpaceNone {
		sp = t.Space
	}
	if sp == types.SpaceNone {
		sp = b.site.Space
	}
	to := t.WithSpace(sp)
	if n, ok := x.(*hir.Int); ok {
		return &hir.Int{X: hir.X{T: to, At: at}, V: n.V}
	}
	if from.IsInt() && from.Size < 8 {
		x = infer.ToInt(x, types.IntType(8, from.Signed))
	}
	return &hir.Cast{X: hir.X{T: to, At: at}, Of: x}
}

// castToArray converts x to an array (T-CAST-05, T-CAST-07, T-CAST-08). It
// returns nil if that is impossible.
func (b convs) castToArray(t *types.Type, x hir.Expr, at source.Span) hir.Expr {
	from := x.Type()
	elem := t.Elem
	if !elem.IsInt() && elem.Kind != types.Bool || elem.Size == 0 {
		return nil
	}
	size := from.Size
	if n, lit := infer.IntLit(x); lit {
		// A literal takes the size of the array it fills.
		size = max(from.Size, elem.Size)
		if t.Len > 0 && size < t.Len*elem.Size {
			size = min(t.Len*elem.Size, 8)
		}
		x = &hir.Int{X: hir.X{T: types.IntType(size, infer.IsNeg(n)), At: n.At}, V: n.V}
	}
	if t.Len == 0 {
		if size%elem.Size != 0 {
			b.errorf("bad-cast", at, "cannot cast from \"%s\" to \"%s[]\": the sizes do not divide", from, elem).
				WithCompat("Cannot cast from \"%s\" to \"%s[]\"", from, elem).CompatAt(castHead(at)).
				WithLabel("%d bytes are not a multiple of %d", size, elem.Size).WithRow("T-CAST-05")
			return infer.Poison(at)
		}
		t = types.ArrayOf(elem, size/elem.Size)
	}
	switch {
	case (from.IsInt() || from.Kind == types.Bool) && t.Size == size, from.IsInt() && size < t.Size && t.Size <= 8:
		if size < t.Size {
			x = infer.ToInt(x, types.IntType(size, false))
		}
		return &hir.Cast{X: hir.X{T: t, At: at}, Of: x}
	case from.Kind == types.String && t.Size == from.Size && elem.Size == 1:
		return &hir.Cast{X: hir.X{T: t, At: at}, Of: x}
	case from.Kind == types.Array && infer.SameType(from, t):
		return x
	}
	return nil
}

// castToString converts a string to a longer one (T-CAST-08). It returns nil if
// that is impossible.
func (b convs) castToString(t *types.Type, x hir.Expr, at source.Span) hir.Expr {
	from := x.Type()
	if from.Kind != types.String || t.Len != 0 && t.Len < from.Len {
		return nil
	}
	if t.Len == 0 || t.Len == from.Len {
		return x
	}
	return b.convert(x, t)
}
