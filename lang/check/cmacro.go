package check

import (
	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
)

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
			WithCompat("Macro recursion: %s", b.macroChain(m.def.Name)).
			WithLabel("expands to itself").At(m.def.NameAt, "defined here").WithRow("L-CMAC-02")
		return infer.Poison(at)
	}
	if !m.tried {
		m.tried = true
		m.x, _ = syntax.ParseMacroBody(m.def.BodyAt)
	}
	if m.x == nil {
		b.errorf("bad-c-macro", at, "unable to expand macro as an expression: %s", short(m.def.Body)).
			WithCompat("unable to expand macro as an expression: %s", m.def.Body).
			WithLabel("`%s` is used here", m.def.Name).At(m.def.NameAt, "defined here").WithRow("L-CMAC-03")
		return infer.Poison(at)
	}
	m.active = true
	b.cstack = append(b.cstack, m.def.Name)
	fr, sc := b.frame, b.scope
	b.frame, b.scope = nil, &scope{}
	n := len(b.out.All)
	x := b.exprs.expr(m.x)
	for _, d := range b.out.All[n:] {
		d.At(at, diag.Expanded)
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
