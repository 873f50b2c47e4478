package bpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
)

const (
	cmdMapCreate      = 0
	cmdMapLookup      = 1
	cmdMapUpdate      = 2
	cmdMapDelete      = 3
	cmdMapGetNextKey  = 4
	cmdMapLookupBatch = 24

	updateExist = 2 // BPF_EXIST
)

// batchSize is how many entries are asked for at a time.
const batchSize = 512

// elemAttr is the part of union bpf_attr for one element of a map.
type elemAttr struct {
	fd, _      uint32
	key, value ptr
	flags      uint64
}

type batchAttr struct {
	in, out      ptr
	keys, values ptr
	count, fd    uint32
	elem, flags  uint64
}

// ValueBytes returns the number of bytes the kernel copies for one value, and
// the distance between the values of two CPUs. A per-CPU map has one value for
// each possible CPU, each rounded up to 8 bytes (bpf_percpu_hash_copy in
// kernel/bpf/hashtab.c).
func ValueBytes(m *ebpf.Map) (total, stride int, err error) {
	size := int(m.ValueSize())
	switch m.Type() {
	case ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray:
		n, err := PossibleCPUs()
		if err != nil {
			return 0, 0, err
		}
		stride = (size + 7) &^ 7
		return stride * n, stride, nil
	}
	return size, 0, nil
}

// EachEntry calls yield with the entries of a hash map until it returns false.
// The bytes are valid during the call only. Entries that are added or deleted
// meanwhile may be missing; no entry is passed twice.
func EachEntry(m *ebpf.Map, yield func(key, value []byte) bool) error {
	size, _, err := ValueBytes(m)
	if err != nil {
		return err
	}
	err = eachBatch(m, size, yield)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, errNotSupp) {
		err = eachKey(m, size, yield)
	}
	if err != nil {
		return fmt.Errorf("read map %s: %w", m, err)
	}
	return nil
}

// errNotSupp is ENOTSUPP, an error code internal to the kernel that bpf(2)
// returns all the same for operations that a map type lacks.
const errNotSupp = unix.Errno(524)

// eachBatch reads with BPF_MAP_LOOKUP_BATCH (5.6).
func eachBatch(m *ebpf.Map, size int, yield func(key, value []byte) bool) error {
	keySize := int(m.KeySize())
	n := batchSize
	keys, values := make([]byte, n*keySize), make([]byte, n*size)
	// The cursor is a key for some map types and a bucket number of 4 bytes for
	// hash maps; 8 bytes leave room for either.
	in, out := make([]byte, max(keySize, 8)), make([]byte, max(keySize, 8))
	first := true
	for {
		attr := batchAttr{out: bytesPtr(out), keys: bytesPtr(keys), values: bytesPtr(values), count: uint32(n), fd: uint32(m.FD())}
		if !first {
			attr.in = bytesPtr(in)
		}
		_, err := bpf(cmdMapLookupBatch, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		runtime.KeepAlive(in)
		switch {
		case errors.Is(err, unix.ENOSPC) && n < 1<<22:
			// One bucket of the hash table holds more entries than the buffers:
			// the kernel returns whole buckets only, so retry with larger ones.
			n *= 4
			keys, values = make([]byte, n*keySize), make([]byte, n*size)
			continue
		case err != nil && !errors.Is(err, unix.ENOENT):
			return err
		}
		for i := range int(attr.count) {
			if !yield(keys[i*keySize:(i+1)*keySize], values[i*size:(i+1)*size]) {
				return nil
			}
		}
		if err != nil {
			return nil // the last batch comes with ENOENT
		}
		first = false
		in, out = out, in
	}
}

// eachKey iterates with BPF_MAP_GET_NEXT_KEY. When the current key is deleted,
// the kernel starts again at the first key, so eachKey remembers the keys it
// has passed on.
func eachKey(m *ebpf.Map, size int, yield func(key, value []byte) bool) error {
	key := make([]byte, m.KeySize())
	value := make([]byte, size)
	seen := map[string]bool{}
	for tries := 0; ; tries++ {
		attr := elemAttr{fd: uint32(m.FD()), value: bytesPtr(key)}
		prev := make([]byte, len(key))
		if tries > 0 {
			copy(prev, key)
			attr.key = bytesPtr(prev)
		}
		_, err := bpf(cmdMapGetNextKey, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		runtime.KeepAlive(prev)
		if errors.Is(err, unix.ENOENT) || tries > 4*int(m.MaxEntries())+16 {
			return nil
		}
		if err != nil {
			return err
		}
		if seen[string(key)] {
			continue
		}
		seen[string(key)] = true
		attr = elemAttr{fd: uint32(m.FD()), key: bytesPtr(key), value: bytesPtr(value)}
		_, err = bpf(cmdMapLookup, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return err
		}
		if !yield(key, value) {
			return nil
		}
	}
}

// Clear deletes all entries of a hash map.
func Clear(m *ebpf.Map) error {
	keys, err := allKeys(m)
	if err != nil {
		return err
	}
	for _, key := range keys {
		attr := elemAttr{fd: uint32(m.FD()), key: bytesPtr(key)}
		_, err := bpf(cmdMapDelete, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		runtime.KeepAlive(key)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("clear map %s: %w", m, err)
		}
	}
	return nil
}

// Zero sets all values of a hash map to zero and keeps the keys.
func Zero(m *ebpf.Map) error {
	size, _, err := ValueBytes(m)
	if err != nil {
		return err
	}
	keys, err := allKeys(m)
	if err != nil {
		return err
	}
	value := make([]byte, size)
	for _, key := range keys {
		attr := elemAttr{fd: uint32(m.FD()), key: bytesPtr(key), value: bytesPtr(value), flags: updateExist}
		_, err := bpf(cmdMapUpdate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		runtime.KeepAlive(key)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("zero map %s: %w", m, err)
		}
	}
	runtime.KeepAlive(value)
	return nil
}

func allKeys(m *ebpf.Map) ([][]byte, error) {
	var keys [][]byte
	err := EachEntry(m, func(key, _ []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	return keys, err
}

// SmallKey is the size in bytes of the largest hash map key that every
// supported kernel accepts: before 5.11 a key had to fit on the BPF stack
// (MAX_BPF_STACK).
const SmallKey = 512

// LargeKeys reports whether the kernel accepts hash map keys above SmallKey
// (5.11). It creates a map to find out.
func LargeKeys() bool {
	attr := struct{ typ, keySize, valueSize, maxEntries, flags uint32 }{1, SmallKey + 8, 8, 1, 1}
	fd, err := bpf(cmdMapCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err == nil {
		kcall.Close(fd)
	}
	return !errors.Is(err, unix.E2BIG)
}

// Memory maps the only value of an array map created with BPF_F_MMAPABLE into
// this process; the bytes are shared with programs.
func Memory(m *ebpf.Map) ([]byte, error) { return memory(m, int(m.ValueSize())) }

// Rows maps all values of an array whose size is a multiple of 8 bytes.
func Rows(m *ebpf.Map) ([]byte, error) {
	return memory(m, int(m.ValueSize())*int(m.MaxEntries()))
}

func memory(m *ebpf.Map, length int) ([]byte, error) {
	page := os.Getpagesize()
	size := (length + page - 1) / page * page
	b, err := kcall.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map memory of %s: %w", m, err)
	}
	return b[:length:length], nil
}

// Unmap releases memory that Memory returned.
func Unmap(b []byte) error {
	page := os.Getpagesize()
	return kcall.Munmap(unsafe.Slice(unsafe.SliceData(b), (len(b)+page-1)/page*page))
}
