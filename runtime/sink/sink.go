// Package sink has the formats in which a run is shown. A format takes events
// and writes bytes to the output and to standard error; it knows nothing of
// kernels and probes.
//
// A format is an event.Sink. To add one, write a file with its Sink and add a
// row to formats.
package sink

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"probe/runtime/event"
)

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

// Config holds the options that all formats share. The zero Config prints on
// the standard streams, buffered by lines.
type Config struct {
	Out    io.Writer // program output; nil means standard output
	Err    io.Writer // messages; nil means standard error
	Buffer Buffering
	Quiet  bool // no "Attached" lines (-q)
	// NoWarnings drops everything of severity Warning (--no-warnings).
	NoWarnings bool
	// Raw leaves control characters in strings of the traced system unescaped
	// in text; by default they are escaped (value.Escaped), because a terminal
	// would obey them. JSON has escapes of its own.
	Raw bool
	// TextStacks makes stacks in JSON one string with a line for each frame, as
	// bpftrace has them. Otherwise they are arrays with a string for each frame.
	TextStacks bool
	// Empty makes a run that shows nothing end with empty lines all the same, as
	// one of bpftrace does.
	Empty bool
	// Color colours the severity words of messages in the text format.
	Color bool
}

// Format is a row of the table of formats.
type Format struct {
	Name string
	Doc  string // what the format shows, for help and documentation
	make func(s *stream) event.Sink
}

// formats is the table; the first row is the default.
var formats = []Format{
	{"text", "for people, in the form of bpftrace", func(s *stream) event.Sink { return &textSink{stream: s} }},
	{"json", "one JSON object a line for each event", func(s *stream) event.Sink { return &jsonSink{stream: s} }},
	{"csv", "snapshots of maps and printed values as comma-separated rows; the rest goes to standard error", newCSV},
}

// Formats lists the formats that New knows.
func Formats() []Format { return slices.Clone(formats) }

// Names returns the names of the formats.
func Names() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	return names
}

// New returns the Sink of a format; "" means text. Events may come from several
// goroutines; the text of each is written in one piece. A failure to write,
// including EPIPE because the reader has ended, closes Done and is returned by
// Close.
func New(format string, c Config) (event.Sink, error) {
	for i, f := range formats {
		if f.Name == format || format == "" && i == 0 {
			return f.make(newStream(c)), nil
		}
	}
	return nil, fmt.Errorf("invalid output format %q: this build knows %s", format, strings.Join(Names(), ", "))
}
