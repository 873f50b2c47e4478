// Package kernel answers the compiler's questions about the running kernel:
// what its types look like (hir.Types), what its functions take and return,
// what its tracepoints carry, and what it can do (target.Target).
//
// The kernel is asked nothing before a script needs it: many scripts use no
// kernel type at all, and reading the BTF costs as much as the rest of their
// start. Warm starts reading it in the background for a script that will
// probably need it.
package kernel

import (
	"fmt"
	"sync"

	"probe/lang/types"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/symbol"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/watchdog"
)

// Options holds the sources of the answers. A source that is nil is created for
// this Kernel alone, from the running kernel.
type Options struct {
	// BTF is a file with a raw BTF blob that replaces the running kernel's.
	BTF string
	// Host is the BTF of the running kernel.
	Host *btf.Host
	// Tracefs finds the tracing directory.
	Tracefs func() (*tracefs.FS, error)
	// Symbols holds the kernel's symbols, Features its features.
	Symbols  *symbol.Kernel
	Features *feature.Set
}

// Kernel answers the questions about one kernel. It is safe for concurrent use.
type Kernel struct {
	opts Options

	load   func() (*btf.Spec, error)
	module func(name string) (*btf.Spec, error)

	mu      sync.Mutex
	modules []*modBTF // module BTF in use, in the order of first use
	cache   map[typeKey]*types.Type
	structs map[typeKey]*types.Struct
}

// modBTF is the BTF of one module.
type modBTF struct {
	name string
	spec *btf.Spec
}

// New returns a Kernel. It reads nothing yet.
func New(opts Options) *Kernel {
	if opts.Host == nil {
		opts.Host = btf.NewHost()
	}
	if opts.Tracefs == nil {
		opts.Tracefs = sync.OnceValues(tracefs.Find)
	}
	if opts.Symbols == nil {
		opts.Symbols = symbol.NewKernel()
	}
	if opts.Features == nil {
		opts.Features = feature.New(opts.Host, opts.Tracefs)
	}
	k := &Kernel{
		opts: opts, cache: map[typeKey]*types.Type{}, structs: map[typeKey]*types.Struct{},
		module: opts.Host.Module,
	}
	open := opts.Host.Kernel
	if opts.BTF != "" {
		open = sync.OnceValues(func() (*btf.Spec, error) { return btf.Open(opts.BTF) })
		k.module = func(name string) (*btf.Spec, error) {
			return nil, fmt.Errorf("%w for module %s beside %s", btf.ErrNoBTF, name, opts.BTF)
		}
	}
	k.load = open
	return k
}

// Warm starts to read the BTF in the background.
func (k *Kernel) Warm() {
	go func() {
		defer watchdog.Report()
		_, _ = k.load()
	}()
}

// Spec returns the kernel's BTF. The error wraps btf.ErrNoBTF when it has none.
func (k *Kernel) Spec() (*btf.Spec, error) { return k.load() }

// Available implements hir.Types.
func (k *Kernel) Available() (bool, string) {
	if _, err := k.load(); err != nil {
		return false, err.Error()
	}
	return true, ""
}

// Tracefs returns the tracing directory. The error wraps tracefs.ErrNotMounted.
func (k *Kernel) Tracefs() (*tracefs.FS, error) { return k.opts.Tracefs() }

// UseModule adds the types of a module to the kernel's own.
func (k *Kernel) UseModule(name string) (*btf.Spec, error) {
	if name == "" || name == "vmlinux" {
		return k.load()
	}
	spec, err := k.module(name)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.modules {
		if m.name == name {
			return spec, nil
		}
	}
	k.modules = append(k.modules, &modBTF{name, spec})
	return spec, nil
}

// specs returns the BTF in use, the kernel's own first.
func (k *Kernel) specs() []*btf.Spec {
	base, err := k.load()
	if err != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	out := []*btf.Spec{base}
	for _, m := range k.modules {
		out = append(out, m.spec)
	}
	return out
}
