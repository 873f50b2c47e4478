package ir

import "fmt"

// EnvMap is one map.
type EnvMap struct {
	Name       string
	KeySize    int
	ValueSize  int
	MaxEntries int
	Array      bool // keys are 4-byte indexes, entry 0 can be addressed directly
	LRU        bool // a full map drops its oldest key for a new one
	// CPUs is the number of CPUs with separate values for each key, Stride
	// bytes apart; 0 for a map whose values are shared.
	CPUs int
	env  *Env
	obj  *Region
	keys []string // in order of insertion; those of deleted ones stay for a while
	vals map[string]*envValue
}

// envValue is the value of a key, and the place of the key in EnvMap.keys.
type envValue struct {
	*Region
	at int
}

// AddMap adds a map; its index is its place in Maps.
func (e *Env) AddMap(m EnvMap) *EnvMap {
	n := &m
	n.env = e
	n.obj = e.Mem.Add("map "+m.Name, nil)
	n.vals = map[string]*envValue{}
	if m.Array {
		for i := range m.MaxEntries {
			k := make([]byte, 4)
			put(k, uint64(i))
			n.add(k)
		}
	}
	e.Maps = append(e.Maps, n)
	e.objs[n.obj.Base] = n
	return n
}

// Stride returns the distance between the values of two CPUs.
func (m *EnvMap) Stride() int { return (m.ValueSize + 7) / 8 * 8 }

// of returns the offset of a CPU's value, -1 if there is no such CPU.
func (m *EnvMap) of(cpu uint64) int {
	switch {
	case m.CPUs == 0:
		return 0
	case cpu >= uint64(m.CPUs):
		return -1
	}
	return int(cpu) * m.Stride()
}

func (m *EnvMap) add(key []byte) *envValue {
	size := m.ValueSize
	if m.CPUs > 0 {
		size = m.CPUs * m.Stride()
	}
	v := &envValue{m.env.Mem.Add("a value of map "+m.Name, make([]byte, size)), len(m.keys)}
	k := string(key)
	m.keys = append(m.keys, k)
	m.vals[k] = v
	return v
}

// Get returns the value of a key, or those of all CPUs; nil if it is not there.
func (m *EnvMap) Get(key string) []byte {
	if v := m.vals[key]; v != nil {
		return v.Data
	}
	return nil
}

// Keys returns the keys in order of insertion.
func (m *EnvMap) Keys() []string {
	out := make([]string, 0, len(m.vals))
	for i, k := range m.keys {
		if v := m.vals[k]; v != nil && v.at == i {
			out = append(out, k)
		}
	}
	return out
}

// Delete deletes a key, and reports whether it was there. A running program can
// still use its value: the kernel frees it after an RCU grace period.
func (m *EnvMap) Delete(key string) bool {
	v := m.vals[key]
	if v == nil {
		return false
	}
	delete(m.vals, key)
	m.env.deleted = append(m.env.deleted, v.Region)
	const few = 16
	if len(m.keys) > few && len(m.keys) > 2*len(m.vals) {
		m.keys = m.Keys()
		for i, k := range m.keys {
			m.vals[k].at = i
		}
	}
	return true
}

// Clear deletes all keys.
func (m *EnvMap) Clear() {
	for _, v := range m.vals {
		m.env.deleted = append(m.env.deleted, v.Region)
	}
	clear(m.vals)
	m.keys = m.keys[:0]
}

// oldest returns the key that was inserted first.
func (m *EnvMap) oldest() string {
	for i, k := range m.keys {
		if v := m.vals[k]; v != nil && v.at == i {
			return k
		}
	}
	return ""
}

// MapAddr returns the address that stands for map n.
func (e *Env) MapAddr(n int) (uint64, error) {
	if n < 0 || n >= len(e.Maps) {
		return 0, fmt.Errorf("map %d does not exist", n)
	}
	return e.Maps[n].obj.Base, nil
}

// ValueAddr returns the address of byte off of the only value of array map n.
func (e *Env) ValueAddr(n int, off int64) (uint64, error) {
	if n < 0 || n >= len(e.Maps) || !e.Maps[n].Array {
		return 0, fmt.Errorf("map %d is no array", n)
	}
	return e.Maps[n].vals["\x00\x00\x00\x00"].Base + uint64(off), nil
}

func (e *Env) mapAt(addr uint64) (*EnvMap, error) {
	if m := e.objs[addr]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%#x is no map", addr)
}

// mapHelper runs lookup, update and delete. Errors of the map, such as a
// missing key, are results for the program; an error is returned for what the
// verifier would reject.
func (e *Env) mapHelper(h Helper, a [5]uint64) (uint64, error) {
	m, err := e.mapAt(a[0])
	if err != nil {
		return 0, err
	}
	key, err := e.Mem.Bytes(a[1], m.KeySize)
	if err != nil {
		return 0, err
	}
	v := m.vals[string(key)]
	cpu := e.CPU
	if h == HelperPerCPULookup {
		cpu = uint64(uint32(a[2]))
	}
	off := m.of(cpu)
	if off < 0 && h != HelperPerCPULookup {
		return 0, fmt.Errorf("map %s has no value for CPU %d", m.Name, cpu)
	}
	switch h {
	case HelperMapUpdate:
		b, err := e.Mem.Bytes(a[2], m.ValueSize)
		full := v == nil && len(m.vals) >= m.MaxEntries
		switch {
		case err != nil:
			return 0, err
		case v != nil && a[3] == 1: // BPF_NOEXIST
			return eExist, nil
		case full && m.LRU:
			m.Delete(m.oldest())
		case full, v == nil && m.Array:
			return e2Big, nil
		}
		if v == nil {
			v = m.add(key)
		}
		copy(v.Data[off:], b)
		return 0, nil
	case HelperMapDelete:
		if !m.Delete(string(key)) {
			return eNoEnt, nil
		}
		return 0, nil
	}
	if v == nil || off < 0 {
		return 0, nil
	}
	return v.Base + uint64(off), nil
}

// forEach runs bpf_for_each_map_elem, in order of insertion. It iterates over a
// copy of the keys, since the callback can delete entries.
func (e *Env) forEach(a [5]uint64, cb Callback) (uint64, error) {
	m, err := e.mapAt(a[0])
	if err != nil {
		return 0, err
	}
	n := uint64(0)
	for _, k := range m.Keys() {
		v := m.vals[k]
		if v == nil {
			continue
		}
		key := e.Mem.Add("a key of map "+m.Name, []byte(k))
		key.ReadOnly = true
		r, err := cb(a[1], a[0], key.Base, v.Base+uint64(max(m.of(e.CPU), 0)), a[2])
		e.Mem.Drop(key)
		if err != nil {
			return 0, err
		}
		n++
		if r != 0 {
			break
		}
	}
	return n, nil
}

// Recycle makes the address space of dropped regions and deleted values
// reusable. Until then, accesses to them are detected. Call it between runs,
// after reading Ring.
func (e *Env) Recycle() {
	for _, r := range e.deleted {
		e.Mem.Drop(r)
	}
	e.deleted = e.deleted[:0]
	e.Mem.recycle()
}
