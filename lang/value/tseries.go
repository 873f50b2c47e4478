package value

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"time"

	"probe/lang/types"
)

// tseriesCell is one CPU's cell of an interval: value, meta (time of the last
// value, count or set flag), and the epoch plus one, 0 where nothing was written
// (A-LY-08).
const tseriesCell = 24

// tseriesWidth is the columns of a printed row, borders included.
const tseriesWidth = 53

// Point is one interval of a time series.
type Point struct {
	Epoch uint64 // number of the interval since the clock's zero
	Value uint64 // bits; signed if the type is
	Time  uint64 // of the newest value; only without aggregation
}

// addPoint merges the cells of one slot. CPUs reuse slots independently, so
// only the cells of the newest epoch count. The result stays sorted by epoch.
func addPoint(points []Point, t *types.Type, cells []byte, stride int) []Point {
	var p Point
	var total, count uint64
	n := cellCount(cells, stride)
	for i := range n {
		p.Epoch = max(p.Epoch, load(cells, i*stride+16, 8))
	}
	if p.Epoch == 0 {
		return points // never written
	}
	newest := p.Epoch
	p.Epoch--
	set := false
	for i := range n {
		v, meta := load(cells, i*stride, 8), load(cells, i*stride+8, 8)
		if load(cells, i*stride+16, 8) != newest {
			continue
		}
		order := compareBits(v, p.Value, t.Signed)
		switch t.Reduce {
		case "avg":
			total, count = total+v, count+meta
		case "sum":
			p.Value += v
		case "min":
			if !set || order < 0 {
				p.Value = v
			}
		case "max":
			if !set || order > 0 {
				p.Value = v
			}
		default:
			if !set || meta > p.Time {
				p.Value, p.Time = v, meta
			}
		}
		set = true
	}
	if t.Reduce == "avg" && count > 0 {
		p.Value = total / count
		if t.Signed {
			p.Value = uint64(int64(total) / int64(count))
		}
	}
	at, found := slices.BinarySearchFunc(points, p, func(a, b Point) int { return cmp.Compare(a.Epoch, b.Epoch) })
	if found {
		points[at] = p
		return points
	}
	return slices.Insert(points, at, p)
}

func compareBits(a, b uint64, signed bool) int {
	if signed {
		return cmp.Compare(int64(a), int64(b))
	}
	return cmp.Compare(a, b)
}

// LastEpoch returns the newest interval of a map of time series, over all its
// entries: all series of the map end there.
func LastEpoch(entries []Entry) uint64 {
	var last uint64
	for i := range entries {
		last = max(last, entries[i].lastPoint().Epoch)
	}
	return last
}

// current drops the points older than the window. Slots of the ring that no
// event has written since keep their old content, so the ring alone does not
// tell.
func current(t *types.Type, points []Point, last uint64) []Point {
	for len(points) > 0 && last-points[0].Epoch >= uint64(max(t.Buckets, 1)) {
		points = points[1:]
	}
	return points
}

// start returns the wall-clock start of an interval.
func (p Point) start(t *types.Type, r Resolver) time.Time {
	ns := p.Epoch * uint64(max(t.Interval, 1))
	if at, ok := r.Wall(ClockSoftwareTAI, ns); ok {
		return at
	}
	return time.Unix(0, int64(ns))
}

// AppendSeries appends the graph of a time series, one line for each interval
// from the first with data to the one with the number last (M-PRINT-15). Times
// are local.
func AppendSeries(dst []byte, t *types.Type, points []Point, last uint64, r Resolver) []byte {
	r = orDefault(r)
	points = current(t, points, last)
	if len(points) == 0 {
		return append(dst, "<no data>\n"...)
	}
	// Leave room on both sides, so that a flat line is drawn in the middle.
	lo, hi := points[0].Value, points[0].Value
	for _, p := range points {
		if compareBits(p.Value, lo, t.Signed) < 0 {
			lo = p.Value
		}
		if compareBits(p.Value, hi, t.Signed) > 0 {
			hi = p.Value
		}
	}
	if lo == hi {
		if t.Signed || lo > 0 {
			lo--
		}
		hi++
	}
	head, fraction := seriesUnit((last - points[0].Epoch) * uint64(max(t.Interval, 1)))
	margin := len("hh:mm:ss") + 1
	if fraction > 0 {
		margin += 1 + fraction
	}
	limits := func() {
		dst = spaces(dst, margin)
		at := len(dst)
		dst = appendNumber(dst, lo, t.Signed)
		dst = spaces(dst, 21-(len(dst)-at))
		num := appendNumber(nil, hi, t.Signed)
		dst = spaces(dst, tseriesWidth-len(num)-(len(dst)-at))
		dst = append(append(dst, num...), '\n')
	}
	limits()
	dst = append(dst, head...)
	dst = appendRule(spaces(dst, margin-len(head)), '|')
	next := points
	for epoch := points[0].Epoch; epoch <= last; epoch++ {
		p := Point{Epoch: epoch}
		dst = appendClockTime(dst, p.start(t, r).Local(), fraction)
		var row [tseriesWidth]byte
		for i := range row {
			row[i] = ' '
		}
		row[0], row[len(row)-1] = '|', '|'
		if t.Signed && int64(lo) < 0 && int64(hi) > 0 {
			row[seriesColumn(0, lo, hi)] = '.'
		}
		if len(next) == 0 || next[0].Epoch != epoch {
			dst = append(append(append(dst, ' '), row[:]...), " -\n"...)
			continue
		}
		row[seriesColumn(next[0].Value, lo, hi)] = '*'
		dst = append(append(append(dst, ' '), row[:]...), ' ')
		dst = append(appendNumber(dst, next[0].Value, t.Signed), '\n')
		next = next[1:]
	}
	dst = appendRule(spaces(dst, margin), 'v')
	limits()
	return dst
}

// seriesColumn scales a value into the row. Unsigned subtraction keeps the
// differences exact for both signs.
func seriesColumn(v, lo, hi uint64) int {
	c := int(float64(tseriesWidth-1) * float64(v-lo) / float64(hi-lo))
	return min(max(c, 0), tseriesWidth-1)
}

func appendRule(dst []byte, end byte) []byte {
	dst = append(dst, end)
	for range tseriesWidth - 2 {
		dst = append(dst, '_')
	}
	return append(dst, end, '\n')
}

// seriesUnit returns the head of the time column and its number of digits after
// the second, by the nanoseconds between the first interval and the last.
// bpftrace pads the head by its bytes, of which μ has two.
func seriesUnit(span uint64) (head string, digits int) {
	switch {
	case span >= 1e9:
		return "hh:mm:ss", 0
	case span >= 1e6:
		return "hh:mm:ss.ms", 3
	case span >= 1e3:
		return "hh:mm:ss.μs", 6
	}
	return "hh:mm:ss.ns", 9
}

func appendClockTime(dst []byte, at time.Time, digits int) []byte {
	layout := "15:04:05"
	if digits > 0 {
		layout += "." + "000000000"[:digits]
	}
	return at.AppendFormat(dst, layout)
}

// EachPoint iterates over the intervals of a time series that have data, up to
// the one with the number last. It yields the start of each interval and the
// bits of its value. r can be nil.
func EachPoint(t *types.Type, points []Point, last uint64, r Resolver) iter.Seq2[time.Time, uint64] {
	r = orDefault(r)
	return func(yield func(time.Time, uint64) bool) {
		for _, p := range current(t, points, last) {
			if !yield(p.start(t, r), p.Value) {
				return
			}
		}
	}
}

// AppendSeriesJSON appends the JSON form of a time series: the intervals with
// data up to the one with the number last, times in UTC (O-JSON-TSERIES).
func AppendSeriesJSON(dst []byte, t *types.Type, points []Point, last uint64, r Resolver) []byte {
	r = orDefault(r)
	dst = append(dst, '[')
	for i, p := range current(t, points, last) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"interval_start":`...)
		dst = strconv.AppendQuote(dst, p.start(t, r).UTC().Format("2006-01-02 15:04:05.000000000"))
		dst = append(dst, `,"value":`...)
		dst = append(appendJSONNumber(dst, p.Value, t.Signed), '}')
	}
	return append(dst, ']')
}
