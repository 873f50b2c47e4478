package syntax

import "reflect"

// Equal reports whether two scripts have the same tree. Places, comments, doc
// texts and the second reading of casts do not count; parentheses do, as the
// formatter prints them as they are written.
func Equal(a, b *File) bool {
	return a.Shebang == b.Shebang && equalValue(reflect.ValueOf(a.Items), reflect.ValueOf(b.Items))
}

// EqualExpr reports whether two expressions have the same tree.
func EqualExpr(a, b Expr) bool {
	return equalValue(reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem())
}

var castType = reflect.TypeFor[Cast]()

// equalValue compares two parts of a tree.
func equalValue(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Interface, reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		a, b = a.Elem(), b.Elem()
		return a.Type() == b.Type() && equalValue(a, b)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		if a.Type().Elem() == spanType {
			return true
		}
		for i := range a.Len() {
			if !equalValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		t := a.Type()
		if t == atType || t == spanType {
			return true
		}
		for i := range t.NumField() {
			switch name := t.Field(i).Name; {
			case name == "Doc", name == "Alt" && t == castType:
				continue
			}
			if !equalValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Int, reflect.Int64:
		return a.Int() == b.Int()
	case reflect.Uint8, reflect.Uint64:
		return a.Uint() == b.Uint()
	case reflect.String:
		return a.String() == b.String()
	case reflect.Bool:
		return a.Bool() == b.Bool()
	}
	panic("syntax: Equal of " + a.Type().String())
}
