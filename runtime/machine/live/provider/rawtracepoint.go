package provider

import (
	"errors"
	"strconv"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/kernel"
)

// rawtracepoint is a tracepoint without its record: the arguments of the
// kernel's own call, typed by BTF.
var rawtracepoint = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "rawtracepoint", Aliases: []string{"rt"}, Row: "P-RAW-01", Usage: "rawtracepoint:[module:]event",
		Doc:         "A tracepoint with the arguments the kernel gives it, before they are copied to a record. args.NAME and arg0 … are these arguments. Needs the kernel's type information.",
		KernelTypes: true,
	},
	Min: 1, Max: 2, Type: "rawtracepoint", Kernel: true, Expand: expandRaw, List: listRaw,
}

func expandRaw(r *request) []*hir.Site {
	at := len(r.args) - 1
	module, event := "", r.part(at)
	if at == 1 {
		module = r.part(0)
	}
	if ok, why := r.set.k.Available(); !ok {
		r.errorf("no-mechanism", -1, "rawtracepoints require kernel BTF").
			SameCompat().WithNote("%s", why).WithHelp("use `tracepoint:`")
		return nil
	}
	if !isPattern(event) && !isPattern(module) {
		f, err := r.set.k.RawTracepoint(module, event)
		if err != nil {
			r.rawMissing(at, event, err)
			return nil
		}
		r.matched = true
		return []*hir.Site{r.rawSite(f)}
	}
	var sites []*hir.Site
	tooMany := 0
	err := r.set.k.RawTracepoints(func(name string) bool {
		if !match(event, name) || module != "" && !match(module, "vmlinux") {
			return true
		}
		if r.MaxProgs > 0 && len(sites) >= r.MaxProgs {
			tooMany++
			return true
		}
		if f, err := r.set.k.RawTracepoint("", name); err == nil {
			sites = append(sites, r.rawSite(f))
		}
		return true
	})
	switch {
	case err != nil:
		r.errorf("no-mechanism", -1, "rawtracepoints require kernel BTF").
			SameCompat().WithNote("%v", err)
		return nil
	case tooMany > 0:
		r.errorf("too-many-programs", at, "this pattern would make %d BPF programs, the limit is %d", len(sites)+tooMany, r.MaxProgs).WithCompat(tooManyPrograms, len(sites)+tooMany, r.MaxProgs).
			CompatHint(raiseProgs).WithRow("P-COM-08")
		return nil
	case len(sites) == 0 && !r.quiet && r.Missing != "ignore":
		r.warnf("no-match", at, "no matches for rawtracepoint:%s", r.text()).
			CompatOmit()
	}
	r.matched = r.matched || len(sites) > 0
	sortSites(sites)
	return sites
}

func (r *request) rawMissing(at int, event string, err error) {
	if !errors.Is(err, kernel.ErrNoFunc) {
		r.missing(at, "no matches for rawtracepoint:%s: %v", r.text(), err)
		return
	}
	d := r.missing(at, "no matches for rawtracepoint:%s: probe does not exist", r.text()).WithRow("P-RAW-03").WithLabel("no such event in this kernel").
		WithCompat("%s", noAttachPoints)
	n := r.set.seek(event)
	if n == nil {
		return
	}
	_ = r.set.k.RawTracepoints(func(name string) bool { n.add(name); return true })
	if near := n.names(); near != "" {
		d.WithHelp("events with similar names exist: %s", near)
	}
}

func (r *request) rawSite(f *kernel.Prototype) *hir.Site {
	module := f.Module
	if module == "" {
		module = "vmlinux"
	}
	s := r.site(hir.ProgTracing, types.Kernel, "rawtracepoint:"+module+":"+f.Name)
	s.Attach = hir.Attach{Kind: hir.AttachRawTP, Symbol: f.Name, Module: f.Module, BTFID: f.ID}
	s.Args = inSlots(f)
	for i := range f.Slots {
		s.Args = append(s.Args, hir.Arg{
			Name: "arg" + strconv.Itoa(i), Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocSlot, Off: i, Size: 8},
		})
	}
	return s
}
