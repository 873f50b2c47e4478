package ir

import (
	"fmt"
)

// Env is the world of an interpreted program: its context, maps, ring buffer
// and what the helpers say. It serves the interpreter of the IR and the
// simulator of instructions alike, so that their results can be compared.
type Env struct {
	Mem  Memory
	Ctx  *Region
	Maps []*EnvMap
	Ring [][]byte // records in the order of their submission
	Log  []string // effects on the outside besides maps and ring

	PidTgid, UidGid, CPU, Clock, Random, CgroupID, Cookie uint64
	Comm                                                  string
	Task                                                  uint64 // address of the current task

	RingFull bool // reservations fail
	Budget   int  // turns that may_goto allows in all
	Steps    int  // instructions left before the run counts as endless

	records map[uint64]*Region // reserved ring records
}

// EnvMap is one map.
type EnvMap struct {
	Name       string
	KeySize    int
	ValueSize  int
	MaxEntries int
	Array      bool // keys are 4-byte indexes, entry 0 can be addressed directly
	obj        *Region
	keys       []string // in order of insertion
	vals       map[string]*Region
}

// NewEnv makes a world with a context of the given bytes.
func NewEnv(ctx []byte) *Env {
	e := &Env{PidTgid: 1234<<32 | 5678, UidGid: 1000<<32 | 1001, CPU: 1, Clock: 1_000_000_007, Random: 0x1234abcd,
		CgroupID: 77, Cookie: 99, Comm: "comm", Task: KernelBase + 0x1000, Budget: 1 << 16, Steps: 1 << 20,
		records: map[uint64]*Region{}}
	e.Ctx = e.Mem.Add("the context", ctx)
	e.Ctx.ReadOnly = true
	return e
}

// AddMap adds a map; its index is its place in Maps.
func (e *Env) AddMap(m EnvMap) *EnvMap {
	n := &m
	n.obj = e.Mem.Add("map "+m.Name, nil)
	n.vals = map[string]*Region{}
	if m.Array {
		for i := range m.MaxEntries {
			k := make([]byte, 4)
			put(k, uint64(i))
			n.add(e, string(k))
		}
	}
	e.Maps = append(e.Maps, n)
	return n
}

func (m *EnvMap) add(e *Env, key string) *Region {
	r := e.Mem.Add("a value of map "+m.Name, make([]byte, m.ValueSize))
	m.keys = append(m.keys, key)
	m.vals[key] = r
	return r
}

// Get is the value of a key, nil if it is not there.
func (m *EnvMap) Get(key string) []byte {
	if r := m.vals[key]; r != nil {
		return r.Data
	}
	return nil
}

// Keys are the keys in order of insertion.
func (m *EnvMap) Keys() []string { return m.keys }

// MapAddr is the address that stands for map n.
func (e *Env) MapAddr(n int) (uint64, error) {
	if n < 0 || n >= len(e.Maps) {
		return 0, fmt.Errorf("map %d does not exist", n)
	}
	return e.Maps[n].obj.Base, nil
}

// ValueAddr is the address of byte off of the only value of array map n.
func (e *Env) ValueAddr(n int, off int64) (uint64, error) {
	if n < 0 || n >= len(e.Maps) || !e.Maps[n].Array {
		return 0, fmt.Errorf("map %d is no array", n)
	}
	return e.Maps[n].vals["\x00\x00\x00\x00"].Base + uint64(off), nil
}

func (e *Env) mapAt(addr uint64) (*EnvMap, error) {
	for _, m := range e.Maps {
		if m.obj.Base == addr {
			return m, nil
		}
	}
	return nil, fmt.Errorf("%#x is no map", addr)
}

// Callback runs function number fn of the program.
type Callback func(fn uint64, args ...uint64) (uint64, error)

const (
	eNoEnt = ^uint64(1)  // -ENOENT
	eExist = ^uint64(16) // -EEXIST
	e2Big  = ^uint64(6)  // -E2BIG
	eFault = ^uint64(13) // -EFAULT
)

// Call runs a helper.
func (e *Env) Call(h Helper, a [5]uint64, cb Callback) (uint64, error) {
	switch h {
	case HelperMapLookup, HelperMapUpdate, HelperMapDelete, HelperPerCPULookup:
		return e.mapHelper(h, a)
	case HelperKtimeGetNS, HelperKtimeBootNS, HelperKtimeTaiNS, HelperJiffies64:
		return e.Clock, nil
	case HelperPrandom:
		return e.Random, nil
	case HelperSMPProcessorID:
		return e.CPU, nil
	case HelperNUMANode:
		return 0, nil
	case HelperPidTgid:
		return e.PidTgid, nil
	case HelperUidGid:
		return e.UidGid, nil
	case HelperCgroupID:
		return e.CgroupID, nil
	case HelperAttachCookie:
		return e.Cookie, nil
	case HelperFuncIP:
		return KernelBase + 0x100, nil
	case HelperCurrentTask, HelperTaskBTF:
		return e.Task, nil
	case HelperComm:
		b, err := e.Mem.Window(a[0], int(uint32(a[1])))
		if err == nil {
			clear(b)
			copy(b[:max(len(b)-1, 0)], e.Comm)
		}
		return 0, err
	case HelperReadKernel, HelperReadUser, HelperReadKernelStr, HelperReadUserStr:
		return e.probeRead(h, a)
	case HelperRingReserve, HelperRingSubmit, HelperRingDiscard, HelperRingOutput, HelperRingQuery:
		return e.ring(h, a)
	case HelperLoop:
		return e.loop(a, cb)
	case HelperForEachMapElem:
		return e.forEach(a, cb)
	case HelperSendSignal:
		e.Log = append(e.Log, fmt.Sprintf("signal %d", a[0]))
		return 0, nil
	case HelperGetStackID:
		return 42, nil
	case HelperGetStack:
		b, err := e.Mem.Window(a[1], int(uint32(a[2])))
		if err != nil {
			return 0, err
		}
		copy(b, kernelBytes(KernelBase+0x2000, len(b)))
		return uint64(len(b)), nil
	}
	return 0, fmt.Errorf("helper %d cannot be interpreted", h)
}

func (e *Env) mapHelper(h Helper, a [5]uint64) (uint64, error) {
	m, err := e.mapAt(a[0])
	if err != nil {
		return 0, err
	}
	kb, err := e.Mem.Bytes(a[1], m.KeySize)
	if err != nil {
		return 0, err
	}
	key := string(kb)
	r := m.vals[key]
	switch h {
	case HelperMapUpdate:
		v, err := e.Mem.Bytes(a[2], m.ValueSize)
		switch {
		case err != nil:
			return 0, err
		case r != nil && a[3] == 1: // BPF_NOEXIST
			return eExist, nil
		case r == nil && (m.Array || len(m.keys) >= m.MaxEntries):
			return e2Big, nil
		case r == nil:
			v = append([]byte(nil), v...)
			r = m.add(e, key)
		}
		copy(r.Data, v)
		return 0, nil
	case HelperMapDelete:
		if r == nil {
			return eNoEnt, nil
		}
		delete(m.vals, key)
		for i, k := range m.keys {
			if k == key {
				m.keys = append(m.keys[:i:i], m.keys[i+1:]...)
				break
			}
		}
		return 0, nil
	}
	if r == nil {
		return 0, nil
	}
	return r.Base, nil
}

func (e *Env) probeRead(h Helper, a [5]uint64) (uint64, error) {
	n := int(uint32(a[1]))
	dst, err := e.Mem.Window(a[0], n)
	if err != nil {
		return 0, err
	}
	clear(dst)
	src := kernelBytes(a[2], n)
	if a[2] < KernelBase {
		r, off, err := e.Mem.find(a[2], n, false)
		if err != nil {
			return eFault, nil
		}
		src = r.Data[off : off+n]
	}
	if h == HelperReadKernel || h == HelperReadUser {
		copy(dst, src)
		return 0, nil
	}
	for i := range dst {
		if i == n-1 || src[i] == 0 {
			dst[i] = 0
			return uint64(i + 1), nil
		}
		dst[i] = src[i]
	}
	return 0, nil
}

func (e *Env) ring(h Helper, a [5]uint64) (uint64, error) {
	switch h {
	case HelperRingReserve:
		if e.RingFull {
			return 0, nil
		}
		r := e.Mem.Add("a ring record", make([]byte, int(uint32(a[1]))))
		e.records[r.Base] = r
		return r.Base, nil
	case HelperRingSubmit, HelperRingDiscard:
		r := e.records[a[0]]
		if r == nil {
			return 0, fmt.Errorf("%#x is no reserved record", a[0])
		}
		delete(e.records, a[0])
		if h == HelperRingSubmit {
			e.Ring = append(e.Ring, r.Data)
		}
		e.Mem.Drop(r)
		return 0, nil
	case HelperRingOutput:
		b, err := e.Mem.Bytes(a[1], int(uint32(a[2])))
		if err == nil {
			e.Ring = append(e.Ring, append([]byte(nil), b...))
		}
		return 0, err
	}
	return 0, nil
}

func (e *Env) loop(a [5]uint64, cb Callback) (uint64, error) {
	n := uint64(uint32(a[0]))
	for i := range n {
		r, err := cb(a[1], i, a[2])
		if err != nil {
			return 0, err
		}
		if r != 0 {
			return i + 1, nil
		}
	}
	return n, nil
}

func (e *Env) forEach(a [5]uint64, cb Callback) (uint64, error) {
	m, err := e.mapAt(a[0])
	if err != nil {
		return 0, err
	}
	n := uint64(0)
	for _, k := range append([]string(nil), m.keys...) {
		v := m.vals[k]
		if v == nil {
			continue
		}
		key := e.Mem.Add("a key of map "+m.Name, []byte(k))
		key.ReadOnly = true
		r, err := cb(a[1], a[0], key.Base, v.Base, a[2])
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

// Kfunc runs a kernel function.
func (e *Env) Kfunc(name string, a [5]uint64) (uint64, error) {
	if name == "bpf_rdonly_cast" {
		return a[0], nil
	}
	return 0, fmt.Errorf("kernel function %s cannot be interpreted", name)
}

// Open is how many reserved records were never released.
func (e *Env) Open() int { return len(e.records) }
