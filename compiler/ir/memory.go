package ir

import (
	"encoding/binary"
	"fmt"
)

// Memory is the memory of an interpreted program. Each region has 4 GiB of
// address space, so that an access outside a region is always detected.
type Memory struct {
	regions []*Region
	dropped []int // indexes of dead regions
	free    []int // indexes of dead regions whose addresses can be reused
	// stacks are reusable dead regions of AddStack, by size.
	stacks map[int][]*Region
}

// Region is one object in memory.
type Region struct {
	Name     string
	Base     uint64
	Data     []byte
	ReadOnly bool
	// init marks the bytes that were written; nil if all count as written.
	init []bool
	dead bool
}

// what returns the region's name in messages.
func (r *Region) what() string {
	if r.init != nil {
		return "stack slot " + r.Name
	}
	return r.Name
}

// MemError is an access that the kernel's verifier would have refused.
type MemError struct {
	Addr uint64
	Size int
	Msg  string
}

// Error returns a message with the access and what is wrong with it.
func (e *MemError) Error() string {
	return fmt.Sprintf("%d bytes at %#x: %s", e.Size, e.Addr, e.Msg)
}

// KernelBase is where addresses of the kernel begin. The content of kernel
// memory is a function of the address, so that runs are reproducible.
const KernelBase = uint64(0xffff_8000_0000_0000)

// Add makes a region of initialised bytes; data is not copied.
func (m *Memory) Add(name string, data []byte) *Region {
	r := &Region{Name: name, Data: data}
	if n := len(m.free); n > 0 {
		i := m.free[n-1]
		m.free = m.free[:n-1]
		r.Base = uint64(i+1) << 32
		m.regions[i] = r
		return r
	}
	m.regions = append(m.regions, r)
	r.Base = uint64(len(m.regions)) << 32
	return r
}

// AddStack makes a region of bytes that must be written before they are read.
func (m *Memory) AddStack(name string, size int) *Region {
	if list := m.stacks[size]; len(list) > 0 {
		r := list[len(list)-1]
		m.stacks[size] = list[:len(list)-1]
		clear(r.init)
		r.Name, r.dead = name, false
		return r
	}
	r := m.Add(name, make([]byte, size))
	r.init = make([]bool, size)
	return r
}

// Drop ends the life of a region: accesses are errors from then on.
func (m *Memory) Drop(r *Region) {
	if !r.dead {
		r.dead = true
		m.dropped = append(m.dropped, int(r.Base>>32)-1)
	}
}

// recycle makes the addresses of dead regions reusable.
func (m *Memory) recycle() {
	for _, i := range m.dropped {
		r := m.regions[i]
		if r.init == nil {
			m.free = append(m.free, i)
			continue
		}
		if m.stacks == nil {
			m.stacks = map[int][]*Region{}
		}
		m.stacks[len(r.Data)] = append(m.stacks[len(r.Data)], r)
	}
	m.dropped = m.dropped[:0]
}

// find returns the region and the offset in it of an access.
func (m *Memory) find(addr uint64, n int, write bool) (*Region, int, error) {
	i := addr >> 32
	if i == 0 || i > uint64(len(m.regions)) {
		return nil, 0, &MemError{addr, n, "no object there"}
	}
	r := m.regions[i-1]
	off := addr - r.Base
	switch {
	case r.dead:
		return nil, 0, &MemError{addr, n, r.what() + " is not there any more"}
	case n < 0 || off+uint64(n) > uint64(len(r.Data)):
		return nil, 0, &MemError{addr, n, fmt.Sprintf("outside %s of %d bytes", r.what(), len(r.Data))}
	case write && r.ReadOnly:
		return nil, 0, &MemError{addr, n, r.what() + " is read only"}
	}
	return r, int(off), nil
}

// Bytes returns n bytes for reading; they must have been written.
func (m *Memory) Bytes(addr uint64, n int) ([]byte, error) {
	if addr >= KernelBase {
		return kernelBytes(addr, n), nil
	}
	r, off, err := m.find(addr, n, false)
	if err != nil {
		return nil, err
	}
	if r.init != nil {
		for i := range n {
			if !r.init[off+i] {
				return nil, &MemError{addr, n, fmt.Sprintf("byte %d of %s was never written", off+i, r.what())}
			}
		}
	}
	return r.Data[off : off+n], nil
}

// Window returns n bytes for writing, which count as written afterwards.
func (m *Memory) Window(addr uint64, n int) ([]byte, error) {
	r, off, err := m.find(addr, n, true)
	if err != nil {
		return nil, err
	}
	if r.init != nil {
		for i := range n {
			r.init[off+i] = true
		}
	}
	return r.Data[off : off+n], nil
}

func kernelBytes(addr uint64, n int) []byte {
	b := make([]byte, max(n, 0))
	for i := range b {
		x := (addr + uint64(i)) * 0x9e3779b97f4a7c15
		b[i] = byte(x >> 56)
	}
	return b
}

// Load reads w bytes, zero-extended.
func (m *Memory) Load(addr uint64, w int) (uint64, error) {
	b, err := m.Bytes(addr, w)
	if err != nil {
		return 0, err
	}
	return get(b), nil
}

// Store writes the low w bytes of v.
func (m *Memory) Store(addr uint64, w int, v uint64) error {
	b, err := m.Window(addr, w)
	if err != nil {
		return err
	}
	put(b, v)
	return nil
}

func get(b []byte) uint64 {
	var x [8]byte
	copy(x[:], b)
	return binary.LittleEndian.Uint64(x[:])
}

func put(b []byte, v uint64) {
	var x [8]byte
	binary.LittleEndian.PutUint64(x[:], v)
	copy(b, x[:])
}
