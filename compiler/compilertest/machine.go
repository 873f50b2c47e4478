package compilertest

import "probe/lang/types"

// machine implements types.Env and types.Variables: it knows no symbol of the
// kernel but its per-CPU variables, and each program has every symbol.
type machine struct{}

func (machine) ConfigInt(string) int64                        { return 0 }
func (machine) ConfigString(string) string                    { return "" }
func (machine) Symbol(string) (uint64, bool)                  { return 0, false }
func (machine) KernelFunc(string) bool                        { return false }
func (machine) EnumOf(string) (*types.EnumTable, bool)        { return nil, false }
func (machine) CgroupID(string) (uint64, error)               { return 0, nil }
func (machine) NamedType(string, string) (*types.Type, bool)  { return nil, false }
func (machine) Option(string) (string, bool)                  { return "", false }
func (machine) NCPU() int                                     { return 1 }
func (machine) ChildPID() int                                 { return 0 }
func (machine) UnwindPID() int                                { return 7 }
func (machine) PerCPU(string) (addr, offsets uint64, _ error) { return 0x40, 0x8000, nil }

// UserVariable returns a number of 4 bytes 0x100 bytes behind the probe.
func (machine) UserVariable(string, uint64, string) (types.UserVariable, error) {
	return types.UserVariable{Addr: 0x1100, Distance: 0x100, Size: 4, Moves: true}, nil
}
