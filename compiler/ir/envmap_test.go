package ir

import (
	"slices"
	"testing"
)

func TestEnvMap(t *testing.T) {
	e := NewEnv(nil)
	m := e.AddMap(EnvMap{Name: "lru", KeySize: 4, ValueSize: 8, MaxEntries: 3, LRU: true})
	buf := e.Mem.Add("key and value", make([]byte, 16))
	call := func(h Helper, key byte) uint64 {
		t.Helper()
		buf.Data[0] = key
		r, err := e.Call(h, [5]uint64{m.obj.Base, buf.Base, buf.Base + 8}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for k := byte('a'); k <= 'd'; k++ {
		call(HelperMapUpdate, k)
	}
	keys := func() string {
		out := ""
		for _, k := range m.Keys() {
			out += k[:1]
		}
		return out
	}
	if got := keys(); got != "bcd" {
		t.Errorf("a full map has %q, want the oldest gone: bcd", got)
	}
	if r := call(HelperMapDelete, 'c'); r != 0 {
		t.Errorf("delete: %#x", r)
	}
	if r := call(HelperMapDelete, 'c'); r != eNoEnt {
		t.Errorf("delete again: %#x, want ENOENT", r)
	}
	call(HelperMapUpdate, 'c')
	if got := keys(); got != "bdc" {
		t.Errorf("inserted again: %q, want bdc", got)
	}
	// Keys that come and go leave nothing behind.
	for range 10000 {
		call(HelperMapUpdate, 'x')
		call(HelperMapDelete, 'x')
		e.Recycle()
	}
	if n := len(m.keys); n > 64 {
		t.Errorf("%d keys are remembered of %d", n, len(m.vals))
	}
	if n := len(e.Mem.regions); n > 64 {
		t.Errorf("%d regions are there", n)
	}
	m.Clear()
	if got := keys(); got != "" || call(HelperMapLookup, 'b') != 0 {
		t.Errorf("cleared: %q", got)
	}
}

// A value may be used after its key was deleted, until the run is over.
func TestEnvRecycle(t *testing.T) {
	e := NewEnv(nil)
	m := e.AddMap(EnvMap{Name: "hash", KeySize: 1, ValueSize: 8, MaxEntries: 2})
	v := m.add([]byte("k"))
	m.Delete("k")
	if _, err := e.Mem.Load(v.Base, 8); err != nil {
		t.Errorf("before: %v", err)
	}
	e.Recycle()
	if _, err := e.Mem.Load(v.Base, 8); err == nil {
		t.Error("the value of a deleted key can be read in the next run")
	}
	s := e.Mem.AddStack("s", 8)
	if err := e.Mem.Store(s.Base, 8, 1); err != nil {
		t.Fatal(err)
	}
	e.Mem.Drop(s)
	e.Recycle()
	s = e.Mem.AddStack("s", 8)
	if _, err := e.Mem.Load(s.Base, 8); err == nil {
		t.Error("what an earlier run wrote to its stack counts as written")
	}
}

func TestEnvNoKernel(t *testing.T) {
	e := NewEnv(nil)
	dst := e.Mem.Add("dst", slices.Repeat([]byte{7}, 8))
	for _, none := range []bool{false, true} {
		e.NoKernel = none
		r, err := e.Call(HelperReadKernel, [5]uint64{dst.Base, 8, KernelBase}, nil)
		if err != nil || (r == 0) == none {
			t.Errorf("NoKernel %t: read gives %#x, %v", none, r, err)
		}
	}
	if !slices.Equal(dst.Data, make([]byte, 8)) {
		t.Errorf("a failed read leaves %v", dst.Data)
	}
	e.Boot = 5
	if boot, _ := e.Call(HelperKtimeBootNS, [5]uint64{}, nil); boot != e.Clock+5 {
		t.Errorf("boot clock %d, clock %d", boot, e.Clock)
	}
}

// TestPerCPU: each CPU has its own value under a key.
func TestPerCPU(t *testing.T) {
	e := NewEnv(nil)
	m := e.AddMap(EnvMap{Name: "cells", KeySize: 4, ValueSize: 4, MaxEntries: 2, CPUs: 2})
	buf := e.Mem.Add("key and value", make([]byte, 8))
	call := func(h Helper, a2 uint64) (uint64, error) {
		return e.Call(h, [5]uint64{m.obj.Base, buf.Base, a2}, nil)
	}
	for cpu := range uint64(2) {
		e.CPU = cpu
		buf.Data[4] = byte(10 + cpu)
		if r, err := call(HelperMapUpdate, buf.Base+4); r != 0 || err != nil {
			t.Fatal(r, err)
		}
	}
	for cpu, want := range []uint64{10, 11, 0} {
		at, err := call(HelperPerCPULookup, uint64(cpu))
		if err != nil || (at == 0) != (want == 0) {
			t.Fatalf("CPU %d: %#x, %v", cpu, at, err)
		}
		if at != 0 {
			if got, err := e.Mem.Load(at, 4); got != want || err != nil {
				t.Errorf("CPU %d has %d (%v), want %d", cpu, got, err, want)
			}
		}
	}
	if at, err := call(HelperMapLookup, 0); err != nil {
		t.Error(err)
	} else if got, _ := e.Mem.Load(at, 4); got != 11 {
		t.Errorf("a lookup on CPU 1 gives %d", got)
	}
	if got := len(m.Get("\x00\x00\x00\x00")); got != 2*m.Stride() || m.Stride() != 8 {
		t.Errorf("the values are %d bytes, %d apart", got, m.Stride())
	}
	e.CPU = 2
	if _, err := call(HelperMapLookup, 0); err == nil {
		t.Error("a CPU that the map does not have has a value")
	}
}
