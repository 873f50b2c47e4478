package docs

import (
	"errors"

	"probe/compiler/target"
	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/files"
	"probe/runtime/machine/live/tracefs"
)

// Checker checks the scripts of the documents against the types, functions and
// tracepoints of the running kernel. It assumes that every attach mechanism is
// available: it checks what a script means, not whether this kernel was built
// with kprobes. It loads nothing.
type Checker struct {
	// Old makes it compile for the oldest supported kernel, instead of one with
	// every feature.
	Old bool
	// Options are those of the run that scripts are checked for.
	Options engine.CheckOptions
	// Params are the positional parameters of scripts.
	Params []string

	machine machine.Machine
}

// NewChecker makes a Checker, or says what of this machine it cannot read:
// types need a kernel with BTF, tracepoints the tracing directory, which is
// closed to all but root.
//
// list is a file to take the names of traceable functions from, which wildcards
// are looked up in.
func NewChecker(list string) (*Checker, error) {
	m := files.New(files.Options{Traceable: list})
	if ok, why := m.View(machine.Query{}).Types().Available(); !ok {
		return nil, errors.New(why)
	}
	t, err := tracefs.Find()
	if err != nil {
		return nil, err
	}
	if _, err := t.ReadFormat("raw_syscalls", "sys_enter"); err != nil {
		return nil, err
	}
	return &Checker{machine: m}, nil
}

// Check parses, types and compiles a script and returns every message.
func (c *Checker) Check(script string) diag.List {
	m := c.machine
	if c.Old {
		m = oldest{m}
	}
	o := c.Options
	o.Empty = true
	_, list := engine.Build(engine.Script{Name: "script", Text: script, Params: c.Params, Import: engine.Library}, m, o, engine.CompileOptions{})
	return list
}

// oldest is a machine with the oldest supported kernel.
type oldest struct{ machine.Machine }

func (o oldest) View(q machine.Query) machine.View { return oldView{o.Machine.View(q)} }

type oldView struct{ machine.View }

func (v oldView) Target(needs target.Set) (*target.Target, error) {
	t, err := v.View.Target(needs)
	if err != nil {
		return nil, err
	}
	return &target.Target{NCPU: t.NCPU, Arch: t.Arch}, nil
}
