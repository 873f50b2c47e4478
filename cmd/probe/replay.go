package main

import (
	"bufio"
	"io"

	"probe/lang/value"
	"probe/runtime/graph/record"
)

// replay prints a recording in its order, and reports whether the script's
// results were complete. A tree is printed where the script printed it, or
// where it was recorded if the script did not print it, but only counted it for
// example.
func (r *treeRun) replay(rec *record.Recording) (whole bool) {
	whole = true
	shown := map[int]bool{} // trees that an event of the recording prints
	if !r.o.graph.treesOnly {
		for i := range rec.Events {
			for _, t := range rec.Events[i].Trees {
				shown[t] = true
			}
		}
	}
	out := &lineWriter{Writer: bufio.NewWriterSize(r.std.out, 64<<10), start: true}
	r.std.out = out
	defer func() {
		if err := out.Flush(); r.err == nil {
			r.err = err
		}
	}()
	tree := func(i int) bool {
		if !out.start {
			if _, r.err = io.WriteString(out, "\n"); r.err != nil {
				return false
			}
		}
		return r.tree(rec.Trees[i])
	}
	// Escape control characters in all of the text: a recording may come from
	// anybody, and the text of its script cannot be distinguished from that of
	// the system it traced.
	text := func(s string) string {
		if r.o.raw || r.o.format == "json" {
			return s
		}
		return value.Visible(s, true)
	}
	next := 0
	upTo := func(n int) bool {
		for ; next < n; next++ {
			if !shown[next] && !tree(next) {
				return false
			}
		}
		return true
	}
	for i := range rec.Events {
		e := &rec.Events[i]
		whole = whole && !e.Incomplete()
		if r.o.graph.treesOnly {
			continue
		}
		if !upTo(e.Place) {
			return whole
		}
		if e.Text != "" {
			_, r.err = io.WriteString(out, text(e.Text))
		}
		if e.Message != "" && r.err == nil {
			// Flush first: on a terminal the lines of both streams must appear
			// in order.
			r.err = out.Flush()
			_, _ = io.WriteString(r.std.err, text(e.Message))
		}
		if r.err != nil {
			return whole
		}
		if e.Text != "" {
			continue // the event's own text shows the trees
		}
		for _, t := range e.Trees {
			if !tree(t) {
				return whole
			}
		}
	}
	upTo(len(rec.Trees))
	return whole
}

// lineWriter is a writer that keeps track of whether the next byte starts a
// line.
type lineWriter struct {
	*bufio.Writer
	start bool
}

func (w *lineWriter) Write(b []byte) (int, error) {
	if len(b) > 0 {
		w.start = b[len(b)-1] == '\n'
	}
	return w.Writer.Write(b)
}

// WriteString calls Write. Without it io.WriteString would call the method of
// the embedded bufio.Writer and miss the line ends.
func (w *lineWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }
