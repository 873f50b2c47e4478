package kernel

import (
	"slices"
	"strings"

	"probe/lang/types"
	"probe/runtime/btf"
)

// Named implements hir.Types.
func (k *Kernel) Named(kind, name string) (*types.Type, bool) {
	if kind == "" {
		if t, ok := baseType(name); ok {
			return t, true
		}
	}
	kinds, ok := kindsOf[kind]
	if !ok {
		return nil, false
	}
	for _, spec := range k.specs() {
		if id, ok := spec.First(name, kinds...); ok {
			return k.Type(spec, id), true
		}
	}
	return nil, false
}

var kindsOf = map[string][]btf.Kind{
	"struct": {btf.KindStruct},
	"union":  {btf.KindUnion},
	"enum":   {btf.KindEnum, btf.KindEnum64},
	"":       {btf.KindTypedef},
}

// Enumerator implements hir.Types.
func (k *Kernel) Enumerator(name string) (*types.Type, uint64, bool) {
	for _, spec := range k.specs() {
		if id, v, ok := spec.Enumerator(name); ok {
			return k.Type(spec, id), uint64(v), true
		}
	}
	return nil, 0, false
}

// maxNames bounds Names: a kernel has some 10,000 structs.
const maxNames = 1 << 16

// Names implements hir.Types. The names are sorted.
func (k *Kernel) Names(kind string) []string {
	var out []string
	for _, spec := range k.specs() {
		for _, bk := range kindsOf[kind] {
			spec.Each(bk, func(name string, _ btf.ID) bool {
				out = append(out, name)
				return len(out) < maxNames
			})
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TypeID is the BTF number of a struct or union of the kernel itself.
func (k *Kernel) TypeID(kind, name string) (uint32, bool) {
	spec, err := k.load()
	if err != nil {
		return 0, false
	}
	id, ok := spec.First(name, kindsOf[kind]...)
	return uint32(id), ok
}

// baseType resolves the spellings of C's integer types (A-BT-14): words in any
// order, "int" and "signed" optional.
func baseType(name string) (*types.Type, bool) {
	var long, short, unsigned, signed, char, integer, boolean, void int
	words := strings.Fields(name)
	for _, w := range words {
		switch w {
		case "long":
			long++
		case "short":
			short++
		case "unsigned":
			unsigned++
		case "signed":
			signed++
		case "char":
			char++
		case "int":
			integer++
		case "bool", "_Bool":
			boolean++
		case "void":
			void++
		case "const", "volatile":
		default:
			return nil, false
		}
	}
	kinds := min(char, 1) + min(long, 1) + min(short, 1) + boolean + void
	switch {
	case len(words) == 0, kinds > 1, unsigned+signed > 1, long > 2, short > 1, char > 1, integer > 1,
		integer > 0 && char+boolean+void > 0, unsigned+signed > 0 && boolean+void > 0:
		return nil, false
	case void == 1:
		return types.VoidType, true
	case boolean == 1:
		return types.BoolType, true
	case char == 1:
		return types.IntType(1, unsigned == 0), true
	case short == 1:
		return types.IntType(2, unsigned == 0), true
	case long > 0:
		return types.IntType(8, unsigned == 0), true
	case integer+unsigned+signed > 0:
		return types.IntType(4, unsigned == 0), true
	}
	return nil, false // qualifiers alone
}
