package value

import (
	"encoding/binary"
	"slices"

	"probe/lang/types"
)

// MapData is the content of one map, merged over the CPUs.
type MapData struct {
	Name    string      // without '@'
	Key     *types.Type // nil for scalar maps
	Val     *types.Type
	Entries []Entry

	index map[string]int // key -> Entries, built by the Add methods
	// cells are those of aggregations with graphs in the key, by index in
	// Entries: one key here may be several in the kernel.
	cells map[int][]byte
}

// Entry is one key of a map.
type Entry struct {
	Key []byte // nil in scalar maps
	// Val is the value as Value describes it; nil for multi-bucket kinds.
	Val []byte
	// Buckets are the counters of Hist and LHist that are not zero, by index.
	Buckets []Bucket
	// Points are the intervals of TSeries that have data, by time.
	Points []Point
}

// Bucket is one counter of a histogram.
type Bucket struct {
	Index int
	Count uint64
}

// CellSize returns the number of bytes of one CPU's cell of a map value
// (appendix K); for histograms that of one counter.
func CellSize(t *types.Type) int {
	switch t.Kind {
	case types.Hist, types.LHist:
		return 8
	case types.TSeries:
		return tseriesCell
	}
	return t.Size
}

// AddCells adds one hash entry as the kernel keeps it. key is the script's key,
// padded to 8 bytes and followed by the 8-byte bucket number in multi-bucket
// maps; cells holds one cell for each CPU at a distance of stride bytes, or a
// single cell when stride is 0.
func (m *MapData) AddCells(key, cells []byte, stride int) {
	if m.Val.IsMultiBucket() {
		if len(key) < 8 {
			return
		}
		bucket := binary.LittleEndian.Uint64(key[len(key)-8:])
		m.AddBucket(key[:len(key)-8], bucket, cells, stride)
		return
	}
	e := m.entry(key)
	if m.Val.IsAgg() && HasGraph(m.Key) {
		if stride == 0 {
			stride = len(cells)
		}
		if m.cells == nil {
			m.cells = map[int][]byte{}
		}
		i := m.index[string(e.Key)]
		m.cells[i] = append(m.cells[i], cells...)
		e.Val = Merge(e.Val[:0], m.Val, m.cells[i], stride)
		return
	}
	e.Val = Merge(e.Val[:0], m.Val, cells, stride)
}

// AddBucket adds the cells of one bucket of a multi-bucket map.
func (m *MapData) AddBucket(key []byte, bucket uint64, cells []byte, stride int) {
	if bucket >= uint64(NumBuckets(m.Val)) {
		return // the compiler's programs never write it
	}
	e := m.entry(key)
	if m.Val.Kind == types.TSeries {
		e.Points = addPoint(e.Points, m.Val, cells, stride)
		return
	}
	var sum uint64
	for i := range cellCount(cells, stride) {
		sum += load(cells, i*stride, 8)
	}
	if sum == 0 {
		return
	}
	at, found := slices.BinarySearchFunc(e.Buckets, int(bucket), func(b Bucket, n int) int { return b.Index - n })
	if found {
		e.Buckets[at].Count += sum
		return
	}
	e.Buckets = slices.Insert(e.Buckets, at, Bucket{int(bucket), sum})
}

// AddCounters adds a whole aggregation of several buckets, kept as an array of
// cells for each CPU, stride bytes apart.
func (m *MapData) AddCounters(key, cells []byte, stride int) {
	n := NumBuckets(m.Val)
	if size := CellSize(m.Val); size != 8 {
		for b := range n {
			m.AddBucket(key, uint64(b), cells[b*size:], stride)
		}
		return
	}
	sums := make([]uint64, n)
	for i := range cellCount(cells, stride) {
		for b := range n {
			sums[b] += load(cells, i*stride+8*b, 8)
		}
	}
	e := m.entry(key)
	e.Buckets = e.Buckets[:0]
	for b, n := range sums {
		if n != 0 {
			e.Buckets = append(e.Buckets, Bucket{b, n})
		}
	}
}

// entry finds or makes the entry of a key; scalar maps have one without key.
func (m *MapData) entry(key []byte) *Entry {
	if m.Key == nil {
		key = nil
	} else {
		key = key[:min(len(key), m.Key.Size)]
	}
	if m.index == nil {
		m.index = map[string]int{}
		for i := range m.Entries {
			m.index[string(m.Entries[i].Key)] = i
		}
	}
	i, ok := m.index[string(key)]
	if !ok {
		i = len(m.Entries)
		m.index[string(key)] = i
		m.Entries = append(m.Entries, Entry{Key: slices.Clone(key)})
	}
	return &m.Entries[i]
}

// KeyOf returns the key of an entry as a value.
func (m *MapData) KeyOf(e *Entry) Value { return Value{T: m.Key, B: e.Key} }

// ValueOf returns the value of an entry of a map that is not multi-bucket.
func (m *MapData) ValueOf(e *Entry) Value { return Value{T: m.Val, B: e.Val} }

// Scalar reports whether the map has no key.
func (m *MapData) Scalar() bool { return m.Key == nil }
