package session

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"probe/compiler/object"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/watchdog"
)

// retired are the slots of tables in front of hashes (package compiler/lower, front.go)
// whose keys were cleared or zeroed. A program that has found its key in a slot just
// before adds to the cell a moment later, so a slot becomes free only when no such program
// can run any more.
type retired struct {
	grace waiter // nil if the kernel refused what it needs: then the slots stay retired

	mu      sync.Mutex
	slots   []slotRef
	waiting bool // free runs
	closed  bool // the memory is gone
}

// waiter waits until the programs that run have ended. *bpf.Grace is one.
type waiter interface {
	Wait() error
	Close() error
}

// slotRef is a slot of a table, in memory that programs share.
type slotRef struct {
	mem   []byte
	front *object.Front
}

// retire makes programs pass over the slots of m that are in use, and drops what they have
// counted. It must come before the hash is reset, so that what programs add to the
// hash afterwards is kept.
func (u *Clause) retire(m *object.Map) {
	if m.Front == nil {
		return
	}
	r := &u.retired
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Front.Used(u.percpu, u.obj.PerCPUStride, func(slot []byte) {
		atomic.StoreUint32((*uint32)(unsafe.Pointer(&slot[m.Front.Ready])), object.FrontRetired)
		r.slots = append(r.slots, slotRef{slot, m.Front})
	})
	if r.grace == nil || r.waiting || len(r.slots) == 0 {
		return
	}
	r.waiting = true
	go func() {
		defer watchdog.Report()
		r.free()
	}()
}

// free gives retired slots back, until there are none.
func (r *retired) free() {
	for {
		r.mu.Lock()
		slots := r.slots
		if r.slots = nil; len(slots) == 0 || r.closed {
			r.waiting = false
			if r.closed {
				_ = r.grace.Close()
			}
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		err := r.grace.Wait()
		r.mu.Lock()
		if err == nil && !r.closed {
			for _, s := range slots {
				s.free()
			}
		}
		r.mu.Unlock()
	}
}

// free makes the slot one that any key can claim. Its first 8 bytes, which say that it is
// free, are written last.
func (s slotRef) free() {
	clear(s.mem[s.front.Key:])
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&s.mem[0])), 0)
}

// close must be called before the memory of the slots is unmapped.
func (r *retired) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.grace != nil && !r.waiting {
		_ = r.grace.Close()
	}
}

// canRetire makes what the slots of cleared maps need.
func (u *Clause) canRetire() {
	for _, m := range u.obj.Maps {
		if m.Front != nil && m.Front.Resets {
			if g, err := bpf.NewGrace(); err == nil {
				u.retired.grace = g
			}
			return
		}
	}
}
