// Package ring reads the records that probe programs leave in the BPF ring
// buffer and decodes them. The values that it returns point into the memory of
// the buffer; nothing is copied.
//
// Programs submit records without waking the reader, since a wake-up costs more
// than everything else about a record. So the reader checks the buffer at
// intervals, which needs no system call, and sleeps on the buffer's file
// descriptor in between, for the few records that do wake it.
//
// The package knows nothing of scripts except the record layouts passed to it.
package ring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
)

// Layout of a record in the buffer (kernel/bpf/ringbuf.c, struct
// bpf_ringbuf_hdr): a 32-bit length with two flags, 32 bits that belong to the
// kernel, the data, padding to 8 bytes.
const (
	headerSize  = 8
	busyBit     = 1 << 31 // reserved, not yet submitted
	discardBit  = 1 << 30 // to be skipped
	lengthMask  = discardBit - 1
	publishStep = 64 << 10 // bytes consumed between two updates for the kernel
)

// ErrCorrupt is wrapped when the buffer holds data that no kernel writes.
var ErrCorrupt = errors.New("ring buffer is corrupt")

// Ring is the reading end of one ring buffer. It is not safe for concurrent
// use.
type Ring struct {
	consumer *uint64 // shared with the kernel: the position up to which we have read
	producer *uint64 // shared with the kernel: the position up to which it has written
	data     []byte  // the data pages
	size     uint64  // number of bytes in data, a power of two
	joined   []byte  // a record whose end is at the start of the pages, in one piece

	pos       uint64 // our position, ahead of *consumer by at most publishStep
	published uint64

	unmap func() error
}

// Open maps the ring buffer behind a map's file descriptor; size is its
// max_entries, the bytes of its data area.
func Open(fd int, size int) (*Ring, error) {
	page := os.Getpagesize()
	if size <= 0 || size&(size-1) != 0 || size%page != 0 {
		return nil, fmt.Errorf("map ring buffer: size %d is not a power of two of pages", size)
	}
	cons, err := kcall.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring buffer: %w", err)
	}
	// The kernel offers the data pages twice in a row, so that no record is
	// split, but the second mapping would count as memory of this process a
	// second time. So map them once and join split records.
	prod, err := kcall.Mmap(fd, int64(page), page+size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		kcall.Munmap(cons)
		return nil, fmt.Errorf("map ring buffer: %w", err)
	}
	r := newRing(cons, prod[:page], prod[page:], size)
	r.unmap = func() error { return errors.Join(kcall.Munmap(cons), kcall.Munmap(prod)) }
	return r, nil
}

// newRing returns a Ring over memory that is laid out as the kernel's.
func newRing(consumer, producer, data []byte, size int) *Ring {
	r := &Ring{
		consumer: (*uint64)(unsafe.Pointer(unsafe.SliceData(consumer))),
		producer: (*uint64)(unsafe.Pointer(unsafe.SliceData(producer))),
		data:     data,
		size:     uint64(size),
	}
	r.pos = atomic.LoadUint64(r.consumer)
	r.published = r.pos
	return r
}

// Close unmaps the buffer. Records passed to yield before must not be used any
// more.
func (r *Ring) Close() error {
	if r.unmap == nil {
		return nil
	}
	err := r.unmap()
	r.unmap, r.data, r.consumer, r.producer = nil, nil, nil, nil
	return err
}

// Pending returns the number of bytes written and not yet read. Records that
// are reserved but not submitted count.
func (r *Ring) Pending() uint64 {
	if r.producer == nil {
		return 0
	}
	return atomic.LoadUint64(r.producer) - r.pos
}

// Position is the position behind the last record that was read, in bytes from
// the first one.
func (r *Ring) Position() uint64 { return r.pos }

// Read calls yield with each record that is there, at most limit of them (0
// means all), until yield returns false. The bytes are valid during the call
// only. It returns how many records were read; busy reports whether it stopped
// at a record that a program is still filling.
func (r *Ring) Read(limit int, yield func(record []byte) bool) (n int, busy bool, err error) {
	if r.producer == nil {
		return 0, false, nil
	}
	defer r.publish()
	end := atomic.LoadUint64(r.producer)
	for {
		if r.pos >= end {
			// The kernel may have written more meanwhile. Stopping only when
			// there is nothing new really empties the buffer.
			if end = atomic.LoadUint64(r.producer); r.pos >= end {
				return n, false, nil
			}
		}
		at := r.pos & (r.size - 1)
		head := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if head&busyBit != 0 {
			return n, true, nil
		}
		length := uint64(head & lengthMask)
		whole := (length + headerSize + 7) &^ 7
		if whole > end-r.pos || whole > r.size {
			err := fmt.Errorf("%w: a record of %d bytes at position %d, with %d bytes written",
				ErrCorrupt, length, r.pos, end-r.pos)
			// Nothing after a corrupt record can be trusted, so skip all of the
			// data.
			r.pos = end
			return n, false, err
		}
		r.pos += whole
		if head&discardBit != 0 {
			continue
		}
		n++
		ok := yield(r.record((at+headerSize)&(r.size-1), length))
		if r.pos-r.published >= publishStep {
			r.publish()
		}
		if !ok || n == limit {
			return n, false, nil
		}
	}
}

// record returns the data at an offset. If the data wraps around the end of the
// pages, it joins the two parts in r.joined.
func (r *Ring) record(at, length uint64) []byte {
	if at+length <= r.size {
		return r.data[at : at+length : at+length]
	}
	r.joined = append(append(r.joined[:0], r.data[at:r.size]...), r.data[:at+length-r.size]...)
	return r.joined
}

// publish returns the space of the records that were read to the kernel. Read
// does not call it for each record, because the kernel reads this cache line
// for every reservation.
func (r *Ring) publish() {
	if r.pos != r.published {
		atomic.StoreUint64(r.consumer, r.pos)
		r.published = r.pos
	}
}
