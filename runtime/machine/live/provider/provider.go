// Package provider turns attach points into sites (hir.Probes) and attaches
// programs to sites. For "kprobe:vfs_*" it returns the places of this kernel
// that are meant, with the types of their arguments and the mechanism to attach
// there.
//
// A kind of probe is one record in one file and one row in the table below.
// The mechanism is chosen by what the kernel offers, never by its version.
package provider

import (
	"fmt"
	"slices"
	"sync/atomic"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
	"probe/runtime/machine/live/dynevent"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/symbol"
	"probe/stdlib/fgraph"
)

// Provider is one kind of probe.
type Provider struct {
	hir.ProbeKind
	// Min and Max bound the number of parts after the type.
	Min, Max int
	// Type is the value of `probetype` (P-COM-14).
	Type string
	// Kernel and User say which wildcards in the type include the kind
	// (P-COM-05).
	Kernel, User bool
	// Trampoline is set if its probes are BPF trampolines, whatever the function.
	Trampoline bool
	// Counts and Counters are set for kinds that count events: how the events
	// are attached, and the list of them.
	Counts   hir.AttachKind
	Counters map[string]counter
	// Needs lists what its probes need of the kernel beyond loading programs
	// (rights.Programs). A multi link is as good as rights.Kprobes and
	// rights.Uprobes.
	Needs []rights.Access
	// Expand returns the sites of an attach point. It reports errors through
	// the request.
	Expand func(r *request) []*hir.Site
	// List calls yield with every probe of the kind whose name matches, for
	// listings; nil when they cannot be listed.
	List func(s *Set, p *Provider, pattern string, yield func(Listed) bool) error
}

// table holds all kinds, in the order in which messages list them. init fills
// it because functions of the records use the table, which would be an
// initialization cycle.
var table []*Provider

func init() {
	table = []*Provider{
		begin, end,
		call, ret, callGraph,
		kprobe, kretprobe, fentry, fexit,
		tracepoint, rawtracepoint,
		uprobe, uretprobe,
		interval, profile, software, hardware,
		usdt, watchpoint, iter, self, test, bench,
	}
}

// Options changes what a Set finds. A nil function means that the mechanism is
// available.
type Options struct {
	// Each function returns the reason why a mechanism cannot be used on this
	// kernel, nil if it can. It is called only when a script needs the
	// mechanism.
	Kprobes, KprobeMulti, Tracing, Uprobes func() error
	// Ftrace is the tracer function_graph.
	Ftrace func() error
	// IntPointers is the use of pointers to integers in tracing programs.
	IntPointers func() error
	// StructArgs, UnionArgs and WideArgs are fentry and fexit at functions that
	// take structs or unions by value, or arguments on the stack.
	StructArgs, UnionArgs, WideArgs func() error
	// KprobeSession is a link that runs one program at entry and return of many
	// functions; the program can find out at which of them it runs.
	KprobeSession func() error
	// UprobeMulti is a link to many places of a program or library, UprobeMultiPID
	// one that sees all threads of the process that it is made for; nil means that
	// they are not used.
	UprobeMulti, UprobeMultiPID func() error
	// FsessionMulti is such a link through trampolines.
	FsessionMulti func() error
	// FuncIP is the helper that returns the traced function's address.
	FuncIP func() error
	// Address returns the address of a function of the kernel, 0 if it is not known.
	// It is asked where FuncIP cannot be used; nil knows none.
	Address func(name string) uint64
	// RawTracepoint reports whether raw programs can attach to a tracepoint;
	// nil means that they are not used (--no-feature raw_tracepoint).
	RawTracepoint func(name string) (bool, error)
	// Events reports whether this process may open perf events at functions; nil
	// means that it may.
	Events func() bool
	// Traceable is a file with function names that replaces the kernel's list
	// (P-KPROBE-08).
	Traceable string
	// NoMulti disables multi links (--no-feature kprobe_multi).
	NoMulti bool
	// Functions lists the functions that can be traced, in place of the
	// kernel's list and of Traceable; nil means that one of these is read.
	// module is "" for the kernel itself.
	Functions func(yield func(name, module string) bool) error
	// Image returns the path of the kernel's image with debugging information, "" if it
	// is not installed; nil looks for that of the running kernel. It is asked for a
	// function that is inlined.
	Image func() string
	// Elsewhere is set if the kernel is not the running one: it has exactly the
	// functions that are listed, and the modules that they belong to.
	Elsewhere bool
	// Symbols lists the functions of the kernel, traceable or not; nil reads
	// kallsyms.
	Symbols func(yield func(name, module string) bool) error
	// Aliases returns the other names of a function; nil means that none are
	// known.
	Aliases func(name string) []string
	// Loaded reports whether a module is loaded; nil means that sysfs is asked.
	Loaded func(module string) bool
	// Modules names the loaded modules in one string, which is compared with an
	// earlier one to find out whether the lists of functions have changed; nil
	// means that the kernel is asked.
	Modules func() string
	// DebugDirs are folders with separate debug files of programs, searched
	// before the system's.
	DebugDirs []string
	// TypesOnly is set if nothing will be attached: a mechanism that this machine
	// lacks is a warning, and names and types are checked as if it were there.
	TypesOnly bool
}

// mechanisms lists the names that Leave accepts.
var mechanisms = []string{"kprobe_multi", "kprobe_session", "uprobe_multi", "fsession_multi", "raw_tracepoint"}

// Mechanisms returns the names that Options.Leave accepts.
func Mechanisms() []string { return slices.Clone(mechanisms) }

// Leave disables mechanisms by their names.
func (o *Options) Leave(names []string) {
	off := func(name string) func() error {
		return func() error { return fmt.Errorf("%s is switched off", name) }
	}
	for _, name := range names {
		switch name {
		case "kprobe_multi":
			o.NoMulti = true
		case "kprobe_session":
			o.KprobeSession = off(name)
		case "fsession_multi":
			o.FsessionMulti = off(name)
		case "uprobe_multi":
			o.UprobeMulti, o.UprobeMultiPID = off(name), off(name)
		case "raw_tracepoint":
			o.RawTracepoint = nil
		}
	}
}

// Set implements hir.Probes for one kernel.
type Set struct {
	k     *kernel.Kernel
	opts  Options
	lists *lists
	real  *unattached // nil unless Options.TypesOnly
	// silent is set when this kernel was found not to say how often it left out
	// a run of a kprobe that has no event of its own.
	silent *atomic.Bool
	events *dynevent.Definer

	// The fields below belong to one script.
	funcs    *functions
	deep     []fgraph.Deep
	raw      rawSites
	causes   map[string]*unattachedWarning // by the format and the text of the cause
	used     map[string]bool               // names of its tests and benchmarks, with their type
	looked   map[[2]string]state           // what lookup found, by module and name
	records  records                       // what was read of tracepoints
	sought   int                           // names for which similar ones were sought
	programs programs
	listing  listing
}

// New returns a Set. It reads nothing yet.
func New(k *kernel.Kernel, opts Options) *Set {
	s := &Set{k: k, silent: &atomic.Bool{}, events: &dynevent.Definer{}}
	if opts.TypesOnly {
		s.assume(&opts)
	}
	if opts.Elsewhere {
		opts.Symbols, opts.Loaded = s.listSymbols, s.hasModule
	}
	if opts.Symbols == nil {
		opts.Symbols = symbol.TextSymbols
	}
	if opts.Aliases == nil {
		opts.Aliases = func(string) []string { return nil }
	}
	if opts.Loaded == nil {
		opts.Loaded = moduleLoaded
	}
	if opts.Modules == nil {
		opts.Modules = loadedModules
	}
	if opts.Elsewhere {
		opts.Modules = func() string { return "" }
	}
	s.opts, s.lists = opts, &lists{modules: opts.Modules}
	s.programs.dirs = opts.DebugDirs
	return s
}

// listSymbols is Options.Symbols for a kernel of which only a list of functions
// is known.
func (s *Set) listSymbols(yield func(name, module string) bool) error {
	list, err := s.traceable()
	for _, f := range list {
		if !yield(f.name, f.module) {
			break
		}
	}
	return err
}

// hasModule is Options.Loaded for such a kernel.
func (s *Set) hasModule(module string) bool {
	list, err := s.traceable()
	return err != nil || slices.ContainsFunc(list, func(f fn) bool { return f.module == module })
}

// Script returns the Set for one script, or for one input of the prompt. It
// shares the lists of functions, unless a module has been loaded or removed since
// they were read. deep lists the structs whose members graphs
// with args=deep record.
func (s *Set) Script(deep []fgraph.Deep) *Set {
	return &Set{k: s.k, opts: s.opts, lists: s.lists, funcs: s.lists.current(), real: s.real, causes: map[string]*unattachedWarning{}, silent: s.silent, events: s.events, deep: deep, used: map[string]bool{},
		looked: map[[2]string]state{}, records: records{}, programs: programs{dirs: s.opts.DebugDirs}}
}

// Rights is what a kind of probe needs of the kernel.
type Rights struct {
	Name string
	// Err is the reason why this process cannot use it, nil if it can.
	Err error
}

// Rights returns for each kind of probe whether this process has the rights for
// it, in the order in which messages list the kinds.
func (s *Set) Rights(g *rights.Grants) []Rights {
	var out []Rights
	for _, p := range table {
		if p.Mode != hir.Trace {
			continue
		}
		err := g.Ask(rights.Programs)
		for _, a := range p.Needs {
			if a == rights.Kprobes && s.opts.KprobeMulti != nil && s.multi() == nil ||
				a == rights.Uprobes && s.opts.UprobeMulti != nil && s.opts.UprobeMulti() == nil {
				continue
			}
			if err == nil {
				err = g.Ask(a)
			}
		}
		if err == nil {
			err = s.mechanism(p)
		}
		out = append(out, Rights{p.Name, err})
	}
	return out
}

// mechanism returns why this kernel has no way to attach probes of a kind, nil
// if it has or if that differs by probe.
func (s *Set) mechanism(p *Provider) error {
	ask := func(f func() error) error {
		if f == nil {
			return nil
		}
		return f()
	}
	switch {
	case slices.Contains(p.Needs, rights.Kprobes):
		return s.kprobes()
	case slices.Contains(p.Needs, rights.Uprobes):
		return ask(s.opts.Uprobes)
	case p.Trampoline:
		return ask(s.opts.Tracing)
	}
	return nil
}

// Kinds implements hir.Probes.
func (s *Set) Kinds() []hir.ProbeKind { return Kinds() }

// Kinds returns the kinds of probes, whatever the kernel.
func Kinds() []hir.ProbeKind {
	out := make([]hir.ProbeKind, len(table))
	for i, p := range table {
		out[i] = p.ProbeKind
	}
	return out
}

// KindOf returns the kind that the first word of an attach point means, nil if
// there is none.
func KindOf(word string) *hir.ProbeKind {
	if p := find(word); p != nil {
		return &p.ProbeKind
	}
	return nil
}

// request is an attach point that is being expanded.
type request struct {
	*hir.ExpandRequest
	set  *Set
	p    *Provider
	args []hir.Part // the parts after the type
	out  *diag.List
	// quiet suppresses errors: the type was a wildcard (P-COM-05), or further
	// alternatives follow.
	quiet bool
	// tracer is set if the tracer function_graph records the calls below.
	tracer bool
	// kprobes is the reason not to use trampolines, "" if they may be used.
	kprobes string
	// matched is set when the target exists, even if it cannot be probed.
	matched bool
}

// site returns a new site of the request's kind.
func (r *request) site(prog hir.ProgType, space types.Space, name string) *hir.Site {
	return &hir.Site{Provider: r.p.Name, Kind: &r.p.ProbeKind, Type: r.p.Type, Name: name, Prog: prog, Space: space}
}

// errorf reports an error at a part of the attach point. i counts from the
// first part after the type; -1 means the whole attach point.
func (r *request) errorf(code diag.Code, i int, format string, args ...any) *diag.Diagnostic {
	out := r.out
	if r.quiet {
		out = &diag.List{}
	}
	return out.Errorf(code, r.place(i), format, args...).WithRow(r.p.Row).CompatAt(r.At)
}

func (r *request) warnf(code diag.Code, i int, format string, args ...any) *diag.Diagnostic {
	out := r.out
	if r.quiet {
		out = &diag.List{}
	}
	return out.Warnf(code, r.place(i), format, args...).WithRow(r.p.Row).CompatAt(r.At)
}

func (r *request) place(i int) source.Span {
	if i >= 0 && i < len(r.args) && r.args[i].At.End > r.args[i].At.Start {
		return r.args[i].At
	}
	return r.At
}

// part returns the text of a part, "" when there is none.
func (r *request) part(i int) string {
	if i < len(r.args) {
		return r.args[i].Text
	}
	return ""
}

// missing reports that a target does not exist, with the severity that
// missing_probes selects (P-COM-09).
func (r *request) missing(i int, format string, args ...any) *diag.Diagnostic {
	switch r.Missing {
	case "warn":
		return r.warnf("no-match", i, format, args...).WithNote("missing_probes is \"warn\": this attach point is skipped").WithCompat("%s", r.none())
	case "ignore":
		return &diag.Diagnostic{}
	}
	return r.errorf("no-match", i, format, args...).WithCompat("%s", r.none())
}
