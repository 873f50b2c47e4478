package btf

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// maxFormat bounds the text of one type; real declarations stay far below.
const maxFormat = 4096

// Format writes a type as C does: "struct sock *", "char [16]",
// "int (*)(void *)". Anonymous structs are written "struct {...}".
func (s *Spec) Format(id ID) string { return s.Declare(id, "") }

// Declare writes the declaration of a name with a type: "char comm[16]".
func (s *Spec) Declare(id ID, name string) string {
	f := formatter{spec: s, budget: maxFormat}
	return f.declare(id, name, maxChain)
}

// formatter builds a C declaration from the inside out: inner is the declarator
// written around the name so far. budget counts types visited, so that
// prototypes that share or contain one another cannot make the text grow
// without bound.
type formatter struct {
	spec   *Spec
	budget int
}

func (f *formatter) declare(id ID, inner string, depth int) string {
	_, kind, raw, ok := f.spec.entry(id)
	f.budget--
	if ok {
		info := binary.LittleEndian.Uint32(raw[4:])
		// Structs and enums are written by name alone, so their members need
		// not be decoded.
		switch kind {
		case KindStruct, KindUnion:
			return join(tagged(kind.String(), f.spec.Name(id)), inner)
		case KindEnum, KindEnum64:
			return join(tagged("enum", f.spec.Name(id)), inner)
		case KindDataSec:
			return join("section "+f.spec.Name(id), inner)
		case KindFwd:
			if infoFlag(info) {
				kind = KindUnion
			} else {
				kind = KindStruct
			}
			return join(tagged(kind.String(), f.spec.Name(id)), inner)
		case KindFuncProto:
			f.budget -= int(infoLen(info))
		}
	}
	if depth == 0 || f.budget < 0 || len(inner) > maxFormat {
		return join("...", inner)
	}
	t, err := f.spec.Type(id)
	if err != nil {
		return join("<bad type>", inner)
	}
	switch t := t.(type) {
	case *Ptr:
		inner = "*" + inner
		switch f.spec.Kind(t.Elem) {
		case KindArray, KindFuncProto:
			inner = "(" + inner + ")"
		}
		return f.declare(t.Elem, inner, depth-1)
	case *Array:
		return f.declare(t.Elem, inner+"["+strconv.Itoa(int(t.Len))+"]", depth-1)
	case *FuncProto:
		return f.declare(t.Return, inner+f.params(t, depth-1), depth-1)
	case *Qualifier:
		word := t.Which.String()
		if f.spec.Kind(t.Type) == KindPtr {
			return f.declare(t.Type, strings.TrimSuffix(" "+word+" "+inner, " "), depth-1)
		}
		return word + " " + f.declare(t.Type, inner, depth-1)
	case *TypeTag:
		return f.declare(t.Type, inner, depth-1)
	case *Func:
		return f.declare(t.Proto, join("", t.Name), depth-1)
	case *Var:
		return f.declare(t.Type, t.Name, depth-1)
	case *DeclTag:
		return f.declare(t.Type, inner, depth-1)
	}
	return join(t.TypeName(), inner) // void, int, float, typedef
}

func (f *formatter) params(p *FuncProto, depth int) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, param := range p.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.Len() > maxFormat {
			b.WriteString("...")
			break
		}
		b.WriteString(f.declare(param.Type, param.Name, depth))
	}
	switch {
	case p.Variadic && len(p.Params) > 0:
		b.WriteString(", ...")
	case p.Variadic:
		b.WriteString("...")
	case len(p.Params) == 0:
		b.WriteString("void")
	}
	b.WriteByte(')')
	return b.String()
}

func tagged(word, name string) string {
	if name == "" {
		return word + " {...}"
	}
	return word + " " + name
}

// join puts a type name before a declarator, with the blank C style wants.
func join(typ, inner string) string {
	inner = strings.TrimPrefix(inner, " ")
	if inner == "" || typ == "" {
		return typ + inner
	}
	return typ + " " + inner
}
