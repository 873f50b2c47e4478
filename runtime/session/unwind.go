package session

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/unwind"
	"probe/runtime/watchdog"
)

// unwinder keeps the table by which dw_ustack walks the stacks of a process
// (object.UnwindMap). The map has room for two tables: a new one is written beside
// the one in use, and the row at the head then names it.
type unwinder struct {
	process *unwind.Process
	first   []unwind.Row // the table at the start
	room    int          // rows of one table
	mem     []byte
	second  bool // the second table is in use

	mu         sync.Mutex    // of update
	stop, done chan struct{} // of the goroutine that keeps it up to date; nil without one
}

// close ends the use of the map's memory.
func (u *unwinder) close() {
	if u == nil {
		return
	}
	if u.stop != nil {
		close(u.stop)
		<-u.done
	}
	if u.mem != nil {
		_ = bpf.Unmap(u.mem)
	}
}

// The least and the most rows of a table: of some 16 bytes each, a C library has
// 30,000, a large browser three million.
const (
	leastRows = 1 << 18
	mostRows  = 1 << 24
)

// unwind reads the table of the process whose stacks are walked, and returns the
// object with a map that has room for it and for as much again, which libraries may
// need that are loaded later.
func (s *Session) unwind(obj *object.Object) (*object.Object, *unwinder) {
	spec := obj.Spec.Maps[object.UnwindMap]
	if spec == nil {
		return obj, nil
	}
	u := &unwinder{process: &unwind.Process{PID: s.opts.UnwindPID}}
	// Without a table its rows are read when the process has some.
	u.first, _, _ = u.process.Table()
	u.room = min(max(1<<bits.Len(uint(2*len(u.first))), leastRows), mostRows)
	maps := *obj.Spec
	maps.Maps = map[string]*ebpf.MapSpec{}
	for name, m := range obj.Spec.Maps {
		maps.Maps[name] = m
	}
	sized := spec.Copy()
	sized.MaxEntries = uint32(1 + 2*u.room)
	maps.Maps[object.UnwindMap] = sized
	out := *obj
	out.Spec = &maps
	return &out, u
}

// fill maps the table and writes its first rows.
func (u *unwinder) fill(m *ebpf.Map) (err error) {
	if u == nil {
		return nil
	}
	if u.mem, err = bpf.Rows(m); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(u.mem[12:], uint32(u.process.PID))
	u.write(u.first)
	u.first = nil
	return nil
}

// write makes rows the table in use, as many as there is room for. It reports
// whether that are all.
func (u *unwinder) write(rows []unwind.Row) bool {
	n := min(len(rows), u.room)
	at := 1
	if u.second = !u.second; u.second {
		at += u.room
	}
	unwind.Encode(u.mem[at*unwind.RowSize:], rows[:n])
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&u.mem[0])), uint64(at)|uint64(n)<<32)
	return n == len(rows)
}

// update writes the table anew if the process has other files mapped than at the
// last time. It reports whether there is room for all rows.
func (u *unwinder) update() (all bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	rows, changed, err := u.process.Table()
	if err != nil || !changed {
		return true, err
	}
	return u.write(rows), nil
}

// held updates the tables of all clauses while the child is stopped before the first
// instruction of its command. It returns nil if there is no table.
func (s *Session) held() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*unwinder
	for _, c := range s.clauses {
		if c.unwinder != nil {
			all = append(all, c.unwinder)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return func() {
		for _, u := range all {
			_, _ = u.update() // the next turn of refresh reports what is wrong
		}
	}
}

// How often the maps of a process are looked at: a process that has just begun
// loads its libraries.
const (
	refreshEarly = 10 * time.Millisecond
	refreshLate  = 100 * time.Millisecond
	earlyTurns   = 300
)

// refresh keeps the table of a clause up to date until the clause is closed.
func (s *Session) refresh(c *Clause) {
	u := c.unwinder
	if u == nil {
		return
	}
	u.stop, u.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(u.done)
		defer watchdog.Report()
		for turn := 0; ; turn++ {
			wait := refreshEarly
			if turn > earlyTurns {
				wait = refreshLate
			}
			select {
			case <-u.stop:
				return
			case <-time.After(wait):
			}
			all, err := u.update()
			if err != nil {
				return // the process has ended
			}
			if !all {
				s.call(func() {
					s.log(diag.Warning, fmt.Sprintf("process %d has more code than dw_ustack knows: some of its stacks end early", u.process.PID))
				})
			}
		}
	}()
}
