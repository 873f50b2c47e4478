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
