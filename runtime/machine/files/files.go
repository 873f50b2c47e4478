// Package files is the machine for a kernel that does not run here and is
// described by files: its types as raw BTF, and the names of its functions.
// Scripts can be checked and compiled against it, and its probes listed.
//
// The features of this machine's kernel say nothing about the other one, which
// is assumed to have every mechanism and helper that probe knows, unless it is
// named as one of the tested kernels.
package files

import (
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
)

// Options names the files. What no file describes comes from this machine: the
// types if only functions are listed, the tracepoints, and without any file
// everything but the features.
type Options struct {
	// BTF is a file with the raw BTF of the kernel.
	BTF string
	// Traceable is a file with the names of the functions that can be traced,
	// one a line, each followed by its module in brackets if it has one.
	// Without it all functions in BTF count as traceable.
	Traceable string
	// Features is the set of features of the kernel; nil means all.
	Features *feature.Set
	// KeyLimit is the maximum size in bytes of the key of a map; 0 means no
	// limit.
	KeyLimit int
	// Without lists mechanisms that are not used; see provider.Mechanisms.
	Without []string
}

// Machine is another kernel (machine.Machine).
type Machine struct {
	kernel   *kernel.Kernel
	probes   *provider.Set
	features *feature.Set
	keyLimit int
}

var _ machine.Machine = (*Machine)(nil)

// New returns the machine. It reads nothing yet.
func New(o Options) *Machine {
	k := kernel.New(kernel.Options{BTF: o.BTF})
	opts := provider.Options{Traceable: o.Traceable, Elsewhere: o.BTF != "" || o.Traceable != ""}
	if o.BTF != "" && o.Traceable == "" {
		opts.Functions = func(yield func(name, module string) bool) error {
			return k.Funcs("", func(name string) bool { return yield(name, "") })
		}
	}
	if set := o.Features; set != nil {
		ask := func(fs ...feature.Feature) func() error {
			return func() error {
				for _, f := range fs {
					if err := set.Err(f); err != nil {
						return err
					}
				}
				return nil
			}
		}
		opts.Kprobes, opts.KprobeMulti, opts.Tracing = ask(feature.Kprobes), ask(feature.KprobeMulti), ask(feature.Fentry)
		opts.Uprobes, opts.FuncIP, opts.IntPointers = ask(feature.Uprobes), ask(feature.FuncIP), ask(feature.IntPointers)
		// Programs for this kernel are not loaded, so any number stands for the addresses
		// of its functions.
		opts.Address = func(string) uint64 { return 1 }
		opts.StructArgs, opts.UnionArgs, opts.WideArgs = ask(feature.StructArgs), ask(feature.UnionArgs), ask(feature.WideArgs)
		opts.Ftrace = ask(feature.FunctionGraph)
		opts.KprobeSession = ask(feature.KprobeSession, feature.SessionReturn)
		opts.FsessionMulti = ask(feature.FsessionMulti, feature.SessionReturn)
	}
	opts.Leave(o.Without)
	return &Machine{kernel: k, probes: provider.New(k, opts), features: o.Features, keyLimit: o.KeyLimit}
}

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

// Refuses implements machine.Machine: nothing runs on files.
func (m *Machine) Refuses() *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "files describe a kernel, and cannot run programs"}
	return d.WithHelp("check the script against them, or run it on the machine itself")
}

// View implements machine.Machine.
func (m *Machine) View(q machine.Query) machine.View {
	return &view{
		m: m, probes: m.probes.Script(q.Deep),
		env: &kernel.Env{K: m.kernel, Options: q.Options, Child: q.Child, PID: q.PID, Unwind: q.Unwind, Comm: q.Comm},
	}
}

// view is the machine as one script sees it.
type view struct {
	machine.Whole
	m      *Machine
	probes *provider.Set
	env    *kernel.Env
}

func (v *view) Probes() hir.Probes { return v.probes }
func (v *view) Types() hir.Types   { return v.m.kernel }
func (v *view) Env() types.Env     { return v.env }

// cpus is the number of CPUs that the kernel is assumed to have, which no file
// says.
const cpus = 8

func (v *view) KeyLimit() int { return v.m.keyLimit }

func (v *view) Target(needs target.Set) (*target.Target, error) {
	t := target.Full(cpus)
	t.BTFIDs = map[target.Feature]uint32{}
	set := v.m.features
	if set != nil {
		t.Features = target.Set{}
	}
	for _, f := range needs.Sorted() {
		name := kernel.KfuncName(f)
		if set != nil && f != target.CommOffset {
			if !kernel.Has(set, f) {
				continue
			}
			t.Features.Add(f)
		}
		if name == "" {
			continue
		}
		spec, err := v.m.kernel.Spec()
		if err != nil {
			break // no types, so that nothing is known of its functions
		}
		if id, ok := spec.First(name, btf.KindFunc); ok {
			t.Features.Add(f)
			t.BTFIDs[f] = uint32(id)
		}
	}
	return t, nil
}
