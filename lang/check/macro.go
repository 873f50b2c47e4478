package check

import (
	"fmt"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
)

// macro is one macro definition.
type macro struct {
	name   string
	params []*syntax.Param
	body   *syntax.Block
	at     source.Span
	nameAt source.Span
	doc    string
}

// signature spells the parameter kinds: two macros of one name must differ
// here.
func (m *macro) signature() string {
	parts := make([]string, len(m.params))
	for i, p := range m.params {
		parts[i] = [...]string{"expr", "$", "@"}[p.Kind]
	}
	return strings.Join(parts, ",")
}

// String returns the head of the definition.
func (m *macro) String() string {
	parts := make([]string, len(m.params))
	for i, p := range m.params {
		parts[i] = [...]string{"", "$", "@"}[p.Kind] + p.Name
	}
	return m.name + "(" + strings.Join(parts, ", ") + ")"
}

// addMacro enters a definition (L-MAC-01, L-MAC-07).
func (c *checker) addMacro(s *syntax.Macro) {
	m := &macro{name: s.Name, params: s.Params, body: s.Body, at: s.At.At, nameAt: s.NameAt, doc: s.Doc}
	for _, old := range c.macros[m.name] {
		if old.signature() == m.signature() {
			c.out.Errorf("duplicate-macro", s.NameAt, "redefinition of macro `%s`", m.name).
				WithCompat("Redefinition of macro: %s", m.name).CompatAt(macroHead(s.At.At, s.NameAt)).CompatMore(macroHead(old.at, old.nameAt), "This is the original definition.").
				WithLabel("defined again with the same parameters").At(old.nameAt, "first defined here").WithRow("L-MAC-07")
			return
		}
	}
	c.macros[m.name] = append(c.macros[m.name], m)
}

// chooseMacro finds the definition whose parameters fit the arguments: the one
// with the most exact kinds (L-MAC-06).
func (b macros) chooseMacro(ms []*macro, e *syntax.Call) *macro {
	var best *macro
	bestScore := -1
	for _, m := range ms {
		if score := b.macroScore(m, e.Args); score > bestScore {
			best, bestScore = m, score
		}
	}
	if best != nil && bestScore < b.libraryScore(e) {
		return nil
	}
	return best
}

// macroScore returns the number of arguments whose kind is exact, -1 if they do
// not fit.
func (b macros) macroScore(m *macro, args []syntax.Expr) int {
	if len(args) != len(m.params) {
		return -1
	}
	score := 0
	for i, p := range m.params {
		switch p.Kind {
		case syntax.ParamVar:
			if _, ok := unparen(args[i]).(*syntax.Var); !ok {
				return -1
			}
			score++
		case syntax.ParamMap:
			if me, ok := unparen(args[i]).(*syntax.Map); !ok || me.Keys != nil {
				return -1
			}
			score++
		}
	}
	return score
}

// libraryScore returns the score of the library's own forms for a call.
func (b macros) libraryScore(e *syntax.Call) int {
	best := -1
	for _, form := range b.c.shapes(e.Name) {
		if len(form) != len(e.Args) {
			continue
		}
		score, ok := 0, true
		for i, a := range e.Args {
			switch form[i] {
			case '$':
				_, is := unparen(a).(*syntax.Var)
				ok = ok && is
				score++
			case '@':
				me, is := unparen(a).(*syntax.Map)
				ok = ok && is && me.Keys == nil
				score++
			}
		}
		if ok {
			best = max(best, score)
		}
	}
	return best
}

// shapes returns the argument lists for which the library's function takes
// precedence over a macro of plain words (types.Signature.Shapes).
func (c *checker) shapes(name string) []string {
	if sig := c.builtin(name); sig != nil {
		return sig.Shapes
	}
	return nil
}

// noMacroFits reports a call that no definition fits.
func (b macros) noMacroFits(ms []*macro, e *syntax.Call) hir.Expr {
	d := b.errorf("macro-arguments", e.At.At, "call to macro `%s` has arguments that do not match any definition", e.Name).
		WithCompat("Call to %s() has arguments that do not match any definition.", e.Name).
		WithLabel("%s given", count(len(e.Args), "argument")).WithRow("L-MAC-06")
	for _, m := range ms {
		d.At(m.nameAt, "%s", b.whyNot(m, e))
	}
	return infer.Poison(e.At.At)
}

// whyNot explains why one definition does not fit.
func (b macros) whyNot(m *macro, e *syntax.Call) string {
	if len(m.params) != len(e.Args) {
		return fmt.Sprintf("`%s` takes %s", m, count(len(m.params), "argument"))
	}
	for i, p := range m.params {
		switch a := unparen(e.Args[i]).(type) {
		case *syntax.Var:
			if p.Kind != syntax.ParamMap {
				continue
			}
		case *syntax.Map:
			if p.Kind == syntax.ParamWord || p.Kind == syntax.ParamMap && a.Keys == nil {
				continue
			}
		default:
			if p.Kind == syntax.ParamWord {
				continue
			}
		}
		want := "a variable"
		if p.Kind == syntax.ParamMap {
			want = "a whole map"
		}
		return fmt.Sprintf("argument %d of `%s` must be %s", i+1, m, want)
	}
	return fmt.Sprintf("`%s` is defined here", m)
}

// maxFrames is the maximum nesting of macro expansions.
const maxFrames = 200

// expand types a macro's body in place of its call. The tree is not copied: the
// body is typed in a new scope, and word parameters in the scope where the
// argument was written. That gives both hygiene (L-MAC-05) and textual meaning
// (L-MAC-04).
func (b macros) expand(m *macro, at source.Span, call any, args []syntax.Expr, agg bool) hir.Expr {
	depth := 0
	for f := b.frame; f != nil; f = f.parent {
		if f.m == m {
			return b.recursive(m, at)
		}
		depth++
	}
	if depth > maxFrames {
		b.errorf("too-complex", at, "macros are nested too deeply").WithLabel("more than %d levels", maxFrames)
		return infer.Poison(at)
	}
	fr := &frame{parent: b.frame, call: at, m: m, id: b.frameID(call), params: make([]binding, len(m.params))}
	for i, p := range m.params {
		bind := binding{name: p.Name, kind: p.Kind, node: p, expr: args[i], scope: b.scope, frame: b.frame}
		switch p.Kind {
		case syntax.ParamVar:
			ve := unparen(args[i]).(*syntax.Var)
			bind.v = b.lookupVar(ve.Name)
			if bind.v == nil {
				// The macro itself may create the variable.
				bind.v = b.declare(ve, ve.Name, ve.At.At)
			}
			b.noteVar(ve, false)
		case syntax.ParamMap:
			bind.m = b.mapUses.mapOf(unparen(args[i]).(*syntax.Map))
			if bind.m == nil {
				return infer.Poison(at)
			}
		}
		fr.params[i] = bind
	}
	oldFrame, oldScope, oldLoop := b.frame, b.scope, b.inLoop
	b.frame, b.scope, b.inLoop = fr, &scope{}, 0
	b.allowAgg = agg
	hb := b.stmts.blockHere(m.body, true)
	b.frame, b.scope, b.inLoop = oldFrame, oldScope, oldLoop
	x := blockValue(hb, at)
	return x
}

// frameID returns the number of an expansion, by its call, so that an expansion
// has the same number in every run.
func (b macros) frameID(call any) int {
	k := frameKey{parent: b.frame.number(), call: call}
	id, ok := b.ids[k]
	if !ok {
		if b.ids == nil {
			b.ids = map[frameKey]int{}
		}
		id = len(b.ids) + 1
		b.ids[k] = id
	}
	return id
}

// recursive reports a macro that calls itself (L-MAC-08).
func (b macros) recursive(m *macro, at source.Span) hir.Expr {
	chain := m.name
	for f := b.frame; f != nil; f = f.parent {
		chain = f.m.name + " > " + chain
		if f.m == m {
			break
		}
	}
	b.errorf("recursive-macro", at, "recursive macro call detected, call chain: %s", chain).
		WithCompat("Recursive macro call detected. Call chain: %s", chain).
		WithLabel("expands itself again").WithRow("L-MAC-08")
	return infer.Poison(at)
}
