package check

import (
	"fmt"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/lang/value"
)

// wordCall types probe() and similar calls, which mean the same as the bare
// word.
func wordCall(b forms, e *syntax.Call) hir.Expr {
	if !b.forms.formArgs(e, 0, 0) {
		return infer.Poison(e.At.At)
	}
	return wordForm(e.Name)(b.siteVals, e.At.At)
}

// formArgs checks the number of arguments of a form.
func (b forms) formArgs(e *syntax.Call, least, most int) bool {
	n := len(e.Args)
	if n >= least && n <= most {
		return true
	}
	want := count(least, "argument")
	switch {
	case n < least && most > least:
		want = "at least " + want
	case n > most && most > least:
		want = "at most " + count(most, "argument")
	}
	b.errorf("argument-count", e.At.At, "%s() requires %s (%d provided)", e.Name, want, n).
		SameCompat().
		WithLabel("in this call").WithRow("F-GEN-01")
	return false
}

// isForm returns the form of a function that tests the type of an expression
// (E-COMP-04).
func isForm(test func(t *types.Type) bool) func(b forms, e *syntax.Call) hir.Expr {
	return func(b forms, e *syntax.Call) hir.Expr {
		if !b.forms.formArgs(e, 1, 1) {
			return infer.Poison(e.At.At)
		}
		x := b.typeExprs.observed(e.Args[0])
		if infer.IsBad(x) {
			return firstBad(e.At.At, x)
		}
		return infer.Bool(e.At.At, test(x.Type()))
	}
}

func (b forms) isLiteralForm(e *syntax.Call) hir.Expr {
	if !b.formArgs(e, 1, 1) {
		return infer.Poison(e.At.At)
	}
	x := b.typeExprs.observed(e.Args[0])
	if infer.IsBad(x) {
		return firstBad(e.At.At, x)
	}
	return infer.Bool(e.At.At, infer.IsLiteral(x))
}

// isScalar types is_scalar() (F-ISSCALAR).
func (b forms) isScalar(e *syntax.Call) hir.Expr {
	if !b.formArgs(e, 1, 1) {
		return infer.Poison(e.At.At)
	}
	me, ok := b.mapUses.mapExpr(e.Args[0])
	if !ok || me.Keys != nil {
		b.errorf("map-expected", e.Args[0].Span(), "%s() expects a map to be provided", e.Name).
			WithCompat("%s() expects a map argument", e.Name).
			WithLabel("not a whole map").WithRow("F-ISSCALAR")
		return infer.Poison(e.At.At)
	}
	return b.throughWord(e.Args[0], func() hir.Expr {
		m := b.mapUses.mapOf(me)
		if m == nil {
			return infer.Poison(e.At.At)
		}
		b.depend(&m.value)
		if m.mode == modeUnknown {
			return infer.Pending(e.At.At)
		}
		return infer.Bool(e.At.At, m.mode == modeScalar)
	})
}

// staticAssert types static_assert(cond, "message") (E-COMP-03).
func (b forms) staticAssert(e *syntax.Call) hir.Expr {
	if !b.formArgs(e, 2, 2) {
		return infer.Poison(e.At.At)
	}
	c, msg := b.exprs.value(e.Args[0]), b.exprs.value(e.Args[1])
	if infer.IsBad(c) || infer.IsBad(msg) {
		return firstBad(e.At.At, c, msg)
	}
	truth, ok := infer.Truth(c)
	if !ok {
		return b.exprs.notComptime(e.Args[0].Span())
	}
	s, ok := infer.StrLit(msg)
	if !ok {
		b.errorf("literal-expected", e.Args[1].Span(), "%s() expects a string literal (`%s` provided)", e.Name, msg.Type()).
			WithLabel("not a literal").WithRow("E-COMP-03")
		return infer.Poison(e.At.At)
	}
	if !truth {
		b.errorf("static-assert", e.At.At, "%s", s.V).
			SameCompat().WithLabel("this assertion does not hold").WithRow("E-COMP-03")
		return infer.Poison(e.At.At)
	}
	return nothing(e.At.At)
}

// nothing returns an expression without value or effect.
func nothing(at source.Span) hir.Expr {
	return &hir.BlockX{X: hir.X{T: types.VoidType, At: at}, Block: &hir.Block{}}
}

// fail types fail("format", …), which is an error if the call is compiled.
func (b forms) fail(e *syntax.Call) hir.Expr {
	if len(e.Args) == 0 {
		b.formArgs(e, 1, 1)
		return infer.Poison(e.At.At)
	}
	var args []hir.Expr
	for _, a := range e.Args {
		x := b.exprs.value(a)
		if infer.IsBad(x) {
			return firstBad(e.At.At, x)
		}
		if !infer.IsLiteral(x) {
			b.errorf("literal-expected", a.Span(), "%s() expects literals only (`%s` provided)", e.Name, x.Type()).
				WithLabel("not a literal").WithRow("E-COMP-03")
			return infer.Poison(e.At.At)
		}
		args = append(args, x)
	}
	f, ok := infer.StrLit(args[0])
	if !ok {
		b.errorf("literal-expected", e.Args[0].Span(), "%s() expects a string literal (`%s` provided)", e.Name, args[0].Type()).
			WithLabel("not a string").WithRow("E-COMP-03")
		return infer.Poison(e.At.At)
	}
	b.errorf("static-assert", e.At.At, "%s", formatLiterals(f.V, args[1:])).
		SameCompat().WithLabel("reached while compiling").WithRow("E-COMP-03")
	return infer.Poison(e.At.At)
}

// formatLiterals renders a format with literals. A conversion without a fitting
// literal stays as written.
func formatLiterals(format string, args []hir.Expr) string {
	specs, err := value.ParseFormat(format)
	if err != nil {
		return format
	}
	var out strings.Builder
	i := 0
	for _, s := range specs {
		switch {
		case s.Conv == value.ConvLiteral:
			out.WriteString(s.Text)
		case i < len(args):
			switch n := args[i].(type) {
			case *hir.Bytes:
				out.WriteString(infer.Cstr(n.V))
			case *hir.Int:
				if infer.IsNeg(n) {
					fmt.Fprint(&out, int64(n.V))
				} else {
					fmt.Fprint(&out, n.V)
				}
			}
			i++
		default:
			out.WriteString(s.Text)
		}
	}
	return out.String()
}

// containerOf types container_of(ptr, typeof(T), member).
func (b forms) containerOf(e *syntax.Call) hir.Expr {
	if !b.formArgs(e, 3, 3) {
		return infer.Poison(e.At.At)
	}
	p := b.exprs.value(e.Args[0])
	ta, ok := e.Args[1].(*syntax.TypeArg)
	if id, is := e.Args[1].(*syntax.Ident); is && !ok {
		if w := b.wordAt(id); w != nil {
			ta, ok = w.expr.(*syntax.TypeArg)
		}
	}
	if !ok {
		b.errorf("bad-argument", e.Args[1].Span(), "%s() expects a type as its second argument", e.Name).
			WithLabel("not a type").WithRow("F-CONTAINEROF").WithHelp("write `typeof(struct NAME)`")
		return infer.Poison(e.At.At)
	}
	t := b.typeExprs.typeExpr(ta.Type)
	path, ok := b.typeExprs.fieldPath(e.Args[2])
	b.typed(e.Args[1], types.WordType)
	for p := syntax.Expr(e.Args[2]); ok && p != nil; {
		b.typed(p, types.WordType)
		f, more := unparen(p).(*syntax.Field)
		if !more {
			break
		}
		p = f.X
	}
	if !ok {
		b.errorf("bad-argument", e.Args[2].Span(), "%s() expects the name of a member as its third argument", e.Name).
			WithLabel("not a name").WithRow("F-CONTAINEROF")
		return infer.Poison(e.At.At)
	}
	if infer.IsBad(p) || t == nil || t.Kind == types.Invalid {
		return firstBad(e.At.At, p)
	}
	off, ok := b.typeExprs.offsetIn(t, path, e.Args[2].Span(), e.At.At)
	if !ok {
		return infer.Poison(e.At.At)
	}
	if pt := p.Type(); pt.Kind != types.Pointer && !pt.IsInt() {
		b.errorf("bad-argument", e.Args[0].Span(), "%s() only supports pointer arguments (`%s` provided)", e.Name, pt).
			WithLabel("this is %s", article(pt)).WithRow("F-CONTAINEROF")
		return infer.Poison(e.At.At)
	}
	to := types.PointerTo(t, b.places.spaceOf(p.Type()))
	by := &hir.Int{X: hir.X{T: types.Int64, At: e.Args[2].Span()}, V: uint64(-int64(off))}
	if p.Type().Kind != types.Pointer {
		p = infer.AsPointer(p, to)
	} else {
		p = infer.Cast(p, to)
	}
	return &hir.Binary{X: hir.X{T: to, At: e.At.At}, Op: hir.Add, L: p, R: by}
}

// fieldPath parses a field path a.b.c in an argument.
func (b typeExprs) fieldPath(e syntax.Expr) ([]string, bool) {
	switch e := unparen(e).(type) {
	case *syntax.Ident:
		if p := b.wordAt(e); p != nil {
			var path []string
			ok := false
			b.inCaller(p, func() hir.Expr { path, ok = b.fieldPath(p.expr); return nil })
			return path, ok
		}
		return []string{e.Name}, true
	case *syntax.Field:
		path, ok := b.fieldPath(e.X)
		return append(path, e.Name), ok
	}
	return nil, false
}

// sizeof types sizeof() (E-SIZE-01).
func (b forms) sizeof(e *syntax.Sizeof) hir.Expr {
	t := b.typeExprs.typeOrExpr(e.Type, e.X)
	switch {
	case t == infer.Unknown:
		return infer.Pending(e.At.At)
	case t == nil || t.Kind == types.Invalid:
		return infer.Poison(e.At.At)
	}
	return infer.Lit(e.At.At, uint64(t.Size), false)
}

// typeOrExpr returns the argument of sizeof, offsetof and typeinfo: a type, or
// an expression that is only typed. A bare word that is not a type is typed as
// an expression.
func (b typeExprs) typeOrExpr(te *syntax.TypeExpr, x syntax.Expr) *types.Type {
	if te == nil {
		return b.typeOf(x)
	}
	if te.Kind == "" && te.Of == nil && te.OfType == nil && len(te.Suffix) == 0 && b.word(te.Name) == nil && !b.isType(te) {
		id := &syntax.Ident{At: syntax.At{At: te.At.At}, Name: te.Name}
		if b.isValueName(te.Name) {
			t := b.typeOf(id)
			if b.rec != nil {
				b.rec.sameAs(te, id)
			}
			return t
		}
	}
	return b.typeExpr(te)
}

// isValueName reports whether a word means something as an expression.
func (b typeExprs) isValueName(name string) bool {
	if _, ok := argNumber(name); ok || wordForm(name) != nil || b.idents.constantName(name) != nil {
		return true
	}
	sig := b.c.builtin(name)
	return sig != nil && sig.Bare || b.c.macros[name] != nil
}

// offsetof types offsetof() (E-OFF-01).
func (b forms) offsetof(e *syntax.Offsetof) hir.Expr {
	path := e.Fields
	if len(path) == 1 {
		if p := b.word(path[0]); p != nil {
			var ok bool
			if path, ok = b.typeExprs.fieldPath(p.expr); !ok {
				b.errorf("bad-argument", p.expr.Span(), "offsetof() expects the name of a field").
					WithLabel("not a plain field path").WithRow("L-MAC-12")
				return infer.Poison(e.At.At)
			}
		}
	}
	t := b.typeExprs.typeOrExpr(e.Type, e.X)
	switch {
	case t == infer.Unknown:
		return infer.Pending(e.At.At)
	case t == nil || t.Kind == types.Invalid:
		return infer.Poison(e.At.At)
	}
	off, ok := b.typeExprs.offsetIn(t, path, e.FieldsAt, e.At.At)
	if !ok {
		return infer.Poison(e.At.At)
	}
	return infer.Lit(e.At.At, uint64(off), false)
}

// offsetIn walks a field path through nested structs.
func (b typeExprs) offsetIn(t *types.Type, path []string, at, whole source.Span) (int, bool) {
	off := 0
	for t.Kind == types.Pointer && t.Elem != nil {
		t = t.Elem
	}
	pos := at.Start
	for _, name := range path {
		if t.Kind != types.Record {
			b.errorf("bad-field", at, "offsetof(): `%s` has no field named `%s`", t, name).
				WithCompat("'%s' has no field named '%s'", t, name).CompatAt(whole).
				WithLabel("not a struct").WithRow("E-OFF-01")
			return 0, false
		}
		f, ok := t.Struct.Field(name)
		if !ok {
			b.places.noField(t, name, at, whole)
			if d := b.out.All[len(b.out.All)-1]; d.Compat.Text != "" {
				d.WithCompat("'%s' has no field named '%s'", t, name)
			}
			return 0, false
		}
		if b.rec != nil && at.Text() == strings.Join(path, ".") {
			b.noteOf(Member, t.String(), name, nil, source.Span{File: at.File, Start: pos, End: pos + len(name)}, f.Type)
		}
		pos += len(name) + 1
		off += f.Offset
		t = f.Type
	}
	return off, true
}

// unstable reports whether the script may use an unstable feature. If
// unstable_NAME is warn, it warns once per feature; if it is error, it reports
// an error (C-UNSTABLE). words is what bpftrace calls the feature.
func (b forms) unstable(feature, words string, at source.Span, row string) bool {
	switch variable := "unstable_" + feature; b.c.cfg.str(variable) {
	case "error":
		b.errorf("unstable-feature", at, "%s is an unstable feature", feature).
			WithLabel("not enabled").WithRow(row).WithHelp("enable it: `config = { %s = enable }`", variable).
			WithCompat("%s feature is not enabled by default. To enable this unstable feature, set the config flag to enable. %s=enable", words, variable)
		return false
	case "warn":
		if b.c.warned[feature] {
			return true
		}
		if b.c.warned == nil {
			b.c.warned = map[string]bool{}
		}
		b.c.warned[feature] = true
		b.warnf("unstable-feature", at, "%s is an unstable feature", feature).
			WithLabel("may change").WithRow(row).WithHelp("`config = { %s = enable }` silences this", variable).
			WithCompat("Script is using an unstable feature: %s. To prevent this warning you must explicitly enable it in the config e.g. %s=enable", words, variable).
			Compat.Bare = true
	}
	return true
}

// typeinfo types typeinfo() (E-TYPEINFO-01).
func (b forms) typeinfo(e *syntax.Typeinfo) hir.Expr {
	if !b.unstable("typeinfo", "typeinfo", e.At.At, "E-TYPEINFO-01") {
		return infer.Poison(e.At.At)
	}
	t := b.typeExprs.typeOrExpr(e.Type, e.X)
	switch {
	case t == infer.Unknown:
		return infer.Pending(e.At.At)
	case t == nil || t.Kind == types.Invalid:
		return infer.Poison(e.At.At)
	}
	elems := []hir.Expr{infer.Lit(e.At.At, 0, false), infer.Str(e.At.At, kindWord(t)), infer.Str(e.At.At, t.String())}
	rt := types.RecordLitType([]string{"btf_id", "base_type", "full_type"},
		[]*types.Type{elems[0].Type(), elems[1].Type(), elems[2].Type()})
	return &hir.Tuple{X: hir.X{T: rt, At: e.At.At}, Elems: elems}
}

// comptime types comptime e, which must fold to a literal (E-COMP-01).
func (b exprs) comptime(e *syntax.Comptime) hir.Expr {
	x := b.value(e.X)
	if infer.IsBad(x) || infer.IsLiteral(x) {
		return x
	}
	return b.notComptime(e.At.At)
}

func (b exprs) notComptime(at source.Span) hir.Expr {
	b.errorf("not-comptime", at, "unable to resolve comptime expression").
		WithCompat("Unable to resolve comptime expression").
		WithLabel("its value is only known when the probe runs").WithRow("E-COMP-01")
	return infer.Poison(at)
}

// comptimeBranch selects the branch of if comptime (c). taken is nil if no
// branch is compiled.
func (b exprs) comptimeBranch(e *syntax.If) (taken syntax.Expr, known bool) {
	b.deciding++
	c := b.value(e.Cond)
	b.deciding--
	if infer.IsBad(c) {
		return nil, c.Type() != infer.Unknown
	}
	truth, ok := infer.Truth(c)
	if !ok {
		b.notComptime(unparen(e.Cond).Span())
		return nil, true
	}
	if truth {
		b.unreached(func() {
			if e.Else != nil {
				b.exprs.expr(e.Else)
			}
		})
		return &syntax.BlockExpr{At: syntax.At{At: e.Then.At.At}, Block: e.Then}, true
	}
	b.unreached(func() { b.stmts.block(e.Then, true) })
	return e.Else, true
}
