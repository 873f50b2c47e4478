package btf

import (
	"fmt"
	"strings"
)

// Define writes the definition of a struct, union or enum as C does, over
// several lines, with a tab for each level. Structs without a name are written
// where they are a member.
func (s *Spec) Define(id ID) string {
	var b strings.Builder
	d := definer{spec: s, out: &b, budget: maxFormat}
	d.define(id, "")
	return b.String() + ";"
}

// definer writes one definition. budget counts the members written.
type definer struct {
	spec   *Spec
	out    *strings.Builder
	budget int
}

// define writes the head and the members, up to the closing brace.
func (d *definer) define(id ID, indent string) {
	t, err := d.spec.Type(id)
	if err != nil {
		return
	}
	switch t := t.(type) {
	case *Struct:
		d.out.WriteString(strings.TrimSuffix(tagged(t.Kind().String(), t.Name), " {...}") + " {\n")
		for i := range t.Members {
			if d.budget--; d.budget < 0 {
				break
			}
			d.member(&t.Members[i], indent+"\t")
		}
	case *Enum:
		d.out.WriteString(strings.TrimSuffix(tagged("enum", t.Name), " {...}") + " {\n")
		for _, v := range t.Values {
			text := fmt.Sprint(v.Value)
			if !t.Signed {
				text = fmt.Sprint(uint64(v.Value))
			}
			fmt.Fprintf(d.out, "%s\t%s = %s,\n", indent, v.Name, text)
		}
	}
	d.out.WriteString(indent + "}")
}

// member writes one member with its semicolon.
func (d *definer) member(m *Member, indent string) {
	d.out.WriteString(indent)
	t, err := d.spec.Type(m.Type)
	if err != nil {
		return
	}
	if inner, ok := t.(*Struct); ok && inner.Name == "" && len(indent) < 16 {
		d.define(m.Type, indent)
		if m.Name != "" {
			d.out.WriteString(" " + m.Name)
		}
	} else {
		d.out.WriteString(d.spec.Declare(m.Type, m.Name))
	}
	if m.BitSize > 0 {
		fmt.Fprintf(d.out, ": %d", m.BitSize)
	}
	d.out.WriteString(";\n")
}
