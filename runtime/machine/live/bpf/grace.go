package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"probe/runtime/kcall"
)

// Grace waits for programs that run.
type Grace struct{ outer, inner *ebpf.Map }

// NewGrace makes what Wait needs, two small maps.
func NewGrace() (*Grace, error) {
	spec := &ebpf.MapSpec{Name: "p_inner", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	inner, err := kcall.NewMap(spec)
	if err != nil {
		return nil, fmt.Errorf("create the map %s: %w", spec.Name, err)
	}
	outer, err := kcall.NewMap(&ebpf.MapSpec{Name: "p_outer", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: spec})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create the map p_outer: %w", err), inner.Close())
	}
	return &Grace{outer, inner}, nil
}

// Wait returns when every program that ran at the time of the call has ended, programs
// that may sleep excepted. The kernel waits so whenever an element of an array of maps is
// replaced, for the sake of user space (maybe_wait_bpf_programs in kernel/bpf/syscall.c,
// since Linux 4.20). It takes milliseconds.
func (g *Grace) Wait() error { return g.outer.Put(uint32(0), g.inner) }

// Close releases the maps. It does nothing for nil.
func (g *Grace) Close() error {
	if g == nil {
		return nil
	}
	return errors.Join(g.outer.Close(), g.inner.Close())
}
