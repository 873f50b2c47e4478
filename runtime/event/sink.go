package event

import (
	"errors"
	"sync"
)

// Sink takes the events of a run.
type Sink interface {
	// Take takes one event. It may be called from several goroutines, and must
	// not keep what belongs to the event.
	Take(e Event)
	// Done is closed when the sink can take no more, because its reader went
	// away or a write failed: the run ends. It is nil where that cannot happen.
	Done() <-chan struct{}
	// Close is called after the last event. The error says that not all events
	// reached their destination.
	Close() error
}

// Batcher is a Sink that may put off its work. A run calls Hold before it
// sends what one look at its buffers has found, and Release behind it. Calls
// nest.
type Batcher interface {
	Hold()
	Release()
}

// Puller is a Sink that asks for snapshots of the maps while the run goes on.
type Puller interface {
	Sink
	// Begin hands out the run, before the Attached event. Begin must not call
	// it: the run waits for Begin.
	Begin(run Run)
}

// Run is a run as a Puller sees it.
type Run interface {
	// Snapshot calls f with a snapshot of each map that the script prints at
	// its end, in that order: all entries, sorted, not marked as final. The
	// calls come between two events and are made by the goroutine that sends
	// them, so Snapshot must not be called from Take. The error is ErrEnded when
	// the run is over, or that of a map that could not be read.
	Snapshot(f func(m *Map)) error
}

// ErrEnded says that a run is over.
var ErrEnded = errors.New("the run has ended")

// Hold calls Hold of a sink that is a Batcher.
func Hold(s Sink) {
	if b, ok := s.(Batcher); ok {
		b.Hold()
	}
}

// Release calls Release of a sink that is a Batcher.
func Release(s Sink) {
	if b, ok := s.(Batcher); ok {
		b.Release()
	}
}

// Func makes a Sink of a function, which is called with one event at a time.
// The first error ends the run, and Close returns it.
func Func(take func(e Event) error) Sink { return &function{take: take, done: make(chan struct{})} }

type function struct {
	take func(Event) error
	mu   sync.Mutex
	err  error
	done chan struct{}
}

func (f *function) Take(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	if f.err = f.take(e); f.err != nil {
		close(f.done)
	}
}

func (f *function) Done() <-chan struct{} { return f.done }

func (f *function) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Tee makes a Sink that gives each event to several sinks, in their order. It is
// done when one of them is.
func Tee(sinks ...Sink) Sink {
	t := &tee{sinks: sinks, done: make(chan struct{}), closed: make(chan struct{})}
	var once sync.Once
	for _, s := range sinks {
		done := s.Done()
		if done == nil {
			continue
		}
		go func() {
			select {
			case <-done:
				once.Do(func() { close(t.done) })
			case <-t.closed:
			}
		}()
	}
	return t
}

type tee struct {
	sinks  []Sink
	done   chan struct{}
	close  sync.Once
	closed chan struct{}
}

func (t *tee) Take(e Event) {
	for _, s := range t.sinks {
		s.Take(e)
	}
}

func (t *tee) Hold() {
	for _, s := range t.sinks {
		Hold(s)
	}
}

func (t *tee) Release() {
	for _, s := range t.sinks {
		Release(s)
	}
}

// Begin hands the run to the sinks that pull.
func (t *tee) Begin(r Run) {
	for _, s := range t.sinks {
		if p, ok := s.(Puller); ok {
			p.Begin(r)
		}
	}
}

func (t *tee) Done() <-chan struct{} { return t.done }

// Close closes all sinks.
func (t *tee) Close() error {
	t.close.Do(func() { close(t.closed) })
	var errs []error
	for _, s := range t.sinks {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
