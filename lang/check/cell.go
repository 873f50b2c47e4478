package check

import (
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// cell is a type that inference is looking for: that of a variable, of a map's
// keys, or of a map's values. It only ever widens, so inference ends.
type cell struct {
	raw     *types.Type // with the flexibility of literals; nil while unknown
	typ     *types.Type // raw without it; what readers see
	version int         // counts the changes
	first   source.Span // where the first contribution stands
	fixed   bool        // declared: contributions must fit
	locked  source.Span // decides which branch is compiled (T-PROM-12)
	writer  [2]int      // body and offset of the write that decided the address space

	seen int // stamp of the last typing run that depends on it
}

// set gives the cell a type.
func (c *cell) set(raw *types.Type) {
	if c.raw != nil && c.raw.Flex == raw.Flex && c.raw.Space == raw.Space && sameDeep(c.raw, raw) {
		return
	}
	c.raw, c.typ = raw, settle(raw)
	c.version++
}

// sameDeep is sameType that also looks at the flexibility of elements.
func sameDeep(a, b *types.Type) bool {
	if !sameType(a, b) {
		return false
	}
	if a.Kind != types.Record || a.Struct == b.Struct || a.Struct.Flavour < types.Tuple {
		return true
	}
	fa, fb := a.Struct.Fields(), b.Struct.Fields()
	for i := range fa {
		if fa[i].Type.Flex != fb[i].Type.Flex || !sameDeep(fa[i].Type, fb[i].Type) {
			return false
		}
	}
	return true
}

// fitsFixed tells whether a declared type takes the value (T-PROM-06,
// T-PROM-11).
func fitsFixed(want *types.Type, x hir.Expr) bool {
	if n, ok := x.(*hir.Int); ok && n.T.IsInt() && (want.Kind == types.Int || want.Kind == types.Enum && n.T.Kind == types.Enum) {
		if _, lit := intLit(x); lit {
			return fits(n.V, n.T.Signed && int64(n.V) < 0, want)
		}
	}
	return fitsType(want, x.Type())
}

// fitsType tells whether every t is also a want.
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
	p, ok := promote(want, t)
	return ok && sameType(p, want)
}

// inSpace gives a pointer or an integer that holds an address another space.
func inSpace(t *types.Type, sp types.Space) *types.Type {
	switch {
	case t.Space == sp:
		return t
	case t.Kind == types.Pointer:
		return t.WithSpace(sp)
	case t.Kind == types.Int && !t.Flex:
		return intIn(t.Size, t.Signed, sp)
	}
	return t
}
