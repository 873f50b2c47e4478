package main

import (
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// TestGuestThrottled samples more often than the machine allows: the pauses are in
// the receipt, about one for each tick, and a rate that is allowed has none.
func TestGuestThrottled(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		const work = ` -c 'timeout 2 dd if=/dev/zero of=/dev/null bs=4k' 2>&1; echo "status $?"`
		out := judge(t, g, guestCase{want: []string{`status 3`, `(\d+) pauses in the samples of profile:us:100 \(`, `perf_event_max_sample_rate`},
			sh: `echo 1000 > /proc/sys/kernel/perf_event_max_sample_rate; probe -q --strict -e 'profile:us:100 { @ = count(); }'` + work})
		// Between two pauses the kernel lets at least one sample through.
		if pauses, runs := number(out, `(\d+) pauses`), number(out, `@: (\d+)`); pauses < 20 || runs < pauses {
			t.Errorf("%d pauses and %d samples: %s", pauses, runs, out)
		}
		judge(t, g, guestCase{want: []string{`status 0`, `@: [1-9]`, `!pause`},
			sh: `echo 100000 > /proc/sys/kernel/perf_event_max_sample_rate; probe -q --strict -e 'profile:hz:49 { @ = count(); }'` + work})
	})
}

// TestGuestCutStacks counts the stacks that were deeper than the limit by taking
// them whole beside.
func TestGuestCutStacks(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		out := judge(t, g, guestCase{want: []string{`status 3`, `(\d+) stacks? (was|were) cut`, `raise max_stack_frames`}, sh: `probe -q --strict -e 'config = { max_stack_frames = 3 }
kprobe:vfs_write,kprobe:vfs_read /comm == "dd"/ { @whole[kstack(100)] = count(); @cut[kstack] = count(); @few[kstack(2)] = count(); }' -c 'dd if=/dev/zero of=/dev/null bs=1 count=5' 2>/tmp/err >/tmp/out; echo "status $?"; cat /tmp/out /tmp/err`})
		deep := map[string]bool{}
		for _, part := range strings.Split(out, "@whole[")[1:] {
			stack, _, _ := strings.Cut(part, "]")
			lines := strings.Split(strings.TrimSpace(stack), "\n")
			if len(lines) > 3 {
				deep[strings.Join(lines[:3], "\n")] = true
			}
		}
		if n := number(out, `(\d+) stacks? (?:was|were) cut`); n == 0 || n != len(deep) {
			t.Errorf("%d stacks were cut, and %d are deeper: %s", n, len(deep), out)
		}
	})
}
