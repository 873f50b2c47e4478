package rights

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

var update = flag.Bool("update", false, "write what probe says into testdata")

// commands are run in every situation. What they find where they may is cut to
// what does not change from run to run.
var commands = []string{
	`probe ls 'tracepoint:sched:sched_swit*'`,
	`probe ls 'kprobe:vfs_writev'`,
	`probe graph vfs_writev --for 1s`,
	`probe run --dry-run -e 'fentry:vfs_read { @ = count(); }'`,
	`probe run --dry-run -e 'kprobe:vfs_rea* { @ = count(); }'`,
	`probe run --dry-run -e 'tracepoint:sched:sched_switch { @ = args.prev_pid; }'`,
	`probe run --dry-run -e 'watchpoint:0xffffffff82000000:8:w { @ = count(); }'`,
	`probe run --dry-run -e 'profile:hz:99 { @[ksym(kaddr("vfs_read"))] = count(); }'`,
	`probe check -e 'tracepoint:sched:sched_switch { @ = args.prev_pid; }'`,
	`probe check -e 'kprobe:vfs_rea*, ret:vfs_read { @ = kaddr("vfs_read"); }'`,
	`probe doctor`,
	`sh -c 'probe repl </dev/shm/typed'`,
}

// typed is what the last command gets: what needs no kernel, and a clause of each kind. None of
// them ever runs its body.
const typed = `6 * 7
fentry:vfs_read /pid == -1/ { @ = count(); }
kprobe:vfs_read, kretprobe:vfs_read /pid == -1/ { @ = count(); }
kprobe:vfs_rea* /pid == -1/ { @ = count(); }
tracepoint:sched:sched_switch /pid == -1/ { @t = args.prev_pid; }
rawtracepoint:sched_switch /pid == -1/ { @ = count(); }
uprobe:/bin/busybox:main /pid == -1/ { @ = count(); }
watchpoint:0xffffffff82000000:8:w /pid == -1/ { @ = count(); }
profile:hz:99 /pid == -1/ { @ = count(); }
fgraph:vfs_writev:only=do_iter_write /pid == -1/ { print(graph); }
kaddr("vfs_read") != 0
`

// situation is a machine or a process with less than everything.
type situation struct {
	name    string
	kernels []string // nil for 6.12
	params  string   // of the kernel
	before  string   // shell commands that make the situation
	as      string   // starts each command
	after   string   // shell commands that end it
}

var situations = []situation{
	{name: "root"},
	{name: "user", as: "as -user 1000"},
	{name: "capabilities", as: "as -user 1000 -caps bpf,perfmon"},
	{name: "user namespace", as: "as -userns"},
	{name: "container", as: "as -bound chown,setuid,setgid,kill,net_raw -deny bpf,perf_event_open"},
	{name: "seccomp", as: "as -deny bpf,perf_event_open"},
	{name: "seccomp without the call", as: "as -deny bpf=38,perf_event_open=38"},
	{name: "no tracefs", before: "umount /sys/kernel/tracing; umount /sys/kernel/debug", after: "mount -t tracefs tracefs /sys/kernel/tracing; mount -t debugfs debugfs /sys/kernel/debug"},
	{name: "hidden addresses", before: "sysctl -w kernel.kptr_restrict=2 >/dev/null", after: "sysctl -w kernel.kptr_restrict=0 >/dev/null"},
	{name: "hidden addresses and capabilities", before: "sysctl -w kernel.kptr_restrict=2 kernel.perf_event_paranoid=2 >/dev/null", as: "as -user 1000 -caps bpf,perfmon,dac_read_search", after: "sysctl -w kernel.kptr_restrict=0 kernel.perf_event_paranoid=3 >/dev/null"},
	{name: "no sys", as: "unshare -m sh -c 'umount -l /sys; exec \"$@\"' sh"},
	{name: "read-only root", as: "unshare -m sh -c 'umount -l /run /tmp; mount -o remount,ro /; exec \"$@\"' sh", after: "mount -o remount,rw /"},
	{name: "memlock", kernels: []string{"5.10", "6.12"}, as: "as -user 1000 -caps bpf,perfmon -memlock 8192"},
	{name: "integrity", params: "lockdown=integrity"},
	{name: "confidentiality", params: "lockdown=confidentiality"},
}

// What each command says in each situation is in testdata, for people to read:
// the true cause, and what to do.
func TestSituations(t *testing.T) {
	s := setup(t)
	guesttest.Each(t, nil, func(t *testing.T, kernel string) {
		programs := map[string]string{"/bin/as": s.Files["/bin/as"]}
		var err error
		if programs["/bin/probe"], err = guesttest.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, params := range []string{"", "lockdown=integrity", "lockdown=confidentiality"} {
			var list []guest.Cmd
			var names []string
			for _, s := range situations {
				if s.params != params || !runsOn(s, kernel) {
					continue
				}
				names = append(names, s.name)
				list = append(list, guest.Cmd{Args: []string{"sh", "-c", script(s)}})
			}
			if list == nil {
				continue
			}
			out, err := guest.RunBatch(t.Context(), guest.Options{Kernel: kernel, Params: params, MemoryMB: 2048, Files: programs}, list)
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				t.Run(name, func(t *testing.T) { compare(t, kernel, name, out[i].Stdout+out[i].Stderr) })
			}
		}
	})
}

func runsOn(s situation, kernel string) bool {
	if s.kernels == nil {
		return kernel == "6.12"
	}
	for _, k := range s.kernels {
		if k == kernel {
			return true
		}
	}
	return false
}

// script makes the situation, runs the commands, and ends it.
func script(s situation) string {
	var b strings.Builder
	b.WriteString("cd /; mount -t securityfs securityfs /sys/kernel/security 2>/dev/null\n" + s.before + "\n")
	b.WriteString("cat >/dev/shm/typed <<'EOF'\n" + typed + "EOF\n")
	for _, c := range commands {
		b.WriteString("echo '$ " + strings.ReplaceAll(c, "'", `'\''`) + "'\n")
		b.WriteString(s.as + " " + c + " >/dev/shm/out 2>&1; rc=$?\n")
		b.WriteString("cat /dev/shm/out; echo \"status $rc\"; echo\n")
	}
	b.WriteString(s.after + "\n")
	return b.String()
}

// changing is what differs from machine to machine, and what stands for it.
var changing = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`(?m)^kernel       .*`), "kernel       …"},
	{regexp.MustCompile(`(?s)\n\nevery feature, as the kernel answered.*?(\nstatus)`), "\n\n(every feature …)$1"},
	{regexp.MustCompile(`probe-\d+`), "probe-PID"},
	{regexp.MustCompile(`\d+(\.\d+)? (ms|s|µs)\b`), "N $2"},
}

func compare(t *testing.T, kernel, name, got string) {
	for _, c := range changing {
		got = c.re.ReplaceAllString(got, c.to)
	}
	path := filepath.Join("testdata", kernel, strings.ReplaceAll(name, " ", "-")+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s, -want +got:\n%s", path, diff)
	}
}
