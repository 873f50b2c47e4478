package value

import (
	"slices"
	"strings"
	"testing"

	"probe/lang/types"
)

// Each map is given as key, value pairs; the result lists the keys in order.
func TestSorted(t *testing.T) {
	type pair struct {
		key, val any
	}
	str4 := types.StringType(4)
	s := func(s string) []byte { return strN(4, s).B }
	tup := types.TupleType(str4, types.Int64)
	key := func(a string, n int64) []byte { return tuple(strN(4, a), num(types.Int64, n)).B }
	rec := types.RecordLitType([]string{"x"}, []*types.Type{types.Int64})

	tests := []struct {
		name     string
		key, val *types.Type
		top      int64
		entries  []pair
		want     string
	}{
		{"int by value", types.Int64, types.Int64, 0, []pair{{1, 30}, {2, -5}, {3, 20}}, "2 3 1"},
		{"unsigned by value", types.Int64, types.Uint64, 0, []pair{{1, -1}, {2, 5}}, "2 1"},
		{"A-EX-04", tup, types.Int64, 0, []pair{{key("x", 1), 10}, {key("y", 2), 3}}, "y, 2 x, 1"},
		{"enum by value", types.Int64, enumE, 0, []pair{{1, 4}, {2, 1}}, "2 1"},
		{"count by value", types.Int64, agg(types.Count, false), 0, []pair{{1, -1}, {2, 5}}, "2 1"},
		{"sum by value", types.Int64, agg(types.Sum, true), 0, []pair{{1, 5}, {2, -1}}, "2 1"},
		{"usum by value", types.Int64, agg(types.Sum, false), 0, []pair{{1, -1}, {2, 5}}, "2 1"},
		{"D-18 min unsigned", types.Int64, agg(types.Min, true), 0, []pair{{1, -1}, {2, 5}}, "2 1"},
		{"max", types.Int64, agg(types.Max, true), 0, []pair{{1, 9}, {2, 5}}, "2 1"},
		{"avg by average", types.Int64, agg(types.Avg, true), 0, []pair{{1, le(100, 50)}, {2, le(9, 3)}, {3, le(-9, 3)}}, "3 1 2"},
		{"stats by average", types.Int64, agg(types.Stats, true), 0, []pair{{1, le(100, 50)}, {2, le(9, 3)}}, "1 2"},
		{"A-EX-05 string values by key", str4, str4, 0, []pair{{s("b"), s("two")}, {s("a"), s("one")}}, "a b"},
		{"strings bytewise", str4, str4, 0, []pair{{s("ab"), s("")}, {s("a"), s("")}, {s("\xff"), s("")}, {s("B"), s("")}}, "B a ab \xff"},
		{"bool values by signed key", types.Int64, types.BoolType, 0, []pair{{1, 0}, {-1, 1}, {0, 0}}, "-1 0 1"},
		{"uint64 keys as signed", types.Uint64, types.BoolType, 0, []pair{{1, 0}, {-1, 1}}, "18446744073709551615 1"},
		{"pointer values by key", types.Int64, types.PointerTo(nil, types.Kernel), 0, []pair{{2, 1}, {1, 2}}, "1 2"},
		{"tuple keys field by field", tup, str4, 0,
			[]pair{{key("b", 1), s("")}, {key("a", 2), s("")}, {key("a", -1), s("")}}, "a, -1 a, 2 b, 1"},
		{"records by bytes", rec, str4, 0, []pair{{2, s("")}, {1, s("")}}, "{ .x = 1 } { .x = 2 }"},
		{"ties by key", types.Int64, types.Int64, 0, []pair{{3, 1}, {1, 1}, {2, 0}}, "2 1 3"},
		{"M-PRINT-09, A-EX-18", types.Int64, types.Int64, 2, []pair{{1, 10}, {2, 30}, {3, 20}}, "3 2"},
		{"M-PRINT-09 more than there are", types.Int64, types.Int64, 9, []pair{{1, 10}, {2, 3}}, "2 1"},
		{"nothing", types.Int64, types.Int64, 2, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &MapData{Key: tt.key, Val: tt.val}
			for _, p := range tt.entries {
				m.Entries = append(m.Entries, Entry{Key: le(p.key), Val: le(p.val)})
			}
			var got []string
			for _, e := range m.Sorted(tt.top) {
				got = append(got, string(AppendKey(nil, m.KeyOf(&e), nil)))
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("order = %q, want %q", g, tt.want)
			}
		})
	}
}

func TestSortedHistograms(t *testing.T) {
	m := &MapData{Key: types.Int64, Val: hist(0), Entries: []Entry{
		{Key: le(1), Buckets: []Bucket{{1, 2}, {3, 2}}},
		{Key: le(2), Buckets: []Bucket{{9, 3}}},
	}}
	if got := m.Sorted(0); load(got[0].Key, 0, 8) != 2 {
		t.Errorf("histograms are not in the order of their totals: %v", got)
	}
	if load(m.Entries[0].Key, 0, 8) != 1 {
		t.Error("Sorted reorders the map itself")
	}
}

// Shapes that came as often as each other are in the order of their times, alone
// and in tuples.
func TestSortedGraphs(t *testing.T) {
	graph := func(time uint64) []byte { return le(int64(time), 0) }
	pair := types.TupleType(types.GraphType, types.Int64)
	for _, key := range []*types.Type{types.GraphType, pair} {
		m := &MapData{Key: key, Val: agg(types.Count, false)}
		for _, time := range []uint64{0x201, 0x102, 0x303} {
			m.Entries = append(m.Entries, Entry{Key: append(graph(time), make([]byte, key.Size-16)...), Val: le(1)})
		}
		var got []uint64
		for _, e := range m.Sorted(0) {
			got = append(got, Value{T: types.GraphType, B: e.Key}.AsGraph().Time)
		}
		if want := []uint64{0x102, 0x201, 0x303}; !slices.Equal(got, want) {
			t.Errorf("%s: order %#x, want %#x", key, got, want)
		}
	}
}
