package provider

import (
	"fmt"

	"probe/lang/types"
	"probe/runtime/machine/live/kernel"
)

// What the kernel's trampolines can save of a function's arguments.
const (
	// trampolineArgs is the number of 8-byte arguments every trampoline can
	// save: those in registers.
	trampolineArgs = 6
	// maxParams is the maximum number of parameters, on any kernel.
	maxParams = 12
	// maxStruct is the size in bytes of the largest struct that is passed in
	// registers.
	maxStruct = 16
)

// Untrampolined returns the reason why the kernel refuses fentry, or with ret
// fexit, at a function, "" if it accepts them. Programs that use nothing of the
// function are refused, too (kernel/bpf/btf.c, btf_distill_func_proto).
func (s *Set) Untrampolined(f *kernel.Prototype, ret bool) string {
	switch {
	case ret && neverReturns(f.Name):
		return f.Name + " never returns"
	case f.Variadic:
		return f.Name + " takes a variable number of parameters, which fentry and fexit cannot save"
	case f.Ret != nil && !f.Ret.IsScalar():
		return f.Name + " returns a struct or union by value, which fentry and fexit do not support"
	case len(f.Params) > maxParams:
		return fmt.Sprintf("%s has %d parameters, and fentry and fexit support %d", f.Name, len(f.Params), maxParams)
	}
	for _, p := range f.Params {
		if p.Type.IsScalar() {
			continue
		}
		switch {
		case p.Type.Size > maxStruct:
			return fmt.Sprintf("%s takes %s of %d bytes by value, more than the %d that fentry and fexit can save", f.Name, p.Type, p.Type.Size, maxStruct)
		case p.Type.Struct.Flavour == types.CUnion && !able(s.opts.UnionArgs):
			return fmt.Sprintf("%s takes a union by value, which fentry and fexit do not support in this kernel", f.Name)
		case !able(s.opts.StructArgs):
			return fmt.Sprintf("%s takes a struct by value, which fentry and fexit do not support in this kernel", f.Name)
		}
	}
	if f.Slots > trampolineArgs && !able(s.opts.WideArgs) {
		return fmt.Sprintf("functions with more than %d parameters are not supported by fentry and fexit in this kernel; %s has %d", trampolineArgs, f.Name, f.Slots)
	}
	return ""
}

// able reports whether a kernel can do something; without a question, it can.
func able(ask func() error) bool { return ask == nil || ask() == nil }

// neverReturns reports whether a function never returns. The kernel refuses
// fexit at those (6.15).
func neverReturns(name string) bool {
	for i := range dangers {
		if d := &dangers[i]; d.Why == never && match(d.Name, name) {
			return true
		}
	}
	return false
}
