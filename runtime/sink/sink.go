// Package sink shows what a run produces: printf text, values, maps,
// messages and the receipt at the end. In come decoded values and places in
// the script; out go bytes on the output and on standard error. It knows
// nothing of kernels and probes.
//
// A Printer is one format. To add a format, write a file with its Printer and
// add a row to formats.
package sink

import (
	"fmt"
	"io"
	"os"
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/value"
)

// Kind is where a piece of text comes from. It is the type of the record in
// JSON.
type Kind string

// The kinds of text. In text mode Join and Syscall are followed by a newline
// of their own (F-JOIN, F-SYSTEM); in JSON that newline is no part of the data.
const (
	Printf  Kind = "printf"
	Time    Kind = "time"
	Cat     Kind = "cat"
	Join    Kind = "join"
	Syscall Kind = "syscall"
)

// newline tells the kinds that end their line themselves.
func (k Kind) newline() bool { return k == Join || k == Syscall }

// MapOptions says how a map prints.
type MapOptions struct {
	Top, Div int64 // arguments of print(@m, top, div); 0 when not given
	// AtExit marks the printing of all maps at the end, where maps without
	// entries are left out (M-PRINT-11).
	AtExit bool
}

// RuntimeError is something that went wrong while a probe ran (R-ERR rows).
type RuntimeError struct {
	At      source.Span
	Message string // "Bad address"
	Helper  string // BPF helper that failed, "" if none did
	Retcode int    // what it returned, negative
	Count   uint64 // how often, when several are reported at once; 0 means 1
}

// Printer shows a run in one format. Its methods may be called from several
// goroutines; each call comes out in one piece. What fails to be written is
// reported by Closed and Close, not by each call.
type Printer interface {
	// Attached tells that n probes are attached (O-STREAM-03).
	Attached(n int)
	// Printf prints a printf call; Text prints text that is formatted already.
	Printf(specs []value.Spec, args []value.Value)
	Text(kind Kind, text []byte)
	// Value prints a value and ends the line (M-PRINT-13).
	Value(v value.Value)
	// Map prints a map (section 5.7).
	Map(m *value.MapData, o MapOptions)
	// Message is errorf or warnf of a script.
	Message(s diag.Severity, at source.Span, text []byte)
	// RuntimeError reports a failure inside a probe.
	RuntimeError(e *RuntimeError)
	// Lost reports n events lost since the last report (R-LOST-01).
	Lost(n uint64)
	// Log is a message without a place in the script, on standard error in
	// every format.
	Log(s diag.Severity, text string)
	// End separates the run from the maps printed after it (M-PRINT-14).
	End()
	// Receipt tells what makes the results incomplete, as the last record.
	Receipt(r *Receipt)

	// Hold keeps the output in memory until Release even when it is buffered
	// by lines, so that a batch of events costs one write. Calls nest.
	Hold()
	Release()
	// Closed is closed when nobody can read the output any more, by a broken
	// pipe or a failed write: the run may as well end.
	Closed() <-chan struct{}
	// Close writes what is left. The error is the first failure to write; a
	// reader that went away (EPIPE) is none.
	Close() error
}

// Buffering says when output is written (O-STREAM-04).
type Buffering uint8

// The modes of -B.
const (
	ByLine     Buffering = iota // at each newline
	Full                        // when the buffer fills, and at the end
	Unbuffered                  // at each call
)

// ParseBuffering reads the argument of -B (CLI-13).
func ParseBuffering(s string) (Buffering, error) {
	switch s {
	case "line":
		return ByLine, nil
	case "full":
		return Full, nil
	case "none":
		return Unbuffered, nil
	}
	return 0, fmt.Errorf("unknown output buffering %q: must be either \"line\", \"full\" or \"none\"", s)
}

// Config is what all formats need. The zero Config prints on the standard
// streams, buffered by lines.
type Config struct {
	Out      io.Writer // program output; nil means standard output
	Err      io.Writer // messages; nil means standard error
	Buffer   Buffering
	Resolver value.Resolver // may be nil
	Quiet    bool           // no "Attached" lines (-q)
	// NoWarnings drops everything of severity Warning (--no-warnings).
	NoWarnings bool
	// Color paints the severity words of messages in text mode.
	Color bool
}

// formats is the table of formats; the first is the default.
var formats = []struct {
	name string
	make func(s *stream) Printer
}{
	{"text", func(s *stream) Printer { return &textPrinter{s} }},
	{"json", func(s *stream) Printer { return &jsonPrinter{stream: s} }},
}

// Formats lists the names New takes.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// New makes a Printer of a format; "" means text.
func New(format string, c Config) (Printer, error) {
	for i, f := range formats {
		if f.name == format || format == "" && i == 0 {
			return f.make(newStream(c)), nil
		}
	}
	return nil, fmt.Errorf("invalid output format %q: this build knows %s", format, strings.Join(Formats(), ", "))
}

// Create opens the file of -o, emptied (CLI-11).
func Create(name string) (*os.File, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	return f, nil
}
