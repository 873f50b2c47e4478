package check

import (
	"slices"

	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// Limits on the size of one body. A script written by a person is far below
// them; they bound the time and memory for hostile input.
const (
	maxRounds = 50      // of type inference (T-PROM-01)
	maxDepth  = 2000    // nested expressions and blocks
	maxNodes  = 1 << 18 // expressions of one body after macro expansion
)

// body is one probe body at one site. Typing it builds its part of the result.
// It is typed again whenever a cell it depends on has widened, so the tree and
// messages of the last run are the valid ones.
type body struct {
	concerns
	c     *checker
	order int
	src   *syntax.Probe
	at    source.Span // attach point
	site  *hir.Site
	info  types.SiteInfo

	out   diag.List
	probe *hir.Probe
	vars  map[varKey]*varCell
	ids   map[frameKey]int
	deps  []dep

	// state of the current run
	stamp      int
	scope      *scope
	frame      *frame
	live       []*varCell
	temps      []*hir.Var
	loops      int          // for loops around, which may become callbacks
	inLoop     int          // loops of any kind around, within the current macro
	deciding   int          // conditions of if comptime around
	chosen     int          // branches that if comptime has picked around
	loopReturn *syntax.Jump // the first return of the outermost loop
	depth      int
	nodes      int
	allowAgg   bool // the next expression may be an aggregation
	// stored is the assignment to a variable whose value is being typed, nil for none.
	stored  *syntax.Assign
	observe int // inside sizeof and similar operators, whose operands are not evaluated
	gaveUp  bool
	frozen  int      // while typing for Info only: types must not change
	rec     *Info    // records what is found, unless nil
	stub    bool     // its probe has no site: typed for Info only
	cstack  []string // C macros that are being expanded
	argsRec *types.Type
	named   int // number of the site's arguments that have names
}

type frameKey struct {
	parent int
	call   any
}

// infer types all bodies until no cell changes. Cells only widen, so this ends.
func (c *checker) infer() {
	for round := 0; ; round++ {
		again := false
		for _, b := range c.bodies {
			if b.probe == nil || b.stale() {
				b.run()
				again = true
			}
		}
		if !again {
			if !c.settleUnassigned() {
				return
			}
			round = 0
			continue
		}
		if round >= maxRounds {
			c.out.Errorf("no-fixpoint", c.bodies[0].at, "types of maps and variables do not settle after %d rounds", maxRounds).
				WithRow("A-LIM-20").WithHelp("declare the types of the variables involved: `let $x : T;`")
			return
		}
	}
}

// settleUnassigned assigns a type to variables and maps that still have none
// when inference has settled, so that reading them gives zero: first variables
// that are never assigned, then maps only computed from themselves (@s = @s +
// 1), then variables only assigned from themselves. It reports whether it
// assigned any.
func (c *checker) settleUnassigned() bool {
	if c.settleVars(func(v *varCell) bool { return !v.assigned }) {
		return true
	}
	waiting := false
	for _, m := range c.mapList {
		if !m.used || m.value.Typ != nil {
			continue
		}
		waiting = true
		if m.computed && !slices.ContainsFunc(c.bodies, func(b *body) bool { return b.out.HasErrors() }) {
			m.value.Set(types.Int64)
			return true // the others may follow from this one
		}
	}
	if waiting {
		return false // an error elsewhere
	}
	return c.settleVars(func(v *varCell) bool { return true })
}

func (c *checker) settleVars(which func(v *varCell) bool) bool {
	found := false
	for _, b := range c.bodies {
		if b.out.HasErrors() {
			continue
		}
		for _, v := range b.live {
			if v.Raw == nil && which(v) {
				v.Set(types.Int64)
				found = true
				break // the others may follow from this one
			}
		}
	}
	return found
}

// run types the body once.
func (b *body) run() {
	c := b.c
	c.stamp++
	b.stamp = c.stamp
	b.out.All = b.out.All[:0]
	b.deps, b.live, b.temps = b.deps[:0], b.live[:0], nil
	b.scope, b.frame = &scope{}, nil
	b.loops, b.inLoop, b.depth, b.nodes, b.observe, b.gaveUp = 0, 0, 0, 0, 0, false
	b.frozen = 0
	if b.stub {
		b.frozen = 1
	}
	p := &hir.Probe{Site: b.site, At: b.at}
	b.probe = p
	if b.src.Pred != nil {
		p.Pred = b.exprs.condition(b.src.Pred, b.src.Pred.Span())
	}
	if b.src.Body != nil {
		p.Body = b.stmts.block(b.src.Body, false)
	} else {
		p.Body = &hir.Block{}
	}
	for _, v := range b.live {
		v.hv.Type = v.Typ
		if v.Typ == nil {
			v.hv.Type = types.InvalidType
		}
		p.Vars = append(p.Vars, v.hv)
	}
	p.Vars = append(p.Vars, b.temps...)
	b.unusedVars()
}

// enter counts one level of recursion. It returns false if the script is too
// deep or too large, and reports that once.
func (b *body) enter(at source.Span) bool {
	b.depth++
	b.nodes++
	return b.fits(at)
}

// fits returns false if the script is too deep or too large, and reports that
// once.
func (b *body) fits(at source.Span) bool {
	if b.depth > maxDepth || b.nodes > maxNodes {
		if !b.gaveUp {
			b.gaveUp = true
			d := b.errorf("too-complex", at, "this probe is too complex to compile").WithRow("A-LIM-23")
			if b.depth > maxDepth {
				d.WithLabel("nested more than %d levels deep", maxDepth)
			} else {
				d.WithLabel("more than %d expressions after macros and unroll are expanded", maxNodes)
			}
		}
		return false
	}
	return !b.gaveUp
}

// errorf reports an error at a place. Inside a macro the message also shows the
// callers.
func (b *body) errorf(code diag.Code, at source.Span, format string, args ...any) *diag.Diagnostic {
	return b.expanded(b.out.Errorf(code, at, format, args...))
}

// warnf reports a warning at a place.
func (b *body) warnf(code diag.Code, at source.Span, format string, args ...any) *diag.Diagnostic {
	return b.expanded(b.out.Warnf(code, at, format, args...))
}

func (b *body) expanded(d *diag.Diagnostic) *diag.Diagnostic {
	for f := b.frame; f != nil; f = f.parent {
		d.At(f.call, diag.Expanded)
	}
	return d
}

// unsupported reports a construct that parses but cannot be compiled yet.
func (b *body) unsupported(at source.Span, row, what string) hir.Expr {
	b.errorf("not-supported", at, "not supported yet: %s", what).
		WithLabel("not implemented yet").WithRow(row).
		WithNote("`probe help %s` shows this row of the language reference", row)
	return infer.Poison(at)
}
