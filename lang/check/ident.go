package check

import (
	"strconv"
	"strings"

	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// argNumber reads argN; ok is false for any other name.
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
func (b *body) ident(e *syntax.Ident, agg bool) hir.Expr {
	if p := b.word(e.Name); p != nil {
		return b.inCaller(p, func() hir.Expr {
			b.allowAgg = agg
			return b.expr(p.expr)
		})
	}
	if f := forms[e.Name]; f != nil && f.reserved && f.word != nil {
		return f.word(b, e.At.At)
	}
	if _, ok := argNumber(e.Name); ok {
		return b.argN(e)
	}
	if ms := b.c.macros[e.Name]; ms != nil && !b.c.reserved(e.Name) {
		for _, m := range ms {
			if len(m.params) == 0 {
				return b.expand(m, e.At.At, e, nil, agg)
			}
		}
	}
	if f := wordForm(e.Name); f != nil {
		return f(b, e.At.At)
	}
	if sig := b.c.builtin(e.Name); sig != nil && sig.Bare {
		return b.builtin(sig, e.At.At, e.At.At, nil, agg)
	}
	if x := b.constant(e.Name, e.At.At); x != nil {
		return x
	}
	if strings.HasPrefix(e.Name, "sarg") {
		if _, ok := argNumber(e.Name[1:]); ok {
			b.errorf("removed", e.At.At, "the builtin `%s` is deleted", e.Name).WithLabel("no longer exists").WithRow("B-SARG").
				WithHelp("read the stack yourself: `*(reg(\"sp\") + 8)`")
			return poison(e.At.At)
		}
	}
	return b.unknownIdent(e)
}

func (b *body) unknownIdent(e *syntax.Ident) hir.Expr {
	if sig := b.c.in.Builtins[e.Name]; sig != nil && sig.Missing {
		return b.unsupported(e.At.At, sig.Row, "`"+e.Name+"`")
	}
	d := b.errorf("unknown-name", e.At.At, "unknown identifier: `%s`", e.Name).
		WithLabel("not a builtin, macro or constant").WithRow("L-CMAC-06")
	if sig := b.c.builtin(e.Name); sig != nil || form(e.Name) != nil || b.c.macros[e.Name] != nil {
		d.WithLabel("a function needs its arguments").WithHelp("call it: `%s(…)`", e.Name)
		if sig != nil && sig.Usage != "" {
			d.Helps[0] = "usage: `" + sig.Usage + "`"
		}
		return poison(e.At.At)
	}
	switch {
	case b.scope.lookup(e.Name) != nil:
		d.WithHelp("a variable of that name exists: `$%s`", e.Name)
	case b.c.maps[e.Name] != nil:
		d.WithHelp("a map of that name exists: `@%s`", e.Name)
	default:
		if k, ok := headerTable()[e.Name]; ok {
			d.WithHelp("it is a constant of a header: begin the script with `#include <%s>`", k.header)
			return poison(e.At.At)
		}
		if n := b.c.nearestValue(e.Name); n != "" {
			d.WithHelp("a name similar to this exists: `%s`", n)
		} else if ok, why := b.c.kernelTypes(); !ok {
			d.WithNote("constants of the kernel are not known here: %s", why)
		}
	}
	return poison(e.At.At)
}

// constant finds a C macro or an enumerator; nil if the name is neither.
func (b *body) constant(name string, at source.Span) hir.Expr {
	if m := b.c.cmacros[name]; m != nil {
		return b.cmacro(m, at)
	}
	if t, v, ok := b.c.enumerator(name); ok {
		return &hir.Int{X: hir.X{T: t, At: at}, V: v}
	}
	if b.c.ctypesOf().headers {
		if k, ok := headerTable()[name]; ok {
			return newLit(at, k.value, k.neg)
		}
	}
	return nil
}

// constantName is constant without a trace: to find out what a word is.
func (b *body) constantName(name string) hir.Expr {
	if b.word(name) != nil || b.c.cmacros[name] != nil {
		return poison(b.at)
	}
	if _, _, ok := b.c.enumerator(name); ok {
		return poison(b.at)
	}
	if _, ok := headerTable()[name]; ok && b.c.ctypesOf().headers {
		return poison(b.at)
	}
	return nil
}

// argsWhole is args without a field.
func (b *body) argsWhole(at source.Span) hir.Expr {
	if !b.hasArgs(at) {
		return poison(at)
	}
	b.probe.UsesArgs = true
	return &hir.ArgsRecord{X: hir.X{T: b.argsType(), At: at}}
}

// hasArgs checks that the probe has named arguments (A-AV-02).
func (b *body) hasArgs(at source.Span) bool {
	if b.named == 0 {
		d := b.errorf("wrong-probe", at, "builtin can not be used here: `args` needs a probe with named arguments, `%s` has none", b.site.Name).
			WithLabel("no arguments are known for this probe").WithRow("B-ARGS")
		switch b.site.Provider {
		case "kretprobe":
			d.WithHelp("`ret:%s` has the arguments of the entry", b.site.Func)
		case "kprobe":
			d.WithHelp("use `arg0`, `arg1`, …, or `fentry:%s`", b.site.Func)
		}
		return false
	}
	return b.contextInLoop("args", at)
}

// namedArgs are the arguments that args.NAME can name. Providers append arg0,
// arg1, … behind them where positional arguments exist.
func (b *body) namedArgs() []hir.Arg { return b.site.Args[:b.named] }

// countNamed tells where the positional arguments of a site start.
func countNamed(args []hir.Arg) int {
	for i := range args {
		if args[i].Name != "arg0" {
			continue
		}
		n := 0
		for i+n < len(args) && args[i+n].Name == "arg"+strconv.Itoa(n) {
			n++
		}
		if i+n == len(args) {
			return i
		}
	}
	return len(args)
}

// argsType lays args out as a record.
func (b *body) argsType() *types.Type {
	if b.argsRec != nil {
		return b.argsRec
	}
	s := &types.Struct{Flavour: types.Args, Name: "args", Align: 8}
	for _, a := range b.namedArgs() {
		f := types.Field{Name: a.Name, Type: b.argType(&a)}
		if a.Field != nil {
			f = *a.Field
			f.Name = a.Name
			if f.Type == nil {
				f.Type = b.argType(&a)
			}
		} else {
			align := max(f.Type.Align(), 1)
			f.Offset = (s.Size + align - 1) / align * align
		}
		s.Size = max(s.Size, f.Offset+f.Type.Size)
		s.Members = append(s.Members, f)
	}
	b.argsRec = types.RecordType(s)
	return b.argsRec
}

// argType is an argument's type; pointers without a space belong to the
// probe's.
func (b *body) argType(a *hir.Arg) *types.Type {
	t := a.Type
	if t == nil {
		return types.InvalidType
	}
	if t.Space == types.SpaceNone && (t.Kind == types.Pointer || t.Kind == types.Int && t.Size == 8) {
		return inSpace(t, b.site.Space)
	}
	return t
}

// argField is args.NAME.
func (b *body) argField(name string, at, nameAt source.Span) hir.Expr {
	if !b.hasArgs(at) {
		return poison(at)
	}
	args := b.namedArgs()
	for i := range args {
		if args[i].Name == name {
			if !representable(args[i].Type) {
				return b.unsupportedType(name, b.site.Name, nameAt)
			}
			b.probe.UsesArgs = true
			return &hir.ArgRef{X: hir.X{T: b.argType(&args[i]), At: at}, N: i}
		}
	}
	names := make([]string, len(args))
	for i := range args {
		names[i] = args[i].Name
	}
	what, row := "function parameter", "P-FENTRY-03"
	if b.site.Provider == "tracepoint" {
		what, row = "field", "T-STRUCT-02"
	}
	d := b.errorf("unknown-field", nameAt, "can't find %s `%s` of %s", what, name, b.site.Name).
		WithLabel("`args` does not contain a field named `%s`", name).WithRow(row)
	if b.site.Provider == "tracepoint" && strings.HasPrefix(name, "common_") {
		d.Message = "BPF does not support accessing common tracepoint fields"
		d.WithRow("T-STRUCT-07")
	}
	b.suggest(d, "an argument", name, names)
	return poison(at)
}

// argN is arg0, arg1, …
func (b *body) argN(e *syntax.Ident) hir.Expr {
	args := b.site.Args
	for i := b.named; i < len(args); i++ {
		if args[i].Name == e.Name {
			if !b.contextInLoop(e.Name, e.At.At) {
				return poison(e.At.At)
			}
			return &hir.ArgRef{X: hir.X{T: b.argType(&args[i]), At: e.At.At}, N: i}
		}
	}
	if n := len(args) - b.named; n > 0 {
		b.errorf("wrong-probe", e.At.At, "%s does not support `%s`", b.site.Name, e.Name).
			WithLabel("arguments `arg0` to `arg%d` are known", n-1).WithRow("B-ARGN")
		return poison(e.At.At)
	}
	d := b.errorf("wrong-probe", e.At.At, "builtin can not be used here: `%s` is not available in \"%s\" probes", e.Name, b.site.Provider).
		WithLabel("no positional arguments in %s", b.site.Name).WithRow("B-ARGN")
	switch {
	case len(b.namedArgs()) > 0:
		d.WithHelp("use `args.%s`", b.namedArgs()[0].Name)
	case b.site.Provider == "kretprobe" || b.site.Provider == "uretprobe":
		d.WithHelp("save it at entry: `%s:%s { @a[tid] = %s; }`", strings.Replace(b.site.Provider, "ret", "", 1), b.site.Func, e.Name)
	}
	return poison(e.At.At)
}

// retval is the return value.
func (b *body) retval(at source.Span) hir.Expr {
	if b.site.Ret == nil {
		d := b.errorf("wrong-probe", at, "builtin can not be used here: `retval` is not available in \"%s\" probes", b.site.Provider).
			WithLabel("%s has no return value", b.site.Name).WithRow("B-RETVAL")
		switch b.site.Provider {
		case "tracepoint":
			d.WithHelp("use `args.ret`")
		case "kprobe", "uprobe":
			d.WithHelp("trace the return: `%s`", strings.Replace(b.site.Name, "probe:", "retprobe:", 1))
		case "fentry":
			d.WithHelp("trace the return: `fexit:%s`", b.site.Func)
		case "call":
			d.WithHelp("trace the return: `ret:%s`", b.site.Func)
		}
		return poison(at)
	}
	if !representable(b.site.Ret.Type) {
		return b.unsupportedType("retval", b.site.Name, at)
	}
	if b.site.Ret.Type.Kind == types.Void {
		b.errorf("no-value", at, "%s returns nothing", b.site.Func).WithLabel("a void function has no return value").WithRow("B-RETVAL")
		return poison(at)
	}
	if !b.contextInLoop("retval", at) {
		return poison(at)
	}
	b.probe.UsesRetval = true
	return &hir.Retval{X: hir.X{T: b.argType(b.site.Ret), At: at}}
}

// duration is the time between entry and return (dialect X-CALL).
func (b *body) duration(at source.Span) hir.Expr {
	if b.site.Provider != "ret" && b.site.Provider != "fgraph" {
		b.errorf("wrong-probe", at, "`duration` can not be used with \"%s\" probes", b.site.Provider).
			WithLabel("there is no time between entry and return here").WithRow("X-CALL").
			WithHelp("use `ret:%s`", b.site.Func)
		return poison(at)
	}
	if !b.contextInLoop("duration", at) {
		return poison(at)
	}
	b.probe.UsesDuration = true
	return &hir.Duration{X: hir.X{T: types.Uint64, At: at}}
}
