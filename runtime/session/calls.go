package session

import (
	"probe/lang/value"
	"probe/runtime/event"
)

// call runs f on the goroutine of Run, or on the caller's if the session does
// not run yet.
func (s *Session) call(f func()) {
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		f()
		return
	}
	s.calls <- f
	s.mu.Unlock()
	s.wake()
}

// Do runs f between two rounds of reading events and returns when f has
// returned. Everything that prints or reads maps while the session runs goes
// through it, since output and maps belong to the goroutine of Run.
func (s *Session) Do(f func()) {
	done := make(chan struct{})
	s.call(func() { defer close(done); f() })
	<-done
}

// ask runs f on the goroutine of Run and waits for it. It returns false,
// without running f, if the session does not run.
func (s *Session) ask(f func()) bool {
	done := make(chan struct{})
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		return false
	}
	s.calls <- func() { defer close(done); f() }
	s.mu.Unlock()
	s.wake()
	<-done
	return true
}

// wake makes the goroutine of Run look at the pending calls. In a replay it
// does nothing: that goroutine never sleeps.
func (s *Session) wake() {
	if s.waiter != nil {
		s.waiter.Wake()
	}
}

// beginCalls makes this goroutine the one that runs calls.
func (s *Session) beginCalls() {
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
}

func (s *Session) runCalls() {
	for {
		select {
		case f := <-s.calls:
			f()
		default:
			return
		}
	}
}

// endCalls runs the remaining calls. Later calls run on the goroutine of their
// caller.
func (s *Session) endCalls() {
	// Do not block on the lock: a caller may hold it while it waits for room in
	// the channel, which only this goroutine empties.
	for !s.mu.TryLock() {
		s.runCalls()
	}
	s.running = false
	s.mu.Unlock()
	s.runCalls()
}

// pulled is a session as an event.Run, for sinks that ask for snapshots.
type pulled struct{ s *Session }

// Snapshot reads the maps between two rounds of reading events.
func (p pulled) Snapshot(f func(m *event.Map)) error {
	var err error
	ok := p.s.ask(func() {
		p.s.eachMap(func(data *value.MapData, e error) {
			switch {
			case e == nil:
				f(event.NewMap(data, 0, 0, p.s.opts.Resolver))
			case err == nil:
				err = e
			}
		})
	})
	if !ok {
		return event.ErrEnded
	}
	return err
}

// handOut passes the session to a sink that is a Puller.
func (s *Session) handOut() {
	if p, ok := s.opts.Sink.(event.Puller); ok {
		p.Begin(pulled{s})
	}
}
