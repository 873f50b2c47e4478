package kernel

import (
	"errors"

	"probe/lang/types"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/elf"
	"probe/runtime/machine/live/symbol"
)

var _ types.Variables = (*Env)(nil)

// The symbols of the kernel that tell where per-CPU variables are: the table of what
// to add to the address of a variable for a CPU, and where the linker put them.
const (
	perCPUOffsets = "__per_cpu_offset"
	perCPUStart   = "__per_cpu_start"
	perCPUEnd     = "__per_cpu_end"
)

// PerCPU implements types.Variables.
func (e *Env) PerCPU(name string) (addr, offsets uint64, err error) {
	listed, found := e.K.perCPU(name)
	if listed && !found {
		return 0, 0, &types.NoVariableError{Name: name, Where: "BTF"}
	}
	m, err := e.K.opts.Symbols.AddrOf(name, perCPUOffsets, perCPUStart, perCPUEnd)
	if e.TypesOnly && errors.Is(err, symbol.ErrHidden) {
		e.Hidden = err
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	// The address of a variable may be 0: the linker places the first there.
	addr, ok := m[name]
	if !ok || m[perCPUOffsets] == 0 {
		return 0, 0, &types.NoVariableError{Name: name, Where: "the list of the kernel's symbols"}
	}
	if !listed && (addr < m[perCPUStart] || addr >= m[perCPUEnd]) {
		return 0, 0, &types.NoVariableError{Name: name, Where: "the kernel's area of per-CPU variables"}
	}
	return addr, m[perCPUOffsets], nil
}

// perCPU looks a per-CPU variable up in BTF. listed is false if BTF lists none, as
// older tools left them out.
func (k *Kernel) perCPU(name string) (listed, found bool) {
	for _, spec := range k.specs() {
		sec, ok := spec.First(".data..percpu", btf.KindDataSec)
		if !ok {
			continue
		}
		t, err := spec.Type(sec)
		if err != nil {
			continue
		}
		listed = true
		for _, v := range t.(*btf.DataSec).Vars {
			if spec.Name(v.Var) == name {
				return true, true
			}
		}
	}
	return listed, false
}

// UserVariable implements types.Variables.
func (e *Env) UserVariable(path string, offset uint64, name string) (types.UserVariable, error) {
	f, err := elf.Open(path)
	if err != nil {
		return types.UserVariable{}, err
	}
	defer f.Close()
	sym, err := f.Lookup(name)
	var missing *elf.SymbolError
	switch {
	case errors.As(err, &missing):
		return types.UserVariable{}, &types.NoVariableError{Name: name, Where: path}
	case err != nil:
		return types.UserVariable{}, err
	}
	at, err := f.Addr(offset)
	if err != nil {
		return types.UserVariable{}, err
	}
	return types.UserVariable{Addr: sym.Addr, Distance: sym.Addr - at, Size: sym.Size, Moves: f.PositionIndependent()}, nil
}
