package provider

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/tracefs"
	"probe/stdlib/fgraph"
)

// callGraph is the return of a function, with the tree of the calls below it.
var callGraph = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "fgraph", Row: "X-FGRAPH", Usage: "fgraph:[module:]function[:depth=N][:only=PATTERN,…][:skip=PATTERN,…][:args=on|deep][:irqs=on]",
		Doc:     "Return of a function, as ret:, and `graph` is the tree of the calls below it. depth bounds the levels (16), only and skip choose functions, args=on records arguments and args=deep what they point to, irqs=on keeps what interrupts ran.",
		Returns: true, Duration: true, Graph: true, Recorded: true, KernelTypes: true, Target: hir.TargetFunction,
		Options: []hir.KindOption{{Name: "depth"}, {Name: "only"}, {Name: "skip"},
			{Name: "args", Values: []string{"on", "off", "deep"}}, {Name: "irqs", Values: []string{"on", "off"}}},
	},
	Min: 1, Max: 8, Needs: []rights.Access{rights.Tracefs, rights.Settings, rights.Samples}, Type: "fgraph", Kernel: true, Expand: expandFgraph, List: listFunctions,
}

// The default depth of a graph, and the maximum for depth=.
const (
	graphDepth    = 16
	graphDepthMax = 200
)

// graphFuncs is the maximum number of functions below the root that get
// programs. For more the tracer is cheaper, and attaching takes long.
const graphFuncs = 500

// expandFgraph returns the sites of the root, as ret: does, and plans how the
// tree is recorded.
func expandFgraph(r *request) []*hir.Site {
	function, options := SplitGraph(r.args)
	if n := len(function); n == 0 || n > 2 {
		r.errorf("bad-attach-point", -1, "fgraph needs the name of a function").WithHelp("the form is `%s`", r.p.Usage)
		return nil
	}
	r.args = function
	plan, ok := GraphOptions(options, r.graphError, r.graphFuncs)
	if !ok {
		return nil
	}
	// The time of the entry is needed to find the tree that belongs to a call.
	r.Uses.Duration = true
	r.Uses.Retval = r.Uses.Retval || r.Uses.Graph
	r.Uses.Args = r.Uses.Args || plan.Args
	if r.Uses.Graph {
		if !r.planGraph(plan) {
			return nil
		}
		// Prefer kprobes for the root: before 5.11 the tracer does not see
		// functions with a trampoline, and on all kernels the trampoline's own
		// calls would be in the tree.
		if plan.Source == fgraph.Ftrace && r.Attach == "" && r.set.kprobes() == nil {
			r.tracer = true
		}
	}
	sites := expandCall(r)
	if !r.Uses.Graph {
		return sites
	}
	for _, s := range sites {
		g := *plan
		if g.Enter = s.Entry; g.Deep {
			g.EnterDeep = r.deep(g.Enter)
		}
		g.Func = s.Func
		if g.Func == "" {
			g.Func = s.Attach.Symbol
		}
		if m := s.Attach.Module; m != "vmlinux" {
			g.Module = m
		}
		g.Parts = r.graphParts(&g)
		s.Plan = &g
	}
	return sites
}

// GraphOptions reads the options of an fgraph: attach point. fail reports an
// error at one of them. funcs returns the functions that a list of names and
// patterns means, and false after it has reported an error.
func GraphOptions(options []hir.Part, fail func(p hir.Part, format string, args ...any) *diag.Diagnostic,
	funcs func(p hir.Part, option, list string) ([]string, bool),
) (*fgraph.Plan, bool) {
	g := &fgraph.Plan{Depth: graphDepth}
	onOff := func(p hir.Part, name, value string, set *bool) bool {
		*set = value == "on"
		if value != "on" && value != "off" {
			fail(p, "%s is on or off, not %q", name, value)
			return false
		}
		return true
	}
	for _, p := range options {
		name, value, _ := strings.Cut(p.Text, "=")
		switch name {
		case "depth":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > graphDepthMax {
				fail(p, "depth is a number from 1 to %d, not %q", graphDepthMax, value)
				return nil, false
			}
			g.Depth = n
		case "only", "skip":
			list, ok := funcs(p, name, value)
			if !ok {
				return nil, false
			}
			if name == "only" {
				g.Only = append(g.Only, list...)
				if g.Only == nil {
					g.Only = []string{} // nothing below the root; nil would mean everything
				}
			} else {
				g.Skip = append(g.Skip, list...)
			}
		case "args":
			g.Deep = value == "deep"
			if g.Deep {
				g.Args = true
				break
			}
			if value != "on" && value != "off" {
				fail(p, "args is on, deep or off, not %q", value)
				return nil, false
			}
			g.Args = value == "on"
		case "irqs":
			if !onOff(p, name, value, &g.IRQs) {
				return nil, false
			}
		default:
			fail(p, "fgraph has no option %q", name).WithHelp("the options are depth, only, skip, args and irqs")
			return nil, false
		}
	}
	return g, true
}

// SplitGraph divides the parts after the type into the function and the
// options.
func SplitGraph(args []hir.Part) (function, options []hir.Part) {
	n := slices.IndexFunc(args, func(p hir.Part) bool { return strings.Contains(p.Text, "=") })
	if n < 0 {
		n = len(args)
	}
	return args[:n], args[n:]
}

func (r *request) graphError(p hir.Part, format string, args ...any) *diag.Diagnostic {
	at := r.At
	if p.At.End > p.At.Start {
		at = p.At
	}
	return r.out.Errorf("bad-attach-point", at, format, args...).WithRow(r.p.Row)
}

// singly returns the reason why functions below the root have to be attached
// one by one, nil if they need not.
func (r *request) singly() error {
	if r.set.fsession() == nil && r.set.tracing() == nil {
		return nil
	}
	return r.set.multi()
}

// graphFuncs resolves a list of names and patterns. A pattern may match nothing,
// since kernels differ; a plain name means its copies as well.
func (r *request) graphFuncs(p hir.Part, option, list string) ([]string, bool) {
	var out []string
	warn := func(what string) {
		d := r.out.Warnf("no-match", r.At, "this kernel has no function %s to trace", what).WithRow(r.p.Row)
		if p.At.End > p.At.Start {
			d.Span = p.At
		}
		d.WithNote("%s= goes on without it", option)
	}
	names := strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
	exact, err := r.set.named(names)
	if err != nil {
		r.cannotList(-1, err)
		return nil, false
	}
	for _, name := range names {
		var fns []fn
		if f, ok := exact[name]; ok {
			if !dangerous(name) && !r.set.denied(name) {
				fns = []fn{f}
			}
		} else if isPattern(name) {
			fns, _ = r.set.matching("", name)
		} else {
			fns, _ = r.set.matching("", name+".*")
			fns = slices.DeleteFunc(fns, func(f fn) bool { return !isClone(f.name, name) })
		}
		if len(fns) == 0 && !isPattern(name) {
			warn(name)
		}
		for _, f := range fns {
			out = append(out, f.name)
		}
	}
	if len(out) == 0 && option == "only" {
		warn("that matches " + list)
	}
	slices.Sort(out)
	return slices.Compact(out), true
}

// config returns a variable of the script's configuration, "" if it is not set.
func (r *request) config(variable string) string {
	if r.Config == nil {
		return ""
	}
	return r.Config(variable)
}

// planGraph chooses the source of the trees. It returns false after it has
// reported an error.
func (r *request) planGraph(g *fgraph.Plan) bool {
	var tracer error
	if r.set.opts.Ftrace != nil {
		tracer = r.set.opts.Ftrace()
	}
	programs := ""
	switch {
	case g.Only == nil:
		programs = "programs need to know the functions below: only=PATTERN,…"
	case len(g.Only) > graphFuncs:
		programs = fmt.Sprintf("only= matches %d functions, and more than %d do not get programs", len(g.Only), graphFuncs)
	case r.set.kprobes() != nil && r.set.tracing() != nil:
		programs = fmt.Sprintf("programs cannot be attached: %v", r.set.kprobes())
	}
	refuse := func(format string, args ...any) bool {
		d := r.errorf("no-mechanism", -1, format, args...).WithLabel("no source of call graphs").WithRow(r.p.Row)
		if errors.Is(tracer, tracefs.ErrForbidden) {
			helpTracing(d)
		}
		d.WithHelp("run `probe doctor` to see what this kernel offers")
		return false
	}
	switch r.config("fgraph") {
	case "ftrace":
		if tracer != nil {
			return refuse("call graphs cannot be recorded by ftrace: %v", tracer)
		}
		g.Source, g.Why = fgraph.Ftrace, "ftrace, as the config says"
	case "bpf":
		if programs != "" {
			return refuse("call graphs cannot be recorded by programs: %s", programs)
		}
		g.Source, g.Why = fgraph.BPF, "eBPF, as the config says"
	default:
		if err := r.singly(); programs == "" && err != nil && tracer == nil && len(g.Only) > maxSingle {
			programs = fmt.Sprintf("only= matches %d functions, and more than %d are not reached one by one: %v", len(g.Only), maxSingle, err)
		}
		switch {
		case programs == "":
			g.Source, g.Why = fgraph.BPF, fmt.Sprintf("eBPF: programs at %d functions, which have return values and record nothing elsewhere", len(g.Only))
		case tracer == nil:
			g.Source, g.Why = fgraph.Ftrace, "ftrace: "+programs
		default:
			return refuse("call graphs cannot be recorded: ftrace: %v; eBPF: %s", tracer, programs)
		}
	}
	return true
}
