package program

import "probe/runtime/machine/live/dwarf"

// text returns a type in the words of the source, in the form that bpftrace
// lists: "const char* const*", "struct foo*".
func text(e dwarf.Entry, depth int) string {
	of := func() string {
		t, ok := e.Type()
		switch {
		case !ok:
			return "void"
		case depth > maxDepth:
			return unknown
		}
		return text(t, depth+1)
	}
	switch e.Tag {
	case dwarf.TagPointer:
		return of() + "*"
	case dwarf.TagReference:
		return of() + "&"
	case dwarf.TagRvalueRef:
		return of() + "&&"
	case dwarf.TagConst:
		return qualified("const", e, of())
	case dwarf.TagVolatile:
		return qualified("volatile", e, of())
	case dwarf.TagRestrict:
		return qualified("restrict", e, of())
	case dwarf.TagAtomic, dwarf.TagImmutable:
		return of()
	case dwarf.TagStruct:
		return word("struct", e)
	case dwarf.TagClass:
		return word("class", e)
	case dwarf.TagUnion:
		return word("union", e)
	case dwarf.TagEnum:
		return word("enum", e)
	case dwarf.TagArray:
		return of() + "[]"
	}
	if name := e.Name(); name != "" {
		return name
	}
	return unknown
}

// unknown is the text of functions and other types without a name.
const unknown = "<unknown type>"

func word(kind string, e dwarf.Entry) string {
	if name := e.Name(); name != "" {
		return kind + " " + name
	}
	return kind + " " + "<anonymous>"
}

// qualified puts a qualifier before a type, or behind a pointer.
func qualified(word string, e dwarf.Entry, of string) string {
	if t, ok := e.Type(); ok && t.Tag == dwarf.TagPointer {
		return of + " " + word
	}
	return word + " " + of
}
