package store

import (
	"sync"

	"probe/lang/value"
	"probe/runtime/graph"
)

// Store keeps the graphs that a script has requested. It is safe for concurrent
// use.
type Store struct {
	mu     sync.Mutex
	funcs  graph.Funcs
	places map[*graph.Funcs][]int32 // the indices in funcs of other tables' functions
	shapes map[uint64][]*shape      // by hash
	ids    map[key]*shape
	recent map[key]*graph.Tree
	order  []key // of recent, oldest first
	calls  int   // in recent
	style  graph.Style
}

// key identifies a call: a thread returns from one call at a time. It includes
// the probe, since several probes may request different parts of a call's tree,
// and in a recording at the same time.
type key struct {
	time  uint64
	tid   int32
	probe uint32
}

func keyOf(id value.GraphID) key { return key{id.Time, id.TID, id.Probe} }

// shape is a set of trees of calls that took the same path.
type shape struct {
	first value.GraphID // represents all trees of the shape
	tree  *graph.Tree   // an example
}

// Limits on the trees that are kept with their times: a script prints a graph
// right after requesting it. Shapes are kept until the run ends.
const (
	recentTrees = 1024
	recentCalls = 1 << 20
)

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{places: map[*graph.Funcs][]int32{}, shapes: map[uint64][]*shape{}, ids: map[key]*shape{}, recent: map[key]*graph.Tree{}}
}

// SetStyle chooses how trees are printed.
func (s *Store) SetStyle(style graph.Style) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.style = style
}

// Keep stores the tree of a call and takes ownership of it. The tree's
// functions are those of from.
func (s *Store) Keep(id value.GraphID, t *graph.Tree, from *graph.Funcs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.places[from]
	for i := len(place); i < len(from.List); i++ {
		place = append(place, s.funcs.Named(from.List[i]))
	}
	s.places[from] = place
	for i := range t.Calls {
		if c := &t.Calls[i]; c.Fn >= 0 && int(c.Fn) < len(place) {
			c.Fn = place[c.Fn]
		}
	}
	s.funcs.TakeSymbols(t, from)
	k := keyOf(id)
	sh := s.shape(t)
	if sh == nil {
		sh = &shape{first: id, tree: t}
		hash := t.ShapeHash()
		s.shapes[hash] = append(s.shapes[hash], sh)
	}
	s.ids[k] = sh
	if s.recent[k] == nil {
		s.order = append(s.order, k)
		s.calls += len(t.Calls)
	}
	s.recent[k] = t
	for len(s.order) > 1 && (len(s.order) > recentTrees || s.calls > recentCalls) {
		if old := s.recent[s.order[0]]; old != nil {
			s.calls -= len(old.Calls)
		}
		delete(s.recent, s.order[0])
		s.order = s.order[1:]
	}
}

// shape returns the shape of a tree, nil if the tree is the first one.
func (s *Store) shape(t *graph.Tree) *shape {
	for _, sh := range s.shapes[t.ShapeHash()] {
		if sh.tree.SameShape(t) {
			return sh
		}
	}
	return nil
}

// Text returns the graph of a call in a form, "" when there is none.
func (s *Store) Text(id value.GraphID, form value.GraphForm) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(id)
	sh := s.ids[k]
	if sh == nil {
		return ""
	}
	t := s.recent[k]
	switch {
	case form == value.GraphJSON && t != nil:
		return string(t.AppendJSON(nil, &s.funcs))
	case form == value.GraphJSON:
		return string(sh.tree.AppendJSON(nil, &s.funcs))
	case form == value.GraphText && t != nil:
		return t.Text(&s.funcs, s.style)
	}
	return sh.tree.Shape(&s.funcs) // only the shape is left of an old call
}

// Same returns the graph that represents all trees of the shape with the same
// shape.
func (s *Store) Same(id value.GraphID) value.GraphID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.ids[keyOf(id)]; sh != nil {
		return sh.first
	}
	return value.GraphID{} // all lost graphs count as equal
}

// Recent returns the tree of a call that was kept a short while ago, with the
// table of its functions; nil if it was dropped meanwhile.
func (s *Store) Recent(id value.GraphID) (*graph.Tree, *graph.Funcs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recent[keyOf(id)], &s.funcs
}
