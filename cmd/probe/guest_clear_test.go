package main

import (
	"regexp"
	"strconv"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// TestGuestClear shows and resets maps every few milliseconds in a storm on two CPUs.
// Events between showing and resetting are lost, which is what clear() and zero() mean, and
// many where probe has to wait for a CPU then. None is counted twice or comes back: what
// was shown never adds up to more than an independent count.
func TestGuestClear(t *testing.T) {
	const script = `tracepoint:syscalls:sys_enter_write /comm == "dd"/ { @all = count(); @c[tid] = count(); @z[tid, "x"] = sum(1); @k = count(); }
		interval:ms:20 { print(@c); clear(@c); print(@z); zero(@z); print(@k); clear(@k); }
		end { print(@c); clear(@c); print(@z); clear(@z); print(@k); clear(@k); }`
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		out := guesttest.Sh(t, g, `w=; probe -e '`+script+`' >/tmp/out 2>/tmp/err & p=$!
			i=0; until grep -q Attached /tmp/err || [ $i -gt 300 ]; do sleep 0.1; i=$((i+1)); done
			for i in 1 2 3; do dd if=/dev/zero of=/dev/null bs=1 count=60000 2>/dev/null & w="$w $!"; done
			wait $w; kill -INT $p; wait $p; echo "status $?"; cat /tmp/err /tmp/out`)
		sum := func(pattern string) (total, lines int) {
			for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(out, -1) {
				n, _ := strconv.Atoi(m[1])
				total, lines = total+n, lines+1
			}
			return total, lines
		}
		all, _ := sum(`(?m)^@all: (\d+)$`)
		// Where tasks can be preempted in the program the kernel skips some runs of it,
		// and tells how many.
		if told, _ := sum(`(\d+) runs? of tracepoint:syscalls:sys_enter_write w(?:as|ere) skipped`); all+told < 180000 {
			t.Fatalf("%d events and %d told: %s", all, told, out)
		}
		for name, pattern := range map[string]string{"clear": `(?m)^@c\[\d+\]: (\d+)$`, "zero": `(?m)^@z\[\d+, x\]: (\d+)$`, "clear without keys": `(?m)^@k: (\d+)$`} {
			total, lines := sum(pattern)
			t.Logf("%s: %d events of %d in %d lines", name, total, all, lines)
			if total > all || total < all/4 || lines < 10 {
				t.Errorf("%s: %d events of %d in %d lines", name, total, all, lines)
			}
		}
	})
}
