package value

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/types"
)

func agg(k types.Kind, signed bool) *types.Type {
	size := 16
	if k == types.Count || k == types.Sum {
		size = 8
	}
	return &types.Type{Kind: k, Size: size, Signed: signed}
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name   string
		t      *types.Type
		cells  []byte
		stride int
		want   string
	}{
		{"A-EX-06 count", agg(types.Count, false), le(1, 0, 1), 8, "2"},
		{"count, one cell", agg(types.Count, false), le(7), 0, "7"},
		{"count, cells far apart", agg(types.Count, false), le(1, 99, 99, 99, 2, 99, 99, 99), 32, "3"},
		{"count, last cell short", agg(types.Count, false), le(1, 99, 2), 16, "3"},
		{"count, nothing", agg(types.Count, false), nil, 8, "0"},
		{"sum signed", agg(types.Sum, true), le(5, -7, 1), 8, "-1"},
		{"sum unsigned", agg(types.Sum, false), le(-1), 8, "18446744073709551615"},
		{"A-EX-09 min", agg(types.Min, true), le(9, 1, 4, 1, 0, 0), 16, "4"},
		{"A-EX-09 max", agg(types.Max, true), le(9, 1, 4, 1, 99, 0), 16, "9"},
		{"min signed", agg(types.Min, true), le(3, 1, -4, 1), 16, "-4"},
		{"min unsigned", agg(types.Min, false), le(3, 1, -4, 1), 16, "3"},
		{"max signed", agg(types.Max, true), le(-3, 1, -4, 1), 16, "-3"},
		{"max unsigned", agg(types.Max, false), le(3, 1, -4, 1), 16, "18446744073709551612"},
		{"max of equals", agg(types.Max, true), le(0, 1, 0, 1), 16, "0"},
		{"min, none set", agg(types.Min, true), le(5, 0, 6, 0), 16, "0"},
		{"A-EX-07 avg", agg(types.Avg, true), le(10, 1, 15, 1), 16, "12"},
		{"avg truncates", agg(types.Avg, true), le(-10, 1, -15, 1), 16, "-12"},
		{"avg of nothing", agg(types.Avg, true), le(0, 0), 16, "0"},
		{"A-EX-08 stats", agg(types.Stats, true), le(10, 1, 15, 1), 16, "{ .count = 2, .average = 12, .total = 25 }"},
		{"plain integer", types.Int32, le(uint32(0xffffffff)), 0, "-1"},
		{"plain integer per CPU", types.Int32, le(uint32(5), uint32(0), uint32(0xfffffffe), uint32(0)), 8, "3"},
		{"plain string", types.StringType(8), le("abc\x00\x00\x00\x00\x00"), 0, "abc"},
		{"plain string per CPU", types.StringType(8), le(0, "abc\x00\x00\x00\x00\x00"), 8, "abc"},
		{"plain bool per CPU", types.BoolType, le(0, 0), 8, "false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Merge([]byte("x"), tt.t, tt.cells, tt.stride)
			if text := text(Value{T: tt.t, B: got[1:]}, nil); text != tt.want {
				t.Errorf("Merge prints %q, want %q", text, tt.want)
			}
		})
	}
}

func TestDivided(t *testing.T) {
	tests := []struct {
		name string
		v    Value
		div  int64
		want string
	}{
		{"A-EX-18", num(types.Int64, 20), 10, "2"},
		{"M-PRINT-10 signed", num(types.Int64, -25), 10, "-2"},
		{"M-PRINT-10 narrow", num(types.Int8, -25), 10, "-2"},
		{"M-PRINT-10 unsigned", num(types.Uint64, -1), 2, "9223372036854775807"},
		{"M-PRINT-10 none", num(types.Int64, 20), 0, "20"},
		{"M-PRINT-10 count", Value{T: agg(types.Count, false), B: le(25)}, 10, "2"},
		{"M-PRINT-10 sum", Value{T: agg(types.Sum, true), B: le(-25)}, 10, "-2"},
		{"M-PRINT-10 max", Value{T: agg(types.Max, false), B: le(25)}, 10, "2"},
		{"M-PRINT-10 avg", Value{T: agg(types.Avg, true), B: le(-100, 4)}, 10, "-2"},
		{"M-PRINT-10 stats", Value{T: agg(types.Stats, true), B: le(100, 4)}, 10, "{ .count = 4, .average = 2, .total = 100 }"},
		{"M-PRINT-10 string", strN(4, "abc"), 10, "abc"},
		{"M-PRINT-10 enum", num(enumE, 4), 2, "BLUE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendMapValue(nil, tt.v, tt.div, nil)); got != tt.want {
				t.Errorf("divided by %d prints %q, want %q", tt.div, got, tt.want)
			}
		})
	}
}

func TestAddCells(t *testing.T) {
	keyed := &MapData{Key: types.Int64, Val: agg(types.Count, false)}
	keyed.AddCells(le(1), le(2, 3), 8)
	keyed.AddCells(le(2), le(4, 0), 8)
	keyed.AddCells(le(1), le(9, 0), 8) // read again: the newer content wins
	if diff := cmp.Diff([]Entry{{Key: le(1), Val: le(9)}, {Key: le(2), Val: le(4)}}, keyed.Entries); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}

	scalar := &MapData{Val: types.Int64}
	scalar.AddCells(le(0), le(5), 0)
	if diff := cmp.Diff([]Entry{{Val: le(5)}}, scalar.Entries); diff != "" {
		t.Errorf("scalar (-want +got):\n%s", diff)
	}

	// A key of 3 bytes is padded to 8 before the bucket number.
	h := &MapData{Key: types.StringType(3), Val: hist(0)}
	h.AddCells(le("ab\x00", "\x00\x00\x00\x00\x00", 3), le(1, 1), 8)
	h.AddCells(le("ab\x00", "\x00\x00\x00\x00\x00", 1), le(4, 0), 8)
	h.AddCells(le("cd\x00", "\x00\x00\x00\x00\x00", 2), le(0, 0), 8)
	h.AddCells(le("ab\x00", "\x00\x00\x00\x00\x00", 1), le(1, 0), 8)
	h.AddCells(le("ab\x00", "\x00\x00\x00\x00\x00", 65), le(1, 0), 8) // no such bucket
	h.AddCells([]byte("short"), le(1, 0), 8)
	want := []Entry{
		{Key: []byte("ab\x00"), Buckets: []Bucket{{1, 5}, {3, 2}}},
		{Key: []byte("cd\x00")},
	}
	if diff := cmp.Diff(want, h.Entries); diff != "" {
		t.Errorf("keyed hist (-want +got):\n%s", diff)
	}

	l := &MapData{Val: lhist(0, 20, 10)}
	l.AddCounters(nil, le(1, 2, 0, 0, 99, 3, 0, 0, 4, 99), 40)
	if diff := cmp.Diff([]Entry{{Buckets: []Bucket{{0, 4}, {1, 2}, {3, 4}}}}, l.Entries); diff != "" {
		t.Errorf("scalar lhist (-want +got):\n%s", diff)
	}
}

func TestCellSize(t *testing.T) {
	for _, tt := range []struct {
		t    *types.Type
		want int
	}{
		{agg(types.Count, false), 8}, {agg(types.Min, false), 16}, {hist(3), 8}, {lhist(0, 1, 1), 8},
		{&types.Type{Kind: types.TSeries}, 24}, {types.Int32, 4},
	} {
		if got := CellSize(tt.t); got != tt.want {
			t.Errorf("CellSize(%v) = %d, want %d", tt.t, got, tt.want)
		}
	}
}
