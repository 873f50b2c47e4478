package feature

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
)

func haveRingBuf(*Set) error {
	m := bpf.Map{Type: bpf.RingBuf, MaxEntries: uint32(os.Getpagesize())}
	return explain("create a ring buffer", m.Try())
}

func haveMmapArray(*Set) error {
	m := bpf.Map{Type: bpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: bpf.Mmapable}
	return explain("create an array to be mapped", m.Try())
}

// haveNoPrealloc loads a program of the strictest type with such a map: before
// 6.1 the verifier refused it in perf event programs and only warned in others.
func haveNoPrealloc(*Set) error {
	fd, err := bpf.Map{Type: bpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: bpf.NoPrealloc}.Create()
	if err != nil {
		return explain("create a hash map", err)
	}
	defer unix.Close(fd)
	p := bpf.Program{Type: bpf.PerfEvent, Insns: append(bpf.LoadMap(1, fd), bpf.Return0()...)}
	return explain("load a perf event program with such a map", p.Try())
}

// haveBatch returns the test for batch operations of a map type. It requests a
// batch of 0 elements, which fails only if the type lacks the operation.
func haveBatch(mapType uint32) func(*Set) error {
	return func(*Set) error {
		fd, err := bpf.Map{Type: mapType, KeySize: 4, ValueSize: 8, MaxEntries: 1}.Create()
		if err != nil {
			return explain("create a map", err)
		}
		defer unix.Close(fd)
		err = bpf.LookupNone(fd)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EFAULT) {
			err = nil // the operation exists and found no elements
		}
		return explain("read a map in one batch", err)
	}
}
