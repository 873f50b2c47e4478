package syntax

import "fmt"

// canonicalC returns the canonical name of a C type of several words.
func canonicalC(words []string) (string, bool) {
	n := map[string]int{}
	for _, w := range words {
		n[w]++
	}
	sign := ""
	if n["unsigned"] > 0 {
		sign = "unsigned "
	}
	signs := n["unsigned"] + n["signed"] + n["__signed__"]
	rest := len(words) - signs
	for _, w := range []string{"void", "bool", "_Bool", "float", "double", "__int128"} {
		if n[w] == 0 {
			continue
		}
		if w == "double" && n["long"] == 1 && rest == 2 && signs == 0 {
			return "long double", true
		}
		if w == "_Bool" {
			w = "bool"
			n[w] = n["_Bool"]
		}
		return sign + w, n[w] == 1 && rest == 1 && (signs == 0 || w == "__int128" && signs == 1)
	}
	ints := n["int"]
	switch {
	case signs > 1 || ints > 1:
		return "", false
	case n["char"] == 1 && rest == 1:
		if n["signed"]+n["__signed__"] > 0 {
			return "signed char", true
		}
		return sign + "char", true
	case n["short"] == 1 && rest == 1+ints:
		return sign + "short", true
	case n["long"] == 1 && rest == 1+ints:
		return sign + "long", true
	case n["long"] == 2 && rest == 2+ints:
		return sign + "long long", true
	case rest == ints:
		return sign + "int", true
	}
	return "", false
}

// String returns the type in C notation, for messages.
func (t *CType) String() string {
	switch t.Kind {
	case CBase, CNamed:
		return t.Name
	case CStructRef:
		word := "struct"
		if t.Union {
			word = "union"
		}
		if t.Name == "" {
			return word + " { … }"
		}
		return word + " " + t.Name
	case CEnumRef:
		if t.Name == "" {
			return "enum { … }"
		}
		return "enum " + t.Name
	case CPointer:
		return t.Elem.String() + " *"
	case CArray:
		if t.Len < 0 {
			return t.Elem.String() + "[]"
		}
		return fmt.Sprintf("%s[%d]", t.Elem, t.Len)
	case CFunction:
		return t.Elem.String() + " ()"
	}
	panic(fmt.Sprintf("syntax: C type of kind %d", t.Kind))
}
