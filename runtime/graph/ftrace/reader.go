package ftrace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/graph"
)

// reader reads the buffer of one CPU.
type reader struct {
	cpu    uint16
	fd     int
	file   *os.File
	page   []byte
	events []graph.Event // decoded and not yet passed on
	args   []uint64
	next   int    // in events
	lost   uint64 // as counted in the pages
	before uint64 // what had been overwritten when the reader was opened
	more   bool
	err    error
}

// roundBytes bounds the bytes that one round reads of one CPU. The decoded
// events take about as much memory and should still be in the CPU's cache when
// they are merged.
const roundBytes = 256 << 10

// Rounds are repeated at once while there is much to read, and after a pause
// when there is little.
const (
	shortPause = 2 * time.Millisecond
	longPause  = 50 * time.Millisecond
)

// late is the time, in nanoseconds, that may pass between the time of an event
// and its appearance in the buffer: the code that writes it can be interrupted
// in between.
const late = int64(time.Millisecond)

// openReaders opens trace_pipe_raw of every CPU.
func (s *Source) openReaders() error {
	cpus, err := os.ReadDir(filepath.Join(s.base, "per_cpu"))
	if err != nil {
		return fmt.Errorf("read trace buffers: %w", err)
	}
	size := 4096
	if text, err := os.ReadFile(filepath.Join(s.base, "buffer_subbuf_size_kb")); err == nil {
		if kb, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && kb > 0 && kb <= 1024 {
			size = kb << 10
		}
	}
	size = max(size, os.Getpagesize())
	for _, c := range cpus {
		n, err := strconv.ParseUint(strings.TrimPrefix(c.Name(), "cpu"), 10, 16)
		if err != nil {
			continue
		}
		path := filepath.Join(s.base, "per_cpu", c.Name(), "trace_pipe_raw")
		// Use the descriptor without the poller of the Go runtime: the file is
		// reported as readable only when the buffer is half full
		// (buffer_percent), which would delay events.
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("read trace buffers: %w", &os.PathError{Op: "open", Path: path, Err: err})
		}
		r := &reader{cpu: uint16(n), fd: fd, file: os.NewFile(uintptr(fd), path), page: make([]byte, size)}
		r.before, _ = r.overwritten()
		s.readers = append(s.readers, r)
	}
	if len(s.readers) == 0 {
		return errors.New("read trace buffers: no CPU has one")
	}
	return nil
}

// fill reads until the buffer is empty or enough has been read.
func (r *reader) fill(d *Decoder) {
	// It runs in a goroutine of its own: a panic there would end the process
	// before the machine's settings are restored.
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("internal error in decoding the records of CPU %d: %v", r.cpu, p)
		}
	}()
	// Reuse the memory of events that were passed on.
	if r.next == len(r.events) {
		r.events, r.args, r.next = r.events[:0], r.args[:0], 0
	} else if r.next > 0 && r.next > len(r.events)/2 {
		r.events = slices.Delete(r.events, 0, r.next)
		r.next = 0
	}
	r.more = false
	for read := 0; read < roundBytes; {
		n, err := unix.Read(r.fd, r.page)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN, err == nil && n == 0:
			return
		case err != nil:
			r.err = fmt.Errorf("read the trace buffer of CPU %d: %w", r.cpu, err)
			return
		}
		read += n
		first := len(r.events)
		if r.events, r.args, err = d.Page(r.page[:n], r.cpu, r.events, r.args); err != nil {
			r.err = fmt.Errorf("CPU %d: %w", r.cpu, err)
			return
		}
		if first < len(r.events) && r.events[first].Kind == graph.Lost {
			r.lost += max(r.events[first].Value, 1)
		}
	}
	r.more = true
}

// overwritten returns the number of events that the kernel has overwritten in
// the buffer, or dropped because it was full; ok is false if the kernel's
// statistics cannot be read.
func (r *reader) overwritten() (n uint64, ok bool) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(r.file.Name()), "stats"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "overrun" || name == "dropped events" {
			k, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return 0, false
			}
			n, ok = n+k, true
		}
	}
	return n, ok
}

// close ends reading and returns the number of events that were lost. A full
// page has no room for the number of events lost before it and says only that
// there were some, so close takes the kernel's own count if it is greater.
func (r *reader) close() uint64 {
	if n, ok := r.overwritten(); ok && n > r.before {
		r.lost = max(r.lost, n-r.before)
	}
	r.file.Close()
	return r.lost
}

// Lost returns the number of events that were overwritten before they could be
// read, including those outside of all trees. Before Close the number may be
// too small.
func (s *Source) Lost() uint64 {
	n := s.lost
	for _, r := range s.readers {
		n += r.lost
	}
	return n
}

// Overwritten returns the number of events that the kernel has overwritten since the
// source was opened, as it counts them. It may be called while events are read, but not
// together with Close.
func (s *Source) Overwritten() uint64 {
	sum := s.lost
	for _, r := range s.readers {
		if n, ok := r.overwritten(); ok && n > r.before {
			sum += n - r.before
		}
	}
	return sum
}

// Batch is a sequence of events in the order of time, which Read passes on.
type Batch struct {
	// Each calls yield with every event and the arguments it refers to.
	Each func(yield func(e *graph.Event, args []uint64) bool)
	// Runs calls yield with the same events, in runs of as many as follow each
	// other on one CPU. A receiver calls either Each or Runs.
	Runs func(yield func(events []graph.Event, args []uint64) bool)
	// Until is a time before which no more events will come.
	Until int64
}

// Read reads events until ctx ends, then switches tracing off, reads what is
// left, and returns. emit gets the events in the order of time; when it
// returns false reading ends the same way, without further calls.
func (s *Source) Read(ctx context.Context, emit func(b Batch) bool) error {
	for {
		last := ctx.Err() != nil
		if last && s.on {
			s.on = false
			if err := writeSetting(filepath.Join(s.base, "tracing_on"), "0", false); err != nil {
				return fmt.Errorf("stop tracing: %w", err)
			}
		}
		until := now() - late
		count, more, err := s.round()
		if err != nil {
			return err
		}
		for _, r := range s.readers {
			// The buffer of this CPU holds more, of which nothing is known yet:
			// events of other CPUs after its last one have to wait.
			if r.more && len(r.events) > 0 {
				until = min(until, r.events[len(r.events)-1].Time)
			}
		}
		if last && !more {
			until = 1<<63 - 1
		}
		if !emit(s.batch(until)) || last && !more {
			return nil
		}
		if more {
			continue
		}
		pause := longPause
		if count > 1000 {
			pause = shortPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// round reads all CPUs, in parallel. more reports whether one of them had more
// than a round reads.
func (s *Source) round() (count int, more bool, err error) {
	var next atomic.Int32
	var wg sync.WaitGroup
	for range min(len(s.readers), runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(s.readers) {
					return
				}
				s.readers[i].fill(s.decoder)
			}
		})
	}
	wg.Wait()
	for _, r := range s.readers {
		if r.err != nil {
			return 0, false, r.err
		}
		count += len(r.events) - r.next
		more = more || r.more
	}
	return count, more, nil
}

// batch merges the events before a time.
func (s *Source) batch(until int64) Batch {
	runs := func(yield func(events []graph.Event, args []uint64) bool) {
		for {
			r, before := s.earliest(until)
			if r == nil {
				return
			}
			first := r.next
			for r.next++; r.next < len(r.events); r.next++ {
				if t := r.events[r.next].Time; t > before || t >= until {
					break
				}
			}
			if !yield(r.events[first:r.next], r.args) {
				return
			}
		}
	}
	each := func(yield func(e *graph.Event, args []uint64) bool) {
		for events, args := range runs {
			for i := range events {
				if !yield(&events[i], args) {
					return
				}
			}
		}
	}
	return Batch{Until: until, Each: each, Runs: runs}
}

// earliest finds the CPU with the earliest event before a time, and the time of
// the earliest of the others, up to which that CPU goes on: runs are long, so
// this is cheaper than a heap.
func (s *Source) earliest(until int64) (first *reader, second int64) {
	at := until
	second = until
	for _, r := range s.readers {
		if r.next == len(r.events) {
			continue
		}
		switch t := r.events[r.next].Time; {
		case t < at:
			first, at, second = r, t, at
		default:
			second = min(second, t)
		}
	}
	return first, second
}

// now returns the time of the clock that events have, CLOCK_MONOTONIC.
func now() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return ts.Nano()
}
