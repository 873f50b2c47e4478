package session

import (
	"probe/lang/hir"
	"time"

	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/event"
)

// finish ends the run (R-LIFE-01): it stops new events, reads the rest, prints
// the maps and the receipt.
func (s *Session) finish() Result {
	s.commands.ended = time.Now()
	s.opts.Child.terminate()
	s.meter.close()
	s.shedding.Wait()
	s.settle(s.clauses)
	for _, c := range s.clauses {
		s.lost += c.unread.total()
	}
	if s.opts.NoReceipt && s.lost > 0 {
		s.log(diag.Warning, "Total lost event count: "+itoa(s.lost))
	}
	switch {
	case !s.forced():
		s.printMaps()
	case !s.opts.Stay:
		// The End event is sent in any case, here without the maps.
		s.send(&event.End{})
	}
	s.explainEmpty()
	r := s.receipt(s.clauses)
	if !s.opts.NoReceipt {
		s.send(r)
	}
	res := Result{Exit: s.exitCode, Complete: len(r.Items) == 0}
	return res
}

// Limits on the time that the end of a run waits for the kernel to stop new
// events, and for programs to finish the records they are writing.
const (
	quietWait = 300 * time.Millisecond
	busyWait  = 100 * time.Millisecond
)

// stormWait is the time that the end of a run takes for the records that are
// left in its buffers, if a signal ended it or events were lost before: who prints
// more than can be read has waited for long enough, and what is left then is
// counted as lost, too. Other runs print everything.
const stormWait = 500 * time.Millisecond

// settle stops new events, prints the events that are left and runs the end
// probes. After exit() the rest is discarded (R-LIFE-03).
func (s *Session) settle(clauses []*Clause) {
	s.ended = nil
	if s.lost > 0 || s.told {
		s.until = time.Now().Add(stormWait)
	}
	gated := false
	for _, c := range clauses {
		gated = c.gate() || gated
	}
	if gated {
		waitRunning()
	}
	for _, c := range clauses {
		c.stop()
	}
	if s.exited {
		s.discard = true
	}
	s.waitQuiet(clauses)
	s.empty(clauses)
	discarded := s.discard
	s.discard, s.until = false, time.Time{}
	for _, c := range clauses {
		if s.forced() || s.sinkDone() {
			break
		}
		if err := c.run(hir.AfterDetach); err != nil {
			s.log(diag.Error, err.Error())
		}
	}
	s.empty(clauses)
	s.discard = discarded && s.opts.Stay
	for _, c := range clauses {
		s.pollErrors(c)
	}
}

// waitQuiet drains while the links close, so that a busy probe does not fill
// its buffer meanwhile. If gate has stopped the programs it waits only for
// those that user space runs.
func (s *Session) waitQuiet(clauses []*Clause) {
	deadline := time.Now().Add(quietWait)
	for _, c := range clauses {
		ended := c.quiet
		if c.gated() {
			ended = c.timeless
		}
		for {
			s.drainAll(clauses)
			select {
			case <-ended:
			case <-time.After(time.Millisecond):
				if time.Now().Before(deadline) && !s.forced() {
					continue
				}
			}
			break
		}
	}
}

// drainAll drains all records that are left, whatever has ended the run.
func (s *Session) drainAll(clauses []*Clause) int {
	exited, done := s.exited, s.done
	s.exited, s.done = false, false
	n := s.drain(clauses, round)
	if s.exited {
		s.discard = true // one of the records was a call of exit()
	}
	s.exited, s.done = s.exited || exited, done || s.done
	return n
}

// empty drains until nothing is left of what there was when it was called,
// waiting a little for records that programs have reserved and not yet submitted.
// Where programs cannot be stopped before they are detached for good (on events of
// perf, before 5.15), more may come without an end.
func (s *Session) empty(clauses []*Clause) {
	deadline := time.Now().Add(busyWait)
	ends := make([]uint64, len(clauses))
	for i, c := range clauses {
		if c.ring != nil {
			ends[i] = c.ring.Position() + c.ring.Pending()
		}
	}
	for {
		n := s.drainAll(clauses)
		left := false
		for i, c := range clauses {
			left = left || c.ring != nil && c.ring.Pending() > 0 && c.ring.Position() < ends[i]
		}
		if !left || s.forced() || n == 0 && time.Now().After(deadline) {
			return
		}
		if n == 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

func (s *Session) forced() bool {
	select {
	case <-s.opts.Force:
		return true
	default:
		return false
	}
}

// printMaps prints all maps at the end (M-PRINT-14).
func (s *Session) printMaps() {
	s.send(&event.End{})
	s.eachMap(func(data *value.MapData, err error) {
		if err != nil {
			s.log(diag.Error, err.Error())
			return
		}
		s.send(event.FinalMap(data, s.opts.Resolver))
	})
}

// eachMap reads the maps that are printed at the end, in their order, each once.
func (s *Session) eachMap(f func(data *value.MapData, err error)) {
	if s.opts.Stay {
		s.eachKept(f)
		return
	}
	seen := map[string]bool{}
	for _, c := range s.clauses {
		if c.obj.HIR.ConfigInt("print_maps_on_exit") == 0 {
			continue
		}
		s.opts.Resolver.use(c.obj)
		for _, m := range c.obj.Maps {
			if !seen[m.Name] {
				seen[m.Name] = true
				f(c.mapData(m))
			}
		}
	}
}
