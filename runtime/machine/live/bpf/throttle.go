package bpf

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
)

// A sampling event that fires more often than kernel.perf_event_max_sample_rate
// allows in one tick of the clock is switched off until the next tick. The kernel
// says so in the event's own buffer, where nothing else is written: the programs
// return 0, which discards the sample.

// notice is the buffer of one event: a page that describes it, and one of records.
type notice []byte

// The fields of struct perf_event_mmap_page and struct perf_event_header that are
// read (include/uapi/linux/perf_event.h).
const (
	noticeHead     = 1024 // data_head
	recordThrottle = 5    // PERF_RECORD_THROTTLE
)

// notices maps the buffer of an event. The result is nil where the kernel gives none.
func notices(event int) notice {
	b, err := kcall.Mmap(event, 0, 2*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil
	}
	return b
}

// throttled counts the times that the event was switched off. Nobody moves the tail,
// so where the page is full, after some 80 times, the number is a lower bound.
func (n notice) throttled() (times uint64) {
	if n == nil {
		return 0
	}
	page := len(n) / 2
	head := atomic.LoadUint64((*uint64)(unsafe.Pointer(&n[noticeHead])))
	data := n[page:]
	for at := 0; at+8 <= page && uint64(at) < head; {
		typ, size := binary.LittleEndian.Uint32(data[at:]), int(binary.LittleEndian.Uint16(data[at+6:]))
		if size < 8 {
			break
		}
		if typ == recordThrottle {
			times++
		}
		at += size
	}
	return times
}

// Throttled returns how often the kernel has switched a sampling event off until the
// next tick of its clock, or a lower bound of it.
func (l *Link) Throttled() (times uint64) {
	for _, n := range l.notices {
		times += n.throttled()
	}
	return times + l.throttled
}

// forget releases the buffers and keeps their number.
func (l *Link) forget() {
	l.throttled = l.Throttled()
	for _, n := range l.notices {
		if n != nil {
			_ = kcall.Munmap(n)
		}
	}
	l.notices = nil
}
