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

// block types a statement list in a new scope. With wantValue its last
// expression is its value.
func (b stmts) block(blk *syntax.Block, wantValue bool) *hir.Block {
	old := b.push()
	out := b.blockHere(blk, wantValue)
	b.scope = old
	return out
}

// blockHere is like block, in the current scope.
func (b stmts) blockHere(blk *syntax.Block, wantValue bool) *hir.Block {
	out := &hir.Block{}
	agg := b.allowAgg
	b.allowAgg = false
	if !b.enter(blk.At.At) {
		b.depth--
		return out
	}
	out.Stmts = make([]hir.Stmt, 0, len(blk.Stmts))
	ended := false
	for i, s := range blk.Stmts {
		if ended {
			b.unreachable(blk, i)
			b.unreached(func() {
				for _, s := range blk.Stmts[i:] {
					b.stmt(s, &hir.Block{})
				}
				if blk.Value != nil {
					b.exprs.expr(blk.Value)
				}
			})
			break
		}
		ended = b.stmt(s, out)
	}
	switch {
	case blk.Value == nil:
	case ended:
		if len(blk.Stmts) > 0 && ended {
			b.warnUnreachable(blk.Value.Span(), blk.At.At)
			b.unreached(func() { b.exprs.expr(blk.Value) })
		}
	case wantValue:
		b.allowAgg = agg
		x := b.exprs.expr(blk.Value)
		if x.Type().Kind == types.Void {
			out.Stmts = append(out.Stmts, &hir.Eval{S: hir.S{At: x.Span()}, X: x})
		} else {
			out.Value = x
		}
	default:
		b.exprStmt(blk.Value, out)
	}
	b.depth--
	if b.rec != nil {
		b.noteBlock(blk.At.At)
	}
	return out
}

// unreachable warns about the statements from the i-th on.
func (b stmts) unreachable(blk *syntax.Block, i int) {
	at := blk.Stmts[i].Span().To(blk.Stmts[len(blk.Stmts)-1].Span())
	if blk.Value != nil {
		at = at.To(blk.Value.Span())
	}
	first := blk.Stmts[i].Span()
	if _, ok := blk.Stmts[i].(*syntax.ExprStmt); ok {
		first = withSemicolon(first)
	} else {
		first = withoutSemicolon(first)
	}
	b.warnUnreachable(at, first)
}

// warnUnreachable warns about code; first is its first statement, the block if that
// is its value.
func (b stmts) warnUnreachable(at, first source.Span) {
	b.warnf("unreachable", at, "unreachable statement").
		WithCompat("Unreachable statement.").CompatAt(first).WithRow("E-JUMP-05").
		WithLabel("nothing after an exit(), return, break or continue of this block runs")
}

// stmt types one statement and appends the result to out. It reports whether no
// statement after it can run.
func (b stmts) stmt(s syntax.Stmt, out *hir.Block) (ends bool) {
	switch s := s.(type) {
	case *syntax.ExprStmt:
		return b.exprStmt(s.X, out)
	case *syntax.Assign:
		b.assign(s, out)
	case *syntax.Let:
		b.let(s, out)
	case *syntax.Discard:
		x := b.exprs.expr(s.X)
		if !infer.IsBad(x) {
			out.Stmts = append(out.Stmts, &hir.Eval{S: hir.S{At: s.At.At}, X: x})
		}
	case *syntax.For:
		b.forLoop(s, out)
	case *syntax.While:
		b.while(s, out)
	case *syntax.Unroll:
		b.unroll(s, out)
	case *syntax.Jump:
		return b.jump(s, out)
	case *syntax.ImportStmt:
		b.errorf("not-supported", s.At.At, "not supported: import inside a block").
			WithCompat("Import statements that are not at the top level are primarily for the standard library. If this is functionality you need, please file an issue to explain why.").
			WithLabel("imports must be at the head of the script").WithRow("L-IMP-08").
			WithHelp("write it before the first probe")
	case *syntax.BadStmt:
	}
	return false
}

// exprStmt types an expression whose value is not used.
func (b stmts) exprStmt(e syntax.Expr, out *hir.Block) (ends bool) {
	at := e.Span()
	switch e := e.(type) {
	case *syntax.If:
		b.typed(e, types.VoidType)
		return b.ifStmt(e, out)
	case *syntax.BlockExpr:
		b.typed(e, types.VoidType)
		blk := b.block(e.Block, false)
		out.Stmts = append(out.Stmts, &hir.BlockS{S: hir.S{At: at}, Block: blk})
		return leaves(blk)
	}
	x := b.exprs.expr(e)
	if infer.IsBad(x) {
		return false
	}
	discarded := x.Type().Kind != types.Void
	if discarded && (!hasEffect(x) || b.c.in.Exact && readsEntry(x)) {
		b.warnf("discarded-value", at, "the value of this expression is not used").
			WithCompat("Return value discarded.").CompatAt(withSemicolon(at)).
			WithLabel("return value discarded").WithRow("E-ASG-06").
			WithHelp("assign it, or write `_ = %s;` to drop it on purpose", short(at.Text()))
	}
	call, ok := x.(*hir.Call)
	out.Stmts = append(out.Stmts, &hir.Eval{S: hir.S{At: at}, X: x, Discarded: ok && discarded})
	return ok && call.Sig.Ends
}

// leaves reports whether nothing after a block can run, since its last statement
// leaves the probe, a loop or a turn of one.
func leaves(blk *hir.Block) bool {
	if len(blk.Stmts) == 0 {
		return false
	}
	switch s := blk.Stmts[len(blk.Stmts)-1].(type) {
	case *hir.Break, *hir.Continue, *hir.Return:
		return true
	case *hir.BlockS:
		return leaves(s.Block)
	case *hir.Eval:
		switch x := s.X.(type) {
		case *hir.Call:
			return x.Sig.Ends
		case *hir.Cond:
			then, ok := x.Then.(*hir.BlockX)
			other, also := x.Else.(*hir.BlockX)
			return ok && also && leaves(then.Block) && leaves(other.Block)
		}
	}
	return false
}

// hasEffect reports whether an expression has an effect, so that ignoring its
// value needs no warning.
func hasEffect(x hir.Expr) bool {
	switch x := x.(type) {
	case *hir.IncDec:
		return true
	case *hir.BlockX:
		return x.Block.Value == nil || hasEffect(x.Block.Value)
	case *hir.Cond:
		return x.Then != nil && hasEffect(x.Then) && x.Else != nil && hasEffect(x.Else)
	case *hir.Call:
		if x.Sig.Async || x.Sig.Ends || x.Sig.Unsafe {
			return true
		}
		for _, p := range x.Sig.Params {
			if p.Kind == types.MapElemParam || p.Kind == types.LValueParam {
				return true
			}
		}
	}
	return false
}

// readsEntry reports whether an expression is a call of a function over an entry of
// a map, such as delete.
func readsEntry(x hir.Expr) bool {
	call, ok := x.(*hir.Call)
	return ok && slices.ContainsFunc(call.Sig.Params, func(p types.Param) bool { return p.Kind == types.MapElemParam })
}

// short shortens source text for use in a message.
func short(s string) string {
	if len(s) > 40 {
		return s[:37] + "…"
	}
	return s
}

// let types let $x : T = e.
func (b stmts) let(s *syntax.Let, out *hir.Block) {
	var x hir.Expr
	if s.X != nil {
		x = b.exprs.value(s.X)
	}
	name := s.Var.Name
	if b.frame != nil && b.frame.param(syntax.ParamVar, name) != nil {
		b.errorf("shadowed-name", s.Var.At.At, "variable declaration shadows the macro argument `$%s`", name).
			WithCompat("Variable declaration shadows macro arg $%s", name).CompatAt(letHead(s)).
			WithLabel("this name is a parameter of the macro").WithRow("L-MAC-05")
		return
	}
	if old := b.scope.lookup(name); old != nil {
		b.errorf("shadowed-name", s.Var.At.At, "`$%s` is already declared: variable shadowing is not allowed", name).
			WithCompat("Variable $%s was already declared. Variable shadowing is not allowed.", name).CompatAt(letHead(s)).
			CompatMore(old.stmt, "This is the initial %s.", old.born()).
			WithLabel("declared again here").WithRow("T-VAR-03").At(old.hv.At, "first declared here").
			WithHelp("assign to it without `let`, or choose another name")
		return
	}
	v := b.declare(s.Var, name, s.Var.At.At)
	v.let, v.stmt = true, letHead(s)
	defer b.noteVar(s.Var, s.X != nil)
	if s.Type != nil {
		b.declaredType(v, s.Type)
	}
	if x == nil {
		b.depend(&v.Cell)
		if v.Raw != nil {
			out.Stmts = append(out.Stmts, &hir.SetVar{S: hir.S{At: s.At.At}, Var: v.hv})
		} else {
			out.Stmts = append(out.Stmts, &hir.SetVar{S: hir.S{At: s.At.At}, Var: v.hv})
		}
		return
	}
	b.setVar(v, x, s.At.At, out)
}

// declaredType applies the T of let $x : T.
func (b stmts) declaredType(v *varCell, te *syntax.TypeExpr) {
	t := b.typeExprs.typeExpr(te)
	v.assigned = t == nil || t.Kind == types.Invalid // one error is enough
	switch {
	case v.assigned:
		return
	case t.Kind == types.Void || t.IsAgg():
		b.errorf("bad-variable-type", te.At.At, "invalid variable declaration type: %s", t).
			WithCompat("Invalid variable declaration type: %s", t).
			WithLabel("a variable cannot hold this").WithRow("T-VAR-06")
		v.assigned = true
		return
	case t.Size == 0 && (t.Kind == types.String || t.Kind == types.Buffer):
		if v.Raw == nil {
			v.First = te.At.At
			v.Set(t)
		}
		return
	}
	if v.Raw == nil || v.Fixed {
		v.Fixed, v.First = true, te.At.At
		if v.Raw != nil && infer.SameType(v.Raw, t) {
			t = infer.SpacesOf(t, v.Raw) // of what is assigned to it
		}
		v.Set(t)
	}
}

// setVar stores x in a variable.
func (b stmts) setVar(v *varCell, x hir.Expr, at source.Span, out *hir.Block) {
	b.setVarTo(v, x, x.Span().Text(), at, out)
}

// setVarTo is setVar for a value that can be written as text.
func (b stmts) setVarTo(v *varCell, x hir.Expr, text string, at source.Span, out *hir.Block) {
	v.assigned, v.natural = true, false
	if infer.IsBad(x) {
		b.depend(&v.Cell)
		return
	}
	if !b.storable(x, "a scratch variable", at) {
		return
	}
	if !b.widen(&v.Cell, x) {
		b.mismatch("$"+v.name, "variable", &v.Cell, x).CompatAt(at)
		return
	}
	v.now = x.Type()
	if _, lit := infer.IntLit(x); v.Fixed && !lit && v.Typ.Kind == types.Int && infer.Loses(v.Typ, v.now) && !(v.Typ.Size == 8 && v.Typ.Signed) {
		b.convs.lossy(x, v.Typ, text) // convert warns about int64
	}
	out.Stmts = append(out.Stmts, &hir.SetVar{S: hir.S{At: at}, Var: v.hv, X: b.convs.convert(x, v.Typ)})
}

// storable reports an error for values that no variable and no map can hold.
func (b *body) storable(x hir.Expr, where string, at source.Span) bool {
	t := x.Type()
	if t.Kind == types.Void {
		b.errorf("no-value", x.Span(), "this expression has no value to store in %s", where).
			WithCompat("Value 'none' cannot be assigned to %s.", where).CompatAt(at).
			WithLabel("has no value").WithRow("T-PROM-10")
		return false
	}
	if t.IsAgg() {
		b.errorf("aggregation-misplaced", x.Span(), "an aggregation cannot be assigned to %s", where).
			WithCompat("Value '%s' cannot be assigned to %s.", t, where).CompatAt(at).
			WithLabel("%s must be assigned directly to a map", t).WithRow("T-VAR-06")
		return false
	}
	return true
}

// mismatch reports the error for a value that a variable or map cannot take.
func (b *body) mismatch(name, kind string, c *infer.Cell, x hir.Expr) *diag.Diagnostic {
	got, has := apart(x.Type(), c.Typ)
	d := b.errorf("type-mismatch", x.Span(), "type mismatch for %s: trying to assign value of type `%s` when %s already has type `%s`",
		name, got, kind, has).WithLabel("this is %s", quoted(got)).WithRow("T-PROM-10")
	if c.First.Valid() {
		word := "first assigned here"
		if c.Fixed {
			word = "declared here"
		}
		d.At(c.First, "%s, as %s", word, quoted(has))
	}
	if n, ok := x.(*hir.Int); ok && c.Fixed && c.Typ.IsInt() && n.T.IsInt() {
		d.WithRow("T-PROM-06").WithHelp("an explicit cast truncates the value: `(%s)%s`", c.Typ, short(x.Span().Text()))
	}
	return d.WithCompat("Type mismatch for %s: trying to assign value of type '%s' when %s already has a type '%s'", name, x.Type(), kind, c.Typ)
}

// assign types target = x and target op= x.
func (b stmts) assign(s *syntax.Assign, out *hir.Block) {
	switch t := unparen(s.Target).(type) {
	case *syntax.Var:
		b.assignVar(s, t, out)
	case *syntax.Map:
		b.mapUses.assignMap(s, t, out)
	}
	// The parser has reported any other target.
}

func (b stmts) assignVar(s *syntax.Assign, t *syntax.Var, out *hir.Block) {
	if s.Op != "=" {
		l := b.readVar(t)
		op := s.Op[:len(s.Op)-1]
		r := b.exprs.value(s.X)
		x := b.ops.binary(infer.Ops[op], l, r, s.At.At)
		if v := b.lookupVar(t.Name); v != nil {
			b.setVarTo(v, x, "$"+t.Name+" "+op+" "+r.Span().Text(), s.At.At, out)
			b.noteVar(t, true)
		}
		return
	}
	b.stored = s
	x := b.exprs.value(s.X)
	b.stored = nil
	v := b.lookupVar(t.Name)
	if v == nil {
		v = b.declare(t, t.Name, t.At.At)
		v.stmt = s.At.At
	}
	b.setVar(v, x, s.At.At, out)
	b.noteVar(t, true)
}

// jump types break, continue and return.
func (b stmts) jump(s *syntax.Jump, out *hir.Block) (ends bool) {
	if s.Word == "return" {
		if b.frame != nil {
			b.notInMacro(s)
			return true
		}
		var x hir.Expr
		if s.X != nil {
			x = b.exprs.value(s.X)
			if infer.IsBad(x) {
				return true
			}
			if t := x.Type(); !t.IsInt() && t.Kind != types.Bool {
				b.errorf("bad-return", s.X.Span(), "probe return values can only be integers").
					WithCompat("Probe return values can only be integers. Found %s", t).CompatAt(withSemicolon(s.At.At)).
					WithLabel("this is %s", article(t)).WithRow("E-JUMP-02")
				return true
			}
			x = infer.ToInt(x, types.Int64)
		}
		if b.inLoop > 0 {
			if b.loopReturn == nil {
				b.loopReturn = s
			} else if (b.loopReturn.X == nil) != (s.X == nil) {
				b.errorf("bad-return", s.At.At, "return value used in loop is inconsistent").
					WithCompat("Return value used in loop is inconsistent").CompatAt(withSemicolon(s.At.At)).
					WithLabel("differs from the other return").At(b.loopReturn.At.At, "first return of this loop").WithRow("E-JUMP-02")
			}
		}
		out.Stmts = append(out.Stmts, &hir.Return{S: hir.S{At: s.At.At}, X: x})
		return true
	}
	if b.inLoop == 0 {
		if b.frame != nil {
			b.notInMacro(s)
			return true
		}
		b.errorf("jump-outside-loop", s.At.At, "`%s` outside of a loop", s.Word).
			WithCompat("'%s' statement is not allowed in a probe", s.Word).CompatAt(withSemicolon(s.At.At)).
			WithLabel("there is no loop to act on").WithRow("E-JUMP-04")
		return true
	}
	if s.Word == "break" {
		out.Stmts = append(out.Stmts, &hir.Break{S: hir.S{At: s.At.At}})
	} else {
		out.Stmts = append(out.Stmts, &hir.Continue{S: hir.S{At: s.At.At}})
	}
	return true
}

func (b stmts) notInMacro(s *syntax.Jump) {
	b.errorf("jump-in-macro", s.At.At, "`%s` statement is not allowed in a macro", s.Word).
		WithCompat("'%s' statement is not allowed in a macro", s.Word).CompatAt(withSemicolon(s.At.At)).
		WithLabel("it would act on the caller").WithRow("L-MAC-09")
}

// unusedVars warns about variables that are declared but not used.
func (b *body) unusedVars() {
	for _, v := range b.live {
		switch {
		case v.let && !v.assigned:
			b.out.Warnf("unassigned-variable", v.hv.At, "`$%s` was never assigned to", v.name).
				WithCompat("Variable $%s was never assigned to.", v.name).CompatAt(v.stmt).
				WithLabel("declared here, always zero").WithRow("T-VAR-05")
		case v.readAt.Valid():
			b.out.Warnf("unassigned-variable", v.readAt, "`$%s` is read before anything was assigned to it", v.name).
				WithCompat("Variable used before it was assigned: $%s", v.name).
				WithLabel("variable used before it was assigned: reads as zero").WithRow("T-VAR-05")
		}
	}
}

func unparen(e syntax.Expr) syntax.Expr {
	for {
		p, ok := e.(*syntax.Paren)
		if !ok {
			return e
		}
		e = p.X
	}
}
