package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// call types name(args): a form the checker knows itself, a macro, or a
// function of the library.
func (b calls) call(e *syntax.Call, agg bool) hir.Expr {
	if ms := b.c.macros[e.Name]; ms != nil && !b.c.reserved(e.Name) {
		if m := b.macros.chooseMacro(ms, e); m != nil {
			b.noteMacro(m, e)
			return b.macros.expand(m, e.At.At, e, e.Args, agg)
		}
		if b.c.builtin(e.Name) == nil && form(e.Name) == nil {
			return b.macros.noMacroFits(ms, e)
		}
	}
	if f := form(e.Name); f != nil {
		b.noteName(Function, e.Name, e)
		return f(b.forms, e)
	}
	sig := b.c.builtin(e.Name)
	if sig == nil {
		return b.unknownFunction(e)
	}
	if sig.NoCall {
		b.errorf("bad-call", e.At.At, "`%s` is a value, not a function", e.Name).
			WithCompat("Unknown function: '%s'", e.Name).
			WithLabel("called here").WithRow(sig.Row).WithHelp("write `%s`", e.Name)
		return infer.Poison(e.At.At)
	}
	b.noteName(Function, e.Name, e)
	return b.builtin(sig, e.At.At, e.NameAt, e.Args, agg)
}

func (b calls) unknownFunction(e *syntax.Call) hir.Expr {
	for _, a := range e.Args {
		b.quietly(a)
	}
	if sig := b.c.in.Builtins[e.Name]; sig != nil && sig.Missing {
		return b.unsupported(e.NameAt, sig.Row, "`"+e.Name+"()`")
	}
	d := b.errorf("unknown-name", e.NameAt, "unknown function: `%s`", e.Name).
		WithCompat("Unknown function: '%s'", e.Name).CompatAt(e.At.At).
		WithLabel("not defined in the language or in this script").WithRow("F-GEN-03")
	if slices.Contains(mapKinds, e.Name) {
		d.WithRow("L-MAPD-01").WithLabel("this is a kind of map").
			WithHelp("declare the map with the number of its entries, outside of probes: `let @name = %s(1000);`", e.Name)
	} else if n := b.c.nearestFunction(e.Name); n != "" {
		d.WithHelp("a function with a similar name exists: `%s`", n)
	}
	return infer.Poison(e.At.At)
}

// builtin types a call of a library function or the reading of a builtin value
// (args nil and at == nameAt).
func (b calls) builtin(sig *types.Signature, at, nameAt source.Span, args []syntax.Expr, agg bool) hir.Expr {
	if !b.available(sig, nameAt, at) {
		for _, a := range args {
			b.quietly(a)
		}
		return infer.Poison(at)
	}
	if sig.Unstable != "" && !b.forms.unstable(sig.Unstable, cmp.Or(sig.UnstableWords, sig.Unstable), at, sig.Row) {
		for _, a := range args {
			b.quietly(a)
		}
		return infer.Poison(at)
	}
	if sig.Agg && !agg {
		b.errorf("aggregation-misplaced", at, "%s() must be assigned directly to a map", sig.Name).
			SameCompat().
			WithLabel("not the value of a map assignment").WithRow("E-ASG-04").
			WithHelp("write `@name = %s(…);` or `@name[key] = %s(…);`", sig.Name, sig.Name)
		return infer.Poison(at)
	}
	if !b.argCount(sig, at, args) {
		return infer.Poison(at)
	}
	call := &hir.Call{X: hir.X{At: at}, Sig: sig, Args: make([]hir.Expr, 0, len(args))}
	tc := &types.Call{Sig: sig, At: at, Args: make([]types.Arg, len(args)), Env: &b.c.env, Site: b.info}
	failed, waits := false, false
	var subject *mapCell // the map in the first parameter
	pi := 0
	for i, a := range args {
		p := paramFor(sig, &pi, a, b.body)
		x := b.argument(sig, p, a, &tc.Args[i], &subject, at)
		tc.Args[i].At = a.Span()
		if b.rec != nil && x != nil {
			b.learned(a, x)
		}
		switch {
		case x == nil || x.Type() == types.InvalidType:
			failed = true
		case infer.IsBad(x):
			waits = true
		}
		call.Args = append(call.Args, x)
	}
	if pi > len(sig.Params) && !sig.Variadic {
		b.errorf("argument-count", at, "%s() takes fewer arguments here (%d provided)", sig.Name, len(args)).
			WithLabel("in this call").WithRow("F-GEN-01").WithHelp("usage: `%s`", sig.Usage)
		failed = true
	}
	if failed {
		return infer.Poison(at)
	}
	if waits && sig.Format < 0 && sig.Result == nil && sig.Infer != nil && !sig.Async {
		return infer.Pending(at)
	}
	if sig.Format >= 0 && sig.Format < len(args) && !b.format(sig, call, args) {
		return infer.Poison(at)
	}
	return b.result(sig, call, tc, args, waits)
}

// result determines the type of a call whose arguments are valid.
func (b calls) result(sig *types.Signature, call *hir.Call, tc *types.Call, args []syntax.Expr, waits bool) hir.Expr {
	at := call.At
	t := sig.Result
	if sig.Infer != nil {
		it, p := sig.Infer(tc)
		call.Facts = tc.Facts
		if p != nil && b.problem(sig, p, at, args) {
			return infer.Poison(at)
		}
		if it == nil && sig.Result == nil {
			if waits || b.waiting(tc) {
				return infer.Pending(at)
			}
			it = types.VoidType
		}
		if it != nil {
			t = it
		}
	}
	if t == nil {
		t = types.VoidType
	}
	if sig.Agg {
		return b.aggResult(sig, call, t)
	}
	if sig.Fold != nil && !waits {
		c, p := sig.Fold(tc)
		if p != nil && b.problem(sig, p, at, args) {
			return infer.Poison(at)
		}
		if c != nil {
			return infer.FromConst(at, c)
		}
	}
	if t.Space == types.SpaceNone && (t.Kind == types.Pointer || sig.Context && t.Kind == types.Int && t.Size == 8) {
		t = infer.InSpace(t, b.site.Space)
	}
	call.T = t
	if sig.Async {
		b.wholeMapNotes(call)
	}
	if sig.Context {
		b.contextInLoop(sig.Name, at)
	}
	return call
}

// wholeMapNotes warns about prints of whole maps whose output may surprise: the
// map is read when the record is drained, not at the call.
func (b calls) wholeMapNotes(call *hir.Call) {
	for _, x := range call.Args {
		m, ok := x.(*hir.MapArg)
		if !ok {
			continue
		}
		if b.loops > 0 && call.Sig.ShowsMap {
			b.warnf("async-in-loop", call.At, "%s() of a whole map in a loop: printing is asynchronous", call.Sig.Name).
				WithCompat("Due to it's asynchronous nature using '%s()' in a loop can lead to unexpected behavior. The map will likely be updated before the runtime can '%s' it.", call.Sig.Name, call.Sig.Name).
				WithLabel("shows the map as it is when the record is read, not as it is now").WithRow("E-FOR-06").
				WithHelp("print single values: `print(($key, @%s[$key]))`", m.Map.Name)
		}
		if v := b.c.maps[m.Map.Name].value.Typ; v != nil && v.Kind == types.Stats && len(call.Args) > 1 {
			b.warnf("stats-arguments", call.At, "the top and div arguments are ignored when used on stats").
				WithCompat("print()'s top and div arguments are ignored when used on stats() maps.").
				WithLabel("@%s holds %s", m.Map.Name, article(v)).WithRow("M-PRINT-10").WithHelp("leave them out")
		}
	}
}

// waiting reports whether the type of an argument or a map among them is not
// known yet.
func (b calls) waiting(tc *types.Call) bool {
	for _, a := range tc.Args {
		if a.Map != nil && a.Map.Value == nil {
			return true
		}
	}
	return false
}

// aggResult keeps the run-time arguments of an aggregation: literal parameters
// are in its type.
func (b calls) aggResult(sig *types.Signature, call *hir.Call, t *types.Type) hir.Expr {
	a := &aggCall{X: hir.X{T: t, At: call.At}, sig: sig}
	pi := 0
	for i, x := range call.Args {
		if infer.IsBad(x) {
			return infer.Pending(call.At)
		}
		p := sig.Params[min(pi, len(sig.Params)-1)]
		pi++
		switch p.Kind {
		case types.LitInt, types.LitString, types.LitBool, types.LitAny, types.WordParam:
			continue
		}
		if i == 0 && x.Type().Flex {
			f := infer.Clone(t)
			f.Flex = true
			a.T = f
		}
		a.args = append(a.args, x)
	}
	return a
}

// problem reports a Problem of a signature as an error or warning. It returns
// whether it is an error.
func (b calls) problem(sig *types.Signature, p *types.Problem, at source.Span, args []syntax.Expr) bool {
	code := p.Code
	if code == "" {
		code = "bad-argument"
	}
	call := at
	if p.Arg >= 0 && p.Arg < len(args) {
		at = args[p.Arg].Span()
	}
	var label string
	if p.Arg >= 0 {
		label = "this argument"
	} else {
		label = "in this call"
	}
	if p.Warning {
		d := inCompat(b.warnf(diag.Code(code), at, "%s", p.Message).WithLabel("%s", label).WithRow(sig.Row), p, call)
		if p.Help != "" {
			d.WithHelp("%s", p.Help)
		}
		return false
	}
	d := inCompat(b.errorf(diag.Code(code), at, "%s", p.Message).WithLabel("%s", label).WithRow(sig.Row), p, call)
	if p.Help != "" {
		d.WithHelp("%s", p.Help)
	}
	return true
}

// inCompat words a problem as bpftrace does, at the whole call.
func inCompat(d *diag.Diagnostic, p *types.Problem, call source.Span) *diag.Diagnostic {
	if p.Compat != "" {
		return d.WithCompat("%s", p.Compat).CompatAt(call)
	}
	return d.SameCompat().CompatAt(call)
}

// argCount checks the number of arguments (F-GEN-01).
func (b calls) argCount(sig *types.Signature, at source.Span, args []syntax.Expr) bool {
	least, most := 0, len(sig.Params)
	for _, p := range sig.Params {
		if !p.Optional {
			least++
		}
	}
	if sig.Variadic {
		most = len(args)
		least = max(least-1, 0)
		if len(sig.Params) > 0 && !sig.Params[len(sig.Params)-1].Optional && sig.Format < 0 {
			least++
		}
	}
	if sig.Format >= 0 {
		least = max(least, sig.Format+1)
	}
	if len(args) >= least && len(args) <= most {
		return true
	}
	var msg string
	switch {
	case least == most:
		msg = fmt.Sprintf("%s() requires %s (%d provided)", sig.Name, count(least, "argument"), len(args))
	case len(args) < least:
		msg = fmt.Sprintf("%s() requires at least %s (%d provided)", sig.Name, count(least, "argument"), len(args))
	default:
		msg = fmt.Sprintf("%s() takes up to %s (%d provided)", sig.Name, count(most, "argument"), len(args))
	}
	d := b.errorf("argument-count", at, "%s", msg).
		SameCompat().WithLabel("in this call").WithRow("F-GEN-01")
	if sig.Usage != "" {
		d.WithHelp("usage: `%s`", sig.Usage)
	}
	return false
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// available checks that a function may be used at this site (F-GEN-04,
// F-GEN-05).
func (b calls) available(sig *types.Signature, at, call source.Span) bool {
	if sig.Unsafe && !b.c.in.Unsafe {
		compat := "%s() is an unsafe function being used in safe mode"
		if !sig.Async { // of bpftrace's library
			compat = "%s() is unsafe. To use you need the --unsafe flag"
		}
		b.errorf("unsafe-function", at, "%s() is an unsafe function being used in safe mode", sig.Name).
			WithCompat(compat, sig.Name).CompatAt(call).
			WithLabel("it can change the system").WithRow("F-GEN-04").WithHelp("run with `--unsafe` to allow it")
		return false
	}
	if sig.Registers && b.site.Prog == hir.ProgTracing && !b.site.Regs {
		b.errorf("wrong-probe", at, "%s can not be used with \"%s\" probes that are attached without registers", callName(sig), b.site.Provider).
			WithCompat("%s", notHere(sig, b.site)).CompatAt(call).
			WithLabel("%s has typed arguments instead of registers", b.site.Name).WithRow(sig.Row).
			WithHelp("use `kprobe:%s`, or `config = { attach = kprobe }`", b.site.Func)
		return false
	}
	if sig.Probes == nil {
		return true
	}
	for _, p := range sig.Probes {
		if p == b.site.Provider {
			return true
		}
	}
	d := b.errorf("wrong-probe", at, "%s can not be used with \"%s\" probes", callName(sig), b.site.Provider).
		WithCompat("%s", notHere(sig, b.site)).CompatAt(call).
		WithLabel("not available in %s", b.site.Name).WithRow("F-GEN-05")
	if len(sig.Probes) > 0 {
		d.WithNote("available in: %s", strings.Join(sig.Probes, ", "))
	}
	return false
}

func callName(sig *types.Signature) string {
	if sig.Bare {
		return "`" + sig.Name + "`"
	}
	return "`" + sig.Name + "()`"
}

// contextInLoop reports reads of the probe's context inside a for loop
// (E-FOR-03): the body may become a callback, which does not get the context.
func (b *body) contextInLoop(name string, at source.Span) bool {
	if b.loops == 0 {
		return true
	}
	b.errorf("context-in-loop", at, "builtin `%s` is not allowed in a for-loop", name).
		WithCompat("'%s' builtin is not allowed in a for-loop", name).
		WithLabel("the loop body has no access to the probe's context").WithRow("E-FOR-03").
		WithHelp("copy it to a variable before the loop: `$x = %s;`", name)
	return false
}

// quietly types an expression for its effect on maps and variables, without
// reporting anything.
func (b *body) quietly(e syntax.Expr) {
	n := len(b.out.All)
	b.exprs.expr(e)
	b.out.All = b.out.All[:n]
}
