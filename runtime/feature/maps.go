package feature

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func haveRingBuf(*Set) error {
	return explain("create a ring buffer", tryMap(mapAttr{mapType: mapRingBuf, maxEntries: uint32(os.Getpagesize())}))
}

func haveMmapArray(*Set) error {
	return explain("create an array to be mapped",
		tryMap(mapAttr{mapType: mapArray, keySize: 4, valueSize: 8, maxEntries: 1, flags: flagMmapable}))
}

// haveNoPrealloc loads a program of the strictest type with such a map: before
// 6.1 the verifier refused it in perf event programs and only warned in others.
func haveNoPrealloc(*Set) error {
	fd, err := createMap(mapAttr{mapType: mapHash, keySize: 4, valueSize: 8, maxEntries: 1, flags: flagNoPrealloc})
	if err != nil {
		return explain("create a hash map", err)
	}
	defer unix.Close(fd)
	const pseudoMapFD = 1
	p := program{typ: perfEvent, insns: append([]insn{
		{op: 0x18, reg: regs(1, pseudoMapFD), imm: int32(fd)}, {},
	}, insnReturn...)}
	return explain("load a perf event program with such a map", p.try())
}

// haveBatch asks for a batch of no elements: what is checked is whether the
// map type has the operation.
func haveBatch(mapType uint32) func(*Set) error {
	return func(*Set) error {
		fd, err := createMap(mapAttr{mapType: mapType, keySize: 4, valueSize: 8, maxEntries: 1})
		if err != nil {
			return explain("create a map", err)
		}
		defer unix.Close(fd)
		attr := struct {
			in, out, keys, values uint64
			count, mapFD          uint32
			elemFlags, flags      uint64
		}{mapFD: uint32(fd)}
		_, err = bpf(cmdMapLookupBatch, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EFAULT) {
			err = nil // it looked for elements
		}
		return explain("read a map in one batch", err)
	}
}
