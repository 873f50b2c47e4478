package recording

import (
	"errors"
	"fmt"
	"slices"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/runtime/graph"
	"probe/runtime/machine"
)

// enums holds one type for each notation, so that values of one type in the
// recording have one type in the script.
type enums map[*graph.Notation]*types.Type

// typeOf returns the type of a value that a recording shows in a class and
// notation; nil for none.
func (e enums) typeOf(class graph.Result, n *graph.Notation) *types.Type {
	t := types.Uint64
	switch class {
	case graph.Void:
		return nil
	case graph.Bool:
		return types.BoolType
	case graph.Pointer:
		return types.PointerTo(types.VoidType, types.Kernel)
	case graph.Int8, graph.Int16, graph.Int32, graph.Int64:
		t = types.IntType(1<<(class-graph.Int8), true)
	case graph.Uint8, graph.Uint16, graph.Uint32, graph.Uint64:
		t = types.IntType(1<<(class-graph.Uint8), false)
	}
	if n == nil || len(n.Enum) == 0 {
		return t
	}
	if e[n] == nil {
		e[n] = &types.Type{Kind: types.Enum, Size: t.Size, Signed: t.Signed, Enum: enumTable(n)}
	}
	return e[n]
}

func enumTable(n *graph.Notation) *types.EnumTable {
	tab := &types.EnumTable{}
	for _, v := range n.Enum {
		tab.Values = append(tab.Values, types.EnumValue{Name: v.Name, Value: uint64(v.Value)})
	}
	return tab
}

// notations calls yield with the notation of each enum in the recording.
func (r *Machine) notations(yield func(class graph.Result, n *graph.Notation) bool) {
	for i := range r.rec.Funcs.List {
		f := &r.rec.Funcs.List[i]
		if f.Notation != nil && !yield(f.Result, f.Notation) {
			return
		}
		for k := range f.Params {
			if p := &f.Params[k]; p.Notation != nil && !yield(p.Type, p.Notation) {
				return
			}
		}
	}
}

// find finds an enumerator.
func (r *Machine) find(name string) (class graph.Result, found *graph.Notation, value uint64) {
	r.notations(func(c graph.Result, n *graph.Notation) bool {
		i := slices.IndexFunc(n.Enum, func(e graph.Enumerator) bool { return e.Name == name })
		if i >= 0 {
			class, found, value = c, n, uint64(n.Enum[i].Value)
		}
		return i < 0
	})
	return class, found, value
}

// noTypes is the reason why there are no structs.
const noTypes = "a recording holds no types of the kernel besides those of arguments and results"

// Named implements hir.Types. It finds nothing: the checker itself knows the C
// types that need no kernel.
func (r *View) Named(string, string) (*types.Type, bool) { return nil, false }

// Enumerator implements hir.Types.
func (r *View) Enumerator(name string) (*types.Type, uint64, bool) {
	class, n, v := r.find(name)
	if n == nil {
		return nil, 0, false
	}
	return r.env.enums.typeOf(class, n), v, true
}

// Names implements hir.Types.
func (r *View) Names(string) []string { return nil }

// Available implements hir.Types.
func (r *View) Available() (bool, string) { return false, noTypes }

// env implements types.Env: it answers the questions of builtin functions. It
// notes questions that need a value which the recording does not have, for
// checkAsked.
type env struct {
	r     *Machine
	q     machine.Query
	enums enums
	asked map[string]string // builtin -> why it has no value
}

var (
	_ types.Env      = (*env)(nil)
	_ types.Filtered = (*env)(nil)
)

func (e *env) Filter() (pid int, comm string) { return e.q.PID, e.q.Comm }
func (e *env) ConfigInt(string) int64         { return 0 } // the checker replaces it
func (e *env) ConfigString(string) string     { return "" }
func (e *env) ChildPID() int                  { return 0 }

func (e *env) Option(name string) (string, bool) {
	v, ok := e.q.Options[name]
	return v, ok
}

// Symbol returns the address of a symbol, as far as the recording has it.
func (e *env) Symbol(name string) (uint64, bool) {
	for addr, s := range e.r.rec.Funcs.Symbols {
		if s == name {
			return addr, true
		}
	}
	for addr, s := range e.r.addrs {
		if s == name {
			return addr, true
		}
	}
	return 0, false
}

// KernelFunc reports whether a function is in the trees.
func (e *env) KernelFunc(name string) bool {
	if len(e.r.matching("", name, false)) > 0 {
		return true
	}
	e.asked["kfunc_exist"] = fmt.Sprintf("%s is not in its trees, and others may have existed", name)
	return false
}

// EnumOf returns the enum that has an enumerator of that name.
func (e *env) EnumOf(enumerator string) (*types.EnumTable, bool) {
	_, n, _ := e.r.find(enumerator)
	if n == nil {
		return nil, false
	}
	return enumTable(n), true
}

func (e *env) CgroupID(string) (uint64, error) {
	return 0, errors.New("a recording does not hold control groups")
}

func (e *env) NamedType(string, string) (*types.Type, bool) { return nil, false }

func (e *env) NCPU() int {
	e.asked["ncpus"] = "it does not hold the number of CPUs"
	return 1
}

// checkAsked reports the places where the script uses values that the recording
// does not have.
func (r *View) checkAsked(tree *syntax.File, out *diag.List) {
	for name, why := range r.env.asked {
		at := source.Span{}
		syntax.Inspect(tree, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Ident:
				if n.Name == name {
					at = n.At.At
				}
			case *syntax.Call:
				if n.Name == name {
					at = n.At.At
				}
			}
			return !at.Valid()
		})
		notRecorded(out, at, "`"+name+"`", why)
	}
}
