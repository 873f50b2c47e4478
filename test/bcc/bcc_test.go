// Package bcc runs the documented examples of bcc's tools through the tools and
// through probe, at the same time and over the same work, and compares what
// they print.
package bcc

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// worker is the program that both tools trace.
//
//go:embed testdata/worker.py
var worker string

// patience bounds each wait: bcc compiles C in an emulated machine.
const patience = 6 * time.Minute

// example is a command line of a manual page or an example file of bcc.
type example struct {
	// args are the words after the name of the tool. @PID is replaced by the id
	// of the worker.
	args []string
	// work are lines for the worker, which run when both tools trace.
	work string
	// ready is what both tools print when they trace, "" if they print nothing
	// before the work; nothing is waited for if they end by themselves (run).
	ready string
	// want are patterns that both outputs must match, as norm returns them.
	want []string
	// norm takes from an output what the two must have in common.
	norm func(string) string
	// run says that the tool ends by itself, without work.
	run bool
}

// What the tools print first.
const (
	tracing = `Tracing `
	header  = `COMM +FUNC`
	clock   = `(?m)^\[\d\d:\d\d:\d\d\]`
)

// TestExamples runs bcc of Debian's package beside probe. It is started by hand:
// the packages have 400 MB and each example takes bcc many seconds.
func TestExamples(t *testing.T) {
	if os.Getenv("PROBE_BCC") == "" {
		t.Skip("PROBE_BCC=1 compares the examples of bcc's tools with what probe prints")
	}
	root, err := guest.Package(t.Context(), "sid", guest.BCC...)
	if err != nil {
		t.Skip(err)
	}
	headers, err := guest.Headers(t.Context(), "6.12")
	if err != nil {
		t.Skip(err)
	}
	s := guesttest.Setup{
		Kernels: []string{"6.12"}, MemoryMB: 4096, Modules: []string{"loop"},
		Trees: map[string]string{"/bcc": root, "/headers": headers},
	}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		guesttest.Sh(t, g, `
			[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
			[ -e /sys/kernel/debug/tracing ] || mount -t debugfs debugfs /sys/kernel/debug
			mkdir -p /sys/fs/cgroup; [ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 none /sys/fs/cgroup
			mkdir -p /sys/fs/cgroup/workload /bcc/usr/src /bcc/usr/lib/modules /bcc/probe
			for d in proc sys dev tmp; do mount --rbind /$d /bcc/$d; done
			for d in usr/src usr/lib/modules; do mount --bind /headers/$d /bcc/$d; done
			cp /bin/probe /bcc/probe/probe
			chroot /bcc /usr/sbin/ldconfig
			echo content >/bcc/test.txt
			dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null; losetup /dev/loop0 /tmp/disk
			ifconfig lo 127.0.0.1 up`)
		for _, tool := range []string{"tplist", "argdist", "trace", "stackcount", "funccount", "funclatency", "funcslower"} {
			guesttest.Sh(t, g, "ln -s probe /bcc/probe/"+tool)
			t.Run(tool, func(t *testing.T) {
				for i, e := range examples[tool] {
					t.Run(fmt.Sprint(i+1), func(t *testing.T) { compare(t, g, tool, &e) })
				}
			})
		}
	})
}

// start starts a program in the tree of bcc.
func start(t *testing.T, g *guest.Guest, args ...string) *guest.Proc {
	t.Helper()
	p, err := g.Start(t.Context(), guest.Cmd{
		Args: append([]string{"chroot", "/bcc"}, args...), Input: true,
		Env: []string{"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=", "HOME=/root", "PATH=/usr/sbin:/usr/bin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p
}

// within waits until cond is true, no longer than a limit.
func within(limit time.Duration, cond func() bool) bool {
	for end := time.Now().Add(limit); !cond(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// tools are the two programs that are compared.
var tools = [2]string{"bcc", "probe"}

// compare runs an example through both tools.
func compare(t *testing.T, g *guest.Guest, tool string, e *example) {
	t.Logf("%s %q", tool, e.args)
	w := start(t, g, "/usr/bin/python3", "-c", worker)
	m, err := w.Expect(t.Context(), `ready (\d+)`)
	if err != nil {
		t.Fatal(err)
	}
	pid := m[1]
	guesttest.Sh(t, g, "echo "+pid+" >/sys/fs/cgroup/workload/cgroup.procs")
	words := func(first []string, args []string) []string {
		for _, a := range args {
			first = append(first, strings.ReplaceAll(a, "@PID", pid))
		}
		return first
	}
	procs := [2]*guest.Proc{
		start(t, g, words([]string{"/usr/bin/python3", "/usr/sbin/" + tool + "-bpfcc"}, modern(e.args))...),
		start(t, g, words([]string{"/probe/" + tool}, e.args)...),
	}
	output := func(i int) (out, messages string) {
		out, messages = procs[i].Output()
		return regexp.MustCompile(`\b`+pid+`\b`).ReplaceAllString(out, "PID"), messages
	}
	norm := e.norm
	if norm == nil {
		norm = func(s string) string { return s }
	}
	if !e.run {
		for i, p := range procs {
			ready := false
			within(patience, func() bool { ready = attached(t, g, p, e.ready); return ready || !alive(t, g, p) })
			if !ready {
				out, messages := output(i)
				t.Fatalf("%s did not start:\n%s\n%s", tools[i], out, messages)
			}
		}
		for line := range strings.Lines(e.work) {
			if err := w.Send(strings.TrimSpace(line) + "\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Expect(t.Context(), "done"); err != nil {
				_, messages := w.Output()
				t.Fatalf("the worker: %v\n%s", err, messages)
			}
		}
		for i, p := range procs {
			// What is printed at the end comes with the signal.
			if e.ready != tracing && e.ready != "" {
				within(30*time.Second, func() bool { out, _ := output(i); return matches(strings.TrimRight(norm(out), "\n")+"\n", e.want) })
			}
			p.Signal(syscall.SIGINT) // an error says that it has ended
		}
	}
	var got [2]string
	for i, p := range procs {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if i == 0 && !e.run {
			// Python loses a signal that comes while bcc prints an event.
			go func() {
				for !within(10*time.Second, func() bool { return ctx.Err() != nil }) {
					p.Signal(syscall.SIGINT)
				}
			}()
		}
		_, err := p.Wait(ctx)
		cancel()
		out, messages := output(i)
		// bcc's trace and argdist print an empty line for Ctrl-C.
		if got[i] = strings.TrimRight(norm(out), "\n") + "\n"; err != nil || !matches(got[i], e.want) {
			t.Errorf("%s: %v; an output without %q", tools[i], err, e.want)
		}
		t.Logf("%s:\n%s%s", tools[i], clip(out), clip(messages))
	}
	if got[0] != got[1] {
		t.Errorf("what is compared differs (-bcc +probe):\n%s", cmp.Diff(got[0], got[1]))
	}
}

// modern replaces the names of functions and types that older kernels had, and
// that probe still knows, by those of this kernel; and the pointers of STRCMP by
// numbers, since bcc's helper no longer compiles with them.
func modern(args []string) []string {
	var out []string
	for _, a := range args {
		for _, r := range [][2]string{{`^((?:p|r)::)?(?:sys|SyS)_(\w+)`, `${1}__x64_sys_$2`}, {`\bstruct timespec\b`, `struct __kernel_timespec`}, {`\bchar ?\* ?(optval|file)\b`, `u64 $1`}} {
			a = regexp.MustCompile(r[0]).ReplaceAllString(a, r[1])
		}
		out = append(out, a)
	}
	return out
}

// clip shortens an output for the log.
func clip(s string) string {
	if len(s) > 6000 {
		return s[:3000] + "\n…\n" + s[len(s)-3000:]
	}
	return s
}

// matches reports whether all patterns match.
func matches(out string, want []string) bool {
	for _, w := range want {
		if !regexp.MustCompile(w).MatchString(out) {
			return false
		}
	}
	return true
}

// alive reports whether a program runs.
func alive(t *testing.T, g *guest.Guest, p *guest.Proc) bool {
	t.Helper()
	return guesttest.Sh(t, g, fmt.Sprintf("[ -e /proc/%d ] && echo yes || true", p.Pid)) != ""
}

// attached reports whether a tool traces: it has printed its first line, or, if
// it prints none, has a probe open.
func attached(t *testing.T, g *guest.Guest, p *guest.Proc, first string) bool {
	if first != "" {
		out, _ := p.Output()
		return regexp.MustCompile(first).MatchString(out)
	}
	return strings.TrimSpace(guesttest.Sh(t, g, fmt.Sprintf("ls -l /proc/%d/fd | grep -cE 'perf_event|bpf_link' || true", p.Pid))) != "0"
}
