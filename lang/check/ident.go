package check

import (
	"slices"
	"strings"

	"probe/lang/check/ctype"
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
)

// argNumber parses argN; ok is false for any other name.
func argNumber(name string) (digits string, ok bool) {
	digits, ok = strings.CutPrefix(name, "arg")
	if !ok || digits == "" {
		return "", false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return "", false
		}
	}
	return digits, true
}

// ident types a bare word: a macro's parameter, a value of the probe, a macro,
// a builtin value, a C macro constant or an enumerator.
func (b idents) ident(e *syntax.Ident, agg bool) hir.Expr {
	if p := b.word(e.Name); p != nil {
		b.noteParam(e, e.At.At, p)
		return b.inCaller(p, func() hir.Expr {
			b.allowAgg = agg
			return b.exprs.expr(p.expr)
		})
	}
	if f := words[e.Name]; f != nil && f.reserved {
		b.noteName(Value, e.Name, e)
		return f.word(b.siteVals, e.At.At)
	}
	if _, ok := argNumber(e.Name); ok {
		b.noteName(Value, e.Name, e)
		return b.siteVals.argN(e)
	}
	if ms := b.c.macros[e.Name]; ms != nil && !b.c.reserved(e.Name) {
		for _, m := range ms {
			if len(m.params) == 0 {
				b.noteMacro(m, e)
				return b.macros.expand(m, e.At.At, e, nil, agg)
			}
		}
	}
	// A builtin value is also known as __builtin_NAME, which no macro can take
	// (L-LEX-10).
	name := strings.TrimPrefix(e.Name, "__builtin_")
	if f := wordForm(name); f != nil {
		b.noteName(Value, name, e)
		return f(b.siteVals, e.At.At)
	}
	if sig := b.c.builtin(name); sig != nil && sig.Bare {
		b.noteName(Value, name, e)
		return b.calls.builtin(sig, e.At.At, e.At.At, nil, agg)
	}
	if x := b.constant(e.Name, e.At.At); x != nil {
		b.noteConstant(e, x)
		return x
	}
	if strings.HasPrefix(e.Name, "sarg") {
		if _, ok := argNumber(e.Name[1:]); ok {
			b.errorf("removed", e.At.At, "the builtin `%s` is deleted", e.Name).WithLabel("no longer exists").WithRow("B-SARG").
				WithHelp("read the stack yourself: `*(reg(\"sp\") + 8)`")
			return infer.Poison(e.At.At)
		}
	}
	return b.unknownIdent(e)
}

func (b idents) unknownIdent(e *syntax.Ident) hir.Expr {
	if sig := b.c.in.Builtins[e.Name]; sig != nil && sig.Missing {
		return b.unsupported(e.At.At, sig.Row, "`"+e.Name+"`")
	}
	d := b.errorf("unknown-name", e.At.At, "unknown identifier: `%s`", e.Name).
		WithCompat("Unknown identifier: '%s'", e.Name).
		WithLabel("not a builtin, macro or constant").WithRow("L-CMAC-06")
	if sig := b.c.builtin(e.Name); sig != nil || form(e.Name) != nil || b.c.macros[e.Name] != nil {
		d.WithLabel("a function needs its arguments").WithHelp("call it: `%s(…)`", e.Name)
		if sig != nil && sig.Usage != "" {
			d.Helps[0] = "usage: `" + sig.Usage + "`"
		}
		return infer.Poison(e.At.At)
	}
	switch {
	case slices.ContainsFunc(b.site.Args, func(a hir.Arg) bool { return a.Name == e.Name }):
		d.WithHelp("an argument of the probe has that name: `args.%s`", e.Name)
	case b.scope.lookup(e.Name) != nil:
		d.WithHelp("a variable of that name exists: `$%s`", e.Name)
	case b.c.maps[e.Name] != nil:
		d.WithHelp("a map of that name exists: `@%s`", e.Name)
	default:
		if k, ok := ctype.FindConstant(e.Name); ok {
			d.WithHelp("it is a constant of a header: begin the script with `#include <%s>`", k.Header)
			return infer.Poison(e.At.At)
		}
		if n := b.c.nearestValue(e.Name); n != "" {
			d.WithHelp("a name similar to this exists: `%s`", n)
		} else if ok, why := b.c.csection().KernelTypes(); !ok {
			d.WithNote("constants of the kernel are not known here: %s", why)
		}
	}
	return infer.Poison(e.At.At)
}

// constant finds a C macro or an enumerator; nil if the name is neither.
func (b idents) constant(name string, at source.Span) hir.Expr {
	if m := b.c.cmacros[name]; m != nil {
		return b.macros.cmacro(m, at)
	}
	if t, v, ok := b.c.csection().Enumerator(name); ok {
		return &hir.Int{X: hir.X{T: t, At: at}, V: v}
	}
	if k, ok := b.c.csection().Constant(name); ok {
		return infer.Lit(at, k.Value, k.Neg)
	}
	return nil
}

// constantName is like constant, but records nothing in Info. It is for testing
// what a word is.
func (b idents) constantName(name string) hir.Expr {
	if b.word(name) != nil || b.c.cmacros[name] != nil {
		return infer.Poison(b.at)
	}
	if _, _, ok := b.c.csection().Enumerator(name); ok {
		return infer.Poison(b.at)
	}
	if _, ok := b.c.csection().Constant(name); ok {
		return infer.Poison(b.at)
	}
	return nil
}
