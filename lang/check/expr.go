package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// expr types an expression. The result is never nil. Its type is Invalid if an
// error was reported or if the type is not known yet.
func (b exprs) expr(e syntax.Expr) hir.Expr {
	agg := b.allowAgg
	b.allowAgg = false
	if e == nil {
		return infer.Poison(b.at)
	}
	if !b.enter(e.Span()) {
		b.depth--
		return infer.Poison(e.Span())
	}
	x := b.exprKind(e, agg)
	b.depth--
	if b.rec != nil {
		b.learned(e, x)
	}
	return x
}

// exprKind types an expression by the kind of its node. agg is set where a call
// of an aggregation is allowed.
func (b exprs) exprKind(e syntax.Expr, agg bool) hir.Expr {
	switch e := e.(type) {
	case *syntax.IntLit:
		return infer.Lit(e.At.At, e.Value, false)
	case *syntax.StringLit:
		return b.stringLit(e)
	case *syntax.BoolLit:
		return infer.Bool(e.At.At, e.Value)
	case *syntax.Ident:
		return b.idents.ident(e, agg)
	case *syntax.Var:
		return b.readVar(e)
	case *syntax.Positional:
		return b.positional(e)
	case *syntax.Map:
		return b.mapUses.readMap(e)
	case *syntax.Call:
		return b.calls.call(e, agg)
	case *syntax.TypeArg:
		b.errorf("type-as-value", e.At.At, "a type cannot be used as a value").
			WithLabel("typeof() gives a type").WithRow("L-MAC-10")
		return infer.Poison(e.At.At)
	case *syntax.Unary:
		return b.ops.unaryExpr(e)
	case *syntax.Postfix:
		return b.ops.incDec(e.X, e.Op, true, e.At.At)
	case *syntax.Binary:
		return b.ops.binaryExpr(e)
	case *syntax.Ternary:
		return b.ternary(e)
	case *syntax.Field:
		return b.places.field(e)
	case *syntax.Index:
		return b.places.index(e)
	case *syntax.Cast:
		return b.convs.castExpr(e)
	case *syntax.Paren:
		b.allowAgg = agg
		return b.expr(e.X)
	case *syntax.Tuple:
		return b.tuple(e)
	case *syntax.Record:
		return b.record(e)
	case *syntax.BlockExpr:
		b.allowAgg = agg
		return b.blockExpr(e.Block, e.At.At)
	case *syntax.If:
		return b.ifExpr(e)
	case *syntax.Sizeof:
		return b.forms.sizeof(e)
	case *syntax.Offsetof:
		return b.forms.offsetof(e)
	case *syntax.Typeinfo:
		return b.forms.typeinfo(e)
	case *syntax.Comptime:
		return b.comptime(e)
	}
	return infer.Poison(e.Span()) // BadExpr: reported by the parser
}

// value types an expression that must have a value.
func (b exprs) value(e syntax.Expr) hir.Expr {
	x := b.expr(e)
	if x.Type().Kind == types.Void {
		b.errorf("no-value", e.Span(), "this expression has no value").
			WithLabel("has no value that could be used here").WithRow("E-PRIM-04")
		return infer.Poison(e.Span())
	}
	return x
}

// blockExpr types { …; value } in expression position.
func (b exprs) blockExpr(blk *syntax.Block, at source.Span) hir.Expr {
	agg := b.allowAgg
	old := b.push()
	b.allowAgg = agg
	hb := b.stmts.blockHere(blk, true)
	b.scope = old
	return blockValue(hb, at)
}

// blockValue wraps a typed block as an expression. A block without statements
// becomes its value.
func blockValue(hb *hir.Block, at source.Span) hir.Expr {
	if hb.Value == nil {
		return &hir.BlockX{X: hir.X{T: types.VoidType, At: at}, Block: hb}
	}
	if len(hb.Stmts) == 0 {
		return hb.Value
	}
	return &hir.BlockX{X: hir.X{T: hb.Value.Type(), At: at}, Block: hb}
}

// stringLit checks the length of a literal against max_strlen (L-STR-04).
func (b exprs) stringLit(e *syntax.StringLit) hir.Expr {
	if limit := b.c.cfg.maxStrlen; int64(len(e.Value))+1 > limit {
		b.errorf("string-too-long", e.At.At, "string is too long: %d bytes, the limit is %d", len(e.Value), limit-1).
			WithCompat("String is too long (over %d bytes): %s", limit, e.Value).
			WithLabel("this literal").WithRow("L-STR-04").
			WithHelp("raise the limit: `config = { max_strlen = %d }`", len(e.Value)+1)
		return infer.Poison(e.At.At)
	}
	return infer.Str(e.At.At, e.Value)
}

// tuple types (a, b).
func (b exprs) tuple(e *syntax.Tuple) hir.Expr {
	elems := make([]hir.Expr, len(e.Elems))
	for i, el := range e.Elems {
		elems[i] = b.value(el)
	}
	return b.makeTuple(elems, e.At.At)
}

// makeTuple builds a tuple from typed elements.
func (b exprs) makeTuple(elems []hir.Expr, at source.Span) hir.Expr {
	ts := make([]*types.Type, len(elems))
	for i, x := range elems {
		if infer.IsBad(x) {
			return &hir.Int{X: hir.X{T: x.Type(), At: at}}
		}
		ts[i] = x.Type()
	}
	return &hir.Tuple{X: hir.X{T: types.TupleType(ts...), At: at}, Elems: elems}
}

// record types (name = x, …).
func (b exprs) record(e *syntax.Record) hir.Expr {
	elems := make([]hir.Expr, len(e.Values))
	ts := make([]*types.Type, len(e.Values))
	var failed hir.Expr
	for i, v := range e.Values {
		elems[i] = b.value(v)
		ts[i] = elems[i].Type()
		if infer.IsBad(elems[i]) && failed == nil {
			failed = &hir.Int{X: hir.X{T: ts[i], At: e.At.At}}
		}
	}
	if failed != nil {
		return failed
	}
	return &hir.Tuple{X: hir.X{T: types.RecordLitType(e.Names, ts), At: e.At.At}, Elems: elems}
}

// condition types a condition of if, while, ?: or a predicate, and converts it
// to a bool (T-OP-15).
func (b exprs) condition(e syntax.Expr, whole source.Span) hir.Expr {
	e = unparen(e)
	x := b.value(e)
	if infer.IsBad(x) {
		return x
	}
	t := x.Type()
	if c := infer.ConstOf(x); c != nil && x.Type().Kind == types.String && b.c.in.Exact {
		return infer.Bool(e.Span(), true)
	}
	if !t.IsInt() && t.Kind != types.Bool && t.Kind != types.Pointer || isAggRead(x) {
		b.errorf("bad-condition", e.Span(), "invalid condition: expected an integer, pointer or bool, found %s", article(b.shown(x))).
			WithCompat("Invalid condition: %s", kindWord(b.shown(x))).CompatAt(whole).
			WithLabel("this is %s", article(b.shown(x))).WithRow("T-OP-15").
			WithHelp("compare it with something: `%s == …`", short(e.Span().Text()))
		return infer.Poison(e.Span())
	}
	return infer.ToBool(x)
}

// shown returns the type of x as the author of the script sees it: if x reads
// an aggregation, that of the aggregation.
func (b *body) shown(x hir.Expr) *types.Type {
	if g, ok := x.(*hir.MapGet); ok {
		if m := b.c.maps[g.Map.Name]; m != nil && m.value.Typ != nil {
			return m.value.Typ
		}
	}
	return x.Type()
}

// isAggRead reports whether x reads an aggregation directly. Such a value is
// not allowed everywhere an integer is (appendix E).
func isAggRead(x hir.Expr) bool {
	g, ok := x.(*hir.MapGet)
	return ok && g.Agg
}

// ternary types c ? a : b and c ?: b.
func (b exprs) ternary(e *syntax.Ternary) hir.Expr {
	if e.Then == nil {
		return b.elvis(e)
	}
	c := b.condition(e.Cond, e.At.At)
	x, y := b.expr(e.Then), b.expr(e.Else)
	return b.choose(c, x, y, e.At.At, e.Then.Span(), e.Else.Span())
}

// choose types the choice between two branches.
func (b exprs) choose(c, x, y hir.Expr, at, xAt, yAt source.Span) hir.Expr {
	for _, z := range [...]hir.Expr{c, x, y} {
		if infer.IsBad(z) {
			return b.ops.provisional(firstBad(at, c, x, y), x.Type(), y.Type())
		}
	}
	tx, ty := x.Type(), y.Type()
	if tx.Kind == types.Void && ty.Kind == types.Void {
		return &hir.Cond{X: hir.X{T: types.VoidType, At: at}, C: c, Then: x, Else: y}
	}
	t, ok := infer.Promote(tx, ty)
	if !ok || t.IsAgg() || t.Kind == types.Void {
		b.errorf("branch-mismatch", at, "branches must return the same type or compatible types: `%s` and `%s`", tx, ty).
			WithCompat("Branches must return the same type or compatible types: have '%s' and '%s'", tx, ty).
			At(xAt, "this is %s", article(tx)).At(yAt, "this is %s", article(ty)).WithRow("E-PRIM-05")
		return infer.Poison(at)
	}
	b.ops.distinctSpaces(tx, ty, at)
	t = infer.Settle(t)
	return &hir.Cond{X: hir.X{T: t, At: at}, C: c, Then: b.convs.convert(x, t), Else: b.convs.convert(y, t)}
}

// elvis types c ?: b.
func (b exprs) elvis(e *syntax.Ternary) hir.Expr {
	c, y := b.value(e.Cond), b.value(e.Else)
	if infer.IsBad(c) || infer.IsBad(y) {
		return b.ops.provisional(firstBad(e.At.At, c, y), c.Type(), y.Type())
	}
	tc := c.Type()
	if !tc.IsInt() && tc.Kind != types.Bool && tc.Kind != types.Pointer {
		b.errorf("bad-condition", e.Cond.Span(), "invalid condition: expected an integer, pointer or bool, found `%s`", tc).
			WithCompat("Invalid condition: %s", kindWord(tc)).CompatAt(e.At.At).
			WithLabel("this is %s", article(tc)).WithRow("T-OP-15")
		return infer.Poison(e.At.At)
	}
	t, ok := infer.Promote(tc, y.Type())
	if !ok {
		b.errorf("branch-mismatch", e.At.At, "branches must return the same type or compatible types: `%s` and `%s`", tc, y.Type()).
			WithCompat("Branches must return the same type or compatible types: have '%s' and '%s'", tc, y.Type()).
			At(e.Else.Span(), "this is %s", article(y.Type())).WithRow("E-PRIM-05")
		return infer.Poison(e.At.At)
	}
	b.ops.distinctSpaces(tc, y.Type(), e.At.At)
	t = infer.Settle(t)
	return &hir.Elvis{X: hir.X{T: t, At: e.At.At}, C: b.convs.convert(c, t), Else: b.convs.convert(y, t)}
}

// provisional gives an expression whose type is not known yet the first known
// type among ts. With it a map gets its type from the other operands in an
// expression, as in @first = @first ? @first : nsecs. The body is typed again
// once the real type is known.
func (b ops) provisional(x hir.Expr, ts ...*types.Type) hir.Expr {
	if x.Type() != infer.Unknown || b.deciding > 0 {
		return x
	}
	for _, t := range ts {
		if t.Kind != types.Invalid && t.Kind != types.Void && !t.IsAgg() {
			return infer.Cast(x, infer.Settle(t))
		}
	}
	return x
}

// firstBad returns the result for an expression with a bad operand: poison if
// an error was reported, otherwise pending.
func firstBad(at source.Span, xs ...hir.Expr) hir.Expr {
	for _, x := range xs {
		if x.Type() == types.InvalidType {
			return infer.Poison(at)
		}
	}
	return infer.Pending(at)
}

// ifExpr types if as an expression.
func (b exprs) ifExpr(e *syntax.If) hir.Expr {
	if e.Comptime {
		taken, known := b.comptimeBranch(e)
		switch {
		case !known:
			return infer.Pending(e.At.At)
		case taken == nil:
			return &hir.BlockX{X: hir.X{T: types.VoidType, At: e.At.At}, Block: &hir.Block{}}
		}
		b.chosen++
		defer func() { b.chosen-- }()
		return b.expr(taken)
	}
	c := b.condition(e.Cond, e.At.At)
	x := b.blockExpr(e.Then, e.Then.At.At)
	if e.Else == nil {
		if infer.IsBad(c) {
			return firstBad(e.At.At, c)
		}
		if x.Type().Kind != types.Void {
			hb := &hir.Block{Stmts: []hir.Stmt{&hir.Eval{S: hir.S{At: x.Span()}, X: x, Discarded: true}}}
			x = &hir.BlockX{X: hir.X{T: types.VoidType, At: x.Span()}, Block: hb}
		}
		return &hir.Cond{X: hir.X{T: types.VoidType, At: e.At.At}, C: c, Then: x}
	}
	y := b.expr(e.Else)
	return b.choose(c, x, y, e.At.At, e.Then.At.At, e.Else.Span())
}

// ifStmt types if as a statement: the values of its blocks are not used.
func (b stmts) ifStmt(e *syntax.If, out *hir.Block) (never bool) {
	if e.Comptime {
		if taken, known := b.exprs.comptimeBranch(e); known && taken != nil {
			b.chosen++
			never = b.exprStmt(taken, out)
			b.chosen--
		}
		return never
	}
	c := b.exprs.condition(e.Cond, e.At.At)
	then := b.block(e.Then, false)
	x := &hir.Cond{X: hir.X{T: types.VoidType, At: e.At.At}, C: c, Then: voidBlock(then, e.Then.At.At)}
	if e.Else != nil {
		eb := &hir.Block{}
		if be, ok := e.Else.(*syntax.BlockExpr); ok {
			b.typed(be, types.VoidType)
			eb = b.block(be.Block, false)
		} else {
			b.exprStmt(e.Else, eb)
		}
		x.Else = voidBlock(eb, e.Else.Span())
		never = leaves(then) && leaves(eb)
	}
	if !infer.IsBad(c) {
		out.Stmts = append(out.Stmts, &hir.Eval{S: hir.S{At: e.At.At}, X: x})
	}
	return never
}

func voidBlock(hb *hir.Block, at source.Span) hir.Expr {
	return &hir.BlockX{X: hir.X{T: types.VoidType, At: at}, Block: hb}
}
