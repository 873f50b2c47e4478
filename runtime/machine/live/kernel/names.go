package kernel

import (
	"slices"
	"strings"

	"probe/lang/types"
	"probe/runtime/machine/live/btf"
)

// Named implements hir.Types.
func (k *Kernel) Named(kind, name string) (*types.Type, bool) {
	if kind == "" {
		if t, ok := baseType(name); ok {
			return t, true
		}
		if t, ok := k.fixedType(name); ok {
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

// fixed holds typedefs that mean the same in every kernel for this
// architecture. Fields of tracepoints rarely have others, so that scripts that
// use only tracepoints need not read the BTF, which takes longer than the rest
// of their start.
var fixed = map[string]string{
	"u8": "unsigned char", "u16": "unsigned short", "u32": "unsigned int", "u64": "unsigned long long",
	"s8": "signed char", "s16": "short", "s32": "int", "s64": "long long",
	"__u8": "unsigned char", "__u16": "unsigned short", "__u32": "unsigned int", "__u64": "unsigned long long",
	"__s8": "signed char", "__s16": "short", "__s32": "int", "__s64": "long long",
	"pid_t": "int", "size_t": "unsigned long", "ssize_t": "long", "loff_t": "long long",
	"dev_t": "unsigned int", "ino_t": "unsigned long", "sector_t": "unsigned long long", "umode_t": "unsigned short",
}

// fixedType returns a type of that list. It returns none if the user gave a BTF
// file, which takes precedence.
func (k *Kernel) fixedType(name string) (*types.Type, bool) {
	text, ok := fixed[name]
	if !ok || k.opts.BTF != "" {
		return nil, false
	}
	base, ok := baseType(text)
	if !ok {
		return nil, false
	}
	t := *base
	t.Name = name
	return &t, true
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

// EnumOf returns the enum that has an enumerator of that name. Unlike
// Enumerator, which returns a number for the enumerators of an anonymous enum,
// it has the names of such an enum, too.
func (k *Kernel) EnumOf(enumerator string) (*types.EnumTable, bool) {
	for _, spec := range k.specs() {
		id, _, ok := spec.Enumerator(enumerator)
		if !ok {
			continue
		}
		t, err := spec.Type(id)
		if e, is := t.(*btf.Enum); err == nil && is {
			return enumTable(e), true
		}
	}
	return nil, false
}

// maxNames is the maximum number of names that Names returns. A kernel has some
// 10,000 structs.
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

// TypeID returns the BTF number of a struct or union of the kernel itself.
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
