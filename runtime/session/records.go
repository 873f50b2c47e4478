package session

import (
	"sync/atomic"
	"time"
	"unsafe"

	"probe/compiler/builtin"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/runtime/event"
	"probe/runtime/ring"
	"probe/runtime/watchdog"
)

// drain handles the available records, at most limit of each clause, and
// returns their number.
func (s *Session) drain(clauses []*Clause, limit int) int {
	total := 0
	held := false
	s.commands.spent = 0
	for _, c := range clauses {
		if c.ring == nil || c.ring.Pending() == 0 && !c.hasSpare() {
			continue
		}
		if !held {
			event.Hold(s.opts.Sink)
			held = true
		}
		s.opts.Resolver.use(c.obj)
		at := c.ring.Position() // behind the record before
		n, _, err := c.ring.Read(limit, func(b []byte) bool {
			s.spare(c, at)
			at = c.ring.Position()
			if !s.exited {
				s.record(c, b)
			}
			// Commands take so long that the end of the run is looked for between them.
			return (!s.exited && !s.done || s.discard) && s.commands.spent < commandRound && !s.called()
		})
		s.spare(c, c.ring.Position())
		total += n
		if err != nil {
			c.dropped++
			s.log(diag.Error, err.Error())
		}
	}
	if held {
		event.Release(s.opts.Sink)
	}
	return total
}

// called reports whether something waits that is to be done before more records
// are handled: the end of the run, or a call. Handling a whole round of records can
// take seconds.
func (s *Session) called() bool {
	if s.ended == nil {
		return false
	}
	select {
	case <-s.ended:
		return true
	default:
		return len(s.calls) > 0
	}
}

// spare handles the records that found no room in the ring, when what was written
// before them has been read up to the position at.
func (s *Session) spare(c *Clause, at uint64) {
	for _, e := range c.spares {
		word := (*uint64)(unsafe.Pointer(&c.data[e.SpareOff]))
		pos := atomic.LoadUint64(word)
		if pos == 0 || pos-1 > at {
			continue
		}
		s.record(c, c.data[e.SpareOff+object.SpareHead:][:e.Size])
		atomic.StoreUint64(word, 0)
	}
}

// record handles one record.
func (s *Session) record(c *Clause, b []byte) {
	if s.discard {
		return
	}
	if !s.until.IsZero() && time.Now().After(s.until) {
		c.unread.add(c.decoder, b)
		return
	}
	r, err := c.decoder.Decode(b)
	if err != nil {
		c.dropped++
		if c.dropped == 1 {
			s.log(diag.Error, err.Error())
		}
		return
	}
	s.records++
	if err := r.Fn.UserHalf.Handle(&c.handler, r); err != nil {
		s.log(diag.Error, err.Error()) // R-ERR-06
	}
	if s.opts.MaxEvents > 0 && s.records >= s.opts.MaxEvents {
		s.done, s.discard = true, true
	}
}

// unread counts records that are left in a buffer by what they ask for.
type unread [builtin.ShowFile + 1]uint64

func (u *unread) add(d *ring.Decoder, b []byte) {
	asks := builtin.ShowEvent
	if r, err := d.Decode(b); err == nil {
		asks = r.Fn.UserHalf.Asks
	}
	u[asks]++
}

// total returns the number of records.
func (u *unread) total() (n uint64) {
	for _, m := range u {
		n += m
	}
	return n
}

// receipt adds the records by what they asked for.
func (u *unread) receipt(add func(event.ReceiptItem)) {
	kinds := [...]event.ReceiptKind{builtin.ShowEvent: event.LostEvents, builtin.RunCommand: event.CommandsLeft, builtin.ShowFile: event.FilesLeft}
	for asks, n := range u {
		if n > 0 {
			add(event.ReceiptItem{Kind: kinds[asks], Count: n, Detail: "still in the buffer when the run ended"})
		}
	}
}

// exit handles a call of exit() in a script.
func (s *Session) exit(c *Clause, code int) {
	if s.opts.Stay {
		if s.opts.Exited != nil {
			s.opts.Exited(c, code)
		}
		// Remove the clause later, since its buffer is being read now.
		go func() {
			defer watchdog.Report()
			s.call(func() { s.remove(c) })
		}()
		return
	}
	if !s.exited {
		s.exited, s.exitCode = true, code
	}
}
