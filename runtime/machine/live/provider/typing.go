package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/symbol"
	"probe/runtime/machine/live/tracefs"
)

// unattached keeps, for Options.TypesOnly, what this machine really offers:
// New replaces the mechanisms by ones that are always available, so that the
// types of every script can be checked, and warn reports what is missing.
type unattached struct {
	kprobes, tracing, uprobes, ftrace func() error
}

// assume makes all mechanisms available and lists functions by the symbol table
// where the list of traceable functions cannot be read.
func (s *Set) assume(o *Options) {
	some := func(f func() error) func() error {
		if f == nil {
			return func() error { return nil }
		}
		return f
	}
	s.real = &unattached{kprobes: some(o.Kprobes), tracing: some(o.Tracing), uprobes: some(o.Uprobes), ftrace: some(o.Ftrace)}
	o.Kprobes, o.KprobeMulti, o.Tracing, o.Uprobes, o.Ftrace, o.Events = nil, nil, nil, nil, nil, nil
	if o.Functions != nil || o.Traceable != "" {
		return
	}
	symbols := o.Symbols
	if symbols == nil {
		symbols = symbol.TextSymbols
	}
	o.Functions = func(yield func(name, module string) bool) error {
		t, err := s.k.Tracefs()
		if err != nil {
			return symbols(yield)
		}
		return t.Functions(yield)
	}
}

// warn reports, once for each script, why this machine cannot attach probes of
// the request's kind.
func (u *unattached) warn(r *request) {
	var err error
	switch {
	case r.p.Graph:
		// Programs record the calls, too.
		if u.kprobes() != nil && u.tracing() != nil {
			err = u.ftrace()
		}
	case r.p.Target == hir.TargetEither && r.userTarget(), slices.Contains(r.p.Needs, rights.Uprobes):
		err = u.uprobes()
	case r.p.Target == hir.TargetEither:
		if u.tracing() != nil {
			err = u.kprobes()
		}
	case slices.Contains(r.p.Needs, rights.Kprobes):
		err = u.kprobes()
	case r.p.Trampoline:
		err = u.tracing()
	}
	if err == nil && r.functions() && r.set.opts.Traceable == "" {
		// The list of what can be traced is in tracefs; without it patterns match
		// the symbol table.
		if _, err := r.set.k.Tracefs(); err != nil {
			r.warnNoList(err)
			return
		}
	}
	if err == nil {
		return
	}
	var m *feature.MissingError
	if errors.As(err, &m) && m.Reason != nil {
		err = m.Reason
	}
	r.warnUnattached(err)
}

// warnUnattached reports why the probes of the request's kind cannot be attached
// here: a cause makes one warning in a script, which names all kinds.
func (r *request) warnUnattached(cause error) {
	r.warnKind("this machine cannot attach %s probes: %v", cause)
}

// warnNoList reports why the functions that a pattern matches cannot be listed,
// likewise: single functions may well be attached.
func (r *request) warnNoList(cause error) {
	r.warnKind("the functions that patterns of %s probes match cannot be listed on this machine: %v", cause)
}

// warnKind reports a cause in a format for the kinds of probes and the cause.
func (r *request) warnKind(format string, cause error) {
	if r.quiet {
		return
	}
	key := format + cause.Error()
	w := r.set.causes[key]
	if w == nil {
		w = &unattachedWarning{d: r.warnf("no-mechanism", -1, "").WithNote("only names and types are checked")}
		r.set.causes[key] = w
	}
	if !slices.Contains(w.kinds, r.p.Name) {
		w.kinds = append(w.kinds, r.p.Name)
	}
	w.d.Message = fmt.Sprintf(format, and(w.kinds), cause)
}

// and joins words: "a, b and c".
func and(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// unattachedWarning is a warning about one cause, and the kinds of probes that
// it is about.
type unattachedWarning struct {
	d     *diag.Diagnostic
	kinds []string
}

// functions reports whether the request is about a pattern of kernel functions.
func (r *request) functions() bool {
	if r.p.Target != hir.TargetFunction && (r.p.Target != hir.TargetEither || r.userTarget()) {
		return false
	}
	return slices.ContainsFunc(r.args, func(p hir.Part) bool { return isPattern(p.Text) })
}

// userTarget reports whether an attach point names a program or library.
func (r *request) userTarget() bool { return len(r.args) == 2 && r.set.isUserTarget(r.part(0)) }

// unreadTracepoint returns the site of an event whose format cannot be read,
// for a script that is only checked. Its fields are those of the record in the
// kernel's type information, where an event has one of its own; otherwise
// nothing is known of them.
func (r *request) unreadTracepoint(category, event string, err error) []*hir.Site {
	r.matched = true
	r.warnUnattached(err)
	s := r.site(hir.ProgTracepoint, types.Kernel, "tracepoint:"+category+":"+event)
	s.Attach = hir.Attach{Kind: hir.AttachTracepoint, Group: category, Symbol: event}
	if s.Args = recordArgs(r.set.k, event); s.Args == nil {
		s.Untyped = true
	}
	return []*hir.Site{s}
}

// recordArgs returns the fields of the struct that the kernel's own code fills
// for an event, nil if it has no struct of its own: events may share one, and
// those of system calls have none.
func recordArgs(k *kernel.Kernel, event string) []hir.Arg {
	t, ok := k.Named("struct", "trace_event_raw_"+event)
	if !ok || t.Struct == nil {
		return nil
	}
	var out []hir.Arg
	for _, f := range t.Struct.Fields() {
		f := f
		if f.Name == "ent" || f.Name == "__data" || f.Name == "" {
			continue
		}
		for prefix, loc := range map[string]tracefs.Loc{"__data_loc_": tracefs.DataLoc, "__rel_loc_": tracefs.RelLoc} {
			if name, ok := strings.CutPrefix(f.Name, prefix); ok {
				f.Name, f.Type = name, types.Int64
				f.DataLoc, f.RelLoc = loc == tracefs.DataLoc, loc == tracefs.RelLoc
			}
		}
		out = append(out, hir.Arg{Name: f.Name, Type: f.Type, Field: &f, Loc: hir.Loc{Kind: hir.LocCtx, Off: f.Offset, Size: f.Type.Size}})
	}
	return out
}
