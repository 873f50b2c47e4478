package check

import (
	"slices"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// mapOf resolves @name. Inside a macro it must be a parameter (L-MAC-05).
func (b mapUses) mapOf(e *syntax.Map) *mapCell {
	if b.frame != nil {
		if p := b.frame.param(syntax.ParamMap, e.Name); p != nil {
			p.m.used = true
			b.noteMap(e, p.m)
			return p.m
		}
		b.errorf("unhygienic-map", e.At.At, "unhygienic access to map `@%s` in macro `%s`", e.Name, b.frame.m.name).
			WithCompat("Unhygienic access to map: @%s. Maps must be passed into the macro as arguments.", e.Name).
			WithLabel("a macro sees only the maps it is given").WithRow("L-MAC-05").
			WithHelp("add a parameter: `macro %s(…, @%s)`", b.frame.m.name, e.Name)
		return nil
	}
	m := b.c.mapCell(e.Name, e.NameAt)
	if !m.used && !m.at.Valid() {
		m.at = e.NameAt
	}
	m.used = true
	b.noteMap(e, m)
	return m
}

// setMode checks that a map is used with keys everywhere or nowhere (T-MAP-02).
func (b mapUses) setMode(m *mapCell, mode mapMode, at source.Span) bool {
	if m.mode == modeUnknown {
		m.mode, m.modeAt = mode, at
	}
	if m.mode == mode {
		return true
	}
	var d *diag.Diagnostic
	if mode == modeScalar {
		d = b.errorf("map-key", at, "%s used as a map without an explicit key (scalar map), previously used with an explicit key (non-scalar map)", m.label()).
			SameCompat().
			WithLabel("no key here").WithHelp("give the key: `%s[…]`", m.label())
	} else {
		d = b.errorf("map-key", at, "%s used as a map with an explicit key (non-scalar map), previously used without an explicit key (scalar map)", m.label()).
			SameCompat().
			WithLabel("a key here")
	}
	d.WithRow("T-MAP-02")
	if m.modeAt.Valid() {
		d.At(m.modeAt, "used the other way here")
	}
	return false
}

// mapAccess types the key of @m or @m[key] and returns the map with the key,
// nil for scalar maps.
func (b mapUses) mapAccess(e *syntax.Map) (m *mapCell, key hir.Expr, ok bool) {
	m = b.mapOf(e)
	if e.Keys == nil {
		return m, nil, m != nil && b.setMode(m, modeScalar, e.At.At)
	}
	key = b.keyExpr(e)
	if m == nil || !b.setMode(m, modeKeyed, e.At.At) {
		return m, key, false
	}
	key, ok = b.mapKey(m, key, e.At.At)
	return m, key, ok
}

// keyExpr types the key between the brackets: one value, or a tuple.
func (b mapUses) keyExpr(e *syntax.Map) hir.Expr {
	if len(e.Keys) == 1 {
		return b.exprs.value(e.Keys[0])
	}
	elems := make([]hir.Expr, len(e.Keys))
	at := e.At.At
	for i, k := range e.Keys {
		elems[i] = b.exprs.value(k)
		if i == 0 {
			at = k.Span()
		}
		at = at.To(k.Span())
	}
	return b.exprs.makeTuple(elems, at)
}

// mapKey widens the map's key type by a key, and converts the key. at is the map
// with its key.
func (b mapUses) mapKey(m *mapCell, key hir.Expr, at source.Span) (hir.Expr, bool) {
	if infer.IsBad(key) {
		b.depend(&m.key)
		return key, key.Type() != types.InvalidType
	}
	t := key.Type()
	if bad := badKey(t); bad != nil {
		b.errorf("bad-key", key.Span(), "a value of type `%s` cannot be part of a map key", bad).
			WithCompat("%s cannot be part of a map key", bad).
			WithLabel("this is %s", article(t)).WithRow("T-MAP-06")
		return key, false
	}
	if hasContext(key) {
		b.errorf("bad-key", key.Span(), "context cannot be part of a map key").
			WithCompat("context cannot be part of a map key").
			WithLabel("`ctx` is only valid while the probe runs").WithRow("T-MAP-06")
		return key, false
	}
	if !b.widen(&m.key, key) {
		got, has := apart(t, m.key.Typ)
		d := b.errorf("key-mismatch", key.Span(), "argument mismatch for %s: trying to access with arguments: `%s` when map expects arguments: `%s`",
			m.label(), got, has).
			WithCompat("Argument mismatch for %s: trying to access with arguments: '%s' when map expects arguments: '%s'", m.label(), t, m.key.Typ).CompatAt(at).WithLabel("this is %s", quoted(got)).WithRow("T-PROM-10")
		if m.key.First.Valid() {
			d.At(m.key.First, "first used with %s here", quoted(has))
		}
		return key, false
	}
	return b.convs.convert(key, m.key.Typ), true
}

// hasContext reports whether a key holds the probe's context (B-CTX).
func hasContext(x hir.Expr) bool {
	switch n := x.(type) {
	case *hir.Call:
		return n.Sig.Fleeting
	case *hir.Tuple:
		return slices.ContainsFunc(n.Elems, hasContext)
	}
	return false
}

// badKey returns the part of a type that cannot be in a key, nil if there is
// none.
func badKey(t *types.Type) *types.Type {
	switch t.Kind {
	case types.Void:
		return t
	case types.Record:
		if t.Struct.Flavour == types.Tuple || t.Struct.Flavour == types.RecordLit {
			for _, f := range t.Struct.Fields() {
				if bad := badKey(f.Type); bad != nil {
					return bad
				}
			}
		}
	}
	if t.IsAgg() {
		return t
	}
	return nil
}

// readMap types @m or @m[key] as a value.
func (b mapUses) readMap(e *syntax.Map) hir.Expr {
	m, key, ok := b.mapAccess(e)
	if !ok {
		return infer.Poison(e.At.At)
	}
	return b.getMap(m, key, e.At.At)
}

// getMap reads a map; key is already converted.
func (b mapUses) getMap(m *mapCell, key hir.Expr, at source.Span) hir.Expr {
	m.hm.Read = true
	b.depend(&m.value)
	t := m.value.Typ
	if t == nil || key != nil && infer.IsBad(key) {
		return infer.Pending(at)
	}
	if t.IsAgg() {
		if !t.IsCastableAgg() {
			d := b.errorf("aggregation-read", at, "cannot read the value of individual keys of %s: it is a %s", m.label(), t).
				WithCompat("Map type %s cannot print the value of individual keys. You must print the whole map.", t)
			if b.stored != nil && b.stored.X.Span() == at {
				d.WithCompat("Value '%s' cannot be assigned to a scratch variable.", t).CompatAt(b.stored.At.At)
			}
			d.WithLabel("you must print the whole map").WithRow("T-AGG-04").
				At(m.value.First, "became a %s here", t).WithHelp("`print(%s)`", m.label())
			return infer.Poison(at)
		}
		return &hir.MapGet{X: hir.X{T: types.IntType(8, t.Signed), At: at}, Map: m.hm, Key: key, Agg: true}
	}
	return &hir.MapGet{X: hir.X{T: t, At: at}, Map: m.hm, Key: key}
}

// assignMap types @m = x, @m[key] = x and the op= forms.
func (b mapUses) assignMap(s *syntax.Assign, t *syntax.Map, out *hir.Block) {
	if b.observe > 0 {
		b.errorf("effect-in-type", s.At.At, "map assignment is not allowed inside of sizeof, typeof and their like").
			WithLabel("the expression is only typed, never run").WithRow("E-SIZE-01")
		return
	}
	m, key, ok := b.mapAccess(t)
	b.noteWrite(t, m)
	if s.Op != "=" {
		var x hir.Expr = infer.Poison(t.At.At)
		if ok {
			x = b.getMap(m, key, t.At.At)
		}
		if ok && m.value.Typ == nil {
			// With @m += x as the only assignment, the map starts from zero and
			// has the type of x.
			y := b.exprs.value(s.X)
			if t := y.Type(); infer.IsNum(t) {
				to := types.IntType(8, t.Signed || s.Op == "-=")
				if t.Flex && s.Op != "-=" {
					to = infer.LitPos[3]
				}
				m.written, m.hm.Written = true, true
				b.widen(&m.value, &hir.Int{X: hir.X{T: to, At: y.Span()}})
			}
			return
		}
		b.setMap(m, key, ok, b.ops.binary(infer.Ops[s.Op[:len(s.Op)-1]], x, b.exprs.value(s.X), s.At.At), s.At.At, out)
		return
	}
	b.allowAgg = true
	x := b.exprs.expr(s.X)
	b.allowAgg = false
	if _, copied := unparen(s.X).(*syntax.Map); m != nil && !copied && x.Type() == infer.Unknown {
		m.computed = true
	}
	if x.Type().Kind == types.Void {
		b.errorf("no-value", s.X.Span(), "this expression has no value to store in %s", m.labelOr(t)).
			WithCompat("Value 'none' cannot be assigned to a map.").CompatAt(s.At.At).
			WithLabel("has no value").WithRow("T-PROM-10")
		return
	}
	b.setMap(m, key, ok, x, s.At.At, out)
}

func (m *mapCell) labelOr(e *syntax.Map) string {
	if m == nil {
		return "@" + e.Name
	}
	return m.label()
}

// setMap stores a value in a map, or applies an aggregation to it.
func (b mapUses) setMap(m *mapCell, key hir.Expr, ok bool, x hir.Expr, at source.Span, out *hir.Block) {
	if blk, is := x.(*hir.BlockX); is && blk.Block.Value != nil {
		if _, agg := blk.Block.Value.(*aggCall); agg {
			inner := &hir.Block{Stmts: blk.Block.Stmts}
			b.setMap(m, key, ok, blk.Block.Value, at, inner)
			out.Stmts = append(out.Stmts, &hir.BlockS{S: hir.S{At: at}, Block: inner})
			return
		}
	}
	if m == nil {
		return
	}
	m.written = true
	m.hm.Written = true
	if !ok {
		return
	}
	if agg, is := x.(*aggCall); is {
		b.aggregate(m, key, agg, at, out)
		return
	}
	if infer.IsBad(x) {
		b.depend(&m.value)
		return
	}
	if g, is := x.(*hir.MapGet); is && g.Agg && b.aggTarget(m, g, at) {
		return
	}
	if !b.storable(x, m.label(), at) {
		return
	}
	if m.value.Typ != nil && m.value.Typ.IsAgg() || !b.widen(&m.value, x) {
		b.depend(&m.value)
		b.mismatch(m.label(), "map", &m.value, x).CompatAt(at)
		return
	}
	out.Stmts = append(out.Stmts, &hir.SetMap{S: hir.S{At: at}, Map: m.hm, Key: key, X: b.convs.convert(x, m.value.Typ)})
}

// aggTarget checks @a = @b for an aggregation, which is an error (T-MAP-09).
func (b mapUses) aggTarget(m *mapCell, g *hir.MapGet, at source.Span) bool {
	src := b.c.maps[g.Map.Name]
	b.depend(&m.value)
	b.errorf("aggregation-copy", at, "map value of type `%s` cannot be assigned from one map to another", src.value.Typ).
		WithCompat("Map value '%s' cannot be assigned from one map to another. The function that returns this type must be called directly e.g. `%s = %s;`.", src.value.Typ, m.label(), aggText(src.value.Typ)).
		CompatAt(at).CompatHint("Add a cast to integer if you want the value of the aggregate, e.g. `%s = (%s)%s;`.", m.label(), types.Int64, src.label()).
		WithLabel("%s is an aggregation", src.label()).WithRow("T-MAP-09").
		WithHelp("to aggregate here too, call the function: `%s = %s(…)`", m.label(), strings.TrimSuffix(strings.TrimPrefix(src.value.Typ.String(), "u"), "_t")).
		WithHelp("to store the current value, cast it: `%s = (%s)%s`", m.label(), types.IntType(8, src.value.Typ.Signed), short(g.At.Text()))
	return true
}

// aggCall is a typed call of an aggregation that has not been assigned to its
// map yet.
type aggCall struct {
	hir.X
	sig  *types.Signature
	args []hir.Expr // run-time arguments
}

// aggregate types @m[key] = count() and other aggregations.
func (b mapUses) aggregate(m *mapCell, key hir.Expr, a *aggCall, at source.Span, out *hir.Block) {
	if infer.IsBad(a) {
		b.depend(&m.value)
		return
	}
	t := a.T
	old := m.value.Typ
	if !b.widen(&m.value, a) {
		if old.Kind == t.Kind && old.IsMultiBucket() {
			b.differentParameters(m, a, at)
			return
		}
		b.mismatch(m.label(), "map", &m.value, a)
		return
	}
	args := make([]hir.Expr, len(a.args))
	for i, x := range a.args {
		if infer.IsNum(x.Type()) && x.Type().Size < 8 || x.Type().Flex {
			x = infer.ToInt(x, types.IntType(8, m.value.Typ.Signed))
		}
		args[i] = x
	}
	out.Stmts = append(out.Stmts, &hir.Aggregate{S: hir.S{At: at}, Map: m.hm, Key: key, Fn: a.sig, Call: a.Span(), Args: args})
}

// differentParameters reports an aggregation whose parameters differ from
// earlier ones (T-MAP-11).
func (b mapUses) differentParameters(m *mapCell, a *aggCall, at source.Span) {
	what := map[types.Kind]string{types.Hist: "bits", types.LHist: "lhist bounds", types.TSeries: "tseries bounds"}[a.T.Kind]
	text := "Different " + what + " in a single map unsupported"
	if a.T.Kind == types.Hist {
		text = "Different bits in a single hist unsupported"
	}
	b.errorf("different-parameters", a.At, "different %s in a single map %s", what, m.label()).
		WithCompat("%s", text).
		WithLabel("differs from the first call").At(m.value.First, "first call").WithRow("T-MAP-11").
		WithHelp("use the same parameters everywhere, or two maps")
}
