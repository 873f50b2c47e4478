package differ

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// batchSize is how many statements make one program.
const batchSize = 60

// loader starts bpftrace with the libraries of its package at ROOT.
const loader = `#!/bin/sh
exec ROOT/usr/lib64/ld-linux-x86-64.so.2 --library-path ROOT/usr/lib/x86_64-linux-gnu ROOT/usr/bin/bpftrace "$@"
`

// setting returns a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s is not a number", name, s)
	}
	return n
}

// TestDiffer runs PROBE_DIFF generated statements with probe and with bpftrace
// of Debian's package, and compares the results. PROBE_DIFF_SEED is the first
// seed (1). The tools run in a guest with Linux 6.12 or, with
// PROBE_DIFF_ON=host, on this machine, where they trace nothing but themselves.
func TestDiffer(t *testing.T) {
	n := setting(t, "PROBE_DIFF", 0)
	if n == 0 {
		t.Skip("PROBE_DIFF=N compares the results of N statements with bpftrace's")
	}
	seed := setting(t, "PROBE_DIFF_SEED", 1)
	root, err := guest.Package(t.Context(), "sid", "bpftrace")
	if err != nil {
		t.Fatal(err)
	}
	program, err := guesttest.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	start := func(root string) string {
		name := filepath.Join(dir, "start")
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(loader, "ROOT", root)), 0o755); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if os.Getenv("PROBE_DIFF_ON") == "host" {
		link := filepath.Join(dir, "bpftrace")
		if err := os.Symlink(program, link); err != nil {
			t.Fatal(err)
		}
		differ(t, onHost(t.Context(), start(root)), onHost(t.Context(), link), seed, n)
		return
	}
	s := guesttest.Setup{
		Kernels: []string{"6.12"}, NoProbe: true, MemoryMB: 3072,
		Trees: map[string]string{"/bpftrace": root},
		Files: map[string]string{"/bin/bpftrace": start("/bpftrace"), "/probe/bpftrace": program},
	}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		guesttest.Sh(t, g, "[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing")
		differ(t, inGuest(t.Context(), g, "/bin/bpftrace"), inGuest(t.Context(), g, "/probe/bpftrace"), seed, n)
	})
}

// arguments returns the command line of a tool.
func arguments(name, script string, asJSON bool) []string {
	if asJSON {
		return []string{name, "-f", "json", script}
	}
	return []string{name, script}
}

// onHost returns a tool that runs on this machine, in a separate mount
// namespace with tracefs.
func onHost(ctx context.Context, name string) tool {
	return func(script string, asJSON bool) (output, error) {
		file, err := os.CreateTemp("", "differ*.bt")
		if err != nil {
			return output{}, err
		}
		defer os.Remove(file.Name())
		defer file.Close()
		if _, err := file.WriteString(script); err != nil {
			return output{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		args := append([]string{"-c", `[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"`, "sh"}, arguments(name, file.Name(), asJSON)...)
		cmd := exec.CommandContext(ctx, "sh", args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err = cmd.Run()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			return output{}, err
		}
		return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, nil
	}
}

// inGuest returns a tool that runs in a guest.
func inGuest(ctx context.Context, g *guest.Guest, name string) tool {
	return func(script string, asJSON bool) (output, error) {
		if err := g.Put(ctx, "/differ.bt", []byte(script), 0o644); err != nil {
			return output{}, err
		}
		r, err := g.Run(ctx, guest.Cmd{Args: arguments(name, "/differ.bt", asJSON), Timeout: 3 * time.Minute})
		return output{r.Stdout, r.Stderr, r.Code}, err
	}
}

// pair is what both tools did with a statement.
type pair struct{ bpftrace, probe outcome }

// class is the kind of a difference.
type class int

const (
	same     class = iota
	excused        // bpftrace has no result
	accepted       // by probe alone
	refused        // by probe alone
	broken         // probe has no result
	different
)

func (p pair) class() class {
	b, o := p.bpftrace, p.probe
	switch {
	case o.broken != "" && b.refused == "":
		return broken
	case b.refused != "" && o.refused != "":
		return same
	case b.broken != "":
		return excused
	case b.refused != "":
		return accepted
	case o.refused != "":
		return refused
	case b.text != o.text:
		return different
	}
	return same
}

// comparison runs statements with both tools.
type comparison struct {
	t      *testing.T
	a, b   tool
	asJSON bool
}

func (c *comparison) run(batch []*node) map[*node]pair {
	x, err := c.a.run(batch, c.asJSON)
	if err != nil {
		c.t.Fatal(err)
	}
	y, err := c.b.run(batch, c.asJSON)
	if err != nil {
		c.t.Fatal(err)
	}
	out := map[*node]pair{}
	for _, n := range batch {
		out[n] = pair{x[n], y[n]}
	}
	return out
}

// words in quotes, and numbers, of a message.
var quotes = regexp.MustCompile("`[^`]*`|\\d+")

// kind returns a message without what it says of the statement.
func kind(message string) string { return quotes.ReplaceAllString(message, "") }

// shrink returns the smallest statement that it finds with a difference of the
// same class.
func (c *comparison) shrink(n *node, p pair) (*node, pair) {
	for range 60 {
		next := n.smaller()
		slices.SortFunc(next, func(a, b *node) int { return len(a.String()) - len(b.String()) })
		next = slices.CompactFunc(next, func(a, b *node) bool { return a.String() == b.String() })
		next = slices.DeleteFunc(next, func(a *node) bool { return len(a.String()) >= len(n.String()) })
		found := false
		for part := range slices.Chunk(next, batchSize) {
			got := c.run(part)
			for _, s := range part { // the smallest first
				if got[s].class() == p.class() && kind(got[s].probe.refused) == kind(p.probe.refused) {
					n, p, found = s, got[s], true
					break
				}
			}
			if found {
				break
			}
		}
		if !found {
			break
		}
	}
	return n, p
}

// digits and words that make no difference between differences.
var digits = regexp.MustCompile(`-?\d+|u?int\d+`)

// maxReports ends a run in which too much differs.
const maxReports = 40

// differ compares n statements from a seed. Of statements that differ after
// they were shrunk to the same text, one is reported.
func differ(t *testing.T, bpftrace, probe tool, seed, n int) {
	known, err := readKnown("testdata/known.txt")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[class]int{}
	seen := map[string]bool{}
	reasons := map[string]int{}
	for first := 0; first < n; first += batchSize {
		c := &comparison{t: t, a: bpftrace, b: probe, asJSON: first/batchSize%4 == 3}
		var batch []*node
		for i := first; i < min(n, first+batchSize); i++ {
			batch = append(batch, generate(uint64(seed+i)))
		}
		start := time.Now()
		results := c.run(batch)
		t.Logf("statements %d to %d: %.1f s", seed+first, seed+first+len(batch)-1, time.Since(start).Seconds())
		for i, s := range batch {
			p := results[s]
			counts[p.class()]++
			switch p.class() {
			case same, excused:
				continue
			case accepted:
				reasons[p.bpftrace.refused]++
				continue
			}
			if len(seen) >= maxReports {
				t.Fatalf("%d different differences: the others are not looked at", len(seen))
			}
			small, q := c.shrink(s, p)
			text := strings.ReplaceAll(small.String(), mapName, "@")
			if shape := digits.ReplaceAllString(text, "N"); seen[shape] || known.has(text, q) {
				continue
			} else {
				seen[shape] = true
			}
			t.Errorf("seed %d (JSON %v): %s\nbpftrace: %s\nprobe:    %s", seed+first+i, c.asJSON, text, q.bpftrace, q.probe)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("%d statements run with probe alone; bpftrace: %s", reasons[why], why)
	}
	t.Logf("%d statements: %d same, %d without a result of bpftrace, %d accepted by probe alone, %d refused by probe alone, %d without a result of probe, %d different",
		n, counts[same], counts[excused], counts[accepted], counts[refused], counts[broken], counts[different])
}

// knownList has the differences that are expected.
type knownList []*regexp.Regexp

// readKnown reads lines "REGEXP  # reason". Each matches the text of a shrunk
// statement, an arrow and what the tools did.
func readKnown(name string) (knownList, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out knownList
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		re, reason, ok := strings.Cut(line, "  # ")
		if !ok || reason == "" {
			return nil, fmt.Errorf("%s: no reason in %q", name, line)
		}
		x, err := regexp.Compile("(?s)^" + strings.TrimSpace(re) + "$")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, x)
	}
	return out, nil
}

func (k knownList) has(text string, p pair) bool {
	line := fmt.Sprintf("%s => %s | %s", strings.TrimSpace(text), p.bpftrace, p.probe)
	return slices.ContainsFunc(k, func(re *regexp.Regexp) bool { return re.MatchString(line) })
}
