package rights

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// permitted returns the sets of capabilities that the threads of a process have, in
// the output of: cat /proc/PID/task/*/status | grep ^CapPrm.
func permitted(out string) (sets []uint64) {
	for _, m := range regexp.MustCompile(`(?m)^CapPrm:\s*([0-9a-f]+)$`).FindAllStringSubmatch(out, -1) {
		var set uint64
		fmt.Sscanf(m[1], "%x", &set)
		sets = append(sets, set)
	}
	return sets
}

// bits of capabilities
const (
	netAdmin = 1 << 12
	sysAdmin = 1 << 21
	perfmon  = 1 << 38
	bpf      = 1 << 39
)

// TestDropGraph: probe graph gives up what it does not need once it records, and
// still puts the machine's settings back.
func TestDropGraph(t *testing.T) {
	guesttest.RunWith(t, setup(t), func(t *testing.T, g *guest.Guest) {
		for _, as := range []string{"", "as -user 1000 -caps bpf,perfmon,sys_admin,net_admin,dac_override,syslog"} {
			out := guesttest.Sh(t, g, `cd /sys/kernel/tracing; before=$(cat current_tracer kprobe_events set_ftrace_filter set_graph_function; ls instances); cd /tmp; mkdir -p /run/probe
`+as+` probe graph -v -o /dev/shm/r.jsonl vfs_writev vfs_read >/dev/shm/out 2>&1 & p=$!
i=0; until grep -q recording /dev/shm/out || [ $i -gt 600 ]; do sleep 0.1; i=$((i+1)); done
i=0; until grep -q "capabilities dropped" /dev/shm/out || [ $i -gt 100 ]; do sleep 0.1; i=$((i+1)); done
cat /proc/$p/task/*/status | grep ^CapPrm; cat /proc/version >/dev/null; sleep 1; kill -INT $p; wait $p; echo "status $?"; cat /dev/shm/out
cd /sys/kernel/tracing; [ "$before" = "$(cat current_tracer kprobe_events set_ftrace_filter set_graph_function; ls instances)" ] && echo "as before"; probe show /dev/shm/r.jsonl | head -50; rm /dev/shm/out /dev/shm/r.jsonl`)
			sets := permitted(out)
			for _, set := range sets {
				if set&(netAdmin|sysAdmin|perfmon) != 0 {
					t.Errorf("%q: a thread still has the capabilities %x", as, set)
				}
			}
			if len(sets) == 0 || !strings.Contains(out, "status 0\n") || !strings.Contains(out, "as before\n") || !strings.Contains(out, "vfs_read") {
				t.Errorf("%q: %d threads; the run failed or left something behind", as, len(sets))
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		}
	})
}

// TestPrompt: the prompt keeps what clauses can need and gives up the rest; with
// fewer rights each clause is told the true cause and what to do.
func TestPrompt(t *testing.T) {
	guesttest.RunWith(t, setup(t), func(t *testing.T, g *guest.Guest) {
		const lines = `begin { printf("begun\n"); }\nfentry:vfs_read { @reads = count(); }\ntracepoint:sched:sched_switch { @n = args.prev_pid; }\n1 + 41\n`
		run := func(as, more string) string {
			return guesttest.Sh(t, g, fmt.Sprintf(`cd /; sysctl -w kernel.perf_event_paranoid=2 >/dev/null; (printf '%s'; i=0; until [ -e /dev/shm/go ] || [ $i -gt 300 ]; do sleep 0.1; i=$((i+1)); done; printf 'print(@reads)\n') | %s probe repl >/dev/shm/out 2>&1 & p=$!
i=0; until grep -q '^42$' /dev/shm/out || [ $i -gt 600 ]; do sleep 0.1; i=$((i+1)); done
%s
: >/dev/shm/go; wait $p; echo "status $?"; cat /dev/shm/out; rm /dev/shm/out /dev/shm/go; sysctl -w kernel.perf_event_paranoid=3 >/dev/null`, lines, as, more))
		}
		const threads = `for q in /proc/[0-9]*; do if [ "$(cat $q/comm 2>/dev/null)" = probe ] && ! grep -q __watch $q/cmdline; then cat $q/task/*/status | grep ^CapPrm; fi; done`
		for _, who := range []struct {
			name, as string
			want     []string // patterns; those with ! must not match
		}{
			{"root", "", []string{`(?m)^begun$`, `@reads: [1-9]`, `!error`}},
			{"capabilities", "as -user 1000 -caps bpf,perfmon,net_admin", []string{`(?m)^begun$`, `@reads: [1-9]`, `tracepoints cannot be used: .*CAP_DAC_READ_SEARCH`, `help: run as root`}},
			{"user", "as -user 1000", []string{`!(?m)^begun$`, `!@reads: [1-9]`, `this process lacks CAP_BPF \+ CAP_PERFMON`, `help: (run as root|see what this process may use, and what it lacks: .probe doctor.)`}},
			{"user namespace", "as -userns", []string{`!(?m)^begun$`, `!@reads: [1-9]`, `user namespace of its own`, `outside of the container|probe doctor`}},
		} {
			t.Run(who.name, func(t *testing.T) {
				out := run(who.as, threads)
				for _, w := range append(who.want, `(?m)^42$`) {
					want := !strings.HasPrefix(w, "!")
					if regexp.MustCompile(strings.TrimPrefix(w, "!")).MatchString(out) != want {
						t.Errorf("output does not satisfy %q", w)
					}
				}
				sets := permitted(out)
				for _, set := range sets {
					if set&netAdmin != 0 {
						t.Errorf("a thread has the capabilities %x", set)
					}
					if who.want[0][0] != '!' && set&bpf == 0 {
						t.Errorf("a thread lacks CAP_BPF: %x", set)
					}
				}
				if len(sets) == 0 {
					t.Error("no threads")
				}
				if t.Failed() {
					t.Logf("%s", out)
				}
			})
		}
	})
}
