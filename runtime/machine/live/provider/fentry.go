package provider

import (
	"errors"
	"fmt"
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/kernel"
)

// fentry is the entry of a kernel function through a BPF trampoline.
var fentry = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "fentry", Aliases: []string{"f", "kfunc"}, Row: "P-FENTRY-01",
		Usage:  "fentry:[module:]function",
		Doc:    "Entry of a kernel function through a BPF trampoline, the cheapest mechanism. args.NAME are its parameters. Needs the kernel's type information. `fentry:bpf:[ID:]FUNCTION` is a function of a running BPF program.",
		Return: "fexit", KernelTypes: true, Target: hir.TargetFunction,
	},
	Min: 1, Max: 3, Type: "fentry", Kernel: true, Trampoline: true, Expand: expandFentry, List: listTraced,
}

// fexit is the return of a kernel function through a BPF trampoline.
var fexit = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "fexit", Aliases: []string{"fr", "kretfunc"}, Row: "P-FENTRY-01",
		Usage:   "fexit:[module:]function",
		Doc:     "Return of a kernel function through a BPF trampoline. args.NAME are its parameters, retval its result with the function's own type.",
		Returns: true, Entry: "fentry", KernelTypes: true, Target: hir.TargetFunction,
	},
	Min: 1, Max: 3, Type: "fexit", Kernel: true, Trampoline: true, Expand: expandFentry, List: listTraced,
}

func expandFentry(r *request) []*hir.Site {
	if r.ofProgram() {
		return r.expandRunning()
	}
	if len(r.args) > 2 {
		r.errorf("bad-attach-point", -1, "%s takes a module and a function", r.p.Name).WithRow("P-COM-03").
			WithHelp("the form is `%s`, or `%s:bpf:number:function` for BPF programs", r.p.Usage, r.p.Name)
		return nil
	}
	p, at, ok := r.functionPart()
	if !ok {
		return nil
	}
	if p.hasOffset || p.address != 0 {
		r.errorf("bad-attach-point", at, "%s takes the name of a function only", r.p.Name).WithHelp("`kprobe:` probes at an offset or address")
		return nil
	}
	if err := r.set.tracing(); err != nil {
		r.cannotUse(r.p.Name, err, "use kprobe or kretprobe, or `call:` and `ret:`, which pick what the kernel offers")
		return nil
	}
	if isPattern(p.name) || isPattern(p.module) {
		return r.fentryWildcard(p, at)
	}
	proto, err := r.set.k.Func(p.module, p.name)
	var ambiguous *kernel.AmbiguousError
	switch {
	case errors.As(err, &ambiguous):
		r.matched = true
		r.errorf("ambiguous-function", at, "ambiguous attach point: %s is in more than one module", p.name).
			WithCompat("ambiguous attach point, please specify module containing the function '%s'", p.name).WithRow("P-FENTRY-05").
			WithHelp("specify the module: %s", moduleChoices(r.p.Name, ambiguous))
		return nil
	case noBTF(err):
		r.errorf("no-mechanism", at, "%s needs type information: %v", r.p.Name, err).WithCompat("%s", r.none()).WithHelp("use `kprobe:%s`", r.text())
		return nil
	case err != nil:
		r.fentryMissing(at, p)
		return nil
	}
	r.matched = true
	if st := r.set.lookup(p.module, p.name); st.err != nil && !r.Unsafe {
		if why := st.err; why.exists || r.set.listed() {
			r.untraceable(at, "", p.name, why)
			return nil
		}
	}
	if r.refuses(at, p.name) {
		return nil
	}
	if bad := r.tracingLimits(proto); bad != "" {
		r.errorf("bad-attach-point", at, "%s", bad).WithRow("P-FENTRY-06").WithHelp("use kprobe and kretprobe, or `call:` and `ret:`")
		return nil
	}
	return []*hir.Site{r.fentrySite(proto)}
}

// listed reports whether the list of traceable functions could be read.
func (s *Set) listed() bool {
	_, err := s.traceable()
	return err == nil
}

func moduleChoices(kind string, a *kernel.AmbiguousError) string {
	var out []string
	for _, m := range a.Modules {
		out = append(out, fmt.Sprintf("`%s:%s:%s`", kind, m, a.Name))
	}
	return strings.Join(out, " or ")
}

// fentryMissing reports why there is no type information for a function.
func (r *request) fentryMissing(at int, p place) {
	st := r.set.lookup(p.module, p.name)
	if st.err == nil {
		r.matched = true
		r.missing(at, "no matches for %s:%s: the kernel has no type information for this function", r.p.Name, r.text()).
			WithHelp("use `kprobe:%s`", r.text())
		return
	}
	r.untraceable(at, "", p.name, st.err).CompatWarn("")
}

// tracingLimits returns the reason why the request cannot be met at a function,
// "" if it can.
func (r *request) tracingLimits(f *kernel.Prototype) string {
	if (r.Uses.Args || r.Uses.Retval) && f.Slots > trampolineArgs {
		return fmt.Sprintf("functions with more than %d parameters are not supported by fentry and fexit; %s has %d", trampolineArgs, f.Name, f.Slots)
	}
	return r.set.Untrampolined(f, r.p.Returns)
}

// fentrySite returns the site of one function; its name has the module
// (P-FENTRY-02, P-COM-13).
func (r *request) fentrySite(f *kernel.Prototype) *hir.Site {
	return r.traceSite(f, r.p.Returns)
}

// traceSite returns the site of a function through fentry or fexit. Where the kernel
// does not tell a program which function it is at, the address is the site's: each
// function has a program of its own.
func (r *request) traceSite(f *kernel.Prototype, exit bool) *hir.Site {
	s := traceSite(r.p, f, exit)
	if r.untold() {
		s.Attach.Func = r.set.address(f.Name)
	}
	return s
}

// untold reports whether the body uses func, and the kernel does not tell programs which
// function they are at; only kprobes at entries know.
func (r *request) untold() bool {
	return r.Uses.Func && r.set.opts.FuncIP != nil && r.set.opts.FuncIP() != nil
}

// address returns the address of a function of the kernel, 0 if it is not known.
func (s *Set) address(name string) uint64 {
	if s.opts.Address == nil {
		return 0
	}
	return s.opts.Address(name)
}

func traceSite(p *Provider, f *kernel.Prototype, exit bool) *hir.Site {
	module := f.Module
	if module == "" {
		module = "vmlinux"
	}
	s := &hir.Site{
		Provider: p.Name, Kind: &p.ProbeKind, Type: p.Type, Name: p.Name + ":" + module + ":" + f.Name,
		Prog: hir.ProgTracing, Space: types.Kernel, Func: f.Name, Args: inSlots(f),
		Attach: hir.Attach{Kind: hir.AttachFentry, Symbol: f.Name, Module: f.Module, BTFID: f.ID},
	}
	if exit {
		s.Attach.Kind = hir.AttachFexit
		s.Ret = resultSlot(f)
	}
	return s
}

func (r *request) fentryWildcard(p place, at int) []*hir.Site {
	fns, err := r.set.matching(p.module, p.name)
	if err != nil {
		r.cannotList(at, err)
		return nil
	}
	// Only functions with type information count (P-FENTRY-02).
	fns = r.leaveOut(at, fns)
	var with []fn
	var limits limited
	protos := map[fn]*kernel.Prototype{}
	for _, f := range fns {
		module := f.module
		if module == "" {
			module = "vmlinux"
		}
		proto, err := r.set.k.Func(module, f.name)
		if err != nil {
			continue
		}
		if why := r.tracingLimits(proto); why != "" {
			limits.add(f, why)
			continue
		}
		with, protos[f] = append(with, f), proto
	}
	if len(with) == 0 && len(limits.names) == 0 {
		r.nothingMatches(at)
		return nil
	}
	r.matched = true
	if len(with) == 0 {
		r.errorf("bad-attach-point", at, "%s:%s: none of the %d functions that match can be attached", r.p.Name, r.text(), len(limits.names)).
			WithRow("P-FENTRY-06").WithNote("%s", limits.why).WithHelp("use kprobe and kretprobe, or `call:` and `ret:`")
		return nil
	}
	if n := len(limits.names); n > 0 {
		r.warnf("not-attached", at, "%d of the %d functions that match cannot be attached", n, n+len(with)).WithRow("P-FENTRY-06").CompatOmit().
			WithNote("%s", some(limits.names)).WithNote("the first: %s", limits.why).
			WithHelp("`%s:%s` reaches these, too", r.reachesAll(), r.text())
	}
	return r.each(at, with, func(f fn) *hir.Site { return r.fentrySite(protos[f]) })
}

// limited are the functions that a pattern matches and fentry cannot trace.
type limited struct {
	names []string
	why   string // of the first
}

func (l *limited) add(f fn, why string) {
	if len(l.names) == 0 {
		l.why = why
	}
	l.names = append(l.names, f.name)
}

// reachesAll returns the probe type that traces the same end of functions and
// needs nothing of their types.
func (r *request) reachesAll() string {
	if r.p.Returns {
		return "kretprobe"
	}
	return "kprobe"
}

// tracing reports why trampolines cannot be used.
func (s *Set) tracing() error {
	if ok, why := s.k.Available(); !ok {
		return errors.New(why)
	}
	if s.opts.Tracing == nil {
		return nil
	}
	return s.opts.Tracing()
}
