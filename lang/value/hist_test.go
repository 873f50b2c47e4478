package value

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"probe/lang/types"
)

func hist(k int) *types.Type { return &types.Type{Kind: types.Hist, Size: 8, Bits: k} }

func lhist(lo, hi, step int64) *types.Type {
	return &types.Type{Kind: types.LHist, Size: 8, Lo: lo, Hi: hi, Step: step}
}

// count makes the buckets of a list of numbers.
func count(t *types.Type, numbers ...int64) []Bucket {
	counts := make([]uint64, NumBuckets(t))
	for _, n := range numbers {
		if t.Kind == types.LHist {
			counts[LHistBucket(n, t)]++
		} else {
			counts[HistBucket(n, t.Bits)]++
		}
	}
	var buckets []Bucket
	for i, n := range counts {
		if n > 0 {
			buckets = append(buckets, Bucket{i, n})
		}
	}
	return buckets
}

// The index formula of M-HIST against the definition of the buckets: ordered,
// without gaps, and as wide as the resolution allows.
func TestHistBuckets(t *testing.T) {
	for k := range 6 {
		typ := hist(k)
		next := int64(0)
		for i := 1; i < NumBuckets(typ); i++ {
			b := BucketBounds(typ, i)
			if b.Min != next || b.Max < b.Min {
				t.Fatalf("k=%d bucket %d holds [%d, %d], want it to start at %d", k, i, b.Min, b.Max, next)
			}
			if HistBucket(b.Min, k) != i || HistBucket(b.Max, k) != i {
				t.Fatalf("k=%d: HistBucket(%d), HistBucket(%d) = %d, %d, want %d",
					k, b.Min, b.Max, HistBucket(b.Min, k), HistBucket(b.Max, k), i)
			}
			if width := uint64(b.Max-b.Min) + 1; width > 1 && bits.Len64(uint64(b.Min))-1-k != bits.Len64(width)-1 {
				t.Fatalf("k=%d bucket [%d, %d] has width %d", k, b.Min, b.Max, width)
			}
			next = b.Max + 1
		}
		if next != math.MinInt64 {
			t.Errorf("k=%d: the last bucket ends before %d, want it to end at the largest int64", k, next)
		}
		for _, n := range []int64{-1, math.MinInt64} {
			if got := HistBucket(n, k); got != 0 {
				t.Errorf("HistBucket(%d, %d) = %d, want 0", n, k, got)
			}
		}
		for range 1000 {
			n := rand.Int64() >> rand.IntN(63)
			if b := BucketBounds(typ, HistBucket(n, k)); n < b.Min || n > b.Max {
				t.Fatalf("k=%d: %d falls into [%d, %d]", k, n, b.Min, b.Max)
			}
		}
	}
}

func TestHistLabels(t *testing.T) {
	tests := []struct {
		k    int
		n    int64
		want string
	}{
		{0, -5, "(..., 0)"},
		{0, 0, "[0]"},
		{0, 1, "[1]"},
		{0, 3, "[2, 4)"},
		{0, 1023, "[512, 1K)"},
		{0, 1024, "[1K, 2K)"},
		{0, 1 << 20, "[1M, 2M)"},
		{0, 1<<20 - 1, "[512K, 1M)"},
		{0, 1 << 30, "[1G, 2G)"},
		{0, 1 << 40, "[1T, 2T)"},
		{0, 1 << 50, "[1P, 2P)"},
		{0, 1 << 60, "[1E, 2E)"},
		{0, math.MaxInt64, "[4E, 8E)"},
		{1, 3, "[3]"},
		{1, 4, "[4, 6)"},
		{1, 7, "[6, 8)"},
		{1, 1024, "[1024, 1536)"},
		{1, 1536, "[1536, 2K)"},
		{1, 2048, "[2K, 3K)"},
		{2, 9, "[8, 10)"},
		{2, 7, "[7]"},
		{2, 4096, "[4K, 5K)"},
		{3, 15, "[15]"},
		{3, 1024, "[1024, 1152)"},
		{3, 8191, "[7680, 8K)"},
		{3, 8192, "[8K, 9K)"},
		{3, 1 << 20, "[1024K, 1152K)"},
		{5, 63, "[63]"},
		{5, 64, "[64, 66)"},
		{5, 32 << 10, "[32K, 33K)"},
		{5, math.MaxInt64, "[8064P, 8192P)"}, // 2^63 = 32·2^58, thus 32·2^8 with the letter P
	}
	for _, tt := range tests {
		typ := hist(tt.k)
		if got := string(AppendLabel(nil, typ, HistBucket(tt.n, tt.k))); got != tt.want {
			t.Errorf("label of %d with k=%d = %q, want %q", tt.n, tt.k, got, tt.want)
		}
	}
}

func TestLHistLabels(t *testing.T) {
	tests := []struct {
		t    *types.Type
		n    int64
		want string
	}{
		{lhist(0, 20, 10), -1, "(..., 0)"},
		{lhist(0, 20, 10), 9, "[0, 10)"},
		{lhist(0, 20, 10), 10, "[10, 20)"},
		{lhist(0, 20, 10), 20, "[20, ...)"},
		{lhist(0, 20, 10), math.MaxInt64, "[20, ...)"},
		{lhist(0, 25, 10), 19, "[10, 20)"},
		{lhist(0, 25, 10), 22, "[20, ...)"},
		{lhist(0, 8, 1), 3, "[3]"},
		{lhist(0, 8, 1), 8, "[8, ...)"},
		{lhist(-20, 20, 10), -20, "[-20, -10)"},
		{lhist(-20, 20, 10), -21, "(..., -20)"},
		{lhist(0, 4096, 1024), 2048, "[2K, 3K)"},
		{lhist(0, 4096, 1024), 1, "[0, 1K)"},
		{lhist(0, 4<<20, 1<<20), 3 << 20, "[3M, 4M)"},
		{lhist(0, 4<<20, 1<<19), 1 << 19, "[512K, 1M)"},
		{lhist(-2048, 2048, 1024), -1, "[-1K, 0)"},
		{lhist(100, 4196, 1024), 100, "[100, 1124)"},
		{lhist(math.MinInt64, math.MaxInt64, 1<<60), 0, "[0, 1099511627776M)"},
	}
	for _, tt := range tests {
		if got := string(AppendLabel(nil, tt.t, LHistBucket(tt.n, tt.t))); got != tt.want {
			t.Errorf("label of %d in lhist(%d, %d, %d) = %q, want %q", tt.n, tt.t.Lo, tt.t.Hi, tt.t.Step, got, tt.want)
		}
	}
}

// line returns one bucket line as M-PRINT-04 lays it out.
func line(label, count string, bar int) string {
	return label + strings.Repeat(" ", 16-len(label)) + strings.Repeat(" ", max(8-len(count), 0)) + count + " |" +
		strings.Repeat("@", bar) + strings.Repeat(" ", 52-bar) + "|\n"
}

func TestAppendHist(t *testing.T) {
	times := func(n int64, times int) []int64 {
		var ns []int64
		for range times {
			ns = append(ns, n)
		}
		return ns
	}
	minus5 := line("(..., 0)", "1", 52)
	for _, label := range []string{"[0]", "[1]", "[2, 4)", "[4, 8)", "[8, 16)", "[16, 32)", "[32, 64)", "[64, 128)", "[128, 256)", "[256, 512)", "[512, 1K)"} {
		minus5 += line(label, "0", 0)
	}
	tests := []struct {
		row     string
		t       *types.Type
		buckets []Bucket
		div     int64
		want    string
	}{
		{"A-HG-01", hist(0), count(hist(0), 0, 1, 1, 3), 0, line("[0]", "1", 26) + line("[1]", "2", 52) + line("[2, 4)", "1", 26)},
		{"A-HG-02", hist(0), count(hist(0), -5, 2000), 0, minus5 + line("[1K, 2K)", "1", 52)},
		{"A-HG-03", hist(0), count(hist(0), 2), 0,
			"[2, 4)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"},
		{"A-HG-04", lhist(0, 20, 10), count(lhist(0, 20, 10), 5, 25, -1), 0,
			line("(..., 0)", "1", 52) + line("[0, 10)", "1", 52) + line("[10, 20)", "0", 0) + line("[20, ...)", "1", 52)},
		{"A-HG-05", lhist(0, 8, 1), count(lhist(0, 8, 1), 3), 0, line("[3]", "1", 52)},
		{"A-HG-06", lhist(0, 4096, 1024), count(lhist(0, 4096, 1024), 2048), 0, line("[2K, 3K)", "1", 52)},
		{"A-HG-07", hist(2), count(hist(2), 9), 0, line("[8, 10)", "1", 52)},
		{"A-HG-09", hist(0), count(hist(0), append(times(0, 3), times(1, 7)...)...), 0,
			line("[0]", "3", 22) + line("[1]", "7", 52)},
		// Double precision would give 14 and 29.
		{"M-PRINT-04 single precision", hist(0), []Bucket{{1, 15}, {2, 30}, {3, 52}}, 0,
			line("[0]", "15", 15) + line("[1]", "30", 30) + line("[2, 4)", "52", 52)},
		{"M-PRINT-05 nothing", hist(0), nil, 0, ""},
		{"M-PRINT-05 only zeros", hist(0), []Bucket{{3, 0}}, 0, ""},
		{"M-PRINT-10", hist(0), []Bucket{{1, 30}, {2, 60}, {3, 5}}, 10,
			line("[0]", "3", 26) + line("[1]", "6", 52) + line("[2, 4)", "0", 0)},
		{"M-PRINT-10 not lhist", lhist(0, 8, 1), []Bucket{{1, 30}}, 10, line("[0]", "30", 52)},
		{"D-23", hist(0), []Bucket{{1, 1 << 32}, {2, 1}}, 0, line("[0]", "4294967296", 52) + line("[1]", "1", 0)},
		{"no such bucket", hist(0), []Bucket{{-1, 5}, {1, 5}, {9999, 5}}, 0, line("[0]", "5", 52)},
	}
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			if got := string(AppendHist(nil, tt.t, tt.buckets, tt.div)); got != tt.want {
				t.Errorf("AppendHist =\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestAppendHistJSON(t *testing.T) {
	tests := []struct {
		row     string
		t       *types.Type
		buckets []Bucket
		div     int64
		want    string
	}{
		{"A-JX-04", hist(0), count(hist(0), 0, 1, 1, 3), 0,
			`[{"min": 0, "max": 0, "count": 1},{"min": 1, "max": 1, "count": 2},{"min": 2, "max": 3, "count": 1}]`},
		{"A-JX-05", lhist(0, 20, 10), count(lhist(0, 20, 10), 5, 25, -1), 0,
			`[{"max": -1, "count": 1},{"min": 0, "max": 9, "count": 1},{"min": 10, "max": 19, "count": 0},{"min": 20, "count": 1}]`},
		{"O-JSON-HIST negatives", hist(0), count(hist(0), -1), 0, `[{"max": -1, "count": 1}]`},
		{"O-JSON-HIST empty", hist(0), nil, 0, `[]`},
		{"M-PRINT-10", hist(0), []Bucket{{1, 35}}, 10, `[{"min": 0, "max": 0, "count": 3}]`},
		{"O-JSON-01 bounds", hist(0), count(hist(0), math.MaxInt64), 0, `[{"min": 4611686018427387904, "max": "9223372036854775807", "count": 1}]`},
	}
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			if got := string(AppendHistJSON(nil, tt.t, tt.buckets, tt.div)); got != tt.want {
				t.Errorf("AppendHistJSON =\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
