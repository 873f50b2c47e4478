package check

import (
	"errors"
	"slices"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/lang/value"
)

// paramFor finds the parameter of the next argument. An optional word parameter
// is skipped if the argument is not a word, as in kstack(5).
func paramFor(sig *types.Signature, pi *int, a syntax.Expr, b *body) *types.Param {
	for {
		i := min(*pi, len(sig.Params)-1)
		p := &sig.Params[i]
		*pi++
		if p.Kind != types.WordParam || !p.Optional || *pi >= len(sig.Params) {
			return p
		}
		if w, ok := b.macros.bareWord(a); ok && (slices.Contains(p.Words, w) || b.idents.constantName(w) == nil) {
			return p
		}
	}
}

// bareWord returns the identifier an argument consists of, seen through the
// word parameters of macros.
func (b macros) bareWord(e syntax.Expr) (string, bool) {
	id, ok := unparen(e).(*syntax.Ident)
	if !ok {
		return "", false
	}
	if p := b.wordAt(id); p != nil {
		word := ""
		b.inCaller(p, func() hir.Expr {
			word, ok = b.bareWord(p.expr)
			return nil
		})
		return word, ok
	}
	return id.Name, true
}

// argument types one argument according to its parameter. If the result is nil
// or Invalid, an error has been reported.
func (b calls) argument(sig *types.Signature, p *types.Param, e syntax.Expr, ta *types.Arg, subject **mapCell, call source.Span) hir.Expr {
	switch p.Kind {
	case types.WordParam:
		return b.wordArg(sig, p, e, ta)
	case types.MapParam:
		return b.mapArg(sig, e, ta, subject)
	case types.MapElemParam:
		if m, ok := b.mapUses.mapExpr(e); ok {
			return b.mapElemArg(sig, m, e, ta, subject)
		}
	case types.KeyParam:
		if *subject != nil {
			return b.keyArg(sig, *subject, e, ta, call)
		}
	case types.LValueParam:
		return b.lvalueArg(sig, e, ta, *subject, call)
	case types.TypeParam, types.FieldParam:
		return b.typeArg(sig, e, ta)
	case types.LitInt, types.LitString, types.LitBool, types.LitAny:
		return b.literalArg(sig, p, e, ta, call)
	}
	x := b.exprs.value(e)
	if infer.IsBad(x) {
		return x
	}
	ta.Type, ta.Const = x.Type(), infer.ConstOf(x)
	return b.checkArg(sig, p, x, call)
}

// checkArg checks a run-time argument against its parameter (F-GEN-02).
func (b calls) checkArg(sig *types.Signature, p *types.Param, x hir.Expr, call source.Span) hir.Expr {
	t := x.Type()
	ok, want := true, ""
	switch p.Kind {
	case types.IntParam:
		ok, want = infer.IsNum(t), "integer"
		if ok && p.Cast != nil {
			return infer.ToInt(x, p.Cast)
		}
	case types.PtrParam:
		ok, want = t.IsInt() || t.Kind == types.Pointer, "pointer"
	case types.StringParam:
		ok, want = t.Kind == types.String, "string"
	case types.BytesParam:
		want = "string, array, buffer or pointer"
		switch t.Kind {
		case types.String, types.Array, types.Buffer, types.Pointer, types.Int, types.Inet, types.Mac:
		case types.Record:
			ok = t.Struct.Flavour == types.CStruct || t.Struct.Flavour == types.CUnion
		default:
			ok = false
		}
	}
	switch {
	case t.IsAgg() || t.Kind == types.Word || t.Kind == types.MapRef:
		ok, want = false, "ordinary"
	}
	if ok {
		return x
	}
	only := want
	if p.Kind == types.PtrParam && want == "pointer" {
		only = "integer or pointer"
	}
	d := b.errorf("bad-argument", x.Span(), "%s() only supports %s arguments (%s provided)", sig.Name, only, article(b.shown(x))).
		WithCompat("%s", provided(sig, want, b.shown(x))).CompatAt(call).
		WithLabel("this is %s", article(b.shown(x))).WithRow("F-GEN-02")
	switch {
	case want == "string" && mayPoint(t, x):
		d.WithHelp("read the string at an address with `str(%s)`", short(x.Span().Text()))
	case sig.Usage != "":
		d.WithHelp("usage: `%s`", sig.Usage)
	}
	return infer.Poison(x.Span())
}

// mayPoint reports whether a value may be the address of a string: a pointer, or an
// integer as wide as one.
func mayPoint(t *types.Type, x hir.Expr) bool {
	return t.Kind == types.Pointer || t.IsInt() && t.Size == 8 && !infer.IsLiteral(x)
}

// wordArg types an argument that must be one of the parameter's words, as in
// nsecs(monotonic).
func (b calls) wordArg(sig *types.Signature, p *types.Param, e syntax.Expr, ta *types.Arg) hir.Expr {
	w, ok := b.macros.bareWord(e)
	if s, is := unparen(e).(*syntax.StringLit); is {
		w, ok = s.Value, true
	}
	if !ok || !slices.Contains(p.Words, w) {
		d := b.errorf("unknown-word", e.Span(), "invalid %s for %s(): expected one of %s", p.Name, sig.Name, strings.Join(p.Words, ", ")).
			WithCompat("%s", badWord(sig, e)).
			WithLabel("not one of them").WithRow(sig.Row)
		if n := nearest(w, p.Words); n != "" {
			d.WithHelp("a word with a similar name exists: `%s`", n)
		}
		return nil
	}
	ta.Word, ta.Type = w, types.WordType
	return &hir.WordArg{X: hir.X{T: types.WordType, At: e.Span()}, Word: w}
}

// literalArg types an argument that must be a literal after folding.
func (b calls) literalArg(sig *types.Signature, p *types.Param, e syntax.Expr, ta *types.Arg, call source.Span) hir.Expr {
	if s, ok := unparen(e).(*syntax.StringLit); ok && p.Kind == types.LitString {
		// Formats and paths can be longer than other strings (L-STR-04).
		x := infer.Str(s.At.At, s.Value)
		ta.Type, ta.Const = x.T, infer.ConstOf(x)
		return x
	}
	x := b.exprs.value(e)
	if infer.IsBad(x) {
		return x
	}
	want, ok := "", false
	switch p.Kind {
	case types.LitInt:
		want = "an integer"
		_, _, ok = infer.ConstInt(x)
	case types.LitString:
		want = "a string"
		_, ok = infer.StrLit(x)
	case types.LitBool:
		want = "a bool"
		_, ok = infer.BoolLit(x)
	case types.LitAny:
		want, ok = "any", infer.IsLiteral(x)
	}
	if !ok {
		row := "F-GEN-02"
		if sig.Format >= 0 {
			row = "FMT-15"
		}
		d := b.errorf("literal-expected", e.Span(), "%s() expects %s literal (%s provided)", sig.Name, want, article(b.shown(x))).
			WithCompat("%s", literalWanted(sig, p, want, b.shown(x))).CompatAt(call).
			WithLabel("its value must be known when the script is compiled").WithRow(row)
		if _, positional := unparen(e).(*syntax.Positional); positional && p.Kind == types.LitString {
			d.WithRow("L-PARM-08").WithHelp("use `str(%s)`", e.Span().Text())
		}
		return nil
	}
	ta.Type, ta.Const = x.Type(), infer.ConstOf(x)
	return x
}

// mapExpr reports whether an argument is a map written directly.
func (b mapUses) mapExpr(e syntax.Expr) (*syntax.Map, bool) {
	e = unparen(e)
	if id, ok := e.(*syntax.Ident); ok {
		if p := b.wordAt(id); p != nil {
			e = unparen(p.expr)
		}
	}
	m, ok := e.(*syntax.Map)
	return m, ok
}

// infoOf returns what signatures can see of a map.
func (b mapUses) infoOf(m *mapCell) *types.MapInfo {
	b.depend(&m.value)
	b.depend(&m.key)
	return &types.MapInfo{Name: m.name, Key: m.key.Typ, Value: m.value.Typ, Scalar: m.mode == modeScalar}
}

// throughWord calls f in the scope where the argument was written, if e is a
// macro's word parameter.
func (b *body) throughWord(e syntax.Expr, f func() hir.Expr) hir.Expr {
	if id, ok := unparen(e).(*syntax.Ident); ok {
		if p := b.wordAt(id); p != nil {
			return b.inCaller(p, f)
		}
	}
	return f()
}

// mapArg types an argument that must be a whole map.
func (b calls) mapArg(sig *types.Signature, e syntax.Expr, ta *types.Arg, subject **mapCell) hir.Expr {
	me, ok := b.mapUses.mapExpr(e)
	if !ok || me.Keys != nil {
		b.errorf("map-expected", e.Span(), "%s() expects a map to be provided", sig.Name).
			WithCompat("%s() expects a map argument", sig.Name).
			WithLabel("not a whole map").WithRow("F-GEN-02").WithHelp("give the map without a key: `@name`")
		b.quietly(e)
		return nil
	}
	return b.throughWord(e, func() hir.Expr { return b.wholeMap(me, ta, subject) })
}

func (b calls) wholeMap(me *syntax.Map, ta *types.Arg, subject **mapCell) hir.Expr {
	m := b.mapUses.mapOf(me)
	if m == nil {
		return nil
	}
	if *subject == nil {
		*subject = m
	}
	m.hm.Read = true
	ta.Type, ta.Map = types.MapRefType, b.mapUses.infoOf(m)
	return &hir.MapArg{X: hir.X{T: types.MapRefType, At: me.At.At}, Map: m.hm}
}

// mapElemArg types @m or @m[key] as an argument of a function that treats maps
// specially, such as print(@m) or delete(@m[k]). A function that also takes a
// key works on the element itself, others on its value.
func (b calls) mapElemArg(sig *types.Signature, me *syntax.Map, e syntax.Expr, ta *types.Arg, subject **mapCell) hir.Expr {
	return b.throughWord(e, func() hir.Expr {
		if me.Keys == nil {
			return b.wholeMap(me, ta, subject)
		}
		m, key, ok := b.mapUses.mapAccess(me)
		if !ok {
			return nil
		}
		ta.Keyed = true
		if *subject == nil {
			*subject = m
		}
		if hasKeyParam(sig) {
			ta.Type, ta.Map = types.MapRefType, b.mapUses.infoOf(m)
			if infer.IsBad(key) {
				return infer.Pending(e.Span())
			}
			return &hir.MapElem{X: hir.X{T: types.MapRefType, At: me.At.At}, Map: m.hm, Key: key}
		}
		x := b.mapUses.getMap(m, key, me.At.At)
		if !infer.IsBad(x) {
			ta.Type = x.Type()
		}
		return x
	})
}

func hasKeyParam(sig *types.Signature) bool {
	for i := range sig.Params {
		if sig.Params[i].Kind == types.KeyParam {
			return true
		}
	}
	return false
}

// keyArg types a key of the map in the first argument.
func (b calls) keyArg(sig *types.Signature, m *mapCell, e syntax.Expr, ta *types.Arg, call source.Span) hir.Expr {
	key := b.exprs.value(e)
	if m.mode == modeScalar {
		b.errorf("map-key", e.Span(), "%s() with a key expects a map with explicit keys, %s is a scalar map", sig.Name, m.label()).
			WithCompat("call to %s expects a map with explicit keys (non-scalar map)", keyedCall(sig)).CompatAt(call).
			WithLabel("there are no keys").At(m.modeAt, "used without a key here").WithRow("F-HASKEY").
			WithHelp("omit the key: `%s(%s)`", sig.Name, m.label())
		return nil
	}
	if !b.mapUses.setMode(m, modeKeyed, e.Span()) {
		return nil
	}
	k, ok := b.mapUses.mapKey(m, key, e.Span())
	if !ok {
		return nil
	}
	if !infer.IsBad(k) {
		ta.Type, ta.Const = k.Type(), infer.ConstOf(k)
	}
	return k
}

// lvalueArg types a variable that receives a value of the map (find).
func (b calls) lvalueArg(sig *types.Signature, e syntax.Expr, ta *types.Arg, m *mapCell, call source.Span) hir.Expr {
	ve, ok := unparen(e).(*syntax.Var)
	if !ok {
		b.errorf("variable-expected", e.Span(), "%s() expects a scratch variable to store the value in", sig.Name).
			WithLabel("not a variable").WithRow(sig.Row).WithHelp("use a `$name`")
		return nil
	}
	v := b.lookupVar(ve.Name)
	if v == nil {
		v = b.declare(ve, ve.Name, ve.At.At)
	}
	v.assigned = true
	b.noteVar(ve, true)
	b.depend(&v.Cell)
	if m == nil {
		return infer.Pending(ve.At.At)
	}
	b.depend(&m.value)
	t := m.value.Typ
	switch {
	case t == nil:
		return infer.Pending(ve.At.At)
	case t.IsCastableAgg():
		t = types.IntType(8, t.Signed)
	case t.IsAgg():
		b.errorf("aggregation-read", ve.At.At, "the value of %s is a %s and cannot be assigned to a scratch variable", m.label(), t).
			WithCompat("Value '%s' cannot be assigned to a scratch variable.", t).
			WithLabel("cannot hold it").WithRow("T-VAR-06").WithHelp("`print(%s)` shows the whole map", m.label())
		return nil
	}
	src := &hir.MapGet{X: hir.X{T: t, At: ve.At.At}, Map: m.hm}
	if !b.widen(&v.Cell, src) || !infer.SameType(v.Typ, t) {
		b.mismatch("$"+v.name, "variable", &v.Cell, src).CompatAt(call)
		return nil
	}
	ta.Type, v.now = v.Typ, t
	return &hir.VarAddr{X: hir.X{T: v.Typ, At: ve.At.At}, Var: v.hv}
}

// typeArg types typeof(T) or a field path, for functions that take types.
func (b calls) typeArg(sig *types.Signature, e syntax.Expr, ta *types.Arg) hir.Expr {
	if te, ok := e.(*syntax.TypeArg); ok {
		t := b.typeExprs.typeExpr(te.Type)
		if t == nil || t.Kind == types.Invalid {
			return nil
		}
		ta.Type = t
		return &hir.WordArg{X: hir.X{T: types.WordType, At: te.At.At}, Word: t.String()}
	}
	w, ok := b.macros.bareWord(e)
	if !ok {
		b.errorf("bad-argument", e.Span(), "%s() expects a type or a name here", sig.Name).
			WithLabel("neither").WithRow("F-GEN-02")
		return nil
	}
	ta.Word, ta.Type = w, types.WordType
	return &hir.WordArg{X: hir.X{T: types.WordType, At: e.Span()}, Word: w}
}

// format checks a printf-like call: the number and the types of its arguments
// (FMT-01 to FMT-03).
func (b calls) format(sig *types.Signature, call *hir.Call, args []syntax.Expr) bool {
	f, ok := call.Args[sig.Format].(*hir.Bytes)
	if !ok {
		return true
	}
	call.Format = f.V
	at := f.At
	specs, err := value.ParseFormat(f.V)
	var fe *value.FormatError
	if errors.As(err, &fe) {
		b.errorf("bad-format", at, "%s", fe.Message).WithLabel("in this format string").WithRow("FMT-03")
		return false
	}
	rest := call.Args[sig.Format+1:]
	if want := value.Args(specs); want != len(rest) {
		word := "not enough"
		if len(rest) > want {
			word = "too many"
		}
		takes := "this format takes " + count(want, "argument")
		if c := value.UnknownConversion(f.V); c != "" {
			takes += ": " + c + " is not a conversion of printf, and is printed as it stands"
		}
		b.errorf("format-arguments", call.At, "%s arguments for format string (%d supplied, %d expected)", word, len(rest), want).
			SameCompat().
			At(at, "%s", takes).WithLabel("%s here", count(len(rest), "argument")).WithRow("FMT-03")
		return false
	}
	good := true
	i := 0
	for _, s := range specs {
		if s.Conv == value.ConvLiteral {
			continue
		}
		x := rest[i]
		i++
		if infer.IsBad(x) {
			continue
		}
		if t := x.Type(); !formatTakes(s.Conv, t) {
			b.errorf("format-type", x.Span(), "unsupported format specifier for type '%s': %s", b.shown(x), s.Letters).
				SameCompat().CompatAt(call.At).
				WithLabel("this is %s", article(b.shown(x))).At(at, "`%s` in this format", s.Text).WithRow("FMT-03").
				WithHelp("`%%s` prints a value of any type")
			good = false
		}
	}
	return good
}

// formatTakes reports whether a conversion can print a type (FMT-02).
func formatTakes(c value.Conv, t *types.Type) bool {
	switch {
	case t.Kind == types.Void || t.Kind == types.MapRef || t.Kind == types.Word || t.Kind == types.Ctx:
		return false
	case c.IsInteger():
		return infer.IsNum(t) || t.Kind == types.Pointer
	case c.IsBytes():
		return t.Kind == types.Buffer
	}
	return true
}
