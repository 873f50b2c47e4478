// Package files is a kernel that is not running here, described by files: its
// types as raw BTF, and the names of its functions. Scripts can be checked and
// compiled against it, and its probes listed.
//
// What this machine's kernel can do says nothing about the other one. It is
// taken to have every mechanism and helper that probe knows.
package files

import (
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
)

// Options name the files, of which there has to be one. What no file says is
// asked of this machine: the types where only functions are listed, and the
// tracepoints.
type Options struct {
	// BTF is a file with the raw BTF of the kernel.
	BTF string
	// Traceable is a file with the names of the functions that can be traced, one
	// a line, each followed by its module in brackets if it has one. Without it
	// they are those that the types in BTF name.
	Traceable string
	// Without names mechanisms that are left alone: see provider.Mechanisms.
	Without []string
}

// Machine is another kernel (machine.Machine).
type Machine struct {
	kernel *kernel.Kernel
	probes *provider.Set
}

var _ machine.Machine = (*Machine)(nil)

// New makes the machine. It reads nothing yet.
func New(o Options) *Machine {
	k := kernel.New(kernel.Options{BTF: o.BTF})
	opts := provider.Options{Traceable: o.Traceable, Elsewhere: o.BTF != "" || o.Traceable != ""}
	if o.BTF != "" && o.Traceable == "" {
		opts.Functions = func(yield func(name, module string) bool) error {
			return k.Funcs("", func(name string) bool { return yield(name, "") })
		}
	}
	opts.Leave(o.Without)
	return &Machine{kernel: k, probes: provider.New(k, opts)}
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
		env: &kernel.Env{K: m.kernel, Options: q.Options, Child: q.Child, PID: q.PID, Comm: q.Comm},
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

// cpus is how many CPUs the kernel is taken to have: files do not say.
const cpus = 8

func (v *view) Target(needs target.Set) (*target.Target, error) {
	t := target.Full(cpus)
	t.BTFIDs = map[target.Feature]uint32{}
	for _, f := range needs.Sorted() {
		name := kernel.KfuncName(f)
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
