// Command gotest runs "go test" with the given arguments and also reports which
// tests were skipped, and why: go test prints that only with -v.
//
// Its output is go test's own: one line for each package and the output of
// the tests that failed. At the end it lists the skipped tests by reason. The
// exit status is go test's.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Fprintf(os.Stderr, "gotest: %v\n", err)
		os.Exit(1)
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "gotest: %v\n", err)
		os.Exit(1)
	}
	r := newReport(os.Stdout)
	readErr := r.read(out)
	err = cmd.Wait()
	r.skips()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1))
	case err != nil || readErr != nil:
		fmt.Fprintf(os.Stderr, "gotest: %v\n", errors.Join(err, readErr))
		os.Exit(1)
	}
}

// event is a line of go test's JSON output, as described in cmd/test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// key names a test.
type key struct{ pkg, test string }

// report turns events into text.
type report struct {
	w       io.Writer
	buffer  map[key][]string    // output of tests that have not ended
	skipped map[string][]string // reason to the tests
}

func newReport(w io.Writer) *report {
	return &report{w: w, buffer: make(map[key][]string), skipped: make(map[string][]string)}
}

// read reports all events of r. Lines that are no events are passed on.
func (r *report) read(in io.Reader) error {
	d := json.NewDecoder(in)
	for {
		var e event
		err := d.Decode(&e)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			rest, _ := io.ReadAll(io.MultiReader(d.Buffered(), in))
			r.w.Write(rest)
			return fmt.Errorf("output of go test: %w", err)
		}
		r.event(e)
	}
}

// event reports one event.
func (r *report) event(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "output":
		if e.Test != "" {
			r.buffer[k] = append(r.buffer[k], e.Output)
		} else if e.Output != "PASS\n" {
			io.WriteString(r.w, e.Output)
		}
	case "build-output":
		io.WriteString(r.w, e.Output)
	case "fail":
		r.flush(k)
	case "skip":
		if e.Test != "" {
			why := reason(r.buffer[k])
			r.skipped[why] = append(r.skipped[why], e.Package+" "+e.Test)
		}
		delete(r.buffer, k)
	case "pass":
		if e.Test == "" {
			return
		}
		delete(r.buffer, k)
	}
	if e.Test == "" && e.Action == "fail" {
		// The package failed while these tests were running, by a panic or a
		// timeout.
		for k := range r.buffer {
			if k.pkg == e.Package {
				r.flush(k)
			}
		}
	}
}

// flush prints the output of a test.
func (r *report) flush(k key) {
	for _, line := range r.buffer[k] {
		if !strings.HasPrefix(line, "=== ") {
			io.WriteString(r.w, line)
		}
	}
	delete(r.buffer, k)
}

// reason finds why a test was skipped in its output: the lines that t.Skip
// wrote, without the place in the source.
func reason(lines []string) string {
	var out []string
	for _, line := range lines {
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), "--- ") {
			continue
		}
		line = strings.TrimSpace(line)
		if file, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(file, ".go:") {
			line = rest
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		return "no reason given"
	}
	return strings.Join(out, " ")
}

// skips lists what was skipped.
func (r *report) skips() {
	var reasons []string
	for why := range r.skipped {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		tests := r.skipped[why]
		more := ""
		if len(tests) > 1 {
			more = fmt.Sprintf(" and %d more", len(tests)-1)
		}
		fmt.Fprintf(r.w, "skipped: %s%s: %s\n", tests[0], more, why)
	}
}
