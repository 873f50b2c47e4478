package check

import (
	"fmt"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/types"
)

// convert converts x to exactly type t, by the rules of section 2.3. The caller
// has checked that the types are compatible.
func (b convs) convert(x hir.Expr, t *types.Type) hir.Expr {
	if infer.IsBad(x) || x.Type() == t {
		return x
	}
	from := x.Type()
	switch t.Kind {
	case types.Int, types.Bool, types.Enum:
		if _, lit := infer.IntLit(x); !lit && t.Size == 8 && t.Signed && from.IsInt() && from.Size == 8 && !from.Signed && !isAggRead(x) {
			b.lossy(x, t, x.Span().Text())
		}
		if n, ok := x.(*hir.Int); ok {
			return &hir.Int{X: hir.X{T: t, At: n.At}, V: infer.Extend(n.V, t)}
		}
		if from.Kind == t.Kind && from.Size == t.Size && from.Signed == t.Signed {
			return x
		}
		return infer.Cast(x, t)
	case types.String:
		if s, ok := x.(*hir.Bytes); ok {
			return &hir.Bytes{X: hir.X{T: t, At: s.At}, V: s.V}
		}
		if from.Len == t.Len {
			return x
		}
		return infer.Cast(x, t)
	case types.Buffer:
		if from.Len == t.Len {
			return x
		}
		return infer.Cast(x, t)
	case types.Record:
		return b.convertRecord(x, t)
	}
	return x
}

// lossy warns that a conversion to t changes values (T-PROM-05). text is how x
// can be written in a cast.
func (b convs) lossy(x hir.Expr, t *types.Type, text string) {
	label := "values above 2^63-1 turn negative"
	switch from := x.Type(); {
	case from.Size > t.Size:
		label = fmt.Sprintf("only the low %d bits are kept", 8*t.Size)
	case from.Signed && !t.Signed:
		label = "negative values become large ones"
	case t.Size < 8:
		label = "large values turn negative"
	}
	b.warnf("lossy-conversion", x.Span(), "expression of type `%s` is being cast to type `%s`", x.Type(), t).
		WithCompat("Expression of type: %s being cast to type: %s. This may cause unexpected results. Use an explicit cast to suppress this warning.", x.Type(), t).CompatAt(exprAt(x)).
		WithLabel("%s", label).WithRow("T-PROM-05").
		WithHelp("use an explicit cast: `(%s)%s`", t, short(grouped(x, text)))
}

// grouped returns the text of x so that a cast before it applies to all of it.
func grouped(x hir.Expr, text string) string {
	switch x.(type) {
	case *hir.Binary, *hir.Cond:
		return "(" + text + ")"
	}
	return text
}

// convertRecord copies a tuple or record literal into another layout.
func (b convs) convertRecord(x hir.Expr, t *types.Type) hir.Expr {
	if t.Struct.Flavour != types.Tuple && t.Struct.Flavour != types.RecordLit || infer.SameLayout(x.Type(), t) {
		return x
	}
	to, from := t.Struct.Fields(), x.Type().Struct.Fields()
	if lit, ok := x.(*hir.Tuple); ok && infer.InOrder(from, to) {
		elems := make([]hir.Expr, len(to))
		for i := range to {
			elems[i] = b.convert(lit.Elems[i], to[i].Type)
		}
		return &hir.Tuple{X: hir.X{T: t, At: lit.At}, Elems: elems}
	}
	// The value is read once for each member, so store it in a variable unless
	// it is one: it must only be evaluated once.
	var pre []hir.Stmt
	src := x
	if _, ok := x.(*hir.VarRef); !ok {
		v := b.temp(x.Type(), x.Span())
		pre = append(pre, &hir.SetVar{S: hir.S{At: x.Span()}, Var: v, X: x})
		src = &hir.VarRef{X: hir.X{T: x.Type(), At: x.Span()}, Var: v}
	}
	elems := make([]hir.Expr, len(to))
	for i := range to {
		f := &from[i]
		if t.Struct.Flavour == types.RecordLit {
			f, _ = x.Type().Struct.Field(to[i].Name)
		}
		elems[i] = b.convert(&hir.Member{X: hir.X{T: f.Type, At: x.Span()}, Of: src, Field: f}, to[i].Type)
	}
	out := &hir.Tuple{X: hir.X{T: t, At: x.Span()}, Elems: elems}
	if pre == nil {
		return out
	}
	return &hir.BlockX{X: hir.X{T: t, At: x.Span()}, Block: &hir.Block{Stmts: pre, Value: out}}
}
