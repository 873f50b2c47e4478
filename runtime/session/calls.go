package session

import (
	"probe/lang/value"
	"probe/runtime/event"
)

// call runs f on the goroutine of Run, or here when nothing runs yet.
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

// Do runs f between two rounds of reading events, for whatever prints or looks
// at maps while the session runs. It returns when f is done.
func (s *Session) Do(f func()) {
	done := make(chan struct{})
	s.call(func() { defer close(done); f() })
	<-done
}

// ask runs f on the goroutine of Run and waits for it. It reports whether
// anything runs.
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

// wake makes the goroutine of Run look at the calls. A replay does not sleep.
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

// endCalls runs the calls that are left. Those that come later run where they
// are made.
func (s *Session) endCalls() {
	// A caller may hold the lock while it waits for room in the channel.
	for !s.mu.TryLock() {
		s.runCalls()
	}
	s.running = false
	s.mu.Unlock()
	s.runCalls()
}

// pulled is a session as a sink sees it that asks for snapshots.
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

// handOut lets a sink ask that wants to.
func (s *Session) handOut() {
	if p, ok := s.opts.Sink.(event.Puller); ok {
		p.Begin(pulled{s})
	}
}
