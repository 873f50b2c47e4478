package check

import (
	"maps"
	"slices"

	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// enumeratorNames lists the constants of the script's enums.
func (ct *ctypes) enumeratorNames() []string {
	if ct == nil {
		return nil
	}
	return slices.Collect(maps.Keys(ct.values))
}

// enumerator finds an enum constant of the script or the kernel (L-CMAC-05).
func (c *checker) enumerator(name string) (*types.Type, uint64, bool) {
	if e, ok := c.ctypesOf().values[name]; ok {
		return e.t, e.v, true
	}
	if c.in.Types == nil {
		return nil, 0, false
	}
	t, v, ok := c.in.Types.Enumerator(name)
	if !ok {
		return nil, 0, false
	}
	if t.Kind != types.Enum {
		return litType(v, false), v, true
	}
	if t.Size != 8 || t.Signed {
		t = clone(t)
		t.Size, t.Signed = 8, false
	}
	return t, v, true
}

// namedType finds a type by name: the language's, the script's, the kernel's.
func (c *checker) namedType(kind, name string) (*types.Type, bool) {
	ct := c.ctypesOf()
	switch kind {
	case "":
		if t, ok := languageTypes[name]; ok {
			return t, true
		}
		if td := ct.typedefs[name]; td != nil {
			if ct.depth > 100 {
				return nil, false
			}
			t := ct.ctype(td.Type, td.At.At)
			return t, t != nil
		}
	case "enum":
		if t, ok := ct.enums[name]; ok {
			return t, true
		}
	default:
		if t, ok := ct.records[kind+" "+name]; ok {
			return t, true
		}
	}
	if c.in.Types != nil {
		if t, ok := c.in.Types.Named(kind, name); ok {
			return t, true
		}
	}
	if kind == "" {
		t, ok := baseTypes[cleanTypeName(name)]
		return t, ok
	}
	return nil, false
}

// cmacroDef is an object-like #define.
type cmacroDef struct {
	def    *syntax.CDefine
	x      syntax.Expr
	tried  bool
	active bool // being expanded
}

// cmacro types the body of a C macro as a script expression (L-CMAC-01 to
// L-CMAC-04).
func (b macros) cmacro(m *cmacroDef, at source.Span) hir.Expr {
	if m.active {
		b.errorf("recursive-macro", at, "macro recursion: %s", b.macroChain(m.def.Name)).
			WithLabel("expands to itself").At(m.def.NameAt, "defined here").WithRow("L-CMAC-02")
		return poison(at)
	}
	if !m.tried {
		m.tried = true
		m.x, _ = syntax.ParseMacroBody(m.def.BodyAt)
	}
	if m.x == nil {
		b.errorf("bad-c-macro", at, "unable to expand macro as an expression: %s", short(m.def.Body)).
			WithLabel("`%s` is used here", m.def.Name).At(m.def.NameAt, "defined here").WithRow("L-CMAC-03")
		return poison(at)
	}
	m.active = true
	b.cstack = append(b.cstack, m.def.Name)
	fr, sc := b.frame, b.scope
	b.frame, b.scope = nil, &scope{}
	n := len(b.out.All)
	x := b.exprs.expr(m.x)
	for _, d := range b.out.All[n:] {
		d.At(at, "expanded from here")
	}
	b.frame, b.scope = fr, sc
	b.cstack = b.cstack[:len(b.cstack)-1]
	m.active = false
	return relocate(x, at)
}

func (b macros) macroChain(name string) string {
	s := ""
	for _, n := range b.cstack {
		s += n + "->"
	}
	return s + name
}

// relocate moves a constant to where it is used.
func relocate(x hir.Expr, at source.Span) hir.Expr {
	switch n := x.(type) {
	case *hir.Int:
		return &hir.Int{X: hir.X{T: n.T, At: at}, V: n.V}
	case *hir.Bytes:
		return &hir.Bytes{X: hir.X{T: n.T, At: at}, V: n.V}
	}
	return x
}
