package syntax

import (
	"fmt"
	"reflect"
	"strings"

	"probe/lang/source"
)

var (
	atType   = reflect.TypeFor[At]()
	spanType = reflect.TypeFor[source.Span]()
)

// Dump returns a tree as text with one node per line, for inspecting the
// parser's result and for tests. Each line has the node's type, its plain
// fields, and its place as line:column of start and end.
func Dump(n Node) string {
	var b strings.Builder
	if f, ok := n.(*File); ok {
		if f.Shebang != "" {
			fmt.Fprintf(&b, "Shebang %q\n", f.Shebang)
		}
		for _, item := range f.Items {
			dump(&b, "", reflect.ValueOf(item), 0)
		}
		for _, c := range f.Comments {
			dump(&b, "", reflect.ValueOf(c), 0)
		}
		return b.String()
	}
	dump(&b, "", reflect.ValueOf(n), 0)
	return b.String()
}

// dump writes one node with the name of the field that holds it.
func dump(b *strings.Builder, field string, v reflect.Value, depth int) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	b.WriteString(strings.Repeat("  ", depth))
	if field != "" {
		b.WriteString(field + ": ")
	}
	b.WriteString(v.Type().Name())
	var children []int
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		switch {
		case f.Type == atType:
		case f.Type == spanType:
		case f.Type.Kind() == reflect.Slice && f.Type.Elem() == spanType:
		case f.Type.Kind() == reflect.String:
			if value.Len() > 0 {
				fmt.Fprintf(b, " %s=%q", f.Name, value.String())
			}
		case f.Type.Kind() == reflect.Bool:
			if value.Bool() {
				b.WriteString(" " + f.Name)
			}
		case f.Type.Kind() == reflect.Uint8 && f.Name == "Sep":
			if value.Uint() != 0 {
				fmt.Fprintf(b, " Sep=%q", rune(value.Uint()))
			}
		case value.CanInt():
			fmt.Fprintf(b, " %s=%d", f.Name, value.Int())
		case value.CanUint():
			fmt.Fprintf(b, " %s=%d", f.Name, value.Uint())
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.String:
			if value.Len() > 0 {
				fmt.Fprintf(b, " %s=%q", f.Name, value.Interface())
			}
		default:
			children = append(children, i)
		}
	}
	if at := v.FieldByName("At"); at.IsValid() && at.Type() == atType {
		if s := at.Interface().(At).At; s.Valid() {
			l1, c1 := s.File.Position(s.Start)
			l2, c2 := s.File.Position(s.End)
			fmt.Fprintf(b, " %d:%d-%d:%d", l1, c1, l2, c2)
		}
	}
	b.WriteByte('\n')
	for _, i := range children {
		name, value := v.Type().Field(i).Name, v.Field(i)
		if value.Kind() != reflect.Slice {
			dump(b, name, value, depth+1)
			continue
		}
		for j := range value.Len() {
			dump(b, name, value.Index(j), depth+1)
		}
	}
}
