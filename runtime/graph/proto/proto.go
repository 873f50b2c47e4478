// Package proto reads from the kernel's type information what functions take
// and return, in the few classes that package graph shows, and what the names
// of their types add: enumerators, addresses, modes. It also names the kernel's
// objects that values point to.
package proto

import (
	"probe/runtime/graph"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/symbol"
)

// Kernel knows the functions and objects of a kernel. It is safe for concurrent
// use.
type Kernel struct {
	types *btf.Host
	names *symbol.Names
}

// New returns a Kernel for types and symbols of the same kernel.
func New(types *btf.Host, symbols *symbol.Kernel) *Kernel { return &Kernel{types, symbols.Names()} }

// Fill sets the result and the parameters of a function, as far as the kernel's
// types have them. A copy of a function that the compiler made (name.isra.0)
// may take other parameters: it gets only the result.
func (k *Kernel) Fill(f *graph.Func) {
	spec, err := k.types.Kernel()
	if f.Module != "" && err == nil {
		spec, err = k.types.Module(f.Module)
	}
	if err != nil {
		return // the function is shown without types
	}
	From(spec, f)
}

// From does the work of Fill with a given Spec.
func From(spec *btf.Spec, f *graph.Func) {
	base := graph.BaseName(f.Name)
	id, ok := spec.First(f.Name, btf.KindFunc)
	if !ok {
		if id, ok = spec.First(base, btf.KindFunc); !ok {
			return
		}
	}
	t, err := spec.Type(id)
	fn, ok := t.(*btf.Func)
	if err != nil || !ok {
		return
	}
	t, err = spec.Type(fn.Proto)
	p, ok := t.(*btf.FuncProto)
	if err != nil || !ok {
		return
	}
	f.Result, f.Notation = class(spec, p.Return), notation(spec, "", p.Return)
	if f.Name != base {
		return
	}
	for _, b := range p.Params {
		if b.Type == 0 {
			return // "...": what follows is not known
		}
		c := class(spec, b.Type)
		if c == graph.Unknown {
			return // a struct by value takes any number of registers, or none
		}
		f.Params = append(f.Params, graph.Param{Name: b.Name, Type: c, Notation: notation(spec, b.Name, b.Type)})
	}
}

// class returns how values of a type are shown.
func class(spec *btf.Spec, id btf.ID) graph.Result {
	if id == 0 {
		return graph.Void
	}
	t, err := spec.Type(spec.Underlying(id))
	if err != nil {
		return graph.Unknown
	}
	size, signed := uint32(0), false
	switch t := t.(type) {
	case *btf.Ptr:
		return graph.Pointer
	case *btf.Int:
		if t.Bool {
			return graph.Bool
		}
		size, signed = t.Size, t.Signed
	case *btf.Enum:
		size, signed = t.Size, t.Signed
	default:
		if spec.Kind(spec.Underlying(id)) == btf.KindVoid {
			return graph.Void
		}
		return graph.Unknown
	}
	for _, c := range classes {
		if c.size == size && c.signed == signed {
			return c.result
		}
	}
	return graph.Unknown
}

var classes = []struct {
	size   uint32
	signed bool
	result graph.Result
}{
	{1, true, graph.Int8}, {2, true, graph.Int16}, {4, true, graph.Int32}, {8, true, graph.Int64},
	{1, false, graph.Uint8}, {2, false, graph.Uint16}, {4, false, graph.Uint32}, {8, false, graph.Uint64},
}
