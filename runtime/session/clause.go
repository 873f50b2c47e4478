package session

import (
	"context"
	"encoding/binary"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"probe/compiler/object"
	"probe/lang/hir"
	"probe/runtime/graph/store"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/provider"
	"probe/runtime/ring"
	"probe/runtime/watchdog"
)

// Clause is one object in the kernel: a whole script, or one clause of an
// interactive session.
type Clause struct {
	obj  *object.Object
	maps map[string]*ebpf.Map

	progs   []*bpf.Prog // by index in obj.Programs; nil for programs run from user space
	links   []attached
	failed  []provider.Failure
	off     []switchedOff
	count   int // places, as "Attached N probes" counts them
	skipped int // probes that could not be attached and that missing_probes allows to be missing

	forks    *bpf.Prog // keeps the map of descendants (follow), nil without one
	forkLink *bpf.Link

	data, percpu []byte // memory shared with the programs
	ring         records
	host         host // where its programs run
	ringFD       int
	decoder      *ring.Decoder
	handler      handler
	spares       []*object.RecordLayout // records with a place for when the ring is full
	counters     []uint64               // last seen value of each error counter
	graphs       *store.Keeper          // of fgraph: probes, nil without one
	dropped      uint64                 // records that could not be decoded
	unread       unread                 // records that were left when a storm was ended

	// zeroed holds the keyless aggregations that zero() has emptied. Their
	// memory looks as if they had never been written, but they must be printed.
	zeroed map[*object.Map]bool

	iterated   bool           // its iterators have run
	signals    chan os.Signal // that self: probes wait for, nil without them
	stopTimers chan struct{}
	timers     sync.WaitGroup
	quietOnce  sync.Once
	unwinder   *unwinder     // nil if no program calls dw_ustack
	quiet      chan struct{} // closed when no new events can come
	timeless   chan struct{} // closed before that, when no intervals can
}

// records is a source of the records of programs: a ring buffer or the player
// of a recording.
type records interface {
	// Position is how many bytes were read, the same number that programs get as
	// the ring's position of writing.
	Position() uint64
	Pending() uint64
	Read(limit int, yield func(record []byte) bool) (n int, busy bool, err error)
	Close() error
}

// attached is one program with its links.
type attached struct {
	program int // index in obj.Programs
	links   []*bpf.Link
}

// load loads an object into the kernel without attaching it. It uses the maps
// in live in place of the object's maps with the same names.
func (s *Session) load(ctx context.Context, obj *object.Object, live map[string]*ebpf.Map) (_ *Clause, err error) {
	c := &Clause{obj: obj, ringFD: -1, quiet: make(chan struct{}), timeless: make(chan struct{}), counters: make([]uint64, len(obj.Errors))}
	c.host, c.handler = loaded{c}, handler{s: s, u: c}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	obj, c.unwinder = s.unwind(obj)
	if c.maps, err = loadMaps(obj, live); err != nil {
		return nil, err
	}
	if err := c.unwinder.fill(c.maps[object.UnwindMap]); err != nil {
		return nil, machineError("map the memory of programs", err)
	}
	for name, at := range map[string]*[]byte{"p_data": &c.data, "p_percpu": &c.percpu} {
		if m := c.maps[name]; m != nil {
			if *at, err = bpf.Memory(m); err != nil {
				return nil, machineError("map the memory of programs", err)
			}
		}
	}
	if m := c.maps["p_ring"]; m != nil {
		r, err := ring.Open(m.FD(), int(m.MaxEntries()))
		if err != nil {
			return nil, machineError("map the ring buffer", err)
		}
		c.ring = r
		c.ringFD = m.FD()
		c.decoder = ring.NewDecoder(obj.Events)
		for _, e := range obj.Events {
			if e.SpareOff > 0 {
				c.spares = append(c.spares, e)
			}
		}
	}
	c.progs, err = s.loadPrograms(ctx, obj, c.maps)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// run runs the programs that user space runs in a phase: begin or end.
func (c *Clause) run(phase hir.Phase) error { return c.host.special(phase) }

// gate stops the programs of attached probes. In scripts with end probes they
// test a word in shared memory; gate reports whether they do.
func (c *Clause) gate() bool {
	if c.gated() {
		binary.LittleEndian.PutUint64(c.data[c.obj.StopOff:], 1)
	}
	return c.gated()
}

func (c *Clause) gated() bool { return c.obj.StopOff > 0 && len(c.data) > 0 }

// hasSpare reports whether a record that found no room in the ring waits.
func (c *Clause) hasSpare() bool {
	for _, e := range c.spares {
		if word(c.data, e.SpareOff) != 0 {
			return true
		}
	}
	return false
}

// only reports whether the clause has no probes but begin and end, and iter, which
// has run to its end when this is asked.
func (c *Clause) only() bool {
	for _, p := range c.obj.Programs {
		if k := p.Site.Attach.Kind; k != hir.AttachNone && k != hir.AttachIter {
			return false
		}
	}
	return true
}

// stop starts to stop new events and returns at once. It closes c.quiet when no
// more events can arrive.
func (c *Clause) stop() {
	c.quietOnce.Do(func() {
		if c.stopTimers != nil {
			close(c.stopTimers)
		}
		go func() {
			defer close(c.quiet)
			defer watchdog.Report()
			c.timers.Wait()
			close(c.timeless)
			// Close the entry halves last: a return whose entry was not seen
			// counts as missed.
			for _, entries := range []bool{false, true} {
				var wg sync.WaitGroup
				for _, a := range c.links {
					if (c.obj.Programs[a.program].Role == object.Entry) != entries {
						continue
					}
					for _, l := range a.links {
						wg.Go(func() {
							// Ignore the error: the kernel closes the link when
							// the process ends.
							_ = l.Quiet()
						})
					}
				}
				wg.Wait()
			}
			if len(c.links) > 0 {
				waitRunning()
			}
		}()
	})
}

// waitRunning waits until every program that was running when it was called has
// ended: what they write is then in the buffers. MEMBARRIER_CMD_GLOBAL is a
// grace period of RCU, under which programs run.
func waitRunning() {
	const global = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); errno != 0 {
		time.Sleep(2 * time.Millisecond) // kernels with nohz_full do not support it
	}
}

// detach closes all links for good, in parallel: each close waits for the
// kernel, and they can wait at the same time.
func (c *Clause) detach() {
	c.stop()
	<-c.quiet
	var wg sync.WaitGroup
	for _, a := range c.links {
		for _, l := range a.links {
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer watchdog.Report()
				_ = l.Close()
			}()
		}
	}
	wg.Wait()
	c.links = nil
	c.graphs.Close()
}

// close releases all resources of the clause.
func (c *Clause) close() {
	if c.signals != nil {
		signal.Stop(c.signals)
	}
	c.graphs.Close()
	c.unwinder.close()
	c.unwinder = nil
	if c.forkLink != nil {
		_ = c.forkLink.Close()
	}
	for _, p := range append(c.progs, c.forks) {
		if p != nil {
			p.Close()
		}
	}
	if c.ring != nil {
		c.ring.Close()
	}
	for _, b := range [][]byte{c.data, c.percpu} {
		if b != nil {
			c.host.unmap(b)
		}
	}
	for _, m := range c.maps {
		m.Close()
	}
	c.forks, c.forkLink = nil, nil
	c.progs, c.ring, c.data, c.percpu, c.maps = nil, nil, nil, nil, nil
}

// Probes returns the number of places the clause is attached to.
func (c *Clause) Probes() int { return c.count }

// Object returns the object from which the clause was loaded.
func (c *Clause) Object() *object.Object { return c.obj }
