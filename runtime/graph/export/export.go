// Package export writes call trees in the forms of other tools. Each format
// takes trees and produces one document.
//
// Each format has a file of its own; formats lists them all.
package export

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"probe/runtime/graph"
)

// Source is the recording to export.
type Source struct {
	Funcs *graph.Funcs
	Trees []*graph.Tree
	// WallOffset is added to times to get nanoseconds since 1970.
	WallOffset time.Duration
	// Title names the recording, in formats that have a place for a name.
	Title string
}

// Format is one format of an export.
type Format struct {
	Name    string
	Summary string
	// Binary is set when the output is not text and must not go to a terminal.
	Binary bool
	write  func(w io.Writer, s *Source) error
}

// formats lists the formats. Perfetto opens Chrome's.
var formats = []Format{
	{Name: "chrome", Summary: "trace events, for chrome://tracing", write: writeChrome},
	{Name: "perfetto", Summary: "the same, for ui.perfetto.dev", write: writeChrome},
	{Name: "folded", Summary: "stacks with their own time in ns, for flame graph tools", write: writeFolded},
	{Name: "speedscope", Summary: "for speedscope.app", write: writeSpeedscope},
	{Name: "pprof", Summary: "a profile for go tool pprof", Binary: true, write: writePprof},
	{Name: "svg", Summary: "a flame graph in one file, for a browser", write: writeSVG},
	{Name: "csv", Summary: "a line for each call, for spreadsheets", write: writeCSV},
}

// Formats returns all formats.
func Formats() []Format { return formats }

// Find returns the format with a name.
func Find(name string) (Format, error) {
	var names []string
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("no format %q: the formats are %s", name, strings.Join(names, ", "))
}

// Export writes a source in the format with a name.
func Export(w io.Writer, name string, s *Source) error {
	f, err := Find(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 64<<10)
	if err := f.write(b, s); err != nil {
		return err
	}
	return b.Flush()
}

// self returns the time of each call that was not spent in calls below it, in
// nanoseconds. A negative result, which the cost of recording can cause,
// becomes 0.
func self(t *graph.Tree) []int64 {
	own := make([]int64, len(t.Calls))
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.Flags&graph.Gap != 0 {
			continue
		}
		own[i] += c.Duration()
		if c.Parent >= 0 {
			own[c.Parent] -= c.Duration()
		}
	}
	for i := range own {
		own[i] = max(own[i], 0)
	}
	return own
}

// name returns the name of a call's function with its module: "veth_xmit
// [veth]".
func (s *Source) name(c *graph.Call) string {
	f := s.Funcs.Func(c.Fn)
	if f.Module != "" {
		return f.Name + " [" + f.Module + "]"
	}
	return f.Name
}

// firstIdle is above all numbers of threads (PID_MAX_LIMIT is 4194304).
const firstIdle = 5_000_000

// track returns the number under which the calls of a tree's thread are shown.
// The idle threads of all CPUs have the number 0 and their calls overlap, so
// each gets a track of its own from firstIdle on.
func track(t *graph.Tree) int32 {
	if t.Thread.TID == 0 {
		return firstIdle + int32(t.Root().CPU)
	}
	return t.Thread.TID
}

// thread returns the label of a thread: "comm[tid]".
func thread(t graph.Thread) string { return fmt.Sprintf("%s[%d]", t.Comm, t.TID) }
