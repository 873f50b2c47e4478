package sink

import (
	"bytes"
	"os"
	"reflect"
	"sync"

	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/event"
)

// bufferSize is how much output is kept at most before it is written.
const bufferSize = 64 << 10

// stream is the output and standard error of one run. Formats append to buf
// with mu locked and call commit.
type stream struct {
	Config
	mu   sync.Mutex
	buf  []byte
	held int
	err  error // first failure to write, a broken pipe included
	done chan struct{}

	resolver, shown value.Resolver // of the last event, and what it became
}

func newStream(c Config) *stream {
	if c.Out == nil {
		c.Out = os.Stdout
	}
	if c.Err == nil {
		c.Err = os.Stderr
	}
	return &stream{Config: c, done: make(chan struct{}), buf: make([]byte, 0, bufferSize)}
}

// commit ends one call: what the buffering mode wants written is written.
func (s *stream) commit() {
	switch {
	case len(s.buf) >= bufferSize, s.Buffer == Unbuffered && s.held == 0:
		s.write(len(s.buf))
	case s.Buffer == ByLine && s.held == 0:
		s.writeLines()
	}
}

// writeLines writes all complete lines.
func (s *stream) writeLines() {
	if i := bytes.LastIndexByte(s.buf, '\n'); i >= 0 {
		s.write(i + 1)
	}
}

// write writes the first n bytes of the buffer. After a failure everything is
// dropped: the reader is gone or the disk is full, and the run is about to end.
func (s *stream) write(n int) {
	if s.err == nil && n > 0 {
		if _, err := s.Out.Write(s.buf[:n]); err != nil {
			s.err = err
			close(s.done)
		}
	}
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
}

// message writes to standard error. Lines that are ready on the output go
// first, so that both streams on one terminal read in order; an unfinished
// line stays back, so that the message does not land in its middle. Output
// that is to be buffered fully is left alone.
func (s *stream) message(text []byte) {
	if s.Buffer != Full {
		s.writeLines()
	}
	// There is nowhere to report a failure of standard error.
	_, _ = s.Err.Write(text)
}

// shows returns what values of an event are shown with in text.
func (s *stream) shows(r value.Resolver) value.Resolver {
	if s.Raw {
		return r
	}
	// What is remembered can be compared, and others of its type then as well.
	if s.shown != nil && r == s.resolver {
		return s.shown
	}
	shown := value.Escaped(r)
	if r == nil || reflect.TypeOf(r).Comparable() {
		s.resolver, s.shown = r, shown
	}
	return shown
}

// log writes a message without a place in the script, in every format on
// standard error (O-DIAG-04).
func (s *stream) log(e *event.Log) {
	if !s.dropped(e.Severity) {
		text := e.Text
		if !s.Raw {
			text = value.Visible(text, true) // it may name files of the traced system
		}
		s.message(append(append(s.appendSeverity(nil, e.Severity), text...), '\n'))
	}
}

// dropped reports the messages that the user does not want to see.
func (s *stream) dropped(sev diag.Severity) bool { return s.NoWarnings && sev == diag.Warning }

// Hold starts a batch.
func (s *stream) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held++
}

// Release ends a batch.
func (s *stream) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = max(s.held-1, 0)
	s.commit()
}

// Done is closed at the first failure to write.
func (s *stream) Done() <-chan struct{} { return s.done }

// Close writes what is left; the writers themselves stay open.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(len(s.buf))
	return s.err
}
