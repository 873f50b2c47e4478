package event

import (
	"iter"
	"strconv"

	"probe/lang/types"
	"probe/lang/value"
)

// Table is the data of an event as rows of typed columns. All rows have as many
// values as there are columns. A value without type (T is nil) is absent: an
// open end of a histogram's bucket.
type Table struct {
	// Name is the name of the map with '@', or "" for a value.
	Name    string
	Columns []Column
	Rows    iter.Seq[[]value.Value] // a row is valid until the next one
}

// Column is a column of a Table.
type Column struct {
	// Name is the field's name in records; "key", or "key1", "key2", … in the
	// keys of maps; "value", or "value1", "value2", … elsewhere; and the part
	// of an aggregation: "count", "average", "total", "min", "max", "time".
	Name string
	Type *types.Type
	// Key marks the columns that together identify a row.
	Key bool
}

// Table returns the value as one row: a column for each part of a tuple or
// record, one column for anything else.
func (v *Value) Table() *Table {
	t := &Table{Columns: columns(nil, "value", v.Value.T, false)}
	t.Rows = func(yield func([]value.Value) bool) { yield(parts(nil, v.Value)) }
	return t
}

// Table returns the snapshot as rows: the columns of the key, and behind them
//
//	count, average, total   for stats,
//	min, max, count         for histograms, a row for each bucket that is shown,
//	time, value             for time series, a row for each interval with data:
//	                        nanoseconds since 1970,
//	value                   or the parts of a tuple or record, for all others.
//
// Values are divided as the script asked for.
func (m *Map) Table() *Table {
	t := &Table{Name: "@" + m.Name}
	if !m.Scalar() {
		t.Columns = columns(nil, "key", m.Key, true)
	}
	keys := len(t.Columns)
	add := func(name string, typ *types.Type, key bool) {
		t.Columns = append(t.Columns, Column{Name: name, Type: typ, Key: key})
	}
	number := types.IntType(8, m.Val.Signed)
	each := func(e *value.Entry, row []value.Value, yield func([]value.Value) bool) bool {
		return yield(parts(row, m.ValueOf(e).Divided(m.Div)))
	}
	switch m.Val.Kind {
	case types.Stats:
		add("count", types.Uint64, false)
		add("average", number, false)
		add("total", number, false)
		each = func(e *value.Entry, row []value.Value, yield func([]value.Value) bool) bool {
			n, average, total := m.ValueOf(e).Stats(m.Div)
			return yield(append(row, value.OfInt(types.Uint64, n), value.OfInt(number, average), value.OfInt(number, total)))
		}
	case types.Avg:
		add("value", number, false)
		each = func(e *value.Entry, row []value.Value, yield func([]value.Value) bool) bool {
			_, average, _ := m.ValueOf(e).Stats(m.Div)
			return yield(append(row, value.OfInt(number, average)))
		}
	case types.Hist, types.LHist:
		add("min", types.Int64, true)
		add("max", types.Int64, true)
		add("count", types.Uint64, false)
		each = func(e *value.Entry, row []value.Value, yield func([]value.Value) bool) bool {
			for b, n := range value.EachBucket(m.Val, e.Buckets, m.Div) {
				if !yield(append(row, bound(b.Min, b.NoMin), bound(b.Max, b.NoMax), value.OfInt(types.Uint64, n))) {
					return false
				}
			}
			return true
		}
	case types.TSeries:
		add("time", types.Int64, true)
		add("value", number, false)
		each = func(e *value.Entry, row []value.Value, yield func([]value.Value) bool) bool {
			for at, n := range value.EachPoint(m.Val, e.Points, value.LastEpoch(m.Entries), m.Resolver) {
				if !yield(append(row, value.OfInt(types.Int64, uint64(at.UnixNano())), value.OfInt(number, n))) {
					return false
				}
			}
			return true
		}
	default:
		t.Columns = columns(t.Columns, "value", m.Val, false)
	}
	t.Rows = func(yield func([]value.Value) bool) {
		row := make([]value.Value, 0, len(t.Columns))
		for i := range m.Entries {
			e := &m.Entries[i]
			row = row[:0]
			if keys > 0 {
				row = parts(row, m.KeyOf(e))
			}
			if !each(e, row, yield) {
				return
			}
		}
	}
	return t
}

// bound returns the end of a bucket as a value without a type if the bucket is
// open there.
func bound(n int64, open bool) value.Value {
	if open {
		return value.Value{}
	}
	return value.OfInt(types.Int64, uint64(n))
}

// columns appends the columns of a type.
func columns(dst []Column, name string, t *types.Type, key bool) []Column {
	if t.Kind != types.Record {
		return append(dst, Column{Name: name, Type: t, Key: key})
	}
	n := 0
	for i := range t.Struct.Fields() {
		f := &t.Struct.Fields()[i]
		if f.Name == "" && !t.IsTuple() {
			continue // the members of an anonymous struct have columns of their own
		}
		n++
		field := f.Name
		if field == "" {
			field = name + strconv.Itoa(n)
		}
		dst = append(dst, Column{Name: field, Type: f.Type, Key: key})
	}
	return dst
}

// parts appends the values of the columns of a value.
func parts(dst []value.Value, v value.Value) []value.Value {
	if v.T.Kind != types.Record {
		return append(dst, v)
	}
	for i := range v.NumField() {
		if v.T.Struct.Fields()[i].Name == "" && !v.T.IsTuple() {
			continue
		}
		dst = append(dst, v.Field(i))
	}
	return dst
}
