package provider

import (
	"fmt"
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/kernel"
)

// call is the entry of a function, by the best mechanism that the kernel
// offers.
var call = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "call", Row: "X-CALL", Usage: "call:[module:]function or call:/path/to/binary:function",
		Doc:    "Entry of a function; the mechanism is picked for you. args.NAME are its parameters. `a|b` takes the first name that this kernel has.",
		Return: "ret", Recorded: true, KernelTypes: true, Target: hir.TargetEither,
	},
	Min: 1, Max: 2, Type: "call", Kernel: true, Expand: expandCall, List: listFunctions,
}

// ret is the return of a function.
var ret = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "ret", Row: "X-CALL", Usage: "ret:[module:]function or ret:/path/to/binary:function",
		Doc:     "Return of a function; the mechanism is picked for you. retval has the function's own type, args.NAME are the parameters it was called with, duration is the time since then in nanoseconds.",
		Returns: true, Duration: true, Entry: "call", Recorded: true, KernelTypes: true, Target: hir.TargetEither,
	},
	Min: 1, Max: 2, Type: "ret", Kernel: true, Expand: expandCall, List: listFunctions,
}

func expandCall(r *request) []*hir.Site {
	if len(r.args) == 2 && r.set.isUserTarget(r.part(0)) {
		return r.userCall()
	}
	p, at, ok := r.functionPart()
	if !ok {
		return nil
	}
	if p.hasOffset || p.address != 0 {
		r.errorf("bad-attach-point", at, "%s takes the name of a function only", r.p.Name).WithHelp("`kprobe:` probes at an offset or address")
		return nil
	}
	switch r.Attach {
	case "", "kprobe", "fentry", "multi":
	default:
		r.errorf("bad-attach-point", -1, "config attach is %q, which is no mechanism", r.Attach).WithHelp("use kprobe, fentry or multi, or leave it out")
		return nil
	}
	if isPattern(p.name) || isPattern(p.module) {
		return r.callWildcard(p, at)
	}
	st := r.set.lookup(p.module, p.name)
	if st.err != nil && len(st.clones) > 0 {
		return r.clones(at, p, st.clones)
	}
	if st.err != nil {
		r.untraceable(at, "", p.name, st.err)
		return nil
	}
	r.matched = true
	if r.refuses(at, p.name) {
		return nil
	}
	f := fn{name: p.name, module: st.module}
	if p.module != "" && p.module != "vmlinux" {
		f.module = p.module
	}
	s, refusal := r.callSite(f)
	if s == nil {
		d := r.missing(at, "%s:%s cannot be attached", r.p.Name, r.text()).WithLabel("no mechanism reaches it")
		for _, why := range refusal {
			d.WithNote("%s", why)
		}
		return nil
	}
	return []*hir.Site{s}
}

// clones returns the sites of the copies that the compiler made of a function.
// The sites have no arguments by name, since those of a copy may differ from
// the original's.
func (r *request) clones(at int, p place, clones []fn) []*hir.Site {
	r.matched = true
	if r.Uses.Args {
		r.missing(at, "the parameters of %s are not known: this kernel has only %s", p.name, fnNames(clones)).
			WithNote("the compiler drops and reorders parameters in such copies of a function").
			WithHelp("leave args out of the body, or use arg0, arg1 … after a look at the code")
		return nil
	}
	if err := r.set.kprobes(); err != nil {
		r.missing(at, "%s:%s cannot be attached", r.p.Name, r.text()).WithNote("kprobes cannot be used: %v", err)
		return nil
	}
	var sites []*hir.Site
	for _, f := range clones {
		s := r.registers(f, nil)
		s.Why = fmt.Sprintf("%s: %s was replaced by %s when this kernel was compiled", mechanism(s), p.name, f.name)
		sites = append(sites, s)
	}
	r.warnf("clone", at, "%s is traced as %s", p.name, fnNames(clones)).WithRow("X-CALL").
		WithNote("the compiler of this kernel made specialised copies of the function")
	return sites
}

// callSite chooses the mechanism for a function. If there is none, refusal
// lists the reason for each.
func (r *request) callSite(f fn) (s *hir.Site, refusal []string) {
	proto, perr := r.set.k.Func(f.module, f.name)
	if perr != nil {
		proto = nil
	}
	trampoline := r.noTrampoline(f, proto, perr)
	if trampoline == "" {
		return r.trampoline(f, proto), nil
	}
	refusal = append(refusal, "fentry cannot be used: "+trampoline)
	why := ""
	switch err := r.set.kprobes(); {
	case r.Attach == "fentry":
		why = "config attach is \"fentry\""
	case err != nil:
		why = err.Error()
	case r.set.denied(f.name):
		why = f.name + " is on the kernel's list of functions that kprobes refuse"
	case r.Uses.Args && proto == nil:
		why = fmt.Sprintf("the parameters of %s are not known: %v", f.name, perr)
	}
	if why != "" {
		return nil, append(refusal, "kprobe cannot be used: "+why)
	}
	s = r.registers(f, proto)
	s.Why = mechanism(s) + ": " + trampoline
	return s, nil
}

// mechanism returns the name of the mechanism of a site, for -v.
func mechanism(s *hir.Site) string {
	switch s.Attach.Kind {
	case hir.AttachFentry:
		return "fentry"
	case hir.AttachFexit:
		return "fexit"
	case hir.AttachKprobe:
		return "kprobe"
	case hir.AttachKretprobe:
		return "kretprobe"
	case hir.AttachKprobeMulti:
		return "kprobe.multi"
	case hir.AttachKretprobeMulti:
		return "kretprobe.multi"
	case hir.AttachUprobe:
		return "uprobe"
	case hir.AttachUretprobe:
		return "uretprobe"
	case hir.AttachUprobeMulti:
		return "uprobe.multi"
	case hir.AttachUretprobeMulti:
		return "uretprobe.multi"
	}
	return s.Provider
}

// noTrampoline returns the reason why fentry or fexit cannot be used for a
// function, "" if they can.
func (r *request) noTrampoline(f fn, proto *kernel.Prototype, err error) string {
	switch {
	case r.tracer:
		return "the tracer function_graph runs beside it, and would see the trampoline"
	case r.kprobes != "":
		return r.kprobes
	case r.Attach == "kprobe" || r.Attach == "multi":
		return fmt.Sprintf("config attach is %q", r.Attach)
	case r.Uses.Reg:
		return "the body reads registers, which only kprobes keep"
	case r.Uses.ArgN:
		return "the body uses argN, which only kprobes have"
	}
	if err := r.set.tracing(); err != nil {
		return err.Error()
	}
	if err != nil {
		return err.Error()
	}
	if r.untold() && r.set.address(f.name) == 0 {
		return "this kernel tells `func` to kprobes only, and the address of " + f.name + " is not known"
	}
	switch {
	case r.set.Untrampolined(proto, r.p.Returns) != "":
		return r.set.Untrampolined(proto, r.p.Returns)
	case proto.Slots > trampolineArgs:
		return fmt.Sprintf("%s has more than %d parameters", f.name, trampolineArgs)
	case recursive(f.name):
		return f.name + " is called by the trampolines' own code"
	}
	for _, p := range proto.Params {
		if !p.Type.IsScalar() {
			return fmt.Sprintf("%s takes a struct by value", f.name)
		}
		reads := r.Uses.Args && (r.Params == nil || r.Params[p.Name])
		if reads && p.IntPtr && r.set.opts.IntPointers != nil && r.set.opts.IntPointers() != nil {
			return fmt.Sprintf("this kernel's verifier refuses %s as an argument", p.Type)
		}
		if reads && !p.Plain {
			return fmt.Sprintf("this kernel's verifier may refuse %s as an argument", p.Type)
		}
	}
	if r.p.Returns && proto.Ret != nil && r.Uses.Retval && !proto.RetPlain {
		return fmt.Sprintf("this kernel's verifier may refuse %s as a result", proto.Ret)
	}
	return ""
}

// trampoline returns the site of a function through fentry or fexit.
func (r *request) trampoline(f fn, proto *kernel.Prototype) *hir.Site {
	s := r.traceSite(proto, r.p.Returns)
	s.Name = r.p.Name + ":" + f.symbol()
	s.Why = mechanism(s) + ": the kernel has type information for the function"
	if r.p.Returns && r.Uses.Duration {
		entry := r.traceSite(proto, false)
		entry.Name = s.Name
		if !r.p.Graph || !r.Uses.Args { // otherwise the tree shows the arguments
			entry.Args = nil
		}
		s.Entry = entry
		s.Why += "; an fentry half keeps the time"
	}
	return s
}

// registers returns the site of a function through kprobe and kretprobe; proto
// is nil when the parameters are not known.
func (r *request) registers(f fn, proto *kernel.Prototype) *hir.Site {
	s := r.site(hir.ProgKprobe, types.Kernel, r.p.Name+":"+f.symbol())
	s.Func, s.Regs = f.name, true
	s.Attach = hir.Attach{Kind: hir.AttachKprobe, Symbol: f.name, Module: f.module}
	if r.Attach == "multi" {
		s.Attach.Kind, s.Attach.Symbols = hir.AttachKprobeMulti, []string{f.name}
	}
	var args []hir.Arg
	if proto != nil && r.Uses.Args {
		args = inRegisters(proto)
	}
	args = append(args, numbered()...)
	if !r.p.Returns {
		s.Args = args
		return s
	}
	if r.Uses.Args || r.Uses.ArgN || r.Uses.Duration {
		entry := *s
		entry.Args = args
		s.Entry = &entry
		s.Args = saved(args)
	}
	s.Attach.Kind = hir.AttachKretprobe
	if r.untold() {
		s.Attach.Func = r.set.address(f.name)
	}
	if len(s.Attach.Symbols) > 0 {
		s.Attach.Kind = hir.AttachKretprobeMulti
	}
	switch {
	case proto == nil:
		s.Ret = result(nil)
	case proto.Ret != nil:
		s.Ret = result(proto.Ret)
	}
	return s
}

func (r *request) callWildcard(p place, at int) []*hir.Site {
	fns, err := r.set.matching(p.module, p.name)
	if err != nil {
		r.cannotList(at, err)
		return nil
	}
	if len(fns) == 0 {
		r.nothingMatches(at)
		return nil
	}
	r.matched = true
	fns = r.leaveOut(at, fns)
	// One program serves all matches unless the body depends on the function.
	alike := !r.Uses.Probe && !r.Uses.Args && r.Attach != "fentry" && p.module == "" &&
		!(r.p.Returns && (r.Uses.Retval || r.Uses.Duration || r.Uses.ArgN || r.untold()))
	if alike && r.set.kprobes() == nil {
		return []*hir.Site{r.manySite(r.text(), fns, r.p.Returns)}
	}
	skipped := 0
	sites := r.each(at, fns, func(f fn) *hir.Site {
		s, _ := r.callSite(f)
		if s == nil {
			skipped++
		}
		return s
	})
	if skipped > 0 && len(sites) > 0 {
		r.warnf("not-attached", at, "%d of the %d functions that match cannot be attached", skipped, len(fns)).WithRow("X-RUN")
	}
	return sites
}

// isUserTarget reports whether name is that of a binary and not of a kernel
// module: a path, or the name of a library that is not also that of a module.
func (s *Set) isUserTarget(name string) bool {
	return strings.Contains(name, "/") || strings.HasPrefix(name, "lib") && !s.opts.Loaded(name)
}
