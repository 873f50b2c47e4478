package value

import (
	"encoding/binary"

	"probe/lang/types"
)

// cellCount returns how many cells lie in a per-CPU value; stride 0 means one.
func cellCount(cells []byte, stride int) int {
	if stride <= 0 {
		return 1
	}
	return (len(cells) + stride - 1) / stride
}

// Merge reduces the per-CPU cells of one value to the form Value describes and
// appends it to dst (A-LY-05 to A-LY-07, A-LY-12). The cells are stride bytes
// apart; stride 0 means a single cell. Plain integers kept per CPU add up; for
// other plain values, the first that is not all zero is the result.
func Merge(dst []byte, t *types.Type, cells []byte, stride int) []byte {
	n := cellCount(cells, stride)
	switch t.Kind {
	case types.Count, types.Sum:
		return binary.LittleEndian.AppendUint64(dst, sumCells(cells, stride, n, 0))
	case types.Min, types.Max:
		return binary.LittleEndian.AppendUint64(dst, extreme(t, cells, stride, n))
	case types.Avg, types.Stats:
		dst = binary.LittleEndian.AppendUint64(dst, sumCells(cells, stride, n, 0))
		return binary.LittleEndian.AppendUint64(dst, sumCells(cells, stride, n, 8))
	case types.Int:
		if n == 1 {
			break
		}
		var sum uint64
		for i := range n {
			sum += Value{T: t, B: cut(cells, i*stride, t.Size)}.Uint()
		}
		return append(dst, binary.LittleEndian.AppendUint64(nil, sum)[:min(t.Size, 8)]...)
	}
	for i := range n {
		cell := cut(cells, i*stride, t.Size)
		if i == n-1 || !allZero(cell) {
			return append(dst, cell...)
		}
	}
	return dst
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func sumCells(cells []byte, stride, n, off int) uint64 {
	var sum uint64
	for i := range n {
		sum += load(cells, i*stride+off, 8)
	}
	return sum
}

// extreme returns the least or greatest of the cells whose set flag is not
// zero; 0 when none is set.
func extreme(t *types.Type, cells []byte, stride, n int) uint64 {
	var best uint64
	set := false
	for i := range n {
		if load(cells, i*stride+8, 8) == 0 {
			continue
		}
		v := load(cells, i*stride, 8)
		less := v < best
		if t.Signed {
			less = int64(v) < int64(best)
		}
		if !set || less == (t.Kind == types.Min) && v != best {
			best, set = v, true
		}
	}
	return best
}

// Divided returns the value with the divisor of print(@m, top, div) applied
// (M-PRINT-10): plain integers and the aggregations that act as integers. In
// stats only the average is divided, which AppendMapValue does.
func (v Value) Divided(div int64) Value {
	if div <= 1 || v.T == nil || v.T.Kind != types.Int && !v.T.IsCastableAgg() {
		return v
	}
	t := v.T
	if t.Kind == types.Avg { // 16 bytes of total and count: no room for a quotient
		t = types.IntType(8, t.Signed)
	}
	return Value{T: t, B: binary.LittleEndian.AppendUint64(nil, divide(v.Uint(), div, v.Signed()))}
}

// Stats returns what stats() has collected; div applies to the average
// (M-PRINT-10). Average and total are signed where the type is.
func (v Value) Stats(div int64) (count, average, total uint64) {
	return load(v.B, 8, 8), divide(v.average(), max(div, 1), v.T.Signed), load(v.B, 0, 8)
}

// AppendMapValue appends the text of a map's value, divided.
func AppendMapValue(dst []byte, v Value, div int64, r Resolver) []byte {
	if v.T != nil && v.T.Kind == types.Stats {
		return appendStats(dst, v, max(div, 1))
	}
	return AppendText(dst, v.Divided(div), r)
}
