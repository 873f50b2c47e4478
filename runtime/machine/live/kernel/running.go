package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"probe/lang/types"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/feature"
)

// Running is a function of a BPF program that is loaded on the machine.
type Running struct {
	Program uint32 // number of the program
	Addr    uint64 // address of the function's machine code, 0 if the kernel hides it
	*Prototype
	spec *btf.Spec
}

// EachRunning calls yield with the functions of the machine's BPF programs that
// have type information, by the numbers of the programs; want chooses them by
// number and name before their types are read. It needs CAP_SYS_ADMIN.
func (k *Kernel) EachRunning(want func(program uint32, name string) bool) ([]Running, error) {
	specs := map[uint32]*btf.Spec{}
	var out []Running
	var bad error
	err := bpf.EachRunning(func(p bpf.Running) bool {
		if p.BTF == 0 || !p.Jit {
			return true
		}
		spec := specs[p.BTF]
		if spec == nil {
			blob, err := bpf.RunningBTF(p.BTF)
			if err == nil {
				spec, err = btf.Parse(blob, nil)
			}
			if err != nil {
				// One that has just ended, or whose BTF has what this version does
				// not know, does not keep the others from being found.
				bad = errors.Join(bad, fmt.Errorf("types of BPF program %d: %w", p.ID, err))
				return true
			}
			specs[p.BTF] = spec
		}
		for i, id := range p.Func {
			name := spec.Name(btf.ID(id))
			if name == "" || !want(p.ID, name) {
				continue
			}
			f, err := k.function(spec, btf.ID(id), "")
			if err != nil {
				bad = errors.Join(bad, fmt.Errorf("types of BPF program %d: %w", p.ID, err))
				continue
			}
			k.asCalled(f, spec)
			out = append(out, Running{Program: p.ID, Addr: p.Addr[i], Prototype: f, spec: spec})
		}
		return true
	})
	if err == nil && len(out) == 0 {
		err = bad
	}
	slices.SortStableFunc(out, func(a, b Running) int {
		return cmp.Or(cmp.Compare(a.Program, b.Program), cmp.Compare(a.Name, b.Name))
	})
	return out, err
}

// TellsResults reports whether programs can ask the kernel for the result of the
// function that they trace.
func (k *Kernel) TellsResults() bool { return k.opts.Features.Has(feature.FuncArgs) }

// contexts are pairs of structs: those that programs declare for their context, and
// those of the kernel that they are given in truth. The verifier rewrites their loads.
var contexts = [...][2]string{
	{"__sk_buff", "sk_buff"}, {"xdp_md", "xdp_buff"}, {"bpf_perf_event_data", "bpf_perf_event_data_kern"},
	{"bpf_sock", "sock"}, {"bpf_sock_addr", "bpf_sock_addr_kern"}, {"bpf_sock_ops", "bpf_sock_ops_kern"},
	{"sk_msg_md", "sk_msg"}, {"sk_reuseport_md", "sk_reuseport_kern"}, {"bpf_sk_lookup", "bpf_sk_lookup_kern"},
	{"bpf_sysctl", "bpf_sysctl_kern"}, {"bpf_sockopt", "bpf_sockopt_kern"},
}

// givenFor returns the struct that a program is given for a context of a type.
func givenFor(declared string) (string, bool) {
	for _, c := range contexts {
		if c[0] == declared {
			return c[1], true
		}
	}
	return "", false
}

// asCalled gives the parameters of a program's function the types of what is
// passed to them.
func (k *Kernel) asCalled(f *Prototype, spec *btf.Spec) {
	for i := range f.Params {
		p := &f.Params[i]
		// The numbers of the structs are of another BTF than the kernel's, so the
		// verifier does not follow them.
		p.Known = false
		t, err := spec.Type(spec.Underlying(p.ID))
		ptr, ok := t.(*btf.Ptr)
		if err != nil || !ok {
			continue
		}
		real, ok := givenFor(spec.Name(spec.Underlying(ptr.Elem)))
		if !ok {
			continue
		}
		if to, ok := k.Named("struct", real); ok {
			p.Type = types.PointerTo(to, types.SpaceNone)
		} else {
			p.Type = types.PointerTo(types.VoidType, types.SpaceNone)
		}
	}
	f.RetKnown = false
}

// Lines returns the parameters as C declarations, as Kernel.Params does.
func (f *Running) Lines(result bool) []string {
	var out []string
	for i, p := range f.Params {
		out = append(out, f.spec.Declare(p.ID, cmp.Or(p.Name, fmt.Sprintf("arg%d", i))))
	}
	if result && f.Ret != nil {
		out = append(out, f.spec.Declare(f.RetID, "retval"))
	}
	return out
}
