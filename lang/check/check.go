// Package check resolves and types a parsed script. Check takes a tree, the
// signatures of the library, and two interfaces to the machine (hir.Probes,
// hir.Types). It returns a hir.Script in which every name is resolved, every
// type known and every conversion explicit, and a diag.List of everything that
// is wrong. The package makes no system calls and does not know how calls are
// compiled.
//
// The order is: configuration, imports, macros, map declarations, C section;
// attach points; then typing. Each body is typed once for each site, and again
// as long as the types it depends on still widen (infer in body.go): typing
// builds the result on the way, so the result of the last run is the right one.
// After errors in one phase the later phases do not run, since their messages
// would mostly be consequences.
//
// Everything else that the checker learns about a script, with errors too, is
// in Info.
package check

import (
	"cmp"
	"slices"

	"probe/lang/check/ctype"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// Input is a script and what it can refer to.
type Input struct {
	File *syntax.File
	// Builtins are functions, builtin values and aggregations by name.
	Builtins map[string]*types.Signature
	Probes   hir.Probes
	// Types are the kernel's types; nil means not available.
	Types hir.Types
	// Env answers the queries of signatures. The script's own configuration
	// replaces that of Env. With nil, every query about the machine fails.
	Env types.Env
	// Config are options from the environment, by canonical key; they take
	// precedence over the script's block.
	Config map[string]string
	// Params are the positional parameters: $1 is Params[0].
	Params []string
	// PID is the process the run is limited to, 0 if none.
	PID int
	// Comm is the thread name the run is limited to, "" if none.
	Comm string
	// Unsafe allows functions that change the system.
	Unsafe bool
	// Danger is what to do about functions that are dangerous or hot to probe.
	Danger hir.Danger
	// Exact takes only what bpftrace takes, and also gives its warnings about what
	// most scripts do on purpose: differences of times, results of delete that nobody
	// reads.
	Exact bool
	// Import finds an imported file; with nil every import is an error.
	Import func(from *source.File, path string) (*source.File, error)
	// Includes are headers that the C section includes before anything else.
	Includes []string
	// Header finds headers, as ctype.Section.Find; nil finds none.
	Header func(from *source.File, path string, system, installed bool) (*source.File, error)
	// Maps are maps of objects that run already. The script can use them, and
	// their types are fixed.
	Maps []*hir.Map
}

// checker is one run of Check.
type checker struct {
	warned   map[string]bool // unstable features that were warned about
	in       *Input
	out      diag.List
	cfg      *config
	env      env
	macros   map[string][]*macro
	named    map[string]*syntax.NamedProbe
	probes   []*syntax.Probe
	leftOut  []source.Span // attach points of probes without any site
	csec     *ctype.Section
	cmacros  map[string]*cmacroDef
	maps     map[string]*mapCell
	mapList  []*mapCell
	bodies   []*body
	options  map[string]*option
	stamp    int
	imported map[string]bool
	files    []*syntax.File // the script and what it imports
	phase    phase
	info     *Info // set while bodies are typed for it
}

// Check types a script. The Script is nil if there are errors; the Info never
// is.
func Check(in *Input) (*hir.Script, *Info, diag.List) {
	c := &checker{
		in: in, macros: map[string][]*macro{}, named: map[string]*syntax.NamedProbe{}, maps: map[string]*mapCell{},
		options: map[string]*option{}, imported: map[string]bool{}, cmacros: map[string]*cmacroDef{},
	}
	c.env = env{c: c}
	c.addLive(in.Maps)
	c.declarations()
	if c.out.HasErrors() {
		return c.finish(nil)
	}
	c.attach()
	c.phase = attached
	if c.out.HasErrors() {
		return c.finish(nil)
	}
	c.infer()
	c.out.All = append(c.out.All, c.bodyMessages()...)
	c.checkMaps()
	if c.out.HasErrors() {
		return c.finish(nil)
	}
	return c.finish(c.program())
}

func (c *checker) finish(p *hir.Script) (*hir.Script, *Info, diag.List) {
	c.out.Sort()
	c.out.All = oneMachine(c.out.All)
	return p, &Info{c: c, files: c.files}, c.out
}

// program assembles the result.
func (c *checker) program() *hir.Script {
	p := &hir.Script{Config: c.cfg.changed(), Source: c.in.File.Source}
	for _, b := range c.bodies {
		p.Probes = append(p.Probes, b.probe)
	}
	for _, m := range c.mapList {
		if !m.used {
			continue
		}
		c.finishMap(m)
		p.Maps = append(p.Maps, m.hm)
	}
	slices.SortFunc(p.Maps, func(a, b *hir.Map) int { return cmp.Compare(a.Name, b.Name) })
	for i, m := range p.Maps {
		m.Index = i
	}
	for _, o := range c.options {
		p.Options = append(p.Options, o.Option)
	}
	slices.SortFunc(p.Options, func(a, b hir.Option) int { return cmp.Compare(a.Name, b.Name) })
	return p
}

// nearest returns the candidate closest to a wrong name, "" if none is near.
func nearest(name string, candidates []string) string {
	n, _ := diag.Nearest(name, candidates)
	return n
}

// nearestFunction looks for a function or macro with a similar name.
func (c *checker) nearestFunction(name string) string {
	var names []string
	for n, s := range c.in.Builtins {
		if !s.NoCall && !s.Missing {
			names = append(names, n)
		}
	}
	for n, f := range words {
		if f.call != nil {
			names = append(names, n)
		}
	}
	for n := range c.macros {
		names = append(names, n)
	}
	return nearest(name, names)
}

// nearestValue looks for a builtin value or a constant with a similar name.
func (c *checker) nearestValue(name string) string {
	var names []string
	for n, f := range words {
		if f.word != nil {
			names = append(names, n)
		}
	}
	for n, s := range c.in.Builtins {
		if !s.Missing {
			names = append(names, n)
		}
	}
	for n := range c.macros {
		names = append(names, n)
	}
	for n := range c.cmacros {
		names = append(names, n)
	}
	return nearest(name, append(names, c.csection().EnumeratorNames()...))
}

// csection returns the C section, empty if the script has none.
func (c *checker) csection() *ctype.Section {
	if c.csec == nil {
		c.csec = ctype.New(&c.out, c.in.Types)
		c.csec.Find = c.in.Header
	}
	return c.csec
}

// env implements types.Env: it answers from the script's configuration and
// types, and passes other queries to the machine.
type env struct{ c *checker }

// Filter implements types.Filtered.
func (e *env) Filter() (int, string) { return e.c.in.PID, e.c.in.Comm }

// UnwindPID implements types.Unwinding.
func (e *env) UnwindPID() int {
	if u, ok := e.c.in.Env.(types.Unwinding); ok {
		return u.UnwindPID()
	}
	return 0
}

// ConfigInt implements types.Env.
func (e *env) ConfigInt(name string) int64 { return e.c.cfg.int(name) }

// ConfigString implements types.Env.
func (e *env) ConfigString(name string) string { return e.c.cfg.str(name) }

// Symbol implements types.Env.
func (e *env) Symbol(name string) (uint64, bool) {
	if e.c.in.Env == nil {
		return 0, false
	}
	return e.c.in.Env.Symbol(name)
}

// SymbolsHidden implements types.Hiding.
func (e *env) SymbolsHidden() error {
	if h, ok := e.c.in.Env.(types.Hiding); ok {
		return h.SymbolsHidden()
	}
	return nil
}

// PerCPU implements types.Variables.
func (e *env) PerCPU(name string) (addr, offsets uint64, err error) {
	if v, ok := e.c.in.Env.(types.Variables); ok {
		return v.PerCPU(name)
	}
	return 0, 0, errNoMachine
}

// UserVariable implements types.Variables.
func (e *env) UserVariable(path string, offset uint64, name string) (types.UserVariable, error) {
	if v, ok := e.c.in.Env.(types.Variables); ok {
		return v.UserVariable(path, offset, name)
	}
	return types.UserVariable{}, errNoMachine
}

// KernelFunc implements types.Env.
func (e *env) KernelFunc(name string) bool { return e.c.in.Env != nil && e.c.in.Env.KernelFunc(name) }

// EnumOf implements types.Env.
func (e *env) EnumOf(enumerator string) (*types.EnumTable, bool) {
	if t, ok := e.c.csection().EnumOf(enumerator); ok {
		return t, true
	}
	if e.c.in.Env == nil {
		return nil, false
	}
	return e.c.in.Env.EnumOf(enumerator)
}

// CgroupID implements types.Env.
func (e *env) CgroupID(path string) (uint64, error) {
	if e.c.in.Env == nil {
		return 0, errNoMachine
	}
	return e.c.in.Env.CgroupID(path)
}

// NamedType implements types.Env.
func (e *env) NamedType(kind, name string) (*types.Type, bool) {
	return e.c.csection().Named(kind, name)
}

// Option implements types.Env.
func (e *env) Option(name string) (string, bool) {
	if e.c.in.Env == nil {
		return "", false
	}
	return e.c.in.Env.Option(name)
}

// NCPU implements types.Env.
func (e *env) NCPU() int {
	if e.c.in.Env == nil {
		return 1
	}
	return e.c.in.Env.NCPU()
}

// ChildPID implements types.Env.
func (e *env) ChildPID() int {
	if e.c.in.Env == nil {
		return 0
	}
	return e.c.in.Env.ChildPID()
}
