// Package inittrace parses the report of the Go runtime on the initialisation
// of packages, which it prints with GODEBUG=inittrace=1.
package inittrace

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Init is the initialisation of one package.
type Init struct {
	Package       string
	Time          time.Duration
	Bytes, Allocs int // on the heap
}

// Run runs a program and returns the runtime's report on it, in the order of
// initialisation. It is an error if the program does not end with status 0.
func Run(name string, args ...string) ([]Init, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, stderr.String())
	}
	return Parse(stderr.String())
}

// Parse reads the lines of the runtime in a program's standard error:
//
//	init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
//
// Other lines are left out. No line at all is an error.
func Parse(text string) ([]Init, error) {
	var out []Init
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "init ") || !strings.HasSuffix(line, " allocs") {
			continue
		}
		var p Init
		var at, ms float64
		if _, err := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &p.Package, &at, &ms, &p.Bytes, &p.Allocs); err != nil {
			return nil, fmt.Errorf("read %q: %w", line, err)
		}
		p.Time = time.Duration(ms * float64(time.Millisecond))
		out = append(out, p)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, fmt.Errorf("the runtime reported no initialisation in %q", text)
	}
	return out, nil
}

// Sum returns the sums of time, bytes and allocations.
func Sum(list []Init) Init {
	total := Init{Package: "all"}
	for _, p := range list {
		total.Time += p.Time
		total.Bytes += p.Bytes
		total.Allocs += p.Allocs
	}
	return total
}
