package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"probe/lang/types"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/symbol"
)

// Env implements types.Env: it answers the questions of builtin functions while
// a script is checked. The checker itself answers those about the
// configuration.
type Env struct {
	K *Kernel
	// Options holds the named parameters of the command line (getopt).
	Options map[string]string
	// Child is the pid of the -c child, 0 if there is none.
	Child int
	// Unwind is the process of --dwarf-pid, 0 if there is none.
	Unwind int
	// PID and Comm are the filters of the command line.
	PID  int
	Comm string
	// TypesOnly makes symbols whose addresses are hidden known, with the
	// address 0, for scripts that are only checked. Hidden is then why an
	// address was not shown, nil if none was asked for.
	TypesOnly bool
	Hidden    error
}

var (
	_ types.Env       = (*Env)(nil)
	_ types.Filtered  = (*Env)(nil)
	_ types.Unwinding = (*Env)(nil)
	_ types.Hiding    = (*Env)(nil)
)

// Filter returns the values of -p and --comm.
func (e *Env) Filter() (pid int, comm string) { return e.PID, e.Comm }

// UnwindPID returns the value of --dwarf-pid.
func (e *Env) UnwindPID() int { return e.Unwind }

// ConfigInt returns 0: the checker replaces it.
func (e *Env) ConfigInt(string) int64 { return 0 }

// ConfigString returns "": the checker replaces it.
func (e *Env) ConfigString(string) string { return "" }

// Symbol returns the address of a kernel symbol, read from kallsyms up to the
// name.
func (e *Env) Symbol(name string) (uint64, bool) {
	m, err := e.K.opts.Symbols.AddrOf(name)
	if e.TypesOnly && errors.Is(err, symbol.ErrHidden) {
		e.Hidden = err
		return 0, true
	}
	if err != nil {
		return 0, false
	}
	addr, ok := m[name]
	return addr, ok
}

// SymbolsHidden implements types.Hiding.
func (e *Env) SymbolsHidden() error {
	// Every kernel has this symbol; the list is read only up to it.
	if _, err := e.K.opts.Symbols.AddrOf("_text"); errors.Is(err, symbol.ErrHidden) {
		return err
	}
	return nil
}

// KernelFunc reports whether BTF has a function of that name.
func (e *Env) KernelFunc(name string) bool {
	_, err := e.K.Func("", name)
	return err == nil
}

// EnumOf returns the enum that has an enumerator.
func (e *Env) EnumOf(enumerator string) (*types.EnumTable, bool) { return e.K.EnumOf(enumerator) }

// cgroupRoots lists the places where cgroup v2 is mounted: the second one is
// that of systemd's hybrid layout.
var cgroupRoots = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}

// CgroupID returns the id of a cgroup v2 directory; a relative path is looked
// up in the current directory, then in the root of the hierarchy.
func (e *Env) CgroupID(path string) (uint64, error) {
	id, err := cgroupID(path)
	if err == nil || filepath.IsAbs(path) {
		return id, err
	}
	for _, root := range cgroupRoots {
		if id, err := cgroupID(filepath.Join(root, path)); err == nil {
			return id, nil
		}
	}
	return 0, err
}

func cgroupID(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return 0, fmt.Errorf("%s is not a directory of cgroup v2", path)
	}
	// The id is the file handle of kernfs, 8 bytes.
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if h.Size() != 8 {
		return 0, fmt.Errorf("%s: the kernel gives a handle of %d bytes, not 8", path, h.Size())
	}
	return binary.NativeEndian.Uint64(h.Bytes()), nil
}

// NamedType finds a type of the kernel.
func (e *Env) NamedType(kind, name string) (*types.Type, bool) { return e.K.Named(kind, name) }

// Option returns the value given for a named parameter.
func (e *Env) Option(name string) (string, bool) {
	v, ok := e.Options[name]
	return v, ok
}

// NCPU returns the number of possible CPUs.
func (e *Env) NCPU() int {
	n, err := bpf.PossibleCPUs()
	if err != nil {
		return 1
	}
	return n
}

// ChildPID returns the pid of the -c child.
func (e *Env) ChildPID() int { return e.Child }
