package value

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/lang/types"
)

func series(reduce string, signed bool, interval int64, buckets int) *types.Type {
	return &types.Type{Kind: types.TSeries, Size: 24, Reduce: reduce, Signed: signed, Interval: interval, Buckets: buckets}
}

func TestAddPoint(t *testing.T) {
	tests := []struct {
		name   string
		reduce string
		signed bool
		cells  []byte // value, meta, epoch+1
		want   []Point
	}{
		{"last by time", "", true, le(5, 100, 4, 6, 90, 4), []Point{{Epoch: 3, Value: 5, Time: 100}}},
		{"avg", "avg", true, le(-10, 1, 4, -15, 1, 4), []Point{{Epoch: 3, Value: ^uint64(11)}}},
		{"avg unsigned", "avg", false, le(10, 1, 4, 15, 1, 4), []Point{{Epoch: 3, Value: 12}}},
		{"sum", "sum", true, le(10, 1, 4, 15, 1, 4), []Point{{Epoch: 3, Value: 25}}},
		{"min", "min", true, le(1, 1, 4, -2, 1, 4), []Point{{Epoch: 3, Value: ^uint64(1)}}},
		{"min unsigned", "min", false, le(1, 1, 4, -2, 1, 4), []Point{{Epoch: 3, Value: 1}}},
		{"max", "max", true, le(1, 1, 4, -2, 1, 4), []Point{{Epoch: 3, Value: 1}}},
		{"older epoch ignored", "sum", true, le(10, 1, 4, 15, 1, 14), []Point{{Epoch: 13, Value: 15}}},
		{"never written", "sum", true, le(0, 0, 0, 0, 0, 0), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &MapData{Val: series(tt.reduce, tt.signed, 1e9, 10)}
			m.AddCells(le(0, 3), tt.cells, 24)
			if diff := cmp.Diff([]Entry{{Points: tt.want}}, m.Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendSeries(t *testing.T) {
	at := func(epoch uint64, interval int64) string {
		return time.Unix(1767607200, int64(epoch)*interval).Local().Format("15:04:05.000")
	}
	row := func(stamp string, marks map[int]byte, value string) string {
		r := []byte("|" + strings.Repeat(" ", 51) + "|")
		for i, c := range marks {
			r[i] = c
		}
		return stamp + " " + string(r) + " " + value + "\n"
	}
	rule := func(head, c string, margin int) string {
		return head + strings.Repeat(" ", margin-len(head)) + c + strings.Repeat("_", 51) + c + "\n"
	}
	limits := func(margin int, lo, hi string) string {
		return strings.Repeat(" ", margin) + lo + strings.Repeat(" ", 53-len(lo)-len(hi)) + hi + "\n"
	}
	ms := int64(250e6)

	tests := []struct {
		name   string
		t      *types.Type
		points []Point
		want   string
	}{
		{"M-PRINT-15", series("", true, ms, 10), []Point{{Epoch: 1, Value: ^uint64(9)}, {Epoch: 2, Value: 0}, {Epoch: 4, Value: 30}},
			limits(13, "-10", "30") + rule("hh:mm:ss.ms", "|", 13) +
				row(at(1, ms), map[int]byte{0: '*', 13: '.'}, "-10") +
				row(at(2, ms), map[int]byte{13: '*'}, "0") +
				row(at(3, ms), map[int]byte{13: '.'}, "-") +
				row(at(4, ms), map[int]byte{13: '.', 52: '*'}, "30") +
				rule("", "v", 13) + limits(13, "-10", "30")},
		{"M-PRINT-15 flat", series("", true, 1e9, 10), []Point{{Epoch: 1, Value: 5}},
			limits(19, "4", "6") + rule("hh:mm:ss.ns", "|", 19) +
				row(at(1, 1e9)+"000000", map[int]byte{26: '*'}, "5") +
				rule("", "v", 19) + limits(19, "4", "6")},
		{"stale slot", series("", false, 1e9, 3), []Point{{Epoch: 1, Value: 7}, {Epoch: 4, Value: 0}},
			limits(19, "0", "1") + rule("hh:mm:ss.ns", "|", 19) +
				row(at(4, 1e9)+"000000", map[int]byte{0: '*'}, "0") +
				rule("", "v", 19) + limits(19, "0", "1")},
		{"no data", series("", true, 1e9, 3), nil, "<no data>\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendSeries(nil, tt.t, tt.points, lastOf(tt.points), machine{})); got != tt.want {
				t.Errorf("AppendSeries =\n%swant\n%s", got, tt.want)
			}
		})
	}
	for interval, want := range map[int64]string{400: "hh:mm:ss.ns", 500: "hh:mm:ss.μs", 500e3: "hh:mm:ss.ms", 500e6: "hh:mm:ss"} {
		if got := string(AppendSeries(nil, series("", true, interval, 3), []Point{{Epoch: 1}}, 3, nil)); !strings.Contains(got, "\n"+want+" ") {
			t.Errorf("2 intervals of %d ns have no head %q:\n%s", interval, want, got)
		}
	}
}

func lastOf(points []Point) uint64 {
	m := MapData{Entries: []Entry{{Points: points}}}
	return LastEpoch(m.Entries)
}

// Other keys of a map may have newer data: a series then ends with empty
// intervals, or is out of the window.
func TestAppendSeriesLast(t *testing.T) {
	typ := series("", true, 1e9, 3)
	got := string(AppendSeries(nil, typ, []Point{{Epoch: 5, Value: 1}}, 7, nil))
	if n := strings.Count(got, " -\n"); n != 2 {
		t.Errorf("%d empty intervals, want 2:\n%s", n, got)
	}
	if got := string(AppendSeries(nil, typ, []Point{{Epoch: 5, Value: 1}}, 8, nil)); got != "<no data>\n" {
		t.Errorf("a series out of the window:\n%s", got)
	}
	if got := string(AppendSeriesJSON(nil, typ, []Point{{Epoch: 5, Value: 1}}, 8, nil)); got != "[]" {
		t.Errorf("a series out of the window: %s", got)
	}
}

func TestAppendSeriesJSON(t *testing.T) {
	points := []Point{{Epoch: 1, Value: 4}, {Epoch: 3, Value: ^uint64(0)}}
	want := `[{"interval_start":"2026-01-05 10:00:00.250000000","value":4},{"interval_start":"2026-01-05 10:00:00.750000000","value":-1}]`
	if got := string(AppendSeriesJSON(nil, series("", true, 250e6, 10), points, lastOf(points), machine{})); got != want {
		t.Errorf("AppendSeriesJSON =\n%s\nwant\n%s", got, want)
	}
}
