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
		cells  []byte // value, meta, epoch
		want   []Point
	}{
		{"last by time", "", true, le(5, 100, 3, 6, 90, 3), []Point{{Epoch: 3, Value: 5, Time: 100}}},
		{"avg", "avg", true, le(-10, 1, 3, -15, 1, 3), []Point{{Epoch: 3, Value: ^uint64(11)}}},
		{"avg unsigned", "avg", false, le(10, 1, 3, 15, 1, 3), []Point{{Epoch: 3, Value: 12}}},
		{"sum", "sum", true, le(10, 1, 3, 15, 1, 3), []Point{{Epoch: 3, Value: 25}}},
		{"min", "min", true, le(1, 1, 3, -2, 1, 3), []Point{{Epoch: 3, Value: ^uint64(1)}}},
		{"min unsigned", "min", false, le(1, 1, 3, -2, 1, 3), []Point{{Epoch: 3, Value: 1}}},
		{"max", "max", true, le(1, 1, 3, -2, 1, 3), []Point{{Epoch: 3, Value: 1}}},
		{"older epoch ignored", "sum", true, le(10, 1, 3, 15, 1, 13), []Point{{Epoch: 13, Value: 15}}},
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
			limits(9, "4", "6") + rule("hh:mm:ss", "|", 9) +
				row(at(1, 1e9)[:8], map[int]byte{26: '*'}, "5") +
				rule("", "v", 9) + limits(9, "4", "6")},
		{"stale slot", series("", false, 1e9, 3), []Point{{Epoch: 1, Value: 7}, {Epoch: 4, Value: 0}},
			limits(9, "0", "1") + rule("hh:mm:ss", "|", 9) +
				row(at(4, 1e9)[:8], map[int]byte{0: '*'}, "0") +
				rule("", "v", 9) + limits(9, "0", "1")},
		{"no data", series("", true, 1e9, 3), nil, "<no data>\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendSeries(nil, tt.t, tt.points, machine{})); got != tt.want {
				t.Errorf("AppendSeries =\n%swant\n%s", got, tt.want)
			}
		})
	}
	for interval, want := range map[int64]string{1500: "hh:mm:ss.ns", 15000: "hh:mm:ss.us"} {
		if got := string(AppendSeries(nil, series("", true, interval, 3), []Point{{Epoch: 1}}, nil)); !strings.Contains(got, "\n"+want+" ") {
			t.Errorf("interval of %d ns has no head %q:\n%s", interval, want, got)
		}
	}
}

func TestAppendSeriesJSON(t *testing.T) {
	points := []Point{{Epoch: 1, Value: 4}, {Epoch: 3, Value: ^uint64(0)}}
	want := `[{"interval_start":"2026-01-05 10:00:00.250000000","value":4},{"interval_start":"2026-01-05 10:00:00.750000000","value":-1}]`
	if got := string(AppendSeriesJSON(nil, series("", true, 250e6, 10), points, machine{})); got != want {
		t.Errorf("AppendSeriesJSON =\n%s\nwant\n%s", got, want)
	}
}
