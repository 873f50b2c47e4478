package session

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"unsafe"

	"probe/compiler/object"
	"probe/lang/value"
)

// word reads a counter at byte off of memory that programs write.
func word(b []byte, off int) uint64 {
	if off < 0 || off+8 > len(b) {
		return 0
	}
	if off%8 != 0 {
		return binary.LittleEndian.Uint64(b[off:])
	}
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&b[off])))
}

// mapData reads a script map and merges the values of all CPUs.
func (u *Clause) mapData(m *object.Map) (*value.MapData, error) {
	out := &value.MapData{Name: m.Name, Key: m.Key, Val: m.Value}
	switch m.Storage {
	case object.StoreGlobal:
		if m.SetOff < 0 || word(u.data, m.SetOff) != 0 {
			if cell, ok := cut(u.data, m.Off, m.ValueSize); ok {
				out.AddCells(nil, cell, 0)
			}
		}
		return out, nil
	case object.StorePerCPU:
		u.perCPU(m, out)
		return out, nil
	}
	t, err := u.table(m)
	if err != nil {
		return nil, err
	}
	stride, err := t.stride()
	if err != nil {
		return nil, err
	}
	if m.Front != nil && stride == 0 {
		stride = m.ValueSize // one cell in the hash and those of the tables
	}
	graphs := value.HasGraph(m.Key)
	// The table is read before the hash: each of its keys is in the hash already, but
	// those that a program claimed a slot for while the hash was cleared.
	front := map[string][]byte{}
	m.Front.Cells(u.percpu, u.obj.PerCPUStride, func(key, cell []byte) { front[string(key)] = append(front[string(key)], cell...) })
	err = t.each(func(key, val []byte) bool {
		if graphs {
			value.Unify(m.Key, key, u.handler.s.opts.Resolver.graphs.Same)
		}
		if m.Buckets > 0 && !m.BucketInKey {
			out.AddCounters(key, val, stride)
		} else {
			if cells := front[string(key)]; cells != nil {
				val = append(slices.Clone(val), cells...)
				delete(front, string(key))
			}
			out.AddCells(key, val, stride)
		}
		return true
	})
	for key, cells := range front {
		if !allZero(cells) {
			out.AddCells([]byte(key), cells, stride)
		}
	}
	return out, err
}

func cut(b []byte, off, n int) ([]byte, bool) {
	if off < 0 || n < 0 || off+n > len(b) {
		return nil, false
	}
	return b[off : off+n : off+n], true
}

// perCPU merges a keyless aggregation, which has a cell in the memory block of
// each CPU.
func (u *Clause) perCPU(m *object.Map, out *value.MapData) {
	stride := u.obj.PerCPUStride
	size := m.ValueSize
	if m.Buckets > 0 {
		size = m.Buckets * value.CellSize(m.Value)
	}
	if stride <= 0 || m.Off+size > stride {
		return
	}
	set := u.zeroed[m]
	var cells []byte
	for at := 0; at+stride <= len(u.percpu); at += stride {
		cell := u.percpu[at+m.Off : at+m.Off+size]
		cells = append(cells, cell...)
		switch {
		case m.SetOff >= 0:
			set = set || word(u.percpu, at+m.SetOff) != 0
		default:
			set = set || !allZero(cell)
		}
	}
	if !set {
		return
	}
	if m.Buckets == 0 {
		out.AddCells(nil, cells, size)
		return
	}
	out.AddCounters(nil, cells, size)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// clearMap deletes all keys, or resets a keyless map.
func (u *Clause) clearMap(m *object.Map) error { return u.reset(m, true) }

// zeroMap sets all values to zero and keeps the keys.
func (u *Clause) zeroMap(m *object.Map) error { return u.reset(m, false) }

// noteZeroed remembers that a keyless aggregation has a value, although all of
// its memory will be zero.
func (u *Clause) noteZeroed(m *object.Map, remove bool) {
	if remove {
		delete(u.zeroed, m)
		return
	}
	var held value.MapData
	held.Val = m.Value
	if u.perCPU(m, &held); len(held.Entries) > 0 {
		if u.zeroed == nil {
			u.zeroed = map[*object.Map]bool{}
		}
		u.zeroed[m] = true
	}
}

func (u *Clause) reset(m *object.Map, remove bool) error {
	switch m.Storage {
	case object.StoreGlobal:
		if cell, ok := cut(u.data, m.Off, m.ValueSize); ok {
			clear(cell)
		}
		if remove {
			if set, ok := cut(u.data, m.SetOff, 8); ok {
				clear(set)
			}
		}
		return nil
	case object.StorePerCPU:
		u.noteZeroed(m, remove)
		size := m.ValueSize
		if m.Buckets > 0 {
			size = m.Buckets * value.CellSize(m.Value)
		}
		for at := 0; u.obj.PerCPUStride > 0 && at+u.obj.PerCPUStride <= len(u.percpu); at += u.obj.PerCPUStride {
			if cell, ok := cut(u.percpu, at+m.Off, size); ok {
				clear(cell)
			}
			if set, ok := cut(u.percpu, at+m.SetOff, 8); ok && remove && m.SetOff >= 0 {
				clear(set)
			}
		}
		return nil
	}
	t, err := u.table(m)
	if err != nil {
		return err
	}
	u.retire(m)
	if remove {
		return t.clear()
	}
	return t.zero()
}
