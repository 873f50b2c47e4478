package record

import (
	"math"
	"strconv"
	"testing"
)

// Numbers are written as strconv writes them.
func TestPutComma(t *testing.T) {
	var list []int64
	for n := int64(1); n > 0; n *= 10 {
		list = append(list, n-1, n, n+1, -n, 2*n, 9*n, 1-n)
	}
	for shift := range 64 {
		list = append(list, 1<<shift, 1<<shift-1, -1<<shift)
	}
	list = append(list, math.MaxInt64, math.MinInt64, math.MinInt64+1)
	for n := range int64(100_000) {
		list = append(list, n)
	}
	for _, n := range list {
		b := make([]byte, numberMax)
		if got, want := string(b[:putComma(b, n)]), strconv.FormatInt(n, 10)+","; got != want {
			t.Errorf("%s written as %s", want, got)
		}
	}
}
