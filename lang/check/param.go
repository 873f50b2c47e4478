package check

import (
	"strconv"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// param returns the text of $N and whether it was given.
func (c *checker) param(n int) (string, bool) {
	if n < 1 || n > len(c.in.Params) {
		return "", false
	}
	return c.in.Params[n-1], true
}

// positional types $N and $# (L-PARM-02, L-PARM-03, L-PARM-06).
func (b exprs) positional(e *syntax.Positional) hir.Expr {
	if e.N == 0 {
		return infer.Lit(e.At.At, uint64(len(b.c.in.Params)), false)
	}
	text, ok := b.c.param(e.N)
	if !ok {
		b.noParam(e)
		return infer.Lit(e.At.At, 0, false)
	}
	if v, neg, err := parseInt(text); err == nil {
		return infer.Lit(e.At.At, v, neg)
	}
	return infer.Str(e.At.At, text)
}

func (b exprs) noParam(e *syntax.Positional) {
	b.warnf("missing-parameter", e.At.At, "positional parameter $%d is empty or not provided", e.N).
		WithCompat("Positional parameter $%d is empty or not provided. ", e.N).
		WithLabel("%s given", count(len(b.c.in.Params), "parameter")).WithRow("L-PARM-03")
}

// str types str(…). str($1) and str($1 + n) are the text of a parameter, even
// if it is a number (L-PARM-04, L-PARM-05).
func (b forms) str(e *syntax.Call) hir.Expr {
	sig := b.c.in.Builtins["str"]
	if len(e.Args) == 1 {
		if p, skip, ok := b.strParam(e.Args[0]); ok {
			return b.paramText(p, skip, e.At.At)
		}
	}
	if len(e.Args) == 2 {
		if x := b.strLiteral(e); x != nil {
			return x
		}
	}
	if sig == nil {
		return b.calls.unknownFunction(e)
	}
	return b.calls.builtin(sig, e.At.At, e.NameAt, e.Args, false)
}

// strLiteral folds str() of a literal or parameter with a literal length into a
// literal of that length. It returns nil for anything else.
func (b forms) strLiteral(e *syntax.Call) hir.Expr {
	n := len(b.out.All)
	limit, neg, ok := infer.ConstInt(b.exprs.value(e.Args[1]))
	b.out.All = b.out.All[:n]
	if !ok || neg {
		return nil
	}
	var x hir.Expr
	if s, is := unparen(e.Args[0]).(*syntax.StringLit); is {
		x = b.exprs.value(s)
	} else if p, skip, is := b.strParam(e.Args[0]); is {
		x = b.paramText(p, skip, e.At.At)
	}
	s, ok := x.(*hir.Bytes)
	if !ok {
		return x
	}
	return infer.Str(e.At.At, s.V[:min(limit, uint64(len(s.V)))])
}

// strParam recognizes $N and $N + n.
func (b forms) strParam(e syntax.Expr) (p *syntax.Positional, skip uint64, ok bool) {
	switch e := unparen(e).(type) {
	case *syntax.Positional:
		b.typed(e, types.StringType(0))
		return e, 0, e.N > 0
	case *syntax.Ident:
		if w := b.wordAt(e); w != nil {
			b.inCaller(w, func() hir.Expr { p, skip, ok = b.strParam(w.expr); return nil })
		}
		return p, skip, ok
	case *syntax.Binary:
		if e.Op != "+" {
			return nil, 0, false
		}
		for _, side := range [...][2]syntax.Expr{{e.X, e.Y}, {e.Y, e.X}} {
			p, is := unparen(side[0]).(*syntax.Positional)
			if !is || p.N == 0 {
				continue
			}
			n := len(b.out.All)
			v, neg, lit := infer.ConstInt(b.exprs.value(side[1]))
			b.out.All = b.out.All[:n]
			if lit && !neg {
				b.typed(e, types.StringType(0))
				b.typed(p, types.StringType(0))
				return p, v, true
			}
		}
	}
	return nil, 0, false
}

// paramText returns a parameter as a string literal, without its first bytes.
func (b forms) paramText(p *syntax.Positional, skip uint64, at source.Span) hir.Expr {
	text, ok := b.c.param(p.N) // a parameter that is not given is empty (L-PARM-03)
	if skip > uint64(len(text)) {
		if ok {
			b.warnf("empty-literal", at, "literal string will always be empty").
				WithLabel("skips %d bytes of %d", skip, len(text)).WithRow("L-PARM-05")
		}
		skip = uint64(len(text))
	}
	if limit := b.c.cfg.maxStrlen; int64(len(text))+1 > limit {
		b.errorf("string-too-long", at, "string is too long: %d bytes, the limit is %d", len(text), limit-1).
			WithCompat("String is too long (over %d bytes): %s", limit, text).
			WithLabel("the text of $%d", p.N).WithRow("L-STR-04")
		return infer.Poison(at)
	}
	return infer.Str(at, text[skip:])
}

// option is one named parameter of the script (L-PARM-10).
type option struct {
	hir.Option
	at source.Span
}

// getopt types getopt("name", default, "description") (F-GETOPT).
func (b forms) getopt(e *syntax.Call) hir.Expr {
	if !b.formArgs(e, 1, 3) {
		return infer.Poison(e.At.At)
	}
	args := make([]hir.Expr, len(e.Args))
	for i, a := range e.Args {
		args[i] = b.exprs.value(a)
		if infer.IsBad(args[i]) {
			return firstBad(e.At.At, args...)
		}
		ok := infer.IsLiteral(args[i])
		if _, isStr := infer.StrLit(args[i]); i != 1 {
			ok = isStr
		}
		if _, pos := unparen(a).(*syntax.Positional); pos && i != 1 {
			ok = false
		}
		if !ok {
			what := "string literal"
			if i == 1 {
				what = "literal as the default value"
			}
			b.errorf("literal-expected", a.Span(), "getopt() expects a %s (`%s` provided)", what, args[i].Type()).
				WithCompat("%s", badOption(i)).
				WithLabel("not a literal").WithRow("F-GETOPT")
			return infer.Poison(e.At.At)
		}
	}
	name, _ := infer.StrLit(args[0])
	o := option{at: e.At.At, Option: hir.Option{Name: name.V, Type: types.BoolType, Default: "false"}}
	if len(args) > 1 {
		switch d := args[1].(type) {
		case *hir.Int:
			switch {
			case d.T.Kind == types.Bool:
				o.Default = strconv.FormatBool(d.V != 0)
			case infer.IsNeg(d):
				o.Type, o.Default = types.Int64, strconv.FormatInt(int64(d.V), 10)
			default:
				o.Type, o.Default = types.Uint64, strconv.FormatUint(d.V, 10)
			}
		case *hir.Bytes:
			o.Type, o.Default = types.StringType(0), d.V
		default:
			b.errorf("literal-expected", e.Args[1].Span(), "getopt() expects an integer, bool or string literal as the default value (`%s` provided)", d.Type()).
				WithCompat("%s", badOption(1)).
				WithLabel("not one of them").WithRow("F-GETOPT")
			return infer.Poison(e.At.At)
		}
	}
	if len(args) > 2 {
		d, _ := infer.StrLit(args[2])
		o.Doc = d.V
	}
	if b.rec != nil {
		at := e.Args[0].Span()
		d := b.rec.def("option "+o.Name, func() *Def { return &Def{Kind: Option, Name: o.Name, At: at, Doc: o.Doc} })
		d.addType(o.Type)
		b.rec.means(e.Args[0], at, d, false)
	}
	if !b.sameOption(&o) {
		return infer.Poison(e.At.At)
	}
	return b.optionValue(&o, e.At.At)
}

// sameOption checks that all getopt calls of an option agree on its default and
// description.
func (b forms) sameOption(o *option) bool {
	old := b.c.options[o.Name]
	if old == nil {
		b.c.options[o.Name] = o
		return true
	}
	if old.at == o.at {
		return true
	}
	what := ""
	switch {
	case old.Default != o.Default || old.Type.Kind != o.Type.Kind:
		what = "default value"
	case old.Doc != o.Doc:
		what = "description"
	default:
		return true
	}
	b.errorf("different-option", o.at, "getopt(\"%s\") is used with a different %s elsewhere", o.Name, what).
		WithCompat("Command line option '%s' needs to have the same %s in all places it is used. Previous %s: %s", o.Name, what, what, map[bool]string{true: old.Default, false: old.Doc}[what == "default value"]).
		WithLabel("differs from the first use").At(old.at, "first used here").WithRow("F-GETOPT").
		WithHelp("give both calls the same default and description, or put the call into a macro")
	return false
}

// optionValue returns the value given for an option, or its default. It is not
// a literal: the value only becomes known when the program is loaded.
func (b forms) optionValue(o *option, at source.Span) hir.Expr {
	text, given := "", false
	if b.c.in.Env != nil {
		text, given = b.c.in.Env.Option(o.Name)
	}
	if !given {
		text = o.Default
	}
	bad := func(why string) hir.Expr {
		b.errorf("bad-option", at, "program command line option --%s %s (value: %s)", o.Name, why, text).SameCompat().CompatAlone().
			WithLabel("the option is used here").WithRow("L-PARM-11")
		return infer.Poison(at)
	}
	switch o.Type.Kind {
	case types.Bool:
		v, ok := parseBool(text)
		if !ok && text != "" {
			return bad("expects a boolean (e.g. 'true')")
		}
		x := infer.Bool(at, v || text == "")
		return infer.Cast(x, types.BoolType)
	case types.String:
		if limit := b.c.cfg.maxStrlen; int64(len(text))+1 > limit {
			return bad("is too long")
		}
		return infer.Str(at, text)
	}
	if text == "" {
		return bad("expects an integer")
	}
	if text == "true" {
		return bad("expects an integer")
	}
	v, neg, err := parseInt(text) // a negative number is taken by its bits
	switch {
	case err != nil:
		return bad("invalid integer")
	case !neg && o.Type.Signed && int64(v) < 0:
		return bad("value is out of range")
	}
	return &hir.Int{X: hir.X{T: o.Type, At: at}, V: v}
}

// parseInt parses an integer into the bits of a literal.
func parseInt(text string) (bits uint64, neg bool, err error) {
	v, neg, err := syntax.ParseInteger(text)
	if neg {
		v = -v
		neg = v != 0
	}
	return v, neg, err
}
