package infer

import (
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Cell is a type being inferred: that of a variable, of a map's keys, or of a
// map's values. A cell only widens, and types have finitely many wider ones, so
// inference ends.
type Cell struct {
	Raw     *types.Type // with the flexibility of literals; nil while unknown
	Typ     *types.Type // Raw without it: the type that readers see
	Version int         // incremented on every change
	First   source.Span // place of the first contribution
	Fixed   bool        // declared: contributions must fit
	Locked  source.Span // place where the type decides which branch is compiled (T-PROM-12)
	Writer  Write       // the write that decided the address spaces

	Seen int // stamp of the last typing run that depends on it
}

// Set sets the type of the cell.
func (c *Cell) Set(raw *types.Type) {
	if c.Raw != nil && c.Raw.Flex == raw.Flex && c.Raw.Space == raw.Space && sameDeep(c.Raw, raw) {
		return
	}
	c.Raw, c.Typ = raw, Settle(raw)
	c.Version++
}

// sameDeep is like SameType, but also compares the flexibility and the address
// spaces of elements.
func sameDeep(a, b *types.Type) bool {
	if !SameType(a, b) {
		return false
	}
	if a.Kind != types.Record || a.Struct == b.Struct || !isMade(a) {
		return true
	}
	fa, fb := a.Struct.Fields(), b.Struct.Fields()
	for i := range fa {
		if fa[i].Type.Flex != fb[i].Type.Flex || fa[i].Type.Space != fb[i].Type.Space || !sameDeep(fa[i].Type, fb[i].Type) {
			return false
		}
	}
	return true
}

// FitsFixed reports whether a variable of a declared type can hold x
// (T-PROM-06, T-PROM-11).
func FitsFixed(want *types.Type, x hir.Expr) bool {
	if n, ok := x.(*hir.Int); ok && n.T.IsInt() && (want.Kind == types.Int || want.Kind == types.Enum && n.T.Kind == types.Enum) {
		if _, lit := IntLit(x); lit {
			return fits(n.V, n.T.Signed && int64(n.V) < 0, want)
		}
	}
	if want.Kind == types.Int && x.Type().IsInt() {
		return true // converted, with a warning: see Loses
	}
	return fitsType(want, x.Type())
}

// Loses reports whether some integers of type t change when they are converted
// to the integer type want.
func Loses(want, t *types.Type) bool {
	if !want.IsInt() || !t.IsInt() {
		return false
	}
	return t.Signed && !want.Signed || t.Size > want.Size || t.Size == want.Size && t.Signed != want.Signed
}

// fitsType reports whether every value of t is also one of want.
func fitsType(want, t *types.Type) bool {
	if want.Kind == types.Record && want.Struct.Flavour >= types.Tuple && t.Kind == types.Record {
		fw, ft := want.Struct.Fields(), t.Struct.Fields()
		if want.Struct.Flavour != t.Struct.Flavour || len(fw) != len(ft) {
			return false
		}
		for i := range fw {
			if fw[i].Name != ft[i].Name || !fitsType(fw[i].Type, ft[i].Type) {
				return false
			}
		}
		return true
	}
	if t.Flex && want.Kind == types.Int {
		return t.Size < want.Size || t.Size == want.Size && want.Signed
	}
	p, ok := Promote(want, t)
	return ok && SameType(p, want)
}
