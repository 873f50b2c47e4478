package check

import "probe/lang/types"

// apart returns two types that do not fit as Plain does, with the sizes if
// these are all that differs.
func apart(a, b *types.Type) (string, string) {
	if x, y := a.Plain(), b.Plain(); x != y {
		return x, y
	}
	return a.String(), b.String()
}

// quoted returns a text as code.
func quoted(s string) string { return "`" + s + "`" }

// article returns a type as code.
func article(t *types.Type) string { return quoted(t.Plain()) }
