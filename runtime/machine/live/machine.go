// Package live is the machine that probe runs on: its kernel, and what only
// the running system knows.
//
// The packages below it each know one part: btf and elf the types and symbols
// of files, symbol addresses, tracefs the tracing directory, feature what the
// kernel can do, bpf the system calls, kernel and provider the answers to the
// checker.
package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/symbol"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/policy"
)

// Options changes what a Machine answers. The zero value changes nothing.
type Options struct {
	// BTF is a file with raw BTF that replaces the kernel's own; "" means the
	// kernel's.
	BTF string
	// Traceable is a file with the names of functions in place of the kernel's
	// list of those that can be traced (P-KPROBE-08); "" means the kernel's.
	Traceable string
	// Policy limits what scripts may probe; nil for no limits.
	Policy *policy.Policy
	// DebugDirs are folders with separate debug files of programs, searched
	// before /usr/lib/debug.
	DebugDirs []string
	// Without lists mechanisms that are not used; see provider.Mechanisms.
	Without []string
	// TypesOnly is set if scripts are only checked: what this machine cannot
	// attach is a warning.
	TypesOnly bool
}

// Machine is the running kernel (machine.Machine).
type Machine struct {
	kernel   *kernel.Kernel
	types    *btf.Host
	features *feature.Set
	probes   *provider.Set
	// largeKeys reports whether keys of maps may be larger than
	// machine.SmallKey.
	largeKeys func() bool
	grants    func() *rights.Grants
	policy    *policy.Policy
	typesOnly bool
	facts
}

var (
	_ machine.Machine = (*Machine)(nil)
	_ machine.Facts   = (*Machine)(nil)
)

// New returns the machine. It asks the kernel nothing yet.
func New(o Options) *Machine {
	types, symbols, tracing := btf.NewHost(), symbol.NewKernel(), sync.OnceValues(tracefs.Find)
	m := &Machine{types: types, features: feature.New(types, tracing), policy: o.Policy, typesOnly: o.TypesOnly, largeKeys: sync.OnceValue(bpf.LargeKeys), grants: sync.OnceValue(func() *rights.Grants { return newGrants(tracing) }), facts: newFacts(symbols)}
	m.kernel = kernel.New(kernel.Options{BTF: o.BTF, Host: types, Tracefs: tracing, Symbols: symbols, Features: m.features})
	ask := func(f feature.Feature) func() error { return func() error { return m.features.Err(f) } }
	opts := provider.Options{
		Kprobes: ask(feature.Kprobes), KprobeMulti: ask(feature.KprobeMulti), Tracing: ask(feature.Fentry),
		Uprobes: ask(feature.Uprobes), UprobeMulti: ask(feature.UprobeMulti), UprobeMultiPID: ask(feature.UprobeMultiPID), FuncIP: ask(feature.FuncIP), Address: address(symbols), IntPointers: ask(feature.IntPointers),
		StructArgs: ask(feature.StructArgs), UnionArgs: ask(feature.UnionArgs), WideArgs: ask(feature.WideArgs),
		Ftrace: m.tracer, Events: sync.OnceValue(rights.Events), KprobeSession: m.session(feature.KprobeSession), FsessionMulti: m.session(feature.FsessionMulti),
		RawTracepoint: provider.RawTracepoints(m.features, symbols), Traceable: o.Traceable, Aliases: symbols.Aliases,
		DebugDirs: o.DebugDirs, TypesOnly: o.TypesOnly,
	}
	opts.Leave(o.Without)
	m.probes = provider.New(m.kernel, opts)
	m.user.DebugDirs = o.DebugDirs
	return m
}

// address returns provider.Options.Address for the running kernel.
func address(symbols *symbol.Kernel) func(name string) uint64 {
	return func(name string) uint64 {
		t, err := symbols.Table()
		if err != nil {
			return 0
		}
		addr, _ := t.Addr(name)
		return addr
	}
}

// session returns the test for a kind of link that runs one program at entry
// and return. The kernel must also have the function that tells the program at
// which of the two it runs.
func (m *Machine) session(f feature.Feature) func() error {
	return func() error { return errors.Join(m.features.Err(f), m.features.Err(feature.SessionReturn)) }
}

// tracer reports why the tracer function_graph cannot be used, nil if it can.
// Whether somebody else uses it shows only when it is switched on.
func (m *Machine) tracer() error {
	tfs, err := m.Tracefs()
	if err != nil {
		return err
	}
	tracers, err := tfs.Tracers()
	if err != nil {
		return err
	}
	if !slices.Contains(tracers, "function_graph") {
		return errors.New("this kernel has no tracer function_graph")
	}
	return nil
}

// Tracefs returns the tracing directory. The error wraps tracefs.ErrNotMounted.
func (m *Machine) Tracefs() (*tracefs.FS, error) { return m.kernel.Tracefs() }

// Live returns the machine itself. A type that embeds a *Machine thereby counts
// as live, and package engine loads its programs into the kernel.
func (m *Machine) Live() *Machine { return m }

// Types returns the kernel's own types and those of its modules, whatever file
// Options.BTF names.
func (m *Machine) Types() *btf.Host { return m.types }

// Symbols returns the kernel's symbols.
func (m *Machine) Symbols() *symbol.Kernel { return m.symbols }

// Features returns the features of the kernel.
func (m *Machine) Features() *feature.Set { return m.features }

// Warm implements machine.Machine.
func (m *Machine) Warm(ahead hir.Foresight) {
	if ahead.Types {
		m.kernel.Warm()
	}
	if ahead.Functions {
		m.probes.Warm()
	}
}

// List implements machine.Machine.
func (m *Machine) List(pattern string, yield func(machine.Listed) bool) error {
	return m.probes.List(pattern, yield)
}

// Functions calls yield with the functions that the kernel's type information
// knows, until yield returns false. Not all of them can be traced, but any user
// can read the list.
func (m *Machine) Functions(yield func(name string) bool) error { return m.kernel.Funcs("", yield) }

// Attach attaches a loaded program where its site says; pid restricts probes
// that the kernel can restrict, 0 means no restriction. See
// provider.Set.Attach.
func (m *Machine) Attach(ctx context.Context, site *hir.Site, prog *bpf.Prog, pid int) (*provider.Attachment, error) {
	return m.probes.Attach(ctx, site, prog, pid)
}

// Forks is provider.Set.Forks.
func (m *Machine) Forks() (id uint32, pid int, err error) { return m.probes.Forks() }

// View implements machine.Machine.
func (m *Machine) View(q machine.Query) machine.View {
	return &view{
		m: m, probes: m.probes.Script(q.Deep),
		env: &kernel.Env{K: m.kernel, Options: q.Options, Child: q.Child, PID: q.PID, Unwind: q.Unwind, Comm: q.Comm, TypesOnly: m.typesOnly},
	}
}

// view is what one script sees.
type view struct {
	machine.Whole
	m      *Machine
	probes *provider.Set
	env    *kernel.Env
}

func (v *view) Probes() hir.Probes { return v.probes }
func (v *view) Types() hir.Types   { return v.m.kernel }
func (v *view) Env() types.Env     { return v.env }

// Checked implements machine.View: it warns of addresses that were not shown.
func (v *view) Checked(list *diag.List) {
	if v.env.Hidden != nil {
		list.Add(&diag.Diagnostic{Severity: diag.Warning, Code: "unknown-symbol", Message: fmt.Sprintf("the script needs addresses of kernel symbols, which this process is not shown: %v", v.env.Hidden)}).
			WithNote("only names and types are checked")
	}
}

func (v *view) Target(needs target.Set) (*target.Target, error) {
	return v.m.kernel.Target(needs)
}

func (v *view) KeyLimit() int {
	if v.m.largeKeys() {
		return 0
	}
	return machine.SmallKey
}

// Refuses implements machine.Machine: it looks at the privileges of this process
// (CLI-27). A kernel that is locked down takes all programs that read nothing of its
// memory, so that is left to the compiler and the kernel (CLI-28).
func (m *Machine) Refuses() *diag.Diagnostic {
	if caps, err := rights.Counted(); err == nil && caps.Lacks(rights.Load) == 0 {
		return nil // the kernel will report what else is wrong
	}
	err := m.Grants().Ask(rights.Programs)
	var no *rights.Denied
	if !errors.As(err, &no) {
		return nil
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "no-permission", Row: "CLI-27",
		Message: "tracing needs privileges that this process does not have"}
	addCause(d, no.Cause)
	return d
}

// Rights returns for each kind of probe whether this process has the rights for
// it.
func (m *Machine) Rights() []provider.Rights { return m.probes.Rights(m.Grants()) }

// Grants returns what the kernel lets this process do.
func (m *Machine) Grants() *rights.Grants { return m.grants() }

func newGrants(tracing func() (*tracefs.FS, error)) *rights.Grants {
	g := &rights.Grants{}
	t, err := tracing()
	if err != nil {
		g.Unusable = err
		return g
	}
	g.Dir = t.Dir()
	return g
}

// AddPermission adds to a message about a refused call why it is refused, and
// what to do about it.
func AddPermission(d *diag.Diagnostic, call rights.Call) { addCause(d, rights.Why(call)) }

func addCause(d *diag.Diagnostic, c rights.Cause) {
	d.WithNote("%s", c.Why)
	for _, h := range c.Helps {
		d.WithHelp("%s", h)
	}
}
