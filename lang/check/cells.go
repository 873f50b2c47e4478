package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// varKey identifies a variable: the node that creates it, and the macro
// expansion it is created in.
type varKey struct {
	node  any
	frame int
}

// varCell is one scratch variable of one body.
type varCell struct {
	infer.Cell
	name     string
	node     any // the node that created it
	hv       *hir.Var
	assigned bool        // by the statements typed so far
	readAt   source.Span // first read before an assignment
	let      bool        // created by let
	stmt     source.Span // the assignment that created it, or "let $x"
	depth    int         // callback loops around the declaration
	inLoop   int         // loops of any kind around it
	frame    int         // the macro expansion it was declared in
	now      *types.Type // type last assigned to it, for its address spaces
	natural  bool        // a loop variable that starts at zero or above
	run      int         // stamp of the run that declared it
}

// mapMode distinguishes scalar and keyed maps.
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
	// computed is set if an assigned value is computed from something without a
	// type yet, and is not merely a copy of it.
	computed bool
	hm       *hir.Map
	declAt   source.Span // let @m = …
	kindAt   source.Span
	declared source.Span // its declaration, without the semicolon
	used     bool
	live     *hir.Map // the map of an object that runs already (REPL)
}

// label returns the name of the map in messages.
func (m *mapCell) label() string { return "@" + m.name }

// mapCell finds or creates the map of a name.
func (c *checker) mapCell(name string, at source.Span) *mapCell {
	if m, ok := c.maps[name]; ok {
		return m
	}
	m := &mapCell{name: name, at: at, hm: &hir.Map{Name: name, At: at}}
	c.maps[name] = m
	c.mapList = append(c.mapList, m)
	return m
}

// addLive adds the maps of objects that run already, with fixed types.
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

// depend records that the current run has used the present version of the cell.
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

// stale reports whether a cell that the body depends on has changed since the
// body was typed.
func (b *body) stale() bool {
	for _, d := range b.deps {
		if d.c.Version != d.version {
			return true
		}
	}
	return false
}

// widen widens the cell so that it can hold x. It returns false, without
// changing the cell, if there is no such type.
func (b *body) widen(c *infer.Cell, x hir.Expr) bool {
	t := x.Type()
	if infer.IsBad(x) {
		b.depend(c)
		return true
	}
	ok := true
	switch {
	case b.frozen > 0 && c.Raw != nil:
		_, ok = infer.Promote(c.Raw, t)
	case c.Raw == nil:
		c.First = x.Span()
		c.Set(t)
		c.Writer = b.write(x.Span())
	case c.Fixed:
		// A declared type does not determine the address space, so take that of
		// the value.
		if ok = infer.FitsFixed(c.Raw, x); ok {
			c.Set(c.MergeSpaces(c.Raw, t, b.write(x.Span())))
		}
	default:
		var p *types.Type
		if p, ok = infer.Promote(c.Raw, t); ok {
			p = c.MergeSpaces(p, t, b.write(x.Span()))
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

// write returns the place of the current write, whose value is at the span at.
func (b *body) write(at source.Span) infer.Write {
	w := infer.Write{b.order, at.Start, b.frame.number(), at.Start}
	for f := b.frame; f != nil; f = f.parent {
		w[1] = f.call.Start
	}
	return w
}
