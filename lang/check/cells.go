package check

import (
	"slices"

	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// varKey tells variables apart: the node that creates one, and the macro
// expansion it is created in.
type varKey struct {
	node  any
	frame int
}

// varCell is one scratch variable of one body.
type varCell struct {
	cell
	name     string
	hv       *hir.Var
	assigned bool        // by the statements typed so far
	readAt   source.Span // first read before an assignment
	let      bool        // created by let
	depth    int         // callback loops around the declaration
	natural  bool        // a loop variable that starts at zero or above
	run      int         // stamp of the run that declared it
}

// mapMode tells scalar and keyed maps apart.
type mapMode uint8

const (
	modeUnknown mapMode = iota
	modeScalar
	modeKeyed
)

// mapCell is one map of the script.
type mapCell struct {
	name    string
	key     cell
	value   cell
	mode    mapMode
	modeAt  source.Span
	at      source.Span // first use
	written bool
	hm      *hir.Map
	declAt  source.Span // let @m = …
	kindAt  source.Span
	used    bool
	live    *hir.Map // it runs already (REPL)
}

// label is how messages call the map.
func (m *mapCell) label() string { return "@" + m.name }

// mapCell finds or makes the map of a name.
func (c *checker) mapCell(name string, at source.Span) *mapCell {
	if m, ok := c.maps[name]; ok {
		return m
	}
	m := &mapCell{name: name, at: at, hm: &hir.Map{Name: name, At: at}}
	c.maps[name] = m
	c.mapList = append(c.mapList, m)
	return m
}

// addLive makes the maps that already run known, with their types fixed.
func (c *checker) addLive(maps []*hir.Map) {
	for _, lm := range maps {
		m := c.mapCell(lm.Name, lm.At)
		m.live, m.written = lm, true
		m.mode = modeScalar
		m.value.set(lm.Value)
		m.value.fixed, m.value.first = true, lm.At
		if lm.Key != nil {
			m.mode = modeKeyed
			m.key.set(lm.Key)
			m.key.fixed, m.key.first = true, lm.At
		}
		m.modeAt = lm.At
	}
}

// depend notes that the typing run that is going on has used the cell as it is
// now.
func (b *body) depend(c *cell) {
	if c.seen != b.stamp {
		c.seen = b.stamp
		b.deps = append(b.deps, dep{c, c.version})
	}
}

// dep is a cell with the version a body was typed with.
type dep struct {
	c       *cell
	version int
}

// stale tells that a cell has changed since the body was typed.
func (b *body) stale() bool {
	for _, d := range b.deps {
		if d.c.version != d.version {
			return true
		}
	}
	return false
}

// widen lets a value of type t into the cell. It reports false when the cell
// cannot take it; nothing has changed then.
func (b *body) widen(c *cell, x hir.Expr) bool {
	t := x.Type()
	if isBad(x) {
		b.depend(c)
		return true
	}
	ok := true
	switch {
	case c.raw == nil:
		c.first = x.Span()
		c.set(t)
		c.writer = [2]int{b.order, x.Span().Start}
	case c.fixed:
		ok = fitsFixed(c.raw, x)
	default:
		var p *types.Type
		if p, ok = promote(c.raw, t); ok {
			p = b.mergeSpace(c, p, t, x.Span())
			if b.chosen > 0 && c.locked.Valid() && !sameType(settle(p), c.typ) {
				b.lockedError(c, x)
				ok = true
			} else {
				c.set(p)
			}
		}
	}
	b.depend(c)
	return ok
}

// mergeSpace decides the address space of a cell that pointers from several
// places are stored in: the last writer's counts (T-AS-05).
func (b *body) mergeSpace(c *cell, p, t *types.Type, at source.Span) *types.Type {
	if p.Kind != types.Pointer && p.Kind != types.Int || t.Space == types.SpaceNone {
		return p
	}
	w := [2]int{b.order, at.Start}
	if slices.Compare(w[:], c.writer[:]) < 0 && c.raw.Space != types.SpaceNone {
		return inSpace(p, c.raw.Space)
	}
	c.writer = w
	return inSpace(p, t.Space)
}
