package sink

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"probe/lang/value"
	"probe/runtime/event"
)

// report shows the results of tests and benchmarks (O-TEXT-01, O-TEXT-02,
// O-JSON-TEST). What the script prints is kept until the result of the test is
// known, and shown with the tests that fail.
type report struct {
	*stream
	json bool

	take   sync.Mutex // one event at a time
	said   bytes.Buffer
	inner  event.Sink // writes to said
	names  []string
	bench  bool
	passed int
	failed []string
	rows   strings.Builder // of benchmarks
	done   bool            // the report is out: what comes now is shown at once
}

// NewReport makes the Sink of a run of tests or benchmarks: format is text or
// json, "" means text. Closing it ends the report.
func NewReport(format string, c Config) (event.Sink, error) {
	if format != "" && format != "text" && format != "json" {
		return nil, fmt.Errorf("results of tests and benchmarks have no form in %s: use text or json", format)
	}
	r := &report{stream: newStream(c), json: format == "json"}
	within := c
	within.Out, within.Err, within.Buffer, within.Quiet, within.Color = &r.said, &r.said, Unbuffered, true, false
	inner, err := New("text", within)
	r.inner = inner
	return r, err
}

// Take takes an event.
func (r *report) Take(e event.Event) {
	r.take.Lock()
	defer r.take.Unlock()
	switch e := e.(type) {
	case *event.Tests:
		r.names, r.bench = e.Names, e.Measured
		if !r.json && !r.bench && len(r.names) > 0 {
			r.write(bracket(green, ruler) + fmt.Sprintf("Running %d tests.\n", len(r.names)))
		}
	case *event.TestsDone:
		if !r.json && len(r.names) > 0 {
			r.write(r.summary())
		}
		r.write(r.said.String()) // of begin, where there are no tests
		r.said.Reset()
		r.done = true
	case *event.End:
		if !r.json {
			r.write("\n\n")
		}
	case *event.Test:
		r.test(e)
		r.said.Reset()
	case *event.Bench:
		r.benchmark(e)
		r.said.Reset()
	case *event.Attached, *event.Receipt, *event.Map:
	default:
		r.inner.Take(e)
		if r.done {
			r.write(r.said.String())
			r.said.Reset()
		}
	}
}

// write writes text in one piece.
func (r *report) write(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf = append(r.buf, text...)
	r.commit()
}

// The colours of the report are part of its form: they are there whatever the
// output is.
const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

// bracket is a word of the report in its brackets.
func bracket(color, text string) string { return color + "[" + text + "]" + plain + " " }

const ruler = "=========="

// summary is the end of a report of tests, or the table of benchmarks.
func (r *report) summary() string {
	var b strings.Builder
	if r.bench {
		if r.rows.Len() > 0 {
			w := r.width()
			fmt.Fprintf(&b, "%-*s%-15s%s\n", w, "Benchmark", "Time(ns)", "Iterations")
			b.WriteString(strings.Repeat("-", w+15+len("Iterations")) + "\n" + r.rows.String())
		}
		return b.String()
	}
	b.WriteString(bracket(green, ruler) + counted(r.passed+len(r.failed), "test") + " ran.\n")
	b.WriteString(bracket(green, "  PASSED  ") + counted(r.passed, "test") + ".\n")
	if len(r.failed) > 0 {
		b.WriteString(bracket(red, "  FAILED  ") + counted(len(r.failed), "test") + ", listed below:\n")
		for _, name := range r.failed {
			b.WriteString(bracket(red, "  FAILED  ") + name + "\n")
		}
	}
	return b.String()
}

// width is that of the column of names.
func (r *report) width() int {
	w := 40
	for _, n := range r.names {
		w = max(w, len(n))
	}
	return w + 1
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// span is a time with three digits or so: "22 μs".
func span(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return strconv.FormatInt(d.Nanoseconds(), 10) + " ns"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " μs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + " s"
}

func (r *report) test(e *event.Test) {
	if e.Passed {
		r.passed++
	} else {
		r.failed = append(r.failed, e.Name)
	}
	if r.json {
		var b []byte
		b = append(b, `{"type": "test_result", "data": {`...)
		b = value.AppendJSONString(b, []byte(e.Name))
		b = fmt.Appendf(b, `: {"duration": %d, "passed": %t, "output": `, e.Duration.Nanoseconds(), e.Passed)
		b = value.AppendJSONString(b, r.said.Bytes())
		r.write(string(append(b, "}}}\n"...)))
		return
	}
	var b strings.Builder
	b.WriteString(bracket(green, " RUN      ") + e.Name + "\n")
	if e.Passed {
		b.WriteString(bracket(green, "       OK "))
	} else {
		b.Write(r.said.Bytes())
		if n := r.said.Len(); n > 0 && r.said.Bytes()[n-1] != '\n' {
			b.WriteByte('\n')
		}
		b.WriteString(bracket(red, "  FAILED  "))
	}
	fmt.Fprintf(&b, "%s (%s)\n", e.Name, span(e.Duration))
	r.write(b.String())
}

func (r *report) benchmark(e *event.Bench) {
	switch {
	case e.Failed:
		r.mu.Lock()
		r.message(fmt.Appendf(bytes.Clone(r.said.Bytes()), "ERROR: Benchmark '%s' failed.\n", e.Name))
		r.mu.Unlock()
	case e.Skipped:
	case r.json:
		b := value.AppendJSONString([]byte(`{"type": "benchmark_result", "data": {`), []byte(e.Name))
		r.write(string(fmt.Appendf(b, `: {"average": %d, "iters": %d}}}`+"\n", e.Average.Nanoseconds(), e.Runs)))
	default:
		fmt.Fprintf(&r.rows, "%-*s%-15d%d\n", r.width(), e.Name, e.Average.Nanoseconds(), e.Runs)
	}
}

// Close writes what is left. What was said in a test whose result never came is
// shown, since it may say why.
func (r *report) Close() error {
	r.take.Lock()
	defer r.take.Unlock()
	_ = r.inner.Close() // a buffer takes everything
	r.mu.Lock()
	if r.said.Len() > 0 {
		r.message(r.said.Bytes())
		r.said.Reset()
	}
	r.mu.Unlock()
	return r.stream.Close()
}
