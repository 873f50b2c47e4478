package check

import (
	"strconv"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// argsWhole types args without a field.
func (b siteVals) argsWhole(at source.Span) hir.Expr {
	if !b.hasArgs(at) {
		return infer.Poison(at)
	}
	return &hir.ArgsRecord{X: hir.X{T: b.argsType(), At: at}}
}

// hasArgs checks that the probe has named arguments (A-AV-02).
func (b siteVals) hasArgs(at source.Span) bool {
	if b.site.Untyped {
		return false
	}
	if b.named == 0 || b.c.in.Exact && b.site.About().Typed != "" && b.site.About().Target == hir.TargetFunction {
		d := b.errorf("wrong-probe", at, "builtin can not be used here: `args` needs a probe with named arguments, `%s` has none", b.site.Name).
			WithCompat("The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes (%s used here)", b.site.Type).
			WithLabel("no arguments are known for this probe").WithRow("B-ARGS")
		switch kind := b.site.About(); {
		case kind.Typed == "":
		case kind.Returns && kind.Target == hir.TargetProgram:
			d.WithHelp("`%s%s` has the arguments of the entry", kind.Typed, strings.TrimPrefix(b.site.Name, kind.Name))
		case kind.Returns:
			d.WithHelp("`%s:%s` has the arguments of the entry", kind.Typed, b.site.Func)
		default:
			d.WithHelp("use `arg0`, `arg1`, …, or `%s:%s`", kind.Typed, b.site.Func)
		}
		return false
	}
	return b.contextInLoop("args", at)
}

// namedArgs returns the arguments that args.NAME can name. Providers append
// arg0, arg1, … after them if there are positional arguments.
func (b siteVals) namedArgs() []hir.Arg { return b.site.Args[:b.named] }

// countNamed returns the number of named arguments; the positional ones follow
// them.
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

// argsType returns the record type of args.
func (b siteVals) argsType() *types.Type {
	if b.argsRec != nil {
		return b.argsRec
	}
	s := &types.Struct{Flavour: types.Args, Name: "args", Align: 8}
	for _, a := range b.namedArgs() {
		if a.Unreadable != "" {
			continue
		}
		f := types.Field{Name: a.Name, Type: b.argType(&a)}
		if a.Field != nil {
			f = *a.Field
			f.Name = a.Name
			if f.Type == nil {
				f.Type = b.argType(&a)
			}
			f.Type = infer.Inherit(f.Type, b.site.Space)
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

// argType returns an argument's type; pointers without a space belong to the
// probe's.
func (b siteVals) argType(a *hir.Arg) *types.Type {
	t := a.Type
	if t == nil {
		return types.InvalidType
	}
	return infer.Inherit(t, b.site.Space)
}

// argField types args.NAME.
func (b siteVals) argField(name string, at, nameAt source.Span) hir.Expr {
	if !b.hasArgs(at) {
		return infer.Poison(at)
	}
	args := b.namedArgs()
	for i := range args {
		if args[i].Name == name {
			if why := args[i].Unreadable; why != "" {
				b.errorf("unreadable-argument", nameAt, "`%s` cannot be read in %s", name, b.site.Name).
					WithLabel("not readable here").WithNote("%s", why).WithRow("B-ARGS").
					WithHelp("read it where it is still there: in the function that calls this one, in one that it is passed to, or in a program compiled with -Og")
				return infer.Poison(at)
			}
			if !representable(args[i].Type) {
				return b.typeExprs.unsupportedType(name, b.site.Name, nameAt)
			}
			return &hir.ArgRef{X: hir.X{T: b.argType(&args[i]), At: at}, N: i}
		}
	}
	names := make([]string, len(args))
	for i := range args {
		names[i] = args[i].Name
	}
	what, row := "function parameter", "P-FENTRY-03"
	if b.site.About().Fields {
		what, row = "field", "T-STRUCT-02"
	}
	d := b.errorf("unknown-field", nameAt, "can't find %s `%s` of %s", what, name, b.site.Name).
		WithCompat("%s", noArgText(b.site, name)).CompatAt(at).
		WithLabel("`args` does not contain a field named `%s`", name).WithRow(row)
	if b.site.About().Fields && strings.HasPrefix(name, "common_") {
		d.Message = "BPF does not support accessing common tracepoint fields"
		d.WithRow("T-STRUCT-07")
	}
	b.suggest(d, "an argument", name, names)
	return infer.Poison(at)
}

// argN types arg0, arg1, …
func (b siteVals) argN(e *syntax.Ident) hir.Expr {
	args := b.site.Args
	for i := b.named; i < len(args); i++ {
		if args[i].Name == e.Name {
			if why := args[i].Unreadable; why != "" {
				b.errorf("unreadable-argument", e.At.At, "`%s` cannot be read in %s", e.Name, b.site.Name).
					WithLabel("not readable here").WithNote("%s", why).WithRow("B-ARGN")
				return infer.Poison(e.At.At)
			}
			if !b.contextInLoop(e.Name, e.At.At) {
				return infer.Poison(e.At.At)
			}
			return &hir.ArgRef{X: hir.X{T: b.argType(&args[i]), At: e.At.At}, N: i}
		}
	}
	if b.c.in.Exact && b.site.About().Lenient {
		return &hir.Int{X: hir.X{T: types.Uint64, At: e.At.At}}
	}
	if n := len(args) - b.named; n > 0 {
		b.errorf("wrong-probe", e.At.At, "%s does not support `%s`", b.site.Name, e.Name).
			WithCompat("%s", noArgN(e.Name)).
			WithLabel("arguments `arg0` to `arg%d` are known", n-1).WithRow("B-ARGN")
		return infer.Poison(e.At.At)
	}
	d := b.errorf("wrong-probe", e.At.At, "builtin can not be used here: `%s` is not available in \"%s\" probes", e.Name, b.site.Provider).
		WithCompat("The %s builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes", e.Name).
		WithLabel("no positional arguments in %s", b.site.Name).WithRow("B-ARGN")
	switch {
	case len(b.namedArgs()) > 0:
		d.WithHelp("use `args.%s`", b.namedArgs()[0].Name)
	case b.site.About().Entry != "":
		d.WithHelp("save it at entry: `%s:%s { @a[tid] = %s; }`", b.site.About().Entry, b.site.Func, e.Name)
	}
	return infer.Poison(e.At.At)
}

// retval types the return value.
func (b siteVals) retval(at source.Span) hir.Expr {
	if b.site.Ret == nil {
		d := b.errorf("wrong-probe", at, "builtin can not be used here: `retval` is not available in \"%s\" probes", b.site.Provider).
			WithCompat("%s", noRetvalText(b.site)).
			WithLabel("%s has no return value", b.site.Name).WithRow("B-RETVAL")
		switch kind := b.site.About(); {
		case kind.Fields:
			d.WithHelp("use `args.ret`")
		case kind.Return != "":
			d.WithHelp("trace the return: `%s%s`", kind.Return, strings.TrimPrefix(b.site.Name, kind.Name))
		}
		return infer.Poison(at)
	}
	if !representable(b.site.Ret.Type) {
		return b.typeExprs.unsupportedType("retval", b.site.Name, at)
	}
	if b.site.Ret.Type.Kind == types.Void {
		b.errorf("no-value", at, "%s returns nothing", b.site.Func).WithLabel("a void function has no return value").WithRow("B-RETVAL")
		return infer.Poison(at)
	}
	if !b.contextInLoop("retval", at) {
		return infer.Poison(at)
	}
	b.probe.UsesRetval = true
	return &hir.Retval{X: hir.X{T: b.argType(b.site.Ret), At: at}}
}

// duration types the time between entry and return (dialect X-CALL).
func (b siteVals) duration(at source.Span) hir.Expr {
	if !b.site.About().Duration {
		b.errorf("wrong-probe", at, "`duration` can not be used with \"%s\" probes", b.site.Provider).
			WithLabel("there is no time between entry and return here").WithRow("X-CALL").
			WithHelp("use `ret:%s`", b.site.Func)
		return infer.Poison(at)
	}
	if !b.contextInLoop("duration", at) {
		return infer.Poison(at)
	}
	b.probe.UsesDuration = true
	return &hir.Duration{X: hir.X{T: types.Uint64, At: at}}
}
