package provider

import (
	"strconv"

	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/kernel"
)

func regLoc(a *target.Arch, name string) hir.Loc {
	return hir.Loc{Kind: hir.LocReg, Off: a.Regs[name], Size: 8}
}

// numbered returns arg0, arg1 and so on for probes that see registers (B-ARGN,
// A-RG-01).
func numbered() []hir.Arg {
	a := target.Native()
	out := make([]hir.Arg, len(a.Args))
	for i, r := range a.Args {
		out[i] = hir.Arg{Name: "arg" + strconv.Itoa(i), Type: types.Uint64, Loc: regLoc(a, r)}
	}
	return out
}

// inRegisters places the parameters of a function of this kernel at its entry.
func inRegisters(f *kernel.Prototype) []hir.Arg { return byConvention(target.Native(), f) }

// byConvention places the parameters of a function as an architecture's C
// calling convention does: structs of up to 16 bytes are in registers if there
// are enough for all their parts; larger ones are on the stack, or are passed
// by address. Parameters without a name and structs by value cannot be named by
// scripts.
func byConvention(a *target.Arch, f *kernel.Prototype) []hir.Arg {
	var out []hir.Arg
	reg, stack := 0, a.ReturnSlot
	for _, p := range f.Params {
		words := max((p.Type.Size+7)/8, 1)
		if words > 2 && a.LargeByAddress {
			words = 1
		}
		var loc hir.Loc
		if words <= 2 && reg+words <= len(a.Args) {
			loc = regLoc(a, a.Args[reg])
			reg += words
		} else {
			loc = hir.Loc{Kind: hir.LocStack, Off: stack, Size: 8}
			stack += 8 * words
			if a.NoBackfill {
				reg = len(a.Args)
			}
		}
		if p.Name != "" && p.Type.IsScalar() {
			out = append(out, hir.Arg{Name: p.Name, Type: p.Type, Loc: loc})
		}
	}
	return out
}

// inSlots places the parameters of a function in the context of a tracing
// program.
func inSlots(f *kernel.Prototype) []hir.Arg {
	var out []hir.Arg
	for _, p := range f.Params {
		if p.Name != "" && p.Type.IsScalar() {
			out = append(out, hir.Arg{
				Name: p.Name, Type: p.Type, Trusted: p.Known,
				Loc: hir.Loc{Kind: hir.LocSlot, Off: p.Slot, Size: 8},
			})
		}
	}
	return out
}

// saved returns the arguments of an entry half as the return half sees them: it
// reads the values that the entry half has saved.
func saved(entry []hir.Arg) []hir.Arg {
	out := make([]hir.Arg, len(entry))
	for i, a := range entry {
		a.Loc = hir.Loc{Kind: hir.LocSaved, Off: i, Size: 8}
		a.Trusted = false
		out[i] = a
	}
	return out
}

// result returns the return value in its register, typed if t is known.
func result(t *types.Type) *hir.Arg {
	if t == nil {
		t = types.Uint64
	}
	if !t.IsScalar() {
		return nil
	}
	return &hir.Arg{Name: "retval", Type: t, Loc: regLoc(target.Native(), target.Native().Result)}
}

// resultSlot returns the return value in the context of an fexit program, nil
// for functions that return nothing.
func resultSlot(f *kernel.Prototype) *hir.Arg {
	if f.Ret == nil || !f.Ret.IsScalar() {
		return nil
	}
	return &hir.Arg{
		Name: "retval", Type: f.Ret, Trusted: f.RetKnown,
		Loc: hir.Loc{Kind: hir.LocSlot, Off: f.Slots, Size: 8},
	}
}
