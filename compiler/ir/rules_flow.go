package ir

import "slices"

// bits is a set of small numbers.
type bits64 []uint64

func newBits(n int) bits64      { return make(bits64, (n+63)/64) }
func (s bits64) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }
func (s bits64) set(i int)      { s[i/64] |= 1 << (i % 64) }
func (s bits64) clear(i int)    { s[i/64] &^= 1 << (i % 64) }

// The possible states of a ring record, as a set.
const (
	ringNone  uint8 = 1 << iota // not reserved, refused or released
	ringMaybe                   // reserved, not yet compared with null
	ringHeld
)

// flow is the state at one point of the function.
type flow struct {
	known bits64  // by root: it was compared and is not null
	ring  []uint8 // by root: possible states as a ring record
	init  bits64  // by byte of the stack slots: it was written
}

func (s *flow) clone() *flow {
	return &flow{known: slices.Clone(s.known), ring: slices.Clone(s.ring), init: slices.Clone(s.init)}
}

func (s *flow) nonNull(root int32) bool { return root >= 0 && s.known.has(int(root)) }

// define resets the state of a root at its definition, since a loop can define
// it again.
func (s *flow) define(root int32) {
	s.known.clear(int(root))
	if s.ring[root] != 0 {
		s.ring[root] = ringMaybe
	}
}

// meet keeps what holds in both s and o, and reports whether s changed.
func (s *flow) meet(o *flow) bool {
	changed := false
	for i := range s.known {
		n := s.known[i] & o.known[i]
		changed = changed || n != s.known[i]
		s.known[i] = n
	}
	for i := range s.init {
		n := s.init[i] & o.init[i]
		changed = changed || n != s.init[i]
		s.init[i] = n
	}
	for i := range s.ring {
		n := s.ring[i] | o.ring[i]
		changed = changed || n != s.ring[i]
		s.ring[i] = n
	}
	return changed
}

// solve propagates the state through the function until it is stable, then once
// more to report errors. Earlier rounds would report errors for states that are
// not final.
func (r *rules) solve() {
	total := 0
	for _, s := range r.f.Slots {
		r.slotBit = append(r.slotBit, int32(total))
		total += s.Size
	}
	start := &flow{known: newBits(len(r.roots)), ring: make([]uint8, len(r.roots)), init: newBits(total)}
	for n, v := range r.roots {
		if r.ptrs[v].kind == ringPtr {
			start.ring[n] = ringNone
		}
	}
	r.in = make([]*flow, len(r.f.Blocks))
	r.in[0] = start
	for changed := true; changed; {
		changed = false
		for _, b := range r.cfg.Order {
			changed = r.block(b) || changed
		}
	}
	r.final = true
	for _, b := range r.cfg.Order {
		r.block(b)
	}
}

// block runs one block and passes its state on; it reports whether that changed
// anything.
func (r *rules) block(b Block) bool {
	if r.in[b] == nil {
		return false
	}
	s := r.in[b].clone()
	d := &r.f.Blocks[b]
	for _, v := range d.Params {
		if n := r.rootNum[v]; n >= 0 {
			s.define(n)
		}
	}
	for _, v := range d.Ins {
		r.step(v, s)
	}
	switch d.Term.Kind {
	case Ret:
		r.ret(b, s)
	case Branch:
		r.compare(b)
	}
	changed := false
	for k := range d.Term.NumSuccs() {
		e := d.Term.Succ(k)
		o := r.edge(&d.Term, k, s.clone())
		if r.final {
			r.passed(b, e, o)
		}
		if r.in[e.To] == nil {
			r.in[e.To] = o
			changed = true
		} else if r.in[e.To].meet(o) {
			changed = true
		}
	}
	return changed
}

// edge applies the null check of the branch, if it is one, to the state on edge
// k.
func (r *rules) edge(t *Term, k int, s *flow) *flow {
	if t.Kind != Branch || t.Cmp != EQ && t.Cmp != NE || t.Then.To == t.Else.To {
		return s
	}
	p := &r.ptrs[t.X]
	c, ok := r.f.Const(t.Y)
	if !ok || c != 0 || p.root == 0 || p.off != 0 || p.span != 0 {
		return s
	}
	n := r.rootNum[p.root]
	if (t.Cmp == NE) == (k == 0) {
		s.known.set(int(n))
		if s.ring[n]&ringMaybe != 0 {
			s.ring[n] = s.ring[n]&^ringMaybe&^ringNone | ringHeld
		}
	} else if s.ring[n] != 0 {
		s.ring[n] = ringNone
	}
	return s
}

// passed checks the arguments of an edge: a parameter that counts as not null
// must not get a value that may be null.
func (r *rules) passed(b Block, e *Edge, s *flow) {
	for i, a := range e.Args {
		p := &r.ptrs[a]
		to := r.f.Blocks[e.To].Params[i]
		k := r.f.Ins(to).Kind
		if (k == PtrMapValue || k == PtrRing) && p.root != 0 && p.maybe && !s.nonNull(r.rootNum[p.root]) {
			r.failTerm(b, "argument %%%d for %%%d may be null here", a, to)
		}
		if p.kind == ringPtr && r.ptrs[to].root != p.root {
			r.failTerm(b, "the record %%%d loses its name: its release cannot be followed", a)
		}
	}
}
