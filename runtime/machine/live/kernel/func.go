package kernel

import (
	"errors"
	"fmt"

	"probe/lang/types"
	"probe/runtime/machine/live/btf"
)

// ErrNoFunc is wrapped when the BTF has no function of a name.
var ErrNoFunc = errors.New("no such function in the kernel's BTF")

// AmbiguousError is returned for a function that several modules have.
type AmbiguousError struct {
	Name    string
	Modules []string
}

// Error names the modules.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("function %s is in more than one module: %v", e.Name, e.Modules)
}

// Prototype is the prototype of a kernel function or of a raw tracepoint.
type Prototype struct {
	Name   string
	Module string // "" for the kernel itself
	ID     uint32 // number to attach to, in the BTF of Module
	Params []Param
	Ret    *types.Type // nil for void
	// RetPlain and RetKnown are Plain and Known of the return value; see Param.
	RetPlain, RetKnown bool
	RetID              btf.ID
	// Slots is the number of 8-byte arguments, which is also the slot of the
	// return value in the context of an fexit program.
	Slots    int
	Variadic bool
}

// Param is one parameter.
type Param struct {
	Name string // "" when the BTF has none
	Type *types.Type
	ID   btf.ID // of the type
	Slot int    // first 8-byte argument it occupies
	// Plain is set if a tracing program may read the slot on every kernel:
	// before 6.18 the verifier rejects reads of pointers to anything but
	// structs, void, and (see IntPtr) integers (kernel/bpf/btf.c,
	// btf_ctx_access).
	Plain bool
	// IntPtr is set for a pointer to an integer, which programs may read since
	// 5.17 only.
	IntPtr bool
	// Known is set if the verifier knows the struct that the pointer points to.
	Known bool
}

// Func finds a function by name; module restricts it to one module, "vmlinux"
// to the kernel itself. Without module a function of the kernel itself comes
// first. Errors wrap ErrNoFunc or btf.ErrNoBTF, or are an *AmbiguousError.
func (k *Kernel) Func(module, name string) (*Prototype, error) {
	spec, err := k.UseModule(module)
	if err != nil {
		return nil, err
	}
	if id, ok := ownFunc(spec, name, module == "" || module == "vmlinux"); ok {
		if module == "vmlinux" {
			module = ""
		}
		return k.function(spec, id, module)
	}
	if module != "" {
		return nil, fmt.Errorf("%w: %s in %s", ErrNoFunc, name, module)
	}
	mods, err := btf.Modules()
	if err != nil || k.opts.BTF != "" {
		return nil, fmt.Errorf("%w: %s", ErrNoFunc, name)
	}
	var in []string
	for _, m := range mods {
		if spec, err := k.module(m); err == nil {
			if _, ok := ownFunc(spec, name, false); ok {
				in = append(in, m)
			}
		}
	}
	switch len(in) {
	case 0:
		return nil, fmt.Errorf("%w: %s", ErrNoFunc, name)
	case 1:
		return k.Func(in[0], name)
	}
	return nil, &AmbiguousError{name, in}
}

// ownFunc returns the function with a name in one BTF, without those of its
// base unless kernel is set.
func ownFunc(spec *btf.Spec, name string, kernel bool) (btf.ID, bool) {
	for _, id := range spec.ByName(btf.KindFunc, name) {
		if kernel || owner(spec, id) == spec {
			return id, true
		}
	}
	return 0, false
}

// function returns the prototype of the function with a BTF number.
func (k *Kernel) function(spec *btf.Spec, id btf.ID, module string) (*Prototype, error) {
	t, err := spec.Type(id)
	if err != nil {
		return nil, err
	}
	fn, ok := t.(*btf.Func)
	if !ok {
		return nil, fmt.Errorf("%w: type %d is a %s", ErrNoFunc, id, t.Kind())
	}
	f := &Prototype{Name: fn.Name, Module: module, ID: uint32(id)}
	return f, k.proto(f, spec, fn.Proto, 0)
}

// proto sets the parameters of f, without the first skip ones, and its result.
func (k *Kernel) proto(f *Prototype, spec *btf.Spec, id btf.ID, skip int) error {
	t, err := spec.Type(id)
	if err != nil {
		return err
	}
	p, ok := t.(*btf.FuncProto)
	if !ok {
		return fmt.Errorf("%w: %s has no prototype", ErrNoFunc, f.Name)
	}
	for i, b := range p.Params {
		// An unnamed parameter of type void at the end stands for "...".
		if i == len(p.Params)-1 && b.Type == 0 && b.Name == "" {
			f.Variadic = true
			break
		}
		if i < skip {
			continue
		}
		q := Param{Name: b.Name, Type: k.Type(spec, b.Type), ID: b.Type, Slot: f.Slots}
		q.Plain, q.Known = access(spec, b.Type)
		q.IntPtr = isIntPtr(spec, b.Type)
		f.Slots += max((q.Type.Size+7)/8, 1)
		f.Params = append(f.Params, q)
	}
	f.Variadic = f.Variadic || p.Variadic
	if p.Return != 0 {
		if t := k.Type(spec, p.Return); t.Kind != types.Void {
			f.Ret, f.RetID = t, p.Return
			f.RetPlain, f.RetKnown = access(spec, p.Return)
		}
	}
	return nil
}

// isIntPtr reports whether a type is a pointer to an integer.
func isIntPtr(spec *btf.Spec, id btf.ID) bool {
	t, err := spec.Type(spec.Underlying(id))
	p, ok := t.(*btf.Ptr)
	return err == nil && ok && spec.Kind(spec.Underlying(p.Elem)) == btf.KindInt
}

// access reports how a tracing program may use an argument of a type.
func access(spec *btf.Spec, id btf.ID) (plain, known bool) {
	t, err := spec.Type(spec.Underlying(id))
	if err != nil {
		return false, false
	}
	p, ok := t.(*btf.Ptr)
	if !ok {
		return true, false
	}
	switch spec.Kind(spec.Underlying(p.Elem)) {
	case btf.KindVoid, btf.KindInt:
		return true, false
	case btf.KindStruct, btf.KindUnion:
		for _, tag := range spec.Tags(p.Elem) {
			if tag == "user" || tag == "percpu" {
				return true, false
			}
		}
		return true, true
	}
	return false, false
}

// RawTracepoint returns the prototype of a raw tracepoint; ID is what a program
// attaches to. Errors wrap ErrNoFunc or btf.ErrNoBTF.
func (k *Kernel) RawTracepoint(module, name string) (*Prototype, error) {
	spec, err := k.UseModule(module)
	if err != nil {
		return nil, err
	}
	id, ok := spec.First("btf_trace_"+name, btf.KindTypedef)
	if !ok {
		return nil, fmt.Errorf("%w: raw tracepoint %s", ErrNoFunc, name)
	}
	if module == "vmlinux" {
		module = ""
	}
	f := &Prototype{Name: name, Module: module, ID: uint32(id)}
	// The typedef has the types; which function has the names depends on the
	// kernel's age (__probestub_ since 6.4, __traceiter_ since 5.10).
	for _, prefix := range []string{"__probestub_", "__traceiter_"} {
		if fn, ok := spec.First(prefix+name, btf.KindFunc); ok {
			t, err := spec.Type(fn)
			if err != nil {
				return nil, err
			}
			return f, k.proto(f, spec, t.(*btf.Func).Proto, 1)
		}
	}
	p, err := spec.Type(spec.Underlying(id))
	if err != nil {
		return nil, err
	}
	ptr, ok := p.(*btf.Ptr)
	if !ok {
		return nil, fmt.Errorf("%w: raw tracepoint %s has no prototype", ErrNoFunc, name)
	}
	return f, k.proto(f, spec, spec.Underlying(ptr.Elem), 1)
}

// Funcs calls yield with the functions of the kernel's BTF, or of a module's,
// until it returns false.
func (k *Kernel) Funcs(module string, yield func(name string) bool) error {
	spec, err := k.UseModule(module)
	if err != nil {
		return err
	}
	spec.Each(btf.KindFunc, func(name string, id btf.ID) bool {
		return owner(spec, id) != spec || yield(name)
	})
	return nil
}

// RawTracepoints calls yield with the raw tracepoints of the kernel's BTF.
func (k *Kernel) RawTracepoints(yield func(name string) bool) error {
	spec, err := k.load()
	if err != nil {
		return err
	}
	const prefix = "btf_trace_"
	spec.Each(btf.KindTypedef, func(name string, _ btf.ID) bool {
		return len(name) <= len(prefix) || name[:len(prefix)] != prefix || yield(name[len(prefix):])
	})
	return nil
}

// Params returns the parameters as C declarations, "struct file *file", and
// with result the result as "ssize_t retval".
func (k *Kernel) Params(f *Prototype, result bool) []string {
	spec, err := k.UseModule(f.Module)
	if err != nil {
		return nil
	}
	var out []string
	for i, p := range f.Params {
		name := p.Name
		if name == "" {
			name = fmt.Sprintf("arg%d", i)
		}
		out = append(out, spec.Declare(p.ID, name))
	}
	if result && f.Ret != nil {
		out = append(out, spec.Declare(f.RetID, "retval"))
	}
	return out
}

// Signature returns the prototype in C, for listings: "ssize_t vfs_read(struct
// file *file, char *buf, size_t count, loff_t *pos)".
func (k *Kernel) Signature(f *Prototype) string {
	spec, err := k.UseModule(f.Module)
	if err != nil {
		return f.Name
	}
	return spec.Declare(btf.ID(f.ID), f.Name)
}
