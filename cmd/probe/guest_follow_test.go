package main

import (
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// TestGuestFollow traces a tree of processes, the forks of which are counted by the
// script itself, while others do the same things. The numbers of processes are used
// again soon, since there are 400 of them.
func TestGuestFollow(t *testing.T) {
	const prelude = `cd /tmp; most=$(cat /proc/sys/kernel/pid_max); trap "echo $most > /proc/sys/kernel/pid_max" EXIT; echo 400 > /proc/sys/kernel/pid_max
cat > work <<'E'
dd if=/dev/zero of=/dev/null bs=1 count=10 2>/dev/null
E
cat > tree <<'E'
for i in 1 2 3 4 5; do (for j in 1 2 3 4; do sh /tmp/work & done; wait); done
wait
touch /tmp/done; until [ -e /tmp/over ]; do sleep 0.1; done
E
# Others, that outlive the tree and use its numbers.
others() { rm -f done over; (until [ -e done ]; do sh work; done; i=0; while [ $i -lt 50 ]; do sh work; i=$((i+1)); done; touch over) & o=$!; }
writes='tracepoint:syscalls:sys_enter_write /comm == "dd" && args.count == 1/ { @n = count(); }'
`
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, tc := range []struct {
			name, sh string
			want     []string
		}{
			{"command", `others; probe -q --strict -c 'sh /tmp/tree' -e "$writes"; echo "status $?"; wait $o`, []string{`(?m)^@n: 200$`, `status 0`}},
			{"command alone", `others; probe -q --strict --no-follow -c 'sh /tmp/tree' -e "$writes tracepoint:syscalls:sys_enter_wait4 { @w = count(); }"; echo "status $?"; wait $o`,
				[]string{`!@n: [1-9]`, `(?m)^@w: [1-9]`, `status 0`}},
			// A tree whose middle exists before probe, and works afterwards.
			{"process", `others; sh -c 'sh -c "sh -c \"until [ -e /tmp/go ]; do sleep 0.1; done; sh /tmp/tree\"; true"; true' & p=$!
sleep 1; : >out; probe --strict -p $p -e "$writes" >out 2>&1 & b=$!
i=0; until grep -q Attached out || [ $i -gt 300 ]; do sleep 0.1; i=$((i+1)); done
touch go; wait $p; wait $b; echo "status $?"; cat out; wait $o; rm go`, []string{`(?m)^@n: 200$`, `status 0`}},
			{"all kinds", `others; (while [ ! -e over ]; do dd if=/dev/zero of=/dev/null bs=1 count=2000 2>/dev/null; done) & q=$!
cp /bin/busybox /tmp/yes; cat > busy <<'E'
sh -c 'timeout 2 /tmp/yes >/dev/null; true'
touch /tmp/done; until [ -e /tmp/over ]; do sleep 0.1; done
E
probe -q -c 'sh /tmp/busy' -e 'profile:hz:99 { @p[comm] = count(); } software:page-faults:1 { @s[comm] = count(); } kprobe:vfs_write { @k[comm] = count(); }
ret:vfs_write { @r[comm] = sum(duration > 0); } rawtracepoint:sched_process_exec { @x[comm] = count(); }'
echo "status $?"; wait $o $q`,
				[]string{`@p\[yes\]`, `@s\[yes\]`, `@k\[yes\]`, `@r\[yes\]`, `@x\[yes\]: 1\b`, `@x\[timeout\]: 1\b`, `!\[dd\]`, `status 0`}},
			// probe is a program with several threads. The start of busybox runs once for
			// each of its programs.
			{"threads", `cat > run <<'E'
probe --version; dd if=/dev/null of=/dev/null 2>/dev/null; dd if=/dev/null of=/dev/null 2>/dev/null
E
start=0x$(od -An -t x8 -j 24 -N 8 /bin/busybox | tr -d ' ')
(while [ ! -e over ]; do dd if=/dev/null of=/dev/null 2>/dev/null; probe --version >/dev/null; done) & o=$!
probe -q --unsafe -c 'sh /tmp/run' -e 'tracepoint:raw_syscalls:sys_enter /comm == "probe"/ { @t[tid != pid] = count(); @p[pid] = count(); } uprobe:/bin/busybox:'$start' { @u[comm] = count(); }' >out
echo "status $?"; echo "processes: $(grep -c '^@p\[' out)"; cat out; touch over; wait $o`, []string{`@t\[false\]`, `@t\[true\]`, `@u\[dd\]: 2\b`, `(?m)^processes: 1$`, `status 0`}},
		} {
			t.Run(tc.name, func(t *testing.T) { judge(t, g, guestCase{want: tc.want, sh: prelude + tc.sh}) })
		}
	})
}
