package value

import (
	"bytes"
	"cmp"
	"slices"

	"probe/lang/types"
)

// Sorted returns the entries in the order they print (M-PRINT-08); with top
// above 0 only the last, the largest ones (M-PRINT-09). Where the order is
// unspecified and between equals, the bytes of the keys decide, so that output
// is stable; graphs come in the order in which their shapes were seen first.
// Sorted does not change m.
func (m *MapData) Sorted(top int64) []Entry {
	order, graphs := m.order(), HasGraph(m.Key)
	byOrder := make([]*Entry, len(m.Entries))
	for i := range m.Entries {
		byOrder[i] = &m.Entries[i]
	}
	slices.SortFunc(byOrder, func(a, b *Entry) int {
		if c := order(a, b); c != 0 {
			return c
		}
		if graphs {
			if c := compareKeys(m.KeyOf(a), m.KeyOf(b)); c != 0 {
				return c
			}
		}
		return bytes.Compare(a.Key, b.Key)
	})
	if top > 0 && int64(len(byOrder)) > top {
		byOrder = byOrder[int64(len(byOrder))-top:]
	}
	sorted := make([]Entry, len(byOrder))
	for i, e := range byOrder {
		sorted[i] = *e
	}
	return sorted
}

// order returns the comparison by which the entries of m are printed.
func (m *MapData) order() func(a, b *Entry) int {
	switch m.Val.Kind {
	case types.Int, types.Enum, types.Count, types.Sum:
		return func(a, b *Entry) int {
			return compareBits(m.ValueOf(a).Uint(), m.ValueOf(b).Uint(), m.ValueOf(a).Signed())
		}
	case types.Min, types.Max: // unsigned whatever the type: D-18
		return func(a, b *Entry) int { return cmp.Compare(m.ValueOf(a).Uint(), m.ValueOf(b).Uint()) }
	case types.Avg, types.Stats:
		return func(a, b *Entry) int {
			return compareBits(m.ValueOf(a).average(), m.ValueOf(b).average(), m.Val.Signed)
		}
	case types.Hist, types.LHist:
		return func(a, b *Entry) int { return cmp.Compare(a.total(), b.total()) }
	case types.TSeries:
		return func(a, b *Entry) int {
			x, y := a.lastPoint(), b.lastPoint()
			return cmp.Or(cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.Time, y.Time))
		}
	}
	return func(a, b *Entry) int { return compareKeys(m.KeyOf(a), m.KeyOf(b)) }
}

func (e *Entry) total() uint64 {
	var n uint64
	for _, b := range e.Buckets {
		n += b.Count
	}
	return n
}

func (e *Entry) lastPoint() Point {
	if len(e.Points) == 0 {
		return Point{}
	}
	return e.Points[len(e.Points)-1]
}

// compareKeys orders keys: integers as signed numbers, strings by their bytes,
// graphs by time, tuples field by field. Other kinds are equal here.
func compareKeys(a, b Value) int {
	if a.T == nil {
		return 0
	}
	switch a.T.Kind {
	case types.Int:
		return cmp.Compare(a.Int(), b.Int())
	case types.String:
		return bytes.Compare(a.Str(), b.Str())
	case types.Graph:
		return cmp.Compare(a.AsGraph().Time, b.AsGraph().Time)
	case types.Record:
		if !a.T.IsTuple() {
			return 0
		}
		for i := range a.NumField() {
			if c := compareKeys(a.Field(i), b.Field(i)); c != 0 {
				return c
			}
		}
	}
	return 0
}
