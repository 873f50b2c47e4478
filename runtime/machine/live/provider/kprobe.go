package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/dynevent"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/tracefs"
)

// kprobe is the entry of a kernel function, or an instruction inside it.
var kprobe = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "kprobe", Aliases: []string{"k"}, Row: "P-KPROBE-01",
		Usage:  "kprobe:[module:]function[+offset]",
		Doc:    "Entry of a kernel function, or the instruction at a byte offset in it. arg0 … arg5 are the register arguments; args.NAME has their types where the kernel has type information.",
		Return: "kretprobe", Typed: "fentry", Target: hir.TargetFunction,
	},
	Min: 1, Max: 2, Needs: []rights.Access{rights.Kprobes}, Type: "kprobe", Kernel: true, Expand: expandKprobe, List: listFunctions,
}

// kretprobe is the return of a kernel function.
var kretprobe = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "kretprobe", Aliases: []string{"kr"}, Row: "P-KRET-01",
		Usage:   "kretprobe:[module:]function[:maxactive=N]",
		Doc:     "Return of a kernel function. retval is the raw return value, a uint64; `ret:` gives it the function's own type. maxactive is how many calls can be under way at once, up to 4096; without it, twice the number of threads. What finds no room is counted as missed.",
		Returns: true, Entry: "kprobe", Typed: "ret", Target: hir.TargetFunction,
	},
	Min: 1, Max: 3, Needs: []rights.Access{rights.Kprobes}, Type: "kretprobe", Kernel: true, Expand: expandKprobe, List: listFunctions,
}

// place is the target of a function probe, as it was written.
type place struct {
	module, name string
	offset       uint64
	hasOffset    bool
	address      uint64 // instead of a name
	active       int    // maxactive of a kretprobe, 0 for none
}

// functionPart parses the parts of a function probe. at is the index of the
// part with the function. ok is false after it has reported an error.
func (r *request) functionPart() (p place, at int, ok bool) {
	at = len(r.args) - 1
	if n, is := strings.CutPrefix(r.part(at), "maxactive="); is && at > 0 && r.p.Max > 2 {
		var err error
		if p.active, err = strconv.Atoi(n); err != nil || p.active < 1 || p.active > dynevent.MaxActive {
			r.errorf("bad-attach-point", at, "maxactive is %s: it takes a number from 1 to %d", n, dynevent.MaxActive).WithRow("P-KRET-01").
				WithNote("the kernel keeps room for so many calls that are under way at once")
			return p, at, false
		}
		r.args = r.args[:at]
		at--
	}
	if at > 1 {
		r.errorf("bad-attach-point", at, "%s takes a module and a function, and no more parts than these", r.p.Name).WithHelp("the form is `%s`", r.p.Usage)
		return p, at, false
	}
	if at == 1 {
		p.module = r.part(0)
	}
	text := r.part(at)
	if text == "" {
		r.errorf("bad-attach-point", at, "%s needs the name of a function", r.p.Name).WithHelp("the form is `%s`", r.p.Usage)
		return p, at, false
	}
	if strings.HasPrefix(text, "0x") && at == 0 {
		v, err := strconv.ParseUint(text[2:], 16, 64)
		if err == nil {
			p.address = v
			return p, at, true
		}
	}
	name, off, has := strings.Cut(text, "+")
	p.name, p.hasOffset = name, has
	if has {
		v, err := strconv.ParseUint(off, 0, 64)
		if err != nil {
			r.errorf("bad-attach-point", at, "invalid offset: %s", off).WithRow("P-KPROBE-03").WithLabel("expected a decimal or hexadecimal number of bytes")
			return p, at, false
		}
		p.offset = v
	}
	return p, at, true
}

// cannotUse reports a mechanism that is of no use here, with what to do about the cause:
// otherwise stands for a kernel that has it not.
func (r *request) cannotUse(what string, err error, otherwise string) {
	// Of what is there and may not be used, the reason is enough.
	var m *feature.MissingError
	if errors.As(err, &m) && (errors.Is(err, fs.ErrPermission) || errors.Is(err, feature.ErrLockdown) || errors.Is(err, tracefs.ErrNoSysfs)) {
		err = m.Reason
	}
	d := r.errorf("no-mechanism", -1, "%s cannot be used: %v", what, err)
	switch {
	case errors.Is(err, tracefs.ErrForbidden):
		helpTracing(d)
	case errors.Is(err, fs.ErrPermission):
		d.WithHelp("see what this process may use, and what it lacks: `probe doctor`")
	case errors.Is(err, feature.ErrLockdown):
		d.WithRow("CLI-28").WithHelp("fentry:, fexit: and rawtracepoint: probes work under the lockdown")
	default:
		d.WithHelp("%s", otherwise)
	}
}

// helpTracing adds what to do when this process may not read tracefs.
func helpTracing(d *diag.Diagnostic) {
	for _, h := range rights.Why(rights.Tracing).Helps {
		d.WithHelp("%s", h)
	}
}

func expandKprobe(r *request) []*hir.Site {
	ret := r.p.Returns
	p, at, ok := r.functionPart()
	if !ok {
		return nil
	}
	if ret && p.hasOffset {
		r.errorf("bad-attach-point", at, "offset not allowed in kretprobe: a function returns as a whole").
			WithCompat("Offset not allowed").WithHelp("write `%s:%s`", r.p.Name, p.name)
		return nil
	}
	if err := r.set.kprobes(); err != nil {
		r.cannotUse("kprobes", err, "run `probe doctor` to see what this kernel offers")
		return nil
	}
	if p.active > 0 && (p.address != 0 || isPattern(p.name) || isPattern(p.module)) {
		r.errorf("bad-attach-point", at, "maxactive needs the name of one function").WithHelp("leave it out: the kernel is then told to keep twice as many calls as there are threads")
		return nil
	}
	if p.address != 0 {
		return r.kprobeAddress(p, ret)
	}
	if isPattern(p.name) || isPattern(p.module) {
		return r.kprobeWildcard(p, at, ret)
	}
	f := fn{name: p.name, module: p.module}
	st := r.set.lookup(p.module, p.name)
	if st.err == nil && r.set.denied(p.name) {
		st.err = &reason{exists: true, text: p.name + " is on the kernel's list of functions that kprobes refuse"}
	}
	if st.err != nil && !(r.Unsafe && st.err.exists) {
		r.untraceable(at, p.module, p.name, st.err)
		return nil
	}
	r.matched = true
	if r.refuses(at, p.name) {
		return nil
	}
	site := r.kprobeSite(f, p.offset, ret)
	if p.active > 0 { // only kretprobes of their own have it
		site.Attach.Kind, site.Attach.Symbols, site.Attach.Active = hir.AttachKretprobe, nil, p.active
	}
	if !r.nameArgs(site, f, at, ret || p.offset != 0) {
		return nil
	}
	return []*hir.Site{site}
}

// untraceable reports that a function cannot be probed, and why (P-KPROBE-06).
func (r *request) untraceable(at int, module, name string, why *reason) *diag.Diagnostic {
	r.matched = r.matched || why.exists
	d := r.missing(at, "no matches for %s:%s: %s", r.p.Name, r.text(), why.text).WithLabel("not traceable")
	switch {
	case module == "":
		d.CompatWarn("%s is not traceable (either non-existing, inlined, or marked as \"notrace\"); attaching to it will likely fail", name)
	case r.Uses.Probe && d.Severity == diag.Error: // bpftrace expands such probes in another way
		d.WithCompat("%s", noAttachPoints)
	case r.Uses.Probe:
		d.CompatOmit()
	case module != "vmlinux" && !strings.Contains("\n"+loadedModules(), "\n"+module+"\n"):
		d.WithCompat("specified module %s in probe %s:%s is not loaded.", module, r.p.Name, r.text()).CompatMore(r.At, "%s", r.none())
	}
	if why.note != "" {
		d.WithNote("%s", why.note)
	}
	if len(why.clones) > 0 {
		d.WithHelp("`%s:%s` probes the copy; its parameters may be others", r.p.Name, why.clones[0].name)
	}
	switch {
	case len(why.callers) > 0:
		d.WithHelp("probe a function that it is a part of: `%s:%s`", r.p.Name, why.callers[0])
	case why.near != "":
		d.WithHelp("functions with similar names exist: %s", why.near)
	}
	return d
}

// text returns the attach point after its type, as written.
func (r *request) text() string {
	var parts []string
	for _, a := range r.args {
		parts = append(parts, a.Text)
	}
	return strings.Join(parts, ":")
}

// kprobeSite returns the site of one function.
func (r *request) kprobeSite(f fn, offset uint64, ret bool) *hir.Site {
	name := f.name
	if f.module != "" {
		name = f.module + ":" + f.name
	}
	if offset != 0 {
		name += "+" + strconv.FormatUint(offset, 10)
	}
	s := r.site(hir.ProgKprobe, types.Kernel, r.p.Name+":"+name)
	s.Func, s.Regs = f.name, true
	s.Attach = hir.Attach{Kind: hir.AttachKprobe, Symbol: f.name, Module: f.module, Offset: offset}
	// A multi link needs no perf event, which not every process may open.
	if (r.Attach == "multi" || r.Attach == "" && r.set.noEvents()) && offset == 0 && f.module == "" {
		s.Attach.Kind, s.Attach.Symbols = hir.AttachKprobeMulti, []string{f.name}
	}
	if ret {
		s.Ret = result(nil)
		s.Attach.Kind = hir.AttachKretprobe
		if r.untold() {
			s.Attach.Func = r.set.address(f.name)
		}
		if len(s.Attach.Symbols) > 0 {
			s.Attach.Kind = hir.AttachKretprobeMulti
		}
	} else {
		s.Args = numbered()
	}
	return s
}

// nameArgs adds the parameters under their own names, before arg0 and so on, if
// the script uses names.
func (r *request) nameArgs(s *hir.Site, f fn, at int, never bool) bool {
	if !r.Uses.Args {
		return true
	}
	if never {
		what := "at the return of a function"
		if s.Attach.Offset != 0 {
			what = "at an offset in a function"
		}
		r.errorf("no-args", at, "the arguments are not known %s", what).WithHelp("`ret:%s` has args at the return as well", f.name)
		return false
	}
	proto, err := r.set.k.Func(f.module, f.name)
	if err != nil {
		r.noArgs(at, f.name, err)
		return false
	}
	s.Args = append(inRegisters(proto), s.Args...)
	return true
}

// noArgs reports why the names of a function's parameters are not known.
func (r *request) noArgs(at int, name string, err error) {
	d := r.errorf("no-args", at, "the parameters of %s are not known", name).WithNote("%v", err)
	d.WithHelp("use arg0, arg1 … with casts, as in (struct sock *)arg0")
}

func (r *request) kprobeAddress(p place, ret bool) []*hir.Site {
	if !r.Unsafe {
		r.errorf("needs-unsafe", 0, "probing by address requires --unsafe").
			WithCompat("Probing by address requires --unsafe").WithRow("P-KPROBE-04").WithHelp("name the function, or run with --unsafe")
		return nil
	}
	s := r.site(hir.ProgKprobe, types.Kernel, fmt.Sprintf("%s:%d", r.p.Name, p.address))
	s.Regs = true
	s.Attach = hir.Attach{Kind: hir.AttachKprobe, Address: p.address}
	if ret {
		s.Attach.Kind, s.Ret = hir.AttachKretprobe, result(nil)
		s.Attach.Func = p.address
	} else {
		s.Args = numbered()
	}
	r.matched = true
	return []*hir.Site{s}
}

// kprobeWildcard expands a pattern: to one site for all matches if the body is
// the same for each (P-COM-06), else to a site for each.
func (r *request) kprobeWildcard(p place, at int, ret bool) []*hir.Site {
	if p.hasOffset {
		r.errorf("bad-attach-point", at, "an offset needs the name of one function, not a pattern")
		return nil
	}
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
	if fns = r.leaveOut(at, fns); len(fns) == 0 {
		return nil
	}
	// Where the kernel does not tell the function of a return, each has a program of its
	// own, with the address.
	if p.module != "" || r.Uses.Probe || r.Uses.Args || ret && r.untold() {
		return r.each(at, fns, func(f fn) *hir.Site {
			if p.module == "" {
				f.module = ""
			}
			s := r.kprobeSite(f, 0, ret)
			if r.Uses.Args {
				proto, err := r.set.k.Func(f.module, f.name)
				if err != nil || ret {
					return nil // skip a match whose parameters are not known
				}
				s.Args = append(inRegisters(proto), s.Args...)
			}
			return s
		})
	}
	return []*hir.Site{r.manySite(r.text(), fns, ret)}
}

// manySite returns one site for many functions: a multi link, or one link each
// for the same program.
func (r *request) manySite(pattern string, fns []fn, ret bool) *hir.Site {
	if err := r.set.multi(); err != nil {
		return r.eachSite(pattern, fns, ret, err.Error())
	}
	s := r.sharedSite(pattern, ret)
	// A multi link accepts each name once, without its module.
	for _, f := range fns {
		if n := len(s.Attach.Symbols); n == 0 || s.Attach.Symbols[n-1] != f.name {
			s.Attach.Symbols = append(s.Attach.Symbols, f.name)
		}
	}
	s.Attach.Kind, s.Why = hir.AttachKprobeMulti, fmt.Sprintf("kprobe.multi: one link for %d functions", len(fns))
	if ret {
		s.Attach.Kind, s.Why = hir.AttachKretprobeMulti, fmt.Sprintf("kretprobe.multi: one link for %d functions", len(fns))
	}
	return s
}

// eachSite returns one site for many functions, with a link for each.
func (r *request) eachSite(pattern string, fns []fn, ret bool, why string) *hir.Site {
	s := r.sharedSite(pattern, ret)
	for _, f := range fns {
		s.Attach.Symbols = append(s.Attach.Symbols, f.symbol())
	}
	s.Attach.Kind, s.Why = hir.AttachKprobe, fmt.Sprintf("one kprobe for each of %d functions: %s", len(fns), why)
	if ret {
		s.Attach.Kind, s.Why = hir.AttachKretprobe, fmt.Sprintf("one kretprobe for each of %d functions: %s", len(fns), why)
	}
	return s
}

// sharedSite returns a site for many functions, without the list of functions.
func (r *request) sharedSite(pattern string, ret bool) *hir.Site {
	s := r.site(hir.ProgKprobe, types.Kernel, r.p.Name+":"+pattern)
	s.Regs = true
	if ret {
		s.Ret = result(nil)
	} else {
		s.Args = numbered()
	}
	return s
}

// each returns a site for every function, within the limit (P-COM-08).
func (r *request) each(at int, fns []fn, make func(f fn) *hir.Site) []*hir.Site {
	if r.MaxProgs > 0 && len(fns) > r.MaxProgs {
		r.errorf("too-many-programs", at, "this pattern would make %d BPF programs, the limit is %d", len(fns), r.MaxProgs).WithCompat(tooManyPrograms, len(fns), r.MaxProgs).
			CompatHint(raiseProgs).WithRow("P-COM-08").
			WithNote("the body is compiled for each function, because it uses `probe` or the functions' own arguments").
			WithHelp("narrow the pattern, or raise max_bpf_progs in the config block")
		return nil
	}
	var sites []*hir.Site
	for _, f := range fns {
		if s := make(f); s != nil {
			sites = append(sites, s)
		}
	}
	if len(sites) == 0 {
		r.errorf("no-args", at, "the parameters of none of the %d matching functions are known", len(fns))
	}
	return sites
}

func (r *request) cannotList(at int, err error) {
	d := r.errorf("no-mechanism", at, "a pattern needs the list of functions, which cannot be read").WithNote("%v", err).
		WithHelp("name the functions one by one")
	if errors.Is(err, tracefs.ErrForbidden) {
		helpTracing(d)
	}
}

func (r *request) nothingMatches(at int) {
	// A wildcard without matches is no error by itself (P-COM-09); the caller
	// reports an error if the probe has no attach point left.
	if r.Missing == "ignore" || r.quiet {
		return
	}
	d := r.warnf("no-match", at, "no matches for %s:%s", r.p.Name, r.text()).
		CompatOmit().WithLabel("matches no function that can be traced")
	n := r.set.seek(strings.ReplaceAll(r.part(at), "*", ""))
	if n == nil {
		return
	}
	if list, err := r.set.traceable(); err == nil {
		for _, f := range list {
			n.add(f.name)
		}
	}
	if near := n.names(); near != "" {
		d.WithHelp("functions with similar names exist: %s", near)
	}
}

// kprobes returns the reason why kprobes cannot be used, nil if they can.
func (s *Set) kprobes() error {
	if s.opts.Kprobes == nil {
		return nil
	}
	return s.opts.Kprobes()
}

// noEvents reports whether multi links must be used, since this process may not
// open perf events at functions.
func (s *Set) noEvents() bool {
	return s.opts.Events != nil && !s.opts.Events() && s.multi() == nil
}

// multi returns the reason why kprobe.multi links cannot be used, nil if they
// can.
func (s *Set) multi() error {
	if s.opts.NoMulti {
		return fmt.Errorf("kprobe.multi is switched off")
	}
	if s.opts.KprobeMulti == nil {
		return nil
	}
	return s.opts.KprobeMulti()
}

// session returns the reason why kprobe.session links cannot be used, nil if
// they can.
func (s *Set) session() error {
	if s.opts.KprobeSession == nil {
		return nil
	}
	return s.opts.KprobeSession()
}

// fsession returns the reason why fsession.multi links cannot be used, nil if
// they can.
func (s *Set) fsession() error {
	if s.opts.FsessionMulti == nil {
		return nil
	}
	return s.opts.FsessionMulti()
}
