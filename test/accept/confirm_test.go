package accept

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"probe/test/guest"
	"probe/test/guest/guesttest"
)

// confirmScript runs bpftrace in the root of its own package, with the guest's
// processes, files of the kernel and workload in it.
const confirmScript = `#!/bin/sh
if ! [ -e /bpftrace/proc/self ]; then
	for d in proc sys dev tmp; do
		mkdir -p /bpftrace/$d
		mount --rbind /$d /bpftrace/$d
	done
	touch /bpftrace/usr/bin/workload
	mount --bind /bin/workload /bpftrace/usr/bin/workload
fi
exec chroot /bpftrace /usr/bin/bpftrace "$@"
`

// TestConfirm puts the cases to the bpftrace of Debian's package and compares
// its output with what the cases expect of probe. Where they differ for good,
// testdata/confirm.txt says why. It runs with PROBE_CONFIRM=1 only: the package
// is large, and a kernel that it is made for is enough.
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
	script := filepath.Join(t.TempDir(), "confirm")
	if err := os.WriteFile(script, []byte(confirmScript), 0o755); err != nil {
		t.Fatal(err)
	}
	s := setup(t)
	s.Trees = map[string]string{"/bpftrace": root}
	s.Files["/bin/bpftrace"] = script
	s.MemoryMB = 4096
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		m := guestMachineOf(t, g, "/bin/bpftrace")
		for _, file := range files(all) {
			t.Run(file, func(t *testing.T) {
				for _, c := range all {
					if c.File == file && comparable(c) {
						t.Run(c.Name, func(t *testing.T) { confirmCase(t, m, c, known[c.File+"/"+c.Name]) })
					}
				}
			})
		}
	})
}

// comparable tells whether bpftrace can be asked for the same: cases of what
// probe adds, of its command line, and of messages, whose wording is its own,
// are left out.
func comparable(c *Case) bool {
	own := func(r string) bool { return strings.HasPrefix(r, "X-") }
	return c.Cmd == nil && !slices.ContainsFunc(c.Rows, own) && len(c.Files) == 0 && len(c.Warnings) == 0 && c.Stderr == nil && c.User == 0
}

// compileWarning is a warning of bpftrace ahead of the output.
var compileWarning = regexp.MustCompile(`(?m)^stdin:\d+.*WARNING: .*\n(?:.*\n *~+\n)?(?:HINT: .*\n)*`)

// confirmCase puts a case to bpftrace. reason is why it is known to differ.
func confirmCase(t *testing.T, m *machine, c *Case, reason string) {
	if lacks := m.lacks(t, c.needs()); len(lacks) > 0 {
		t.Skip(strings.Join(lacks, "; "))
	}
	job := c.Job()
	job.Probe = append(slices.Concat(c.Opts, []string{"-e", c.Prog}), c.Args...)
	job.Timeout *= 3 // it takes a second to start in a guest
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
	case reason != "" && len(bad) == 0:
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
