package check

import (
	"slices"

	"probe/lang/check/infer"
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
	infer.Cell
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
	key     infer.Cell
	value   infer.Cell
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
		m.value.Set(lm.Value)
		m.value.Fixed, m.value.First = true, lm.At
		if lm.Key != nil {
			m.mode = modeKeyed
			m.key.Set(lm.Key)
			m.key.Fixed, m.key.First = true, lm.At
		}
		m.modeAt = lm.At
	}
}

// depend notes that the typing run that is going on has used the cell as it is
// now.
func (b *body) depend(c *infer.Cell) {
	if c.Seen != b.stamp {
		c.Seen = b.stamp
		b.deps = append(b.deps, dep{c, c.Version})
	}
}

// dep is a cell with the version a body was typed with.
type dep struct {
	c       *infer.Cell
	version int
}

// stale tells that a cell has changed since the body was typed.
func (b *body) stale() bool {
	for _, d := range b.deps {
		if d.c.Version != d.version {
			return true
		}
	}
	return false
}

// widen lets a value of type t into the cell. It reports false when the cell
// cannot take it; nothing has changed then.
func (b *body) widen(c *infer.Cell, x hir.Expr) bool {
	t := x.Type()
	if infer.IsBad(x) {
		b.depend(c)
		return true
	}
	ok := true
	switch {
	case c.Raw == nil:
		c.First = x.Span()
		c.Set(t)
		c.Writer = [2]int{b.order, x.Span().Start}
	case c.Fixed:
		ok = infer.FitsFixed(c.Raw, x)
	default:
		var p *types.Type
		if p, ok = infer.Promote(c.Raw, t); ok {
			p = b.mergeSpace(c, p, t, x.Span())
			if b.chosen > 0 && c.Locked.Valid() && !infer.SameType(infer.Settle(p), c.Typ) {
				b.lockedError(c, x)
				ok = true
			} else {
				c.Set(p)
			}
		}
	}
	b.depend(c)
	return ok
}

// mergeSpace decides the address space of a cell that pointers from several
// places are stored in: the last writer's counts (T-AS-05).
func (b *body) mergeSpace(c *infer.Cell, p, t *types.Type, at source.Span) *types.Type {
	if p.Kind != types.Pointer && p.Kind != types.Int || t.Space == types.SpaceNone {
		return p
	}
	w := [2]int{b.order, at.Start}
	if slices.Compare(w[:], c.Writer[:]) < 0 && c.Raw.Space != types.SpaceNone {
		return infer.InSpace(p, c.Raw.Space)
	}
	c.Writer = w
	return infer.InSpace(p, t.Space)
}
