package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// guestCase is one command line on a real kernel. The patterns are sought in
// both outputs together; lines of a pattern that starts with '!' must not be
// there.
type guestCase struct {
	name    string
	kernels []string // nil means all
	sh      string
	want    []string
	status  int
}

var newKernels = []string{"6.1", "6.12", "7.2"}

var guestCases = []guestCase{
	{name: "kprobe and kretprobe", sh: `probe -e 'kprobe:vfs_read { @[comm] = count(); @n = count(); } kretprobe:vfs_read /retval > 0/ { @b = sum(retval); }' -c 'cat /proc/version'`,
		want: []string{`(?m)^@\[cat\]: [1-9]`, `(?m)^@b: [1-9]\d+$`, `Attached 2 probes`, `!incomplete`}},
	{name: "call and ret", sh: `probe -v -e 'call:vfs_read { @n = sum(args.count); } ret:vfs_read { @r[args.count] = max(retval); @d = min(duration); }' -c 'cat /proc/version'`,
		want: []string{`(?m)^@r\[832\]: 832$`, `(?m)^@d: [1-9]\d+$`, `ret:vfs_read: fexit`, `Attached 2 probes`}},
	{name: "the same by kprobes", sh: `probe -v -e 'config = { attach = "kprobe" } call:vfs_read { @n = sum(args.count); } ret:vfs_read { @r[args.count] = max(retval); @d = min(duration); }' -c 'cat /proc/version'`,
		want: []string{`(?m)^@r\[832\]: 832$`, `(?m)^@d: [1-9]\d+$`, `ret:vfs_read: kretprobe`, `Attached 2 probes`}},
	{name: "retval has its own type", sh: `probe -e 'ret:vfs_open /retval < 0/ { @[retval] = count(); } ret:do_filp_open|do_file_open /is_err(retval)/ { @e[errname(retval)] = count(); }' -c 'cat /nonexistent'`,
		want: []string{`(?m)^@e\[-?ENOENT\]: [1-9]`}},
	{name: "fentry and fexit", sh: `probe -e 'fentry:vfs_open { @[str(args.path->dentry->d_name.name)] = count(); } fexit:vfs_open { @r = max(retval); }' -c 'cat /etc/passwd'`,
		want: []string{`(?m)^@\[passwd\]: 1$`, `(?m)^@r: 0$`}},
	{name: "pattern", sh: `probe -e 'kprobe:vfs_*,kretprobe:vfs_re* { @[func] = count(); }' -c 'cat /etc/passwd'`,
		want: []string{`(?m)^@\[vfs_read\]: [2-9]`, `(?m)^@\[vfs_open\]: [2-9]`, `Attached [6-9]\d probes`}},
	{name: "several probes run in source order", sh: `probe -e 'kprobe:vfs_open { printf("k1 "); } kprobe:vfs_open { printf("k2 "); } fentry:vfs_open { printf("f1 "); } fentry:vfs_open { printf("f2\n"); } tracepoint:syscalls:sys_enter_openat { printf("t1 "); } tracepoint:syscalls:sys_enter_openat { printf("t2\n"); }' -c 'cat /etc/passwd'`,
		want: []string{`k1 k2 `, `f1 f2`, `t1 t2`}},
	{name: "module", kernels: newKernels, sh: `probe -e 'kprobe:dummy:dummy_get_stats64 { @k = count(); } fentry:dummy:dummy_get_stats64 { @f[str(args.dev->name)] = count(); } call:dummy_get_stats64 { @c = count(); }' -c 'ip -s link show dummy0'`,
		want: []string{`(?m)^@k: [1-9]`, `(?m)^@f\[dummy0\]: [1-9]`, `(?m)^@c: [1-9]`}},
	{name: "raw tracepoint", sh: `probe -e 'rawtracepoint:sched_switch { @[str(args.prev->comm)] = count(); @n = count(); }' --for 500ms`, want: []string{`(?m)^@n: [1-9]`, `swapper`}},
	{name: "tracepoint with fields", sh: `probe -e 'tracepoint:syscalls:sys_enter_openat { printf("%s\n", str(args.filename)); } tracepoint:sched:sched_process_exec { printf("exec %s\n", str(args.filename)); }' -c 'cat /nonexistent/file'`,
		want: []string{`(?m)^/nonexistent/file$`, `(?m)^exec /\S*cat$`}},
	{name: "user functions", sh: `probe -e 'uprobe:libc:malloc { @m[arg0 > 0] = count(); } uretprobe:libc:malloc { @r[retval > 0] = count(); } ret:libc:malloc { @d = min(duration); }' -c 'ip link'`,
		want: []string{`(?m)^@m\[true\]: [1-9]`, `(?m)^@r\[true\]: [1-9]`, `(?m)^@d: [1-9]`}},
	{name: "samples", sh: `probe -e 'profile:hz:99 { @p = count(); } software:cpu-clock:1000000 { @s = count(); } interval:ms:50 { @i = count(); }' --for 500ms`,
		want: []string{`(?m)^@p: [1-9]`, `(?m)^@s: [1-9]`, `(?m)^@i: [1-9]`}},
	{name: "samples of a process", sh: `sh -c 'while :; do :; done' & p=$!; probe -p $p -e 'profile:hz:99 { @[pid] = count(); }' --for 500ms 2>&1 | sed "s/$p/PID/"; kill $p`,
		want: []string{`(?m)^@\[PID\]: [1-9]`, `!(?m)^@\[\d+\]`}},
	{name: "completion", sh: `probe __complete ls tracepoint:sched:sched_swi; probe __complete graph vfs_rea; probe __complete -e 'ret:vfs_read { @ = hist(args.'; probe __complete -e kprobe: | wc -l`,
		want: []string{`(?m)^tracepoint:sched:sched_switch$`, `(?m)^vfs_read$`, `(?m)hist\(args\.count$`, `(?m)^\d{2,4}$`}},
	{name: "unknown function", sh: `probe -e 'kprobe:vfs_reed { }'`, status: 1, want: []string{`no function named vfs_reed`, `similar names exist: .*vfs_read`}},
	{name: "denied function", sh: `probe -e 'kprobe:nmi_handle { }'`, status: 1, want: []string{`list of functions that kprobes refuse|cannot be traced`}},
	{name: "middle of an instruction", sh: `probe -e 'kprobe:vfs_read+1 { }'`, status: 255, want: []string{`unable to attach probe: kprobe:vfs_read\+1`, `middle of an instruction`}},
	{name: "missing probes", sh: `probe -e 'config = { missing_probes = warn } kprobe:no_such_fn { } kprobe:vfs_read { @n = count(); }' -c 'cat /etc/passwd'`, want: []string{`warning\[no-match\]`, `(?m)^@n: `, `Attached 1 probe`}},
	{name: "a process of a PID namespace", sh: `echo 'mount -t proc proc /proc; (until grep -q Attached /tmp/inside.err; do sleep 0.1; done; cat /etc/passwd >/dev/null) & probe -p $! -e "tracepoint:syscalls:sys_exit_* { @[pid] = count(); }" 2>/tmp/inside.err; echo "process $!"' > /tmp/inside; unshare -p -f -m sh /tmp/inside | tr '\n' ' '`,
		want: []string{`@\[(\d)\]: [1-9]\d* +process \d `}},
	{name: "no privileges", sh: `unshare -U probe -e 'begin { }'`, status: 1, want: []string{`error\[no-permission\]`, `user namespace of its own`, `outside of the container`}},
	{name: "privileges of a namespace", sh: `unshare -U -r probe -e 'begin { }'`, status: 1, want: []string{`error\[no-permission\]`, `user namespace of its own`, `outside of the container`}},
}

func TestGuest(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, tc := range guestCases {
			t.Run(tc.name, func(t *testing.T) {
				if tc.kernels != nil && !strings.Contains(" "+strings.Join(tc.kernels, " ")+" ", " "+g.Kernel.Name+" ") {
					return // the case is about what other kernels have
				}
				judge(t, g, tc)
			})
		}
	})
}

// judge runs a case and compares.
func judge(t *testing.T, g *guest.Guest, tc guestCase) string {
	t.Helper()
	res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"sh", "-c", tc.sh}, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	out := res.Stdout + res.Stderr
	if res.Code != tc.status {
		t.Errorf("status %d, want %d", res.Code, tc.status)
	}
	for _, w := range tc.want {
		want := !strings.HasPrefix(w, "!")
		if regexp.MustCompile(strings.TrimPrefix(w, "!")).MatchString(out) != want {
			t.Errorf("output does not satisfy %q", w)
		}
	}
	if t.Failed() {
		t.Logf("%s\n%s", tc.sh, out)
	}
	return out
}

// TestGuestDrains interrupts a run that prints all the time, some time after
// its first line: as many lines as the program counted have to be there. Those that a
// busy machine cannot print within the second that the end may take have to be told,
// each of them.
func TestGuestDrains(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, delay := range []string{"0.1", "0.7", "1.5"} {
			out := judge(t, g, guestCase{want: []string{`status 0`}, sh: fmt.Sprintf(`cd /tmp; (while :; do dd if=/dev/zero of=/dev/null bs=1 count=20000 2>/dev/null; done) & w=$!
probe -q -e 'config = { perf_rb_pages = 4096 } tracepoint:syscalls:sys_enter_write /comm == "dd"/ { printf("line\n"); @n = count(); }' > out 2> err & p=$!
i=0; until [ -s out ] || [ $i -gt 600 ]; do sleep 0.1; i=$((i+1)); done
sleep %s; kill -TERM $p; wait $p; rc=$?; kill $w
echo "status $rc lines $(grep -c line out) $(grep @n out) $(cat err)"; rm -f out err`, delay)})
			var status, lines, counted int
			if _, err := fmt.Sscanf(strings.TrimSpace(out), "status %d lines %d @n: %d", &status, &lines, &counted); err != nil {
				t.Errorf("after %s s: %q: %v", delay, out, err)
				continue
			}
			left := number(out, `note: (\d+) events were lost \(still in the buffer when the run ended\)`)
			if lines+left != counted || lines == 0 {
				t.Errorf("after %s s: %d lines printed and %d told to be left, %d events counted: %s", delay, lines, left, counted, out)
			}
		}
	})
}

// TestGuestInterrupt sends the signal while a script with many programs is
// loading and attaching. Before the process has got so far as to handle it, the
// signal just ends it (143).
func TestGuestInterrupt(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, delay := range []string{"0.02", "0.1", "0.3", "0.6", "1", "2"} {
			judge(t, g, guestCase{want: []string{`status (0|143)\n`, `!panic`, `!goroutine`}, sh: fmt.Sprintf(
				`probe -q -e 'kprobe:vfs_* { @[probe] = count(); } fentry:vfs_r* { @[probe] = count(); } end { printf("end\n"); }' & p=$!; sleep %s; kill -TERM $p; wait $p; echo status $?`, delay)})
		}
	})
}

// number is the number that a pattern finds in an output; 0 for none.
func number(out, pattern string) (n int) {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(out); m != nil {
		fmt.Sscan(m[1], &n)
	}
	return n
}

// TestGuestMissedReturns: 300 processes sleep at the same time, until they are
// killed, however long it takes to start them. All their returns are seen, by
// whatever a return is probed with; where the kernel is told to keep fewer calls,
// the receipt has those that were missed.
func TestGuestMissedReturns(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		during := func(script string) string {
			// The file of the run before is emptied here: the shell in the background
			// opens it some time after the loop has looked for the word in it.
			return `: >/tmp/out; probe --strict -e '` + script + `' >/tmp/out 2>&1 & p=$!
i=0; until grep -q Attached /tmp/out || [ $i -gt 300 ]; do sleep 0.1; i=$((i+1)); done
i=0; w=; while [ $i -lt 300 ]; do sleep 1000 & w="$w $!"; i=$((i+1)); done
i=0; until [ $(cat /proc/[0-9]*/stat 2>/dev/null | grep -c "(sleep) S") -ge 300 ] || [ $i -gt 5000 ]; do i=$((i+1)); done
kill $w; wait $w; kill -INT $p; wait $p; echo "status $?" >>/tmp/out; cat /tmp/out; echo "events: $(cat /sys/kernel/tracing/kprobe_events)"`
		}
		for _, tc := range []struct{ name, head, script string }{
			{"kretprobe", "", `kretprobe:do_nanosleep /comm == "sleep"/ { @r = count(); }`},
			{"ret by kprobes", `config = { attach = "kprobe" } `, `ret:do_nanosleep /comm == "sleep" && duration > 0/ { @r = count(); }`},
			{"ret", "", `ret:do_nanosleep /comm == "sleep"/ { @r = count(); }`},
		} {
			t.Run(tc.name, func(t *testing.T) {
				out := judge(t, g, guestCase{want: []string{`!missed`, `status 0`, `events: \n`},
					sh: during(tc.head + `kprobe:do_nanosleep /comm == "sleep"/ { @e = count(); } ` + tc.script)})
				// The loop that waits for probe sleeps as well, and may do so when one
				// of the probes is attached and the other is not.
				if e, r := number(out, `@e: (\d+)`), number(out, `@r: (\d+)`); min(e, r) < 300 || max(e, r) > 310 || r < e-1 || r > e+1 {
					t.Errorf("%d calls, %d returns: %s", e, r, out)
				}
			})
		}
		t.Run("fewer", func(t *testing.T) {
			out := judge(t, g, guestCase{want: []string{`status 3`, `\d+ returns of kretprobe:common_nsleep were missed`},
				sh: during(`kprobe:common_nsleep { @e = count(); } kretprobe:common_nsleep:maxactive=20 { @r = count(); }`)})
			// The kernel counts in all processes. probe itself sleeps by another
			// function; a call of the loop that waits for it may be under way.
			e, r, missed := number(out, `@e: (\d+)`), number(out, `@r: (\d+)`), number(out, `(\d+) returns of`)
			if diff := e - r - missed; e < 300 || missed < 270 || diff < -2 || diff > 2 {
				t.Errorf("%d calls, %d returns, %d missed: %s", e, r, missed, out)
			}
		})
		t.Run("killed", func(t *testing.T) {
			judge(t, g, guestCase{want: []string{`(?m)^left 1$`, `(?m)^swept 0$`, `removed 1 kprobe event`}, sh: `probe -q -e 'kretprobe:vfs_read { @r = count(); }' >/tmp/out & p=$!
left() { echo $1 $(grep -c probe_ /sys/kernel/tracing/kprobe_events); }
i=0; until [ "$(left a)" = "a 1" ] || [ $i -gt 300 ]; do sleep 0.1; i=$((i+1)); done
w=$(grep -l '__watch[d]og' /proc/[0-9]*/cmdline | cut -d/ -f3); kill -STOP $w; kill -9 $p $w; wait $p; sleep 1
left left; probe cleanup; left swept`})
		})
	})
}

// TestGuestExitFull calls exit() when the ring buffer is full: nothing reads it
// while a begin probe runs. The run ends all the same, with the status that was
// asked for, and each of the thousand lines is printed or counted as lost.
func TestGuestExitFull(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, tc := range []struct{ name, script string }{
			{"in begin", `begin { for ($i : 0..1000) { printf("a line of some length\n"); } exit(7); }`},
			{"in a probe that fires once", `begin { @go = 1; } tracepoint:sched:sched_process_exec /@go/ { @go = 0; for ($i : 0..1000) { printf("a line of some length\n"); } exit(7); } interval:ms:100 { @ticks = count(); }`},
		} {
			t.Run(tc.name, func(t *testing.T) {
				out := judge(t, g, guestCase{want: []string{`status 7 lines`}, sh: `cd /tmp; (for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1; done) & w=$!
timeout 60 probe -q -f json -e 'config = { perf_rb_pages = 1 } ` + tc.script + `' > out 2> err
echo "status $? lines $(grep -c 'a line' out) lost $(sed -n 's/.*"lost_events", [^}]*"count": \([0-9]*\).*/\1/p' out)"; kill $w 2>/dev/null; cat err; rm -f out err`})
				var lines, lost int
				if _, err := fmt.Sscanf(strings.TrimSpace(out), "status 7 lines %d lost %d", &lines, &lost); err != nil {
					t.Fatalf("%q: %v", out, err)
				}
				if lines+lost != 1000 || lost == 0 {
					t.Errorf("%d lines printed and %d lost, of 1000", lines, lost)
				}
			})
		}
	})
}

// TestGuestRecursion: the kernel skips a kprobe on a function that another kprobe's
// program calls. Every run that was skipped is in the receipt: one for each run of
// the outer probe.
func TestGuestRecursion(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		out := judge(t, g, guestCase{want: []string{`status 3`}, sh: `probe -q --strict -e 'kprobe:vfs_read { @a = count(); @s = str(args.file->f_path.dentry->d_name.name); }
kprobe:strncpy_from_kernel_nofault { @b = count(); }' -c 'dd if=/dev/zero of=/dev/null bs=1 count=60' 2>&1; echo "status $?"`})
		outer, skipped := number(out, `@a: (\d+)`), number(out, `(\d+) runs of kprobe:strncpy_from_kernel_nofault were skipped`)
		if outer < 60 || skipped != outer {
			t.Errorf("%d runs of the outer probe, %d skipped: %s", outer, skipped, out)
		}
		// Inside of a tracepoint's program, old kernels skip without counting. Since 7.2
		// the programs of system calls are guarded by themselves only, and others run
		// inside of them.
		for _, tc := range []struct {
			point, cmd string
			inside     bool
		}{
			{"tracepoint:sched:sched_process_fork /args.child_pid/", "i=0; while [ $i -lt 60 ]; do i=$((i+1)); (true); done", false},
			{"tracepoint:syscalls:sys_enter_read", "dd if=/dev/zero of=/dev/null bs=1 count=60", g.Kernel.Name == "7.2"},
		} {
			out := judge(t, g, guestCase{sh: `echo '` + tc.cmd + `' >/tmp/work; probe -q --strict -e '` + tc.point + ` { @a = count(); @s = str(curtask->fs->pwd.dentry->d_name.name); }
kprobe:strncpy_from_kernel_nofault { @b = count(); }' -c 'sh /tmp/work' 2>&1; echo "status $?"; rm /tmp/work`})
			outer, inner := number(out, `@a: (\d+)`), number(out, `@b: (\d+)`)
			skipped := number(out, `(\d+) runs of kprobe:strncpy_from_kernel_nofault were skipped`)
			untold := strings.Contains(out, "something was not counted of kprobe:strncpy_from_kernel_nofault")
			switch {
			case tc.inside:
				if outer < 60 || inner != outer || skipped != 0 || untold || !strings.Contains(out, "status 0") {
					t.Errorf("%s: %d runs, %d inside, %d skipped, not counted: %v: %s", tc.point, outer, inner, skipped, untold, out)
				}
			case outer < 60 || skipped != outer && !untold || !strings.Contains(out, "status 3"):
				t.Errorf("%s: %d runs, %d skipped, not counted: %v: %s", tc.point, outer, skipped, untold, out)
			}
		}
	})
}

// TestGuestSwitchedOff: probes that the administrator has switched off are
// attached and do not run, which is said at the start and in the receipt.
func TestGuestSwitchedOff(t *testing.T) {
	const kprobes, ftrace = "/sys/kernel/debug/kprobes/enabled", "/proc/sys/kernel/ftrace_enabled"
	// A guest of its own: the kernel's ftrace gives up for good when the next graph is
	// recorded after ftrace_enabled was 0 under a trampoline.
	s := guesttest.Network()
	s.MemoryMB = 2560
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		for _, tc := range []struct{ file, probe, says string }{
			{kprobes, "kprobe:vfs_open", "kprobe:vfs_open will not run: kprobes are switched off"},
			{kprobes, "kretprobe:vfs_open", "kretprobe:vfs_open will not run: kprobes are switched off"},
			{kprobes, "fentry:vfs_open", ""},
			{ftrace, "kprobe:vfs_open", "kprobe:vfs_open will not run: ftrace is switched off"},
			{ftrace, "fentry:vfs_open", "sysctl kernel.ftrace_enabled=1 switches it on"}, // refused
			{ftrace, "tracepoint:syscalls:sys_enter_openat", ""},
		} {
			t.Run(tc.probe+" without "+tc.file, func(t *testing.T) {
				sh := fmt.Sprintf(`echo 0 > %s; probe -q --strict -e '%s { @n = count(); }' -c 'cat /etc/passwd' 2>&1; echo "status $?"; echo 1 > %[1]s`, tc.file, tc.probe)
				want := []string{tc.says, `did not run \(` + tc.file + ` holds 0\)`, `status 3`, `!@n: [1-9]`}
				if strings.HasPrefix(tc.says, "sysctl") {
					want = []string{tc.says, `status 1`}
				}
				if tc.says == "" {
					want = []string{`!will not run`, `status 0`, `@n: [1-9]`}
				}
				judge(t, g, guestCase{sh: sh, want: want})
			})
		}
	})
}
