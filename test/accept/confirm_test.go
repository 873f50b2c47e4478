package accept

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// confirmScript runs bpftrace with the libraries of its package and the files
// of the machine. bpftrace needs tracefs; if it is not mounted, the driver gets
// a separate mount namespace. The link is for the cases that print comm.
const confirmScript = `#!/bin/sh
name=$(dirname $0)/as-probe/probe
[ -e $name ] || { mkdir -p $(dirname $name) && ln -s ROOT/usr/lib64/ld-linux-x86-64.so.2 $name; }
exec $name --library-path ROOT/usr/lib/x86_64-linux-gnu ROOT/usr/bin/bpftrace "$@"
`

// mountTracefs is the command that runs before the driver on this machine.
const mountTracefs = `[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"`

// TestConfirm runs the cases with bpftrace from Debian's package and compares
// its output with what the cases expect of probe: on the host those that do not
// affect other programs, the others in guests, where each takes six seconds to
// start. testdata/confirm.txt has the reason for each accepted difference. It
// runs with PROBE_CONFIRM=1 only: the package is large, and one kernel is
// enough.
func TestConfirm(t *testing.T) {
	if os.Getenv("PROBE_CONFIRM") != "1" {
		t.Skip("PROBE_CONFIRM=1 compares with bpftrace")
	}
	root, err := guest.Package(t.Context(), toolSuite, "bpftrace")
	if err != nil {
		t.Fatal(err)
	}
	all, err := ParseDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	known, err := readKnown("testdata/confirm.txt")
	if err != nil {
		t.Fatal(err)
	}
	for id := range known {
		if !slices.ContainsFunc(all, func(c *Case) bool { return c.File+"/"+c.Name == id }) {
			t.Errorf("testdata/confirm.txt: there is no case %s", id)
		}
	}
	confirm := func(t *testing.T, m *machine, here func(*Case) bool) {
		for _, file := range files(all) {
			t.Run(file, func(t *testing.T) {
				for _, c := range all {
					if c.File == file && comparable(c) && here(c) {
						t.Run(c.Name, func(t *testing.T) { confirmCase(t, m, c, known[c.File+"/"+c.Name]) })
					}
				}
			})
		}
	}
	t.Run("host", func(t *testing.T) {
		confirm(t, hostMachineOf(t, confirmProgram(t, root), mountTracefs), (*Case).aloneUnfiltered)
	})
	t.Run("guest", func(t *testing.T) {
		s := setup(t)
		s.Trees = map[string]string{"/bpftrace": root}
		s.Files["/bin/bpftrace"] = confirmProgram(t, "/bpftrace")
		s.MemoryMB = 4096
		guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
			confirm(t, guestMachineOf(t, g, "/bin/bpftrace"), func(c *Case) bool { return !c.aloneUnfiltered() })
		})
	})
}

// confirmProgram writes the script that runs bpftrace from its package at root.
func confirmProgram(t *testing.T, root string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "bpftrace")
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(confirmScript, "ROOT", root)), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// comparable reports whether a case applies to bpftrace. Cases of additions of
// probe, of its command line, and of its messages do not.
func comparable(c *Case) bool {
	own := func(r string) bool { return strings.HasPrefix(r, "X-") }
	return c.Cmd == nil && !slices.ContainsFunc(c.Rows, own) && c.Stderr == nil && c.User == 0
}

// compileWarning matches a warning of bpftrace before its output.
var compileWarning = regexp.MustCompile(`(?m)^stdin:\d+.*WARNING: .*\n(?:.*\n *~+\n)?(?:HINT: .*\n)*`)

// confirmCase runs a case with bpftrace. reason is the known reason for a
// difference.
func confirmCase(t *testing.T, m *machine, c *Case, reason string) {
	if lacks := m.lacks(t, c.needs()); len(lacks) > 0 {
		t.Skip(strings.Join(lacks, "; "))
	}
	job := c.Job()
	job.Probe = append(slices.Concat(c.Opts, []string{"-e", c.Prog}), c.Args...)
	// bpftrace drops what it has not read when the signal comes.
	job.Steps = nil
	for _, s := range c.Do {
		if s.Do == "signal" {
			job.Steps = append(job.Steps, Step{Do: "pause"})
		}
		job.Steps = append(job.Steps, s)
	}
	job.Timeout *= 3 // it takes seconds to start in a guest
	r, err := m.do(job)
	if err != nil {
		t.Fatal(err)
	}
	var bad []string
	if len(c.Errors) > 0 && c.Status != 0 {
		if r.Status == 0 {
			bad = append(bad, "bpftrace accepts what probe refuses")
		}
	} else {
		if r.Problem != "" {
			bad = append(bad, r.Problem)
		}
		if r.Status != c.Status {
			bad = append(bad, "another status than probe")
		}
		out := compileWarning.ReplaceAllString(string(r.Stdout), "")
		if why := c.judgeStdout(out, r.Expand); why != "" {
			bad = append(bad, why)
		}
	}
	switch {
	case reason == "" && len(bad) > 0:
		t.Errorf("testdata/%s.cases:%d: %s\n%s\n%s\nstandard error:\n%s", c.File, c.Line, strings.Join(c.Rows, " "),
			strings.Join(job.Probe, " "), strings.Join(bad, "\n"), r.Stderr)
	case reason != "" && len(bad) == 0 && !strings.HasPrefix(reason, "at times"):
		t.Errorf("bpftrace gives the same; the line in testdata/confirm.txt can go: %s", reason)
	}
}

// readKnown reads lines "FILE/NAME: reason".
func readKnown(name string) (map[string]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, _ := strings.Cut(line, ": ")
		known[id] = reason
	}
	return known, nil
}
