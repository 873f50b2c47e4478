package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// loopVar creates the variable of a for loop in a new scope.
func (b stmts) loopVar(e *syntax.Var) *varCell {
	if old := b.lookupVar(e.Name); old != nil {
		b.errorf("shadowed-name", e.At.At, "loop declaration shadows existing variable `$%s`", e.Name).
			WithCompat("Loop declaration shadows existing variable: $%s", e.Name).CompatMore(old.stmt, "This is the initial %s.", old.born()).
			WithLabel("this name is taken").WithRow("T-VAR-03").At(old.hv.At, "first declared here").
			WithHelp("choose another name")
	}
	v := b.declare(e, e.Name, e.At.At)
	v.assigned = true
	b.noteVar(e, true)
	return v
}

// loopBody types the body of a for loop, which may become a callback.
func (b stmts) loopBody(s *syntax.For, v func() *varCell) (*varCell, *hir.Block) {
	old := b.push()
	b.loops++
	b.enterLoop()
	cell := v()
	blk := b.block(s.Body, false)
	b.loops--
	b.inLoop--
	b.scope = old
	return cell, blk
}

func (b stmts) enterLoop() {
	if b.inLoop == 0 {
		b.loopReturn = nil
	}
	b.inLoop++
}

// forLoop types for $i : a..b and for $kv : @m.
func (b stmts) forLoop(s *syntax.For, out *hir.Block) {
	if s.Map != nil {
		b.forMap(s, out)
		return
	}
	if s.From == nil || s.To == nil {
		return
	}
	from, to := b.exprs.value(s.From), b.exprs.value(s.To)
	bad := infer.IsBad(from) || infer.IsBad(to)
	for i, x := range [...]hir.Expr{from, to} {
		side := "start"
		if i == 1 {
			side = "end"
		}
		if !infer.IsBad(x) && !x.Type().IsInt() {
			b.errorf("bad-range", x.Span(), "the ends of a range must be integers, not `%s`", b.shown(x)).
				WithCompat("Loop range requires an integer for the %s value", side).CompatAt(s.At.At).
				WithLabel("this is %s", article(b.shown(x))).WithRow("E-FOR-01")
			bad = true
		}
	}
	v, blk := b.loopBody(s, func() *varCell {
		v := b.loopVar(s.Var)
		if !bad {
			_, neg, lit := infer.ConstInt(from)
			v.natural = lit && !neg
			b.widen(&v.Cell, infer.IntOf(from))
			b.widen(&v.Cell, infer.IntOf(to))
		}
		b.depend(&v.Cell)
		return v
	})
	if bad || v.Typ == nil {
		return
	}
	out.Stmts = append(out.Stmts, &hir.ForRange{S: hir.S{At: s.At.At}, Var: v.hv,
		From: infer.ToInt(from, v.Typ), To: infer.ToInt(to, v.Typ), Body: blk})
}

// forMap types for $kv : @m (E-FOR-02).
func (b stmts) forMap(s *syntax.For, out *hir.Block) {
	me, ok := b.mapUses.mapExpr(s.Map)
	if !ok || me.Keys != nil {
		return // reported by the parser
	}
	var m *mapCell
	b.throughWord(s.Map, func() hir.Expr { m = b.mapUses.mapOf(me); return nil })
	var elem *types.Type
	if m != nil {
		elem = b.mapUses.pairType(m, me.At.At)
	}
	v, blk := b.loopBody(s, func() *varCell {
		v := b.loopVar(s.Var)
		if elem != nil {
			v.Set(elem) // always the current type of the map's entries
		}
		b.depend(&v.Cell)
		return v
	})
	if elem == nil || v.Typ == nil {
		return
	}
	m.hm.Read = true
	out.Stmts = append(out.Stmts, &hir.ForMap{S: hir.S{At: s.At.At}, Var: v.hv, Map: m.hm, Body: blk})
}

// pairType returns the type of (key, value) in a loop over the map, nil if it
// is not known or the map cannot be iterated.
func (b mapUses) pairType(m *mapCell, at source.Span) *types.Type {
	b.depend(&m.key)
	b.depend(&m.value)
	m.hm.Read = true
	if m.mode == modeScalar {
		b.errorf("bad-loop", at, "%s has no explicit keys: a scalar map cannot be iterated", m.label()).
			WithCompat("%s has no explicit keys (scalar map), and cannot be used for iteration", m.label()).
			WithLabel("a scalar map").At(m.modeAt, "used without a key here").WithRow("E-FOR-02")
		return nil
	}
	val := m.value.Typ
	if m.key.Typ == nil || val == nil {
		return nil
	}
	if val.IsAgg() {
		if !val.IsCastableAgg() {
			b.errorf("bad-loop", at, "loop expression does not support type `%s`", val).
				WithCompat("Loop expression does not support type: %s", val).
				WithLabel("%s is a %s", m.label(), val).WithRow("E-FOR-02").WithHelp("`print(%s)` shows the whole map", m.label())
			return nil
		}
		val = types.IntType(8, val.Signed)
	}
	return types.TupleType(m.key.Typ, val)
}

// while types while (c) { }.
func (b stmts) while(s *syntax.While, out *hir.Block) {
	c := b.exprs.condition(s.Cond, s.At.At)
	b.enterLoop()
	blk := b.block(s.Body, false)
	b.inLoop--
	if !infer.IsBad(c) {
		out.Stmts = append(out.Stmts, &hir.While{S: hir.S{At: s.At.At}, C: c, Body: blk})
	}
}

// unroll types unroll (N) { }.
func (b stmts) unroll(s *syntax.Unroll, out *hir.Block) {
	n := b.exprs.value(s.N)
	before := b.nodes
	blk := b.block(s.Body, false)
	if infer.IsBad(n) {
		return
	}
	v, neg, ok := infer.ConstInt(n)
	at := unparen(s.N).Span()
	switch {
	case !ok:
		b.errorf("bad-unroll", at, "invalid unroll value: expected an integer literal").
			WithCompat("invalid unroll value").CompatAt(s.At.At).
			WithLabel("must be known when the script is compiled").WithRow("E-UNROLL-01")
	case neg || v < 1:
		b.errorf("bad-unroll", at, "unroll minimum value is 1").
			SameCompat().CompatAt(s.At.At).WithLabel("too small").WithRow("E-UNROLL-01")
	case v > 100:
		b.errorf("bad-unroll", at, "unroll maximum value is 100").
			SameCompat().CompatAt(s.At.At).WithLabel("too large").WithRow("E-UNROLL-01").
			WithHelp("use a range: `for $i : 0..%d { … }`", v)
	default:
		// Every copy of the body counts towards the limit, and nested unrolls
		// multiply.
		if b.nodes += (b.nodes - before) * int(v-1); !b.fits(s.At.At) {
			return
		}
		out.Stmts = append(out.Stmts, &hir.Unroll{S: hir.S{At: s.At.At}, N: int(v), Body: blk})
	}
}
