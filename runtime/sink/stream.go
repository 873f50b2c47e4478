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

// bufferSize is the maximum number of bytes that are buffered before they are
// written.
const bufferSize = 64 << 10

// stream is the output and standard error of one run. Formats append to buf
// with mu locked and call commit.
type stream struct {
	Config
	mu   sync.Mutex
	buf  []byte
	held int
	some bool  // something was given out, or is about to be
	err  error // first failure to write, a broken pipe included
	done chan struct{}

	resolver, shown value.Resolver // the resolver of the last event, and what shows made of it
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

// commit ends a call: it writes what the buffering mode requires.
func (s *stream) commit() {
	s.some = s.some || len(s.buf) > 0
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
// dropped: the reader has ended or the disk is full, and the run is about to
// end.
func (s *stream) write(n int) {
	if s.err == nil && n > 0 {
		if _, err := s.Out.Write(s.buf[:n]); err != nil {
			s.err = err
			close(s.done)
		}
	}
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
}

// message writes to standard error. It first writes the complete lines of the
// output, so that both streams appear in order on a terminal; an unfinished
// line remains in the buffer, so that the message does not appear in its
// middle. In the mode Full the output stays in the buffer.
func (s *stream) message(text []byte) {
	if s.Buffer != Full {
		s.writeLines()
	}
	// Ignore the error: there is nowhere to report a failure of standard error.
	_, _ = s.Err.Write(text)
}

// shows returns the resolver with which values of an event are shown in text:
// r, or one that escapes control characters.
func (s *stream) shows(r value.Resolver) value.Resolver {
	if s.Raw {
		return r
	}
	// Only comparable resolvers are remembered, so this comparison cannot
	// panic.
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
			text = value.Visible(text, true) // the text may contain names of files of the traced system
		}
		s.message(append(append(s.appendSeverity(nil, e.Severity), text...), '\n'))
	}
}

// dropped reports whether messages of a severity are switched off.
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
