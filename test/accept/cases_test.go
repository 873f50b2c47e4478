package accept

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCases runs all cases: on the host those that do not affect other
// programs, and all of them in guests.
func TestCases(t *testing.T) {
	all, err := ParseDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	onMachines(t, func(t *testing.T, m *machine, kernel string) {
		for _, file := range files(all) {
			t.Run(file, func(t *testing.T) {
				for _, c := range all {
					if c.File == file {
						t.Run(c.Name, func(t *testing.T) { runCase(t, m, c, kernel) })
					}
				}
			})
		}
	})
}

// runCase runs one case on a machine; kernel is "" on the host.
func runCase(t *testing.T, m *machine, c *Case, kernel string) {
	if kernel == "" && !c.alone() {
		t.Skip("traces the whole machine: guests only")
	}
	if lacks := m.lacks(t, c.needs()); len(lacks) > 0 {
		for _, l := range lacks {
			name, _, _ := strings.Cut(l, ": ")
			if strings.HasSuffix(l, ": unknown feature") {
				t.Fatalf("testdata/%s.cases:%d: NEEDS %s", c.File, c.Line, l)
			}
			if kernel != "" && slices.Contains(certain[name], kernel) {
				t.Fatalf("the kernel must have %s", l)
			}
		}
		t.Skipf("the kernel has not %s", strings.Join(lacks, "; "))
	}
	r, err := m.do(c.Job())
	if err != nil {
		t.Fatal(err)
	}
	bad := append(c.Judge(r), c.offSchema(string(r.Stdout))...)
	if len(bad) == 0 {
		return
	}
	t.Errorf("testdata/%s.cases:%d: %s\n%s\n%s", c.File, c.Line, strings.Join(c.Rows, " "), paste(c, r), strings.Join(bad, "\n"))
	if _, other := messages(string(r.Stderr)); other != "" {
		t.Logf("standard error:\n%s", r.Stderr)
	}
	if len(r.WorkloadOutput) > 0 && r.Problem != "" {
		t.Logf("workload: %s", r.WorkloadOutput)
	}
}

// certain lists the guest kernels that are known to have a feature. On these a
// case must not be skipped because the feature seems to be missing.
var certain = map[string][]string{
	"btf":            {"5.10", "6.1", "6.12", "7.2"},
	"kprobe":         {"5.10", "6.1", "6.12", "7.2"},
	"uprobe":         {"5.10", "6.1", "6.12", "7.2"},
	"tracefs":        {"5.10", "6.1", "6.12", "7.2"},
	"fentry":         {"5.10", "6.1", "6.12", "7.2"},
	"kprobe-multi":   {"6.12", "7.2"}, // 6.1 has it upstream; Debian's has no fprobe
	"map-loop":       {"6.1", "6.12", "7.2"},
	"range-loop":     {"6.1", "6.12", "7.2"},
	"percpu-lookup":  {"6.1", "6.12", "7.2"},
	"func-ip":        {"6.1", "6.12", "7.2"},
	"tai":            {"6.1", "6.12", "7.2"},
	"write-user":     {"5.10", "6.1", "6.12", "7.2"},
	"tcp":            {"5.10", "6.1", "6.12", "7.2"},
	"whole-syscalls": {"5.10", "6.1", "6.12"},
	"cgroup2":        {"5.10", "6.1", "6.12", "7.2"},
}

// The heads of attach points that see more than one process, unless filtered.
var tracing = regexp.MustCompile(`(?i)(?:^|[\s,;}=|/])(kprobe|kretprobe|k|kr|fentry|fexit|f|fr|kfunc|kretfunc|tracepoint|t|rawtracepoint|rt|uprobe|uretprobe|u|ur|profile|p|call|ret|software|s|hardware|h|usdt|iter|it):\S`)

// needs returns the features that the case names, and those that its attach
// points always need.
func (c *Case) needs() []string {
	out := slices.Clone(c.Needs)
	heads := tracing.FindAllStringSubmatch(c.scripts(), -1)
	for _, m := range heads {
		if u := strings.ToLower(m[1]); u == "tracepoint" || u == "t" {
			out = append(out, "tracefs") // messages about them need it too
		}
	}
	if len(c.Errors) > 0 {
		return out // nothing is attached
	}
	for _, m := range heads {
		switch strings.ToLower(m[1]) {
		case "kprobe", "kretprobe", "k", "kr", "call", "ret":
			out = append(out, "kprobe")
		case "fentry", "fexit", "f", "fr", "kfunc", "kretfunc":
			out = append(out, "fentry")
		case "uprobe", "uretprobe", "u", "ur":
			out = append(out, "uprobe")
		}
	}
	return out
}

// scripts returns the text of all scripts of the case.
func (c *Case) scripts() string {
	text := c.Prog + "\n" + strings.Join(c.Cmd, " ") + "\n" + c.Stdin
	for _, f := range c.Files {
		text += "\n" + f
	}
	return text
}

// alone reports whether the case only sees its own processes, so that it can
// run on a machine that does other work.
func (c *Case) alone() bool {
	return slices.Contains(c.Command(), "-c") || c.aloneUnfiltered()
}

// aloneUnfiltered is like alone, for a program whose -c does not limit tracing
// to the command, such as bpftrace.
func (c *Case) aloneUnfiltered() bool {
	if slices.Contains(c.Command(), "-p") {
		return true
	}
	for _, m := range tracing.FindAllStringSubmatch(c.scripts(), -1) {
		// A probe in a program that nothing else runs.
		if u := strings.ToLower(m[1]); (u == "uprobe" || u == "uretprobe" || m[1] == "u" || m[1] == "ur") &&
			!strings.Contains(c.scripts(), "libc") {
			continue
		}
		return false
	}
	return true
}
