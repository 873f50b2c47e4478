package docs

import (
	"errors"

	"probe/compiler"
	"probe/compiler/target"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

// Checker checks the scripts of the documents against the types, functions and
// tracepoints of the running kernel. It takes every mechanism for available:
// what a script means is asked, not whether this kernel was built with
// kprobes. It loads nothing.
type Checker struct {
	// Old compiles for the oldest kernel that there is a compiler for, instead
	// of one with every feature.
	Old bool

	k      *kernel.Kernel
	probes *provider.Set
}

// NewChecker makes a Checker, or says what of this machine it cannot read:
// types need a kernel with BTF, tracepoints the tracing directory, which is
// closed to all but root.
//
// list is a file to take the names of traceable functions from, which wildcards
// are looked up in.
func NewChecker(list string) (*Checker, error) {
	k := kernel.New(kernel.Options{})
	if ok, why := k.Available(); !ok {
		return nil, errors.New(why)
	}
	t, err := k.Tracefs()
	if err != nil {
		return nil, err
	}
	if _, err := t.ReadFormat("raw_syscalls", "sys_enter"); err != nil {
		return nil, err
	}
	return &Checker{k: k, probes: provider.New(k, provider.Options{Traceable: list})}, nil
}

// Check parses, types and compiles a script and returns every message.
func (c *Checker) Check(script string) diag.List {
	tree, out := syntax.Parse(source.New("script", script))
	if out.HasErrors() {
		return out
	}
	prog, _, more := check.Check(&check.Input{
		File: tree, Builtins: stdlib.Signatures(), Probes: c.probes, Types: c.k,
		Env: &kernel.Env{K: c.k}, Import: importModule,
	})
	out.All = append(out.All, more.All...)
	if prog == nil || out.HasErrors() {
		return out
	}
	t := target.Target{NCPU: 2, TypeID: c.k.TypeID, BTFIDs: map[string]uint32{}}
	if !c.Old {
		t.TaskBTF, t.ForEachMapElem, t.Loop, t.PerCPULookup, t.FuncIP, t.TaiNS = true, true, true, true, true, true
	}
	t.PtRegs, t.PtRegsSize = target.AMD64Regs()
	_, more = compiler.Compile(prog, compiler.Config{Target: &t, Builtins: stdlib.Table(), Types: c.k})
	out.All = append(out.All, more.All...)
	return out
}

// importModule finds the modules of the library and nothing else.
func importModule(_ *source.File, path string) (*source.File, error) {
	text, ok := stdlib.Module(path)
	if !ok {
		return nil, errors.New("not a module of the library")
	}
	return source.New("stdlib/"+path+".pr", text), nil
}
