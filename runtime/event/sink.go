package event

import (
	"errors"
	"sync"

	"probe/runtime/watchdog"
)

// Sink takes the events of a run.
type Sink interface {
	// Take takes one event. It may be called from several goroutines, and must
	// not keep the event or anything it points to.
	Take(e Event)
	// Done is closed when the sink can take no more events, because its reader
	// has ended or a write has failed. The run then ends. Done is nil for a
	// sink to which that cannot happen.
	Done() <-chan struct{}
	// Close is called after the last event. The error says that not all events
	// reached their destination.
	Close() error
}

// Batcher is a Sink that may delay its work to do more at once. A run calls
// Hold before it sends the events found in one round over its buffers, and
// Release after them. Calls nest.
type Batcher interface {
	Hold()
	Release()
}

// Puller is a Sink that asks for snapshots of the maps while the run goes on.
type Puller interface {
	Sink
	// Begin passes the run to the sink, before the Attached event. It must not
	// call Snapshot, since the run waits for Begin to return.
	Begin(run Run)
}

// Run is the interface of a run to a Puller.
type Run interface {
	// Snapshot calls f with a snapshot of each map that the script prints at
	// its end, in that order: all entries, sorted, not marked as final. f is
	// called between two events by the goroutine that sends them, so calling
	// Snapshot from Take would deadlock. The error is ErrEnded when the run is
	// over, or that of a map that could not be read.
	Snapshot(f func(m *Map)) error
}

// ErrEnded is the error of Snapshot after the end of a run.
var ErrEnded = errors.New("the run has ended")

// Hold calls s.Hold if s is a Batcher.
func Hold(s Sink) {
	if b, ok := s.(Batcher); ok {
		b.Hold()
	}
}

// Release calls s.Release if s is a Batcher.
func Release(s Sink) {
	if b, ok := s.(Batcher); ok {
		b.Release()
	}
}

// Func returns a Sink that calls a function, which is called with one event at
// a time. The first error ends the run, and Close returns it.
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

// Tee returns a Sink that passes each event to several sinks, in their order.
// It is done when one of them is.
func Tee(sinks ...Sink) Sink {
	t := &tee{sinks: sinks, done: make(chan struct{}), closed: make(chan struct{})}
	var once sync.Once
	for _, s := range sinks {
		done := s.Done()
		if done == nil {
			continue
		}
		go func() {
			defer watchdog.Report()
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

// Begin passes the run to the sinks that are Pullers.
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
