package value

import (
	"iter"
	"math/bits"
	"strconv"

	"probe/lang/types"
)

// Columns of a printed histogram (M-PRINT-04).
const (
	histLabel = 16
	histCount = 8
	histBar   = 52
)

// NumBuckets returns how many buckets a multi-bucket type has.
func NumBuckets(t *types.Type) int {
	switch t.Kind {
	case types.Hist:
		return (64-t.Bits)<<t.Bits + 1
	case types.LHist:
		return lhistSteps(t) + 2
	case types.TSeries:
		return t.Buckets
	}
	return 0
}

// lhistSteps returns the number of buckets between the two open ones.
func lhistSteps(t *types.Type) int {
	if t.Step < 1 || t.Hi < t.Lo {
		return 0
	}
	return int(uint64(t.Hi-t.Lo) / uint64(t.Step))
}

// HistBucket returns the bucket of a number in a log2 histogram with a
// resolution of k bits (M-HIST).
func HistBucket(n int64, k int) int {
	switch {
	case n < 0:
		return 0
	case n < 1<<k:
		return int(n) + 1
	}
	l := bits.Len64(uint64(n)) - 1 - k
	x := int(n>>l) & (1<<k - 1)
	return (l+1)<<k + x + 1
}

// LHistBucket returns the bucket of a number in a linear histogram (M-LHIST).
func LHistBucket(n int64, t *types.Type) int {
	switch {
	case n < t.Lo:
		return 0
	case n > t.Hi:
		return 1 + lhistSteps(t)
	}
	return 1 + int(uint64(n-t.Lo)/uint64(t.Step))
}

// Bounds are the numbers that fall into a bucket, both ends included.
type Bounds struct {
	Min, Max     int64
	NoMin, NoMax bool // open ends
}

// BucketBounds returns the inverse of HistBucket and LHistBucket.
func BucketBounds(t *types.Type, index int) Bounds {
	if t.Kind == types.LHist {
		switch n := lhistSteps(t); {
		case index <= 0:
			return Bounds{NoMin: true, Max: t.Lo - 1}
		case index > n:
			return Bounds{Min: t.Lo + int64(n)*t.Step, NoMax: true}
		}
		low := t.Lo + int64(index-1)*t.Step
		return Bounds{Min: low, Max: low + t.Step - 1}
	}
	k := t.Bits
	switch {
	case index <= 0:
		return Bounds{NoMin: true, Max: -1}
	case index <= 1<<k:
		return Bounds{Min: int64(index - 1), Max: int64(index - 1)}
	}
	l := (index-1)>>k - 1
	m := uint64(1<<k + (index-1)&(1<<k-1))
	// The end of the last bucket is 2^63. The unsigned subtraction turns it
	// into the largest int64.
	return Bounds{Min: int64(m << l), Max: int64((m+1)<<l - 1)}
}

// AppendLabel appends the label of a bucket (M-PRINT-06, M-PRINT-07).
func AppendLabel(dst []byte, t *types.Type, index int) []byte {
	b := BucketBounds(t, index)
	switch {
	case b.NoMin:
		dst = append(dst, "(..., "...)
		return append(appendBound(dst, t, b.Max+1), ')')
	case b.NoMax:
		dst = appendBound(append(dst, '['), t, b.Min)
		return append(dst, ", ...)"...)
	case b.Min == b.Max:
		return append(appendBound(append(dst, '['), t, b.Min), ']')
	}
	dst = appendBound(append(dst, '['), t, b.Min)
	return append(appendBound(append(dst, ", "...), t, b.Max+1), ')')
}

// appendBound appends a bound with its binary unit. 2^63 arrives as the
// smallest int64.
func appendBound(dst []byte, t *types.Type, n int64) []byte {
	if t.Kind == types.LHist {
		switch {
		case t.Step%1024 != 0 || n == 0:
		case n%(1<<20) == 0:
			return append(strconv.AppendInt(dst, n>>20, 10), 'M')
		case n%1024 == 0:
			return append(strconv.AppendInt(dst, n>>10, 10), 'K')
		}
		return strconv.AppendInt(dst, n, 10)
	}
	u, k := uint64(n), t.Bits
	if u <= 2<<k {
		return strconv.AppendUint(dst, u, 10)
	}
	p := bits.Len64(u) - 1 - k
	dst = strconv.AppendUint(dst, u>>p<<(p%10), 10)
	if p >= 10 {
		dst = append(dst, "KMGTPE"[p/10-1])
	}
	return dst
}

// AppendHist appends the bucket lines of a histogram, from the first to the
// last that is not empty (M-PRINT-04, M-PRINT-05). The counts of a log2
// histogram are divided by div when it is above 1, and the bars show the
// quotients.
func AppendHist(dst []byte, t *types.Type, buckets []Bucket, div int64) []byte {
	eachBucket(t, buckets, func(index int, n, largest uint64) {
		start := len(dst)
		dst = AppendLabel(dst, t, index)
		dst = spaces(dst, histLabel-(len(dst)-start))
		var num [20]byte
		n, largest = divCount(t, n, div), divCount(t, largest, div)
		digits := strconv.AppendUint(num[:0], n, 10)
		dst = append(spaces(dst, histCount-len(digits)), digits...)
		dst = append(dst, " |"...)
		// Compute in single precision, in exactly these steps: the lengths of
		// bars are part of the output format.
		share := float32(n) / float32(max(largest, 1))
		bar := min(int(float32(share*histBar)), histBar)
		for range bar {
			dst = append(dst, '@')
		}
		dst = append(spaces(dst, histBar-bar), "|\n"...)
	})
	return dst
}

func divCount(t *types.Type, n uint64, div int64) uint64 {
	if t.Kind == types.Hist && div > 1 {
		return n / uint64(div)
	}
	return n
}

func spaces(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}

// eachBucket visits the buckets from the first to the last that is not empty.
func eachBucket(t *types.Type, buckets []Bucket, visit func(index int, n, largest uint64)) {
	first, last, largest := -1, -1, uint64(0)
	for _, b := range buckets {
		if b.Count == 0 || b.Index < 0 || b.Index >= NumBuckets(t) {
			continue
		}
		if first < 0 {
			first = b.Index
		}
		last, largest = b.Index, max(largest, b.Count)
	}
	if first < 0 {
		return
	}
	next := 0
	for i := first; i <= last; i++ {
		for next < len(buckets) && buckets[next].Index < i {
			next++
		}
		var n uint64
		if next < len(buckets) && buckets[next].Index == i {
			n = buckets[next].Count
		}
		visit(i, n, largest)
	}
}

// EachBucket iterates over the buckets of a histogram that are shown, from the
// first to the last that is not empty, with counts divided as in AppendHist.
func EachBucket(t *types.Type, buckets []Bucket, div int64) iter.Seq2[Bounds, uint64] {
	return func(yield func(Bounds, uint64) bool) {
		more := true
		eachBucket(t, buckets, func(index int, n, _ uint64) {
			more = more && yield(BucketBounds(t, index), divCount(t, n, div))
		})
	}
}

// AppendHistJSON appends the JSON form of a histogram: an array of buckets
// with inclusive ends (O-JSON-HIST).
func AppendHistJSON(dst []byte, t *types.Type, buckets []Bucket, div int64) []byte {
	dst = append(dst, '[')
	first := true
	eachBucket(t, buckets, func(index int, n, _ uint64) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		b := BucketBounds(t, index)
		dst = append(dst, '{')
		if !b.NoMin {
			dst = appendJSONNumber(append(dst, `"min": `...), uint64(b.Min), true)
			dst = append(dst, ", "...)
		}
		if !b.NoMax {
			dst = appendJSONNumber(append(dst, `"max": `...), uint64(b.Max), true)
			dst = append(dst, ", "...)
		}
		dst = appendJSONNumber(append(dst, `"count": `...), divCount(t, n, div), false)
		dst = append(dst, '}')
	})
	return append(dst, ']')
}
