package session

import (
	"fmt"

	"github.com/cilium/ebpf"

	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/runtime/machine/live/bpf"
)

// table is a hash map that programs fill: a map of the kernel, or of the
// interpreter.
type table interface {
	// stride returns the distance in bytes between the cells of a value for two
	// CPUs.
	stride() (int, error)
	each(yield func(key, val []byte) bool) error
	clear() error
	zero() error
}

// table returns the hash map of a map of the script.
func (u *Clause) table(m *object.Map) (table, error) {
	if t := u.host.table(m.Spec); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("map @%s has no kernel map", m.Name)
}

type kernelTable struct{ *ebpf.Map }

func (t kernelTable) stride() (int, error) {
	_, stride, err := bpf.ValueBytes(t.Map)
	return stride, err
}
func (t kernelTable) each(yield func(key, val []byte) bool) error { return bpf.EachEntry(t.Map, yield) }
func (t kernelTable) clear() error                                { return bpf.Clear(t.Map) }
func (t kernelTable) zero() error                                 { return bpf.Zero(t.Map) }

type replayTable struct{ m *ir.EnvMap }

func (t replayTable) stride() (int, error) { return t.m.ValueSize, nil }

func (t replayTable) each(yield func(key, val []byte) bool) error {
	var buf []byte // decoding a key must not change it, so decode a copy
	for _, key := range t.m.Keys() {
		buf = append(buf[:0], key...)
		if !yield(buf, t.m.Get(key)) {
			return nil
		}
	}
	return nil
}

func (t replayTable) clear() error {
	t.m.Clear()
	return nil
}

func (t replayTable) zero() error {
	for _, key := range t.m.Keys() {
		clear(t.m.Get(key))
	}
	return nil
}
