package recording

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
	"probe/runtime/graph"
	"probe/runtime/machine/live/provider"
	"probe/stdlib/fgraph"
)

// Kinds implements hir.Probes.
func (r *View) Kinds() []hir.ProbeKind { return provider.Kinds() }

// Expand implements hir.Probes: fgraph: runs for recorded trees, ret: and call:
// for calls within them. An attach point without events in the recording gets a
// warning, which settle turns into an error if no other attach point is left.
func (r *View) Expand(req *hir.ExpandRequest, out *diag.List) []*hir.Site {
	var complaints diag.List
	var first []*diag.Diagnostic
	for i, parts := range append([][]hir.Part{req.Parts}, req.Alts...) {
		var one diag.List
		before := len(r.unfed)
		sites := r.expand(req, parts, &one)
		if len(sites) > 0 || one.HasErrors() {
			r.fed = r.fed || kindFed(parts)
			out.All = append(out.All, one.All...)
			r.unfed = r.unfed[:before]
			return sites
		}
		if i == 0 {
			complaints, first = one, slices.Clone(r.unfed[before:])
		}
		r.unfed = r.unfed[:before]
	}
	r.unfed = append(r.unfed, first...)
	out.All = append(out.All, complaints.All...)
	return nil
}

// kindFed reports whether an attach point is of a kind that runs for recorded
// calls.
func kindFed(parts []hir.Part) bool {
	kind := provider.KindOf(parts[0].Text)
	return kind != nil && kind.Recorded
}

func (r *View) expand(req *hir.ExpandRequest, parts []hir.Part, out *diag.List) []*hir.Site {
	if len(parts) == 0 {
		return nil
	}
	kind := provider.KindOf(parts[0].Text)
	if kind == nil {
		provider.NoKind(out, req, parts[0])
		return nil
	}
	x := &expansion{View: r, req: req, kind: kind, out: out}
	switch {
	case kind.Phase != hir.WhileAttached:
		// begin and end run in probe itself, as on a live kernel.
		return []*hir.Site{{Provider: kind.Name, Kind: kind, Type: kind.Name, Name: kind.Name, Prog: hir.ProgRawTP}}
	case kind.Recorded:
		return x.functions(parts[1:])
	}
	x.cannotFeed("%s: probes cannot run over a recording", kind.Name).
		WithLabel("only `fgraph:`, `ret:`, `call:`, `begin` and `end` can").
		WithNote("a recording holds the call trees that a script or `probe graph` asked for, and no other events")
	return nil
}

// expansion is one attach point while it is expanded.
type expansion struct {
	*View
	req  *hir.ExpandRequest
	kind *hir.ProbeKind
	out  *diag.List
	// pattern reports whether the attach point may mean several functions.
	pattern bool
}

// cannotFeed warns that the recording has no events for the attach point.
func (x *expansion) cannotFeed(format string, args ...any) *diag.Diagnostic {
	d := x.out.Warnf("not-in-recording", x.req.At, format, args...).WithRow("X-TREE")
	x.unfed = append(x.unfed, d)
	return d
}

// settle is called after the check. If some attach point has events, the
// warnings about the others remain warnings; if none has, they become errors.
func (r *View) settle() {
	for _, u := range r.unfed {
		if r.fed {
			u.WithNote("this probe is left out")
		} else {
			u.Severity = diag.Error
		}
	}
}

func (x *expansion) badPart(p hir.Part, format string, args ...any) *diag.Diagnostic {
	at := x.req.At
	if p.At.End > p.At.Start {
		at = p.At
	}
	return x.out.Errorf("bad-attach-point", at, format, args...).WithRow("X-TREE")
}

// functions returns the sites of fgraph:, ret: and call:.
func (x *expansion) functions(parts []hir.Part) []*hir.Site {
	name, options := parts, []hir.Part(nil)
	if x.kind.Graph {
		name, options = provider.SplitGraph(parts)
	}
	if len(name) == 0 || len(name) > 2 {
		x.badPart(hir.Part{}, "%s needs the name of a function", x.kind.Name).WithHelp("the form is `%s:[module:]function`", x.kind.Name)
		return nil
	}
	module, pattern := "", name[len(name)-1].Text
	if len(name) == 2 {
		module = name[0].Text
	}
	plan, ok := provider.GraphOptions(options, x.badPart, x.listed)
	if !ok {
		return nil
	}
	fns := x.matching(module, pattern, x.kind.Graph)
	x.pattern = strings.Contains(module+pattern, "*")
	if len(fns) == 0 {
		x.nothing(name, module, pattern)
		return nil
	}
	var sites []*hir.Site
	all := x.out
	x.out = &diag.List{}
	for _, fn := range fns {
		if s := x.site(fn, plan); s != nil {
			sites = append(sites, s)
		}
	}
	for _, d := range x.out.All {
		if len(sites) > 0 && d.Severity == diag.Error {
			d.Severity = diag.Warning // other matches have the parameter
			d.WithNote("it is left out")
		}
		all.Add(d)
	}
	x.out = all
	return sites
}

// listed returns the functions that only= and skip= mean. A name may match
// nothing, since recordings differ in what was called.
func (x *expansion) listed(_ hir.Part, _, list string) ([]string, bool) {
	var out []string
	for _, name := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' }) {
		for _, fn := range x.matching("", name, false) {
			out = append(out, fn.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), true
}

// nothing reports that no function in the recording has the name.
func (x *expansion) nothing(name []hir.Part, module, pattern string) {
	what := pattern
	if module != "" {
		what = module + ":" + pattern
	}
	if x.kind.Graph {
		d := x.cannotFeed("the recording has no call trees of %s", what)
		if len(x.matching(module, pattern, false)) > 0 {
			d.WithNote("it is called in other trees: `ret:%s` runs for these calls", what)
		}
		switch roots := x.rootNames(); {
		case len(roots) == 0:
			d.WithNote("it has no call trees at all").WithHelp("record again with a script that uses `graph`, or with `probe graph -o`")
		default:
			d.WithNote("it has those of %s", shorten(roots))
		}
		return
	}
	d := x.cannotFeed("the trees of the recording have no call of %s", what)
	if near, ok := diag.Nearest(pattern, x.names); ok {
		d.WithHelp("a function with a similar name is called: `%s`", near)
	}
}

func (r *View) rootNames() []string {
	var out []string
	for _, name := range r.names {
		if r.funcs[name].roots.calls > 0 {
			out = append(out, name)
		}
	}
	return out
}

// shorten returns the first few names as text.
func shorten(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// The context of a program: the arguments of the call, then its result.
const (
	slotArgs = 30
	slotRet  = slotArgs
	slots    = slotArgs + 1
)

// site returns the place of one function; nil after a complaint.
func (x *expansion) site(fn *function, plan *fgraph.Plan) *hir.Site {
	name := x.kind.Name + ":" + fn.Name
	if fn.Module != "" {
		name = x.kind.Name + ":" + fn.Module + ":" + fn.Name
	}
	s := &hir.Site{Provider: x.kind.Name, Kind: x.kind, Type: x.kind.Name, Name: name, Prog: hir.ProgTracing, Space: types.Kernel, Func: fn.Name, Why: "the recording"}
	s.Attach = hir.Attach{Kind: hir.AttachFexit, Symbol: fn.Name, Module: fn.Module}
	known := fn.calls
	if x.kind.Graph {
		known = fn.roots
	}
	uses := x.req.Uses
	if (uses.Args || uses.ArgN) && known.args == 0 {
		x.out.Errorf("not-recorded", x.req.At, "the recording has no arguments of %s", fn.Name).WithRow("X-TREE").
			WithLabel("its body uses arguments").
			WithHelp("record again with arguments: `fgraph:%s:args=on`, or `probe graph --args`", fn.Name)
		return nil
	}
	args := x.arguments(fn, known.args)
	if !x.kind.Returns {
		s.Attach.Kind, s.Args = hir.AttachFentry, args
		return s
	}
	entry := *s
	entry.Attach.Kind, entry.Args = hir.AttachFentry, args
	s.Entry = &entry
	for i, a := range args {
		a.Loc = hir.Loc{Kind: hir.LocSaved, Off: i, Size: 8}
		s.Args = append(s.Args, a)
	}
	if t := x.env.enums.typeOf(fn.Result, fn.Notation); t != nil {
		s.Ret = &hir.Arg{Name: "retval", Type: t, Loc: hir.Loc{Kind: hir.LocSlot, Off: slotRet, Size: 8}}
	}
	if uses.Retval && s.Ret == nil && x.pattern {
		x.out.Errorf("no-value", x.req.At, "%s returns nothing", fn.Name).WithRow("X-TREE").WithLabel("its body uses `retval`")
		return nil
	}
	if uses.Retval && s.Ret != nil && known.rets == 0 {
		x.out.Errorf("not-recorded", x.req.At, "the recording has no results of %s", fn.Name).WithRow("X-TREE").
			WithLabel("its body uses `retval`").
			WithHelp("record again with results: `probe graph --ret %s`, or in a script with `only=`, where all functions have them", fn.Name)
		return nil
	}
	if x.kind.Graph && x.req.Uses.Graph {
		x.graph(s, fn, plan)
	}
	return s
}

// graph sets which part of the recorded trees a probe gets.
func (x *expansion) graph(s *hir.Site, fn *function, plan *fgraph.Plan) {
	g := *plan
	g.Func, g.Module = fn.Name, fn.Module
	g.Source, g.Enter, g.Why = fgraph.Recorded, s.Entry, "the recording"
	if g.Args && fn.roots.args == 0 {
		x.out.Warnf("not-recorded", x.req.At, "the recording has no arguments of %s", fn.Name).WithRow("X-TREE").
			WithNote("args= goes on without them")
	}
	s.Plan = &g
}

// arguments returns the arguments of a function of which n are recorded: those
// with names, then arg0 and so on.
func (r *View) arguments(fn *function, n int) []hir.Arg {
	n = min(n, slotArgs)
	var out []hir.Arg
	for i := range min(n, len(fn.Params)) {
		p := &fn.Params[i]
		if t := r.env.enums.typeOf(p.Type, p.Notation); t != nil && p.Name != "" {
			out = append(out, hir.Arg{Name: p.Name, Type: t, Loc: hir.Loc{Kind: hir.LocSlot, Off: i, Size: 8}})
		}
	}
	for i := range n {
		out = append(out, hir.Arg{Name: "arg" + strconv.Itoa(i), Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocSlot, Off: i, Size: 8}})
	}
	return out
}

// notRecorded reports a value that the recording does not have.
func notRecorded(out *diag.List, at source.Span, what, why string) {
	out.Errorf("not-recorded", at, "the recording does not tell %s", what).WithRow("X-TREE").
		WithNote("%s", why).
		WithHelp("leave it out; a recording has graph, retval, duration, args, comm, pid, tid, cpu and the time of each call")
}

// symbolOf returns the function's name as sites have it.
func symbolOf(s *hir.Site) string {
	return symbol(&graph.Func{Name: s.Func, Module: s.Attach.Module})
}
