package main

import (
	"fmt"
	"regexp"
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

// TestGuestFullMap counts reads in maps that have room for some of their keys: what
// the maps hold and what the receipt tells are together what dd says it did. Some maps
// are written by two processes at once.
func TestGuestFullMap(t *testing.T) {
	const reads = 700
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		out := judge(t, g, guestCase{want: []string{`status 3`, `(?m)^700\+0 records in$`}, sh: fmt.Sprintf(`dd if=/dev/zero of=/dev/null bs=1 count=%d & i=$!; probe -q --strict -f json -e 'config = { max_map_keys = 16 } let @d = hash(9);
tracepoint:syscalls:sys_enter_read /comm == "dd" && args.count == 1/ { $k = rand %% 40; @seen = count();
  @plain[nsecs, cpu, tid] = 1; @d[nsecs, tid] = 2; @c[$k] = count(); @s[$k, comm] = sum(1); @h[$k] = hist(3); @l[$k] = lhist($k, 0, 40, 40); @t[$k] = stats(5); @a[$k] = avg(5); @u[tid, $k] = count(); }' >/tmp/out 2>/tmp/err -c '
  dd if=/dev/zero of=/dev/null bs=1 count=%[1]d'; echo "status $?"; wait $i; cat /tmp/out /tmp/err; rm /tmp/out /tmp/err`, reads)})
		seen := number(out, `"@seen": (\d+)`)
		if seen < reads {
			t.Fatalf("%d reads were seen, dd made %d: %s", seen, reads, out)
		}
		for _, m := range []struct {
			name, each string // each is a number of events at a key; "" if every key has one
		}{
			{"plain", ""}, {"d", ""}, {"c", `": (\d+)`}, {"s", `": (\d+)`}, {"u", `": (\d+)`}, {"h", `"count": (\d+)`}, {"l", `"count": (\d+)`}, {"t", `"count": (\d+)`},
		} {
			line := regexp.MustCompile(`(?m)^\{"type": "(?:map|hist|stats)", "data": \{"@` + m.name + `": (.*)$`).FindStringSubmatch(out)
			if line == nil {
				t.Errorf("no map @%s: %s", m.name, out)
				continue
			}
			kept := strings.Count(line[1], `": `)
			if m.each != "" {
				kept = 0
				for _, n := range regexp.MustCompile(m.each).FindAllString(line[1], -1) {
					kept += number(n, m.each)
				}
			}
			told := number(out, `"kind": "map_full", "where": "@`+m.name+`", "count": (\d+)`)
			if kept == 0 || told == 0 || kept+told != seen {
				t.Errorf("@%s has %d events and the receipt %d, of %d: %s", m.name, kept, told, seen, out)
			}
		}
	})
}

// TestGuestFailedUpdates updates a map inside of another update of it, while the
// kernel holds the lock: all of these updates fail, and each is told. Kernel 5.10 waits
// for itself there, and 7.2 has no function to probe in that place.
func TestGuestFailedUpdates(t *testing.T) {
	guesttest.Run(t, []string{"6.1", "6.12"}, func(t *testing.T, g *guest.Guest) {
		out := judge(t, g, guestCase{want: []string{`status 3`, `@outer: 60\n`, `Can't update map element`, `retcode: -16\n`}, sh: `probe -q --strict -e 'let @m = hash(1);
tracepoint:syscalls:sys_enter_read /comm == "dd" && args.count == 1/ { @outer = count(); @m[1] = 1; delete(@m, 1); }
fentry:__pcpu_freelist_pop { @inner = count(); @m[1] = 2; }' -c 'dd if=/dev/zero of=/dev/null bs=1 count=60' 2>&1; echo "status $?"`})
		if inner, told := number(out, `@inner: (\d+)`), number(out, `(\d+) updates of @m failed`); inner < 60 || told != inner {
			t.Errorf("%d updates while the map was busy, %d told: %s", inner, told, out)
		}
	})
}

// TestGuestNotAttached attaches a pattern where probe cannot read which functions the
// kernel refuses. Each function is tried alone beside, through tracefs. Where
// the kernel attaches to all in one call, by ftrace, it takes those as well that it
// refuses alone; elsewhere the receipt has exactly these.
func TestGuestNotAttached(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		out := judge(t, g, guestCase{sh: `cd /sys/kernel/tracing
cut -d' ' -f1 available_filter_functions | grep -E '^kprobe|nmi_|_poke' | grep -vF .part. | sort -u >/tmp/names
i=0; while read f; do i=$((i+1)); if echo "p:alone/p$i $f" >>kprobe_events && echo 1 >events/alone/p$i/enable; then echo "taken $f"; else echo "refused $f"; fi; done </tmp/names 2>/dev/null
echo 0 >events/alone/enable; echo >kprobe_events; umount /sys/kernel/debug; rm /tmp/names
probe -v --strict --for 100ms --force -e 'kprobe:kprobe*,kprobe:*nmi_*,kprobe:*_poke* { @[func] = count(); }' >/tmp/out 2>&1; echo "status $?"; cat /tmp/out; rm /tmp/out; mount -t debugfs debugfs /sys/kernel/debug`})
		taken, refused := len(regexp.MustCompile(`(?m)^taken `).FindAllString(out, -1)), len(regexp.MustCompile(`(?m)^refused `).FindAllString(out, -1))
		attached, told := number(out, `Attached (\d+) probes`), number(out, `(\d+) functions were not attached`)
		status, want := "status 0\n", 0
		if !strings.Contains(out, "kprobe.multi") {
			status, want = "status 3\n", refused
		}
		if taken == 0 || refused == 0 || told != want || attached+told != taken+refused || !strings.Contains(out, status) {
			t.Errorf("%d functions are taken alone and %d refused; %d are attached and %d told: %s", taken, refused, attached, told, out)
		}
		for _, m := range regexp.MustCompile(`(?m)^not attached: (\S+): `).FindAllStringSubmatch(out, -1) {
			if !strings.Contains(out, "refused "+m[1]+"\n") {
				t.Errorf("%s is not attached, alone the kernel takes it", m[1])
			}
		}
	})
}

// TestGuestCommandsLeft ends a run in which commands wait: each call of system() has
// run its command, or is told.
func TestGuestCommandsLeft(t *testing.T) {
	const calls = 3000
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		out := judge(t, g, guestCase{want: []string{`status 3`, `commands? w(as|ere) not run`}, sh: fmt.Sprintf(`cd /tmp; : >ran; probe --strict --unsafe -e 'tracepoint:syscalls:sys_enter_read /comm == "dd" && args.count == 1/ { @n = count(); system("echo x >>/tmp/ran"); }' >out 2>&1 & p=$!
i=0; until grep -q Attached out || [ $i -gt 600 ]; do sleep 0.1; i=$((i+1)); done
dd if=/dev/zero of=/dev/null bs=1 count=%d 2>/dev/null; until [ -s ran ]; do sleep 0.1; done
kill -INT $p; wait $p; echo "status $?"; sleep 1; echo "ran $(grep -c x ran)"; cat out; rm ran out`, calls)})
		told := 0
		for _, item := range regexp.MustCompile(`\d+ commands? w(as|ere) not run|\d+ events? of \S+ w(as|ere) lost|\d+ events? w(as|ere) lost`).FindAllString(out, -1) {
			told += number(item, `(\d+)`)
		}
		if ran, n := number(out, `ran (\d+)`), number(out, `@n: (\d+)`); n != calls || ran == 0 || ran+told != n {
			t.Errorf("%d commands ran and %d are told, of %d: %s", ran, told, n, out)
		}
	})
}

// TestGuestCutStrings opens files with names of 1 to 60 bytes: each is shown whole or
// told.
func TestGuestCutStrings(t *testing.T) {
	const names = 60
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for name, probe := range map[string]struct{ point, expr string }{
			"user memory":   {"tracepoint:syscalls:sys_enter_openat", "args.filename"},
			"kernel memory": {"fentry:do_filp_open|do_file_open", "args.pathname->name"},
		} {
			out := judge(t, g, guestCase{want: []string{`status 3`}, sh: fmt.Sprintf(`cd /tmp; echo 'n=; i=0; while [ $i -lt %d ]; do n=x$n; true <$n; i=$((i+1)); done 2>/dev/null' >names; probe -q --strict -e 'config = { max_strlen = 32 }
%s /comm == "sh" && strncmp(str(%s, 2), "x", 1) == 0/ { @[str(%[3]s)] = count(); }' -c 'sh /tmp/names' 2>&1; echo "status $?"; rm names`, names, probe.point, probe.expr)})
			// A string that was cut ends in dots, so each whole name is seen once.
			longest, whole := 0, 0
			for _, m := range regexp.MustCompile(`(?m)^@\[(x+)\]: 1$`).FindAllStringSubmatch(out, -1) {
				longest, whole = max(longest, len(m[1])), whole+1
			}
			if told := number(out, `(\d+) strings in \S+ were cut`); longest < 30 || whole != longest || whole+told != names {
				t.Errorf("%s: %d whole names, the longest of %d bytes, %d told: %s", name, whole, longest, told, out)
			}
		}
	})
}

// TestGuestCutTrees asks for more of call graphs than is recorded: the calls of one tree
// that its memory has no room for, compared with the kernel's own trace of the function;
// trees of calls that begin while others hold all the memory; and trees that the tracer's
// buffers could not keep, compared with what the kernel says it has overwritten. What the
// script leaves out is not told.
func TestGuestCutTrees(t *testing.T) {
	const (
		files    = 1500
		sleepers = 200
		reads    = 240000
	)
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		judge(t, g, guestCase{sh: fmt.Sprintf(`mkdir /tmp/many; cd /tmp/many; i=0; while [ $i -lt %d ]; do : >f$i; i=$((i+1)); done`, files)})
		list := func(source, options, folder string) string {
			return judge(t, g, guestCase{sh: `T=/sys/kernel/tracing; I=$T/instances/count; mkdir $I; echo 'p:count/f filldir64' >>$T/kprobe_events; echo 1 >$I/events/count/f/enable
probe -q --strict -e 'config = { fgraph = ` + source + ` } fgraph:iterate_dir:` + options + ` /comm == "ls"/ { @n = count(); print(graph); }' -c 'ls ` + folder + `' >/tmp/out 2>/tmp/err; echo "status $?"
echo 0 >$I/events/count/f/enable; echo "calls $(grep -c '^ *ls-' $I/trace)"; rmdir $I; echo '-:count/f' >>$T/kprobe_events; grep -v '^[a-z0-9_.-]*$' /tmp/out; cat /tmp/err; rm /tmp/out /tmp/err`})
		}
		shown := func(out, pattern string) int { return len(regexp.MustCompile(pattern).FindAllString(out, -1)) }
		t.Run("memory of a tree", func(t *testing.T) {
			out := list("bpf", "only=filldir64", "/tmp/many")
			made, calls := number(out, `calls (\d+)`), shown(out, `─ filldir64 `)
			told, inTree := number(out, `(\d+) events of call graphs were lost`), number(out, `incomplete: at least (\d+) events lost`)
			// Each call is two events: its beginning and its end.
			if made < files || calls == 0 || told == 0 || told != inTree || 2*calls+told != 2*made || !strings.Contains(out, "status 3\n") {
				t.Errorf("%d calls are shown and %d events told (%d in the tree), of %d calls: %.2000s", calls, told, inTree, made, out)
			}
		})
		t.Run("enough memory", func(t *testing.T) {
			out := list("ftrace", "only=filldir64", "/tmp/many")
			if made, calls := number(out, `calls (\d+)`), shown(out, `─ filldir64 `); made < files || calls != made || !strings.Contains(out, "status 0\n") {
				t.Errorf("%d calls are shown, of %d: %.2000s", calls, made, out)
			}
		})
		t.Run("asked for", func(t *testing.T) {
			for _, source := range []string{"bpf", "ftrace"} {
				out := list(source, "depth=1:only=filldir64,proc_root_readdir", "/proc")
				if made, calls, above := number(out, `calls (\d+)`), shown(out, `─ filldir64 `), shown(out, `─ proc_root_readdir `); made < 10 || calls > 2 || above == 0 || strings.Contains(out, "incomplete") || !strings.Contains(out, "status 0\n") {
					t.Errorf("%s: %d calls of %d are shown, of their caller %d: %.2000s", source, calls, made, above, out)
				}
			}
		})
		t.Run("memory in use", func(t *testing.T) {
			for _, source := range []string{"bpf", "ftrace"} {
				out := judge(t, g, guestCase{sh: fmt.Sprintf(`probe --strict -e 'config = { fgraph = %s } fgraph:do_nanosleep:only=hrtimer_start_range_ns /comm == "sleep"/ { @n = count(); print(graph); }' >/tmp/out 2>&1 & p=$!
i=0; until grep -q Attached /tmp/out || [ $i -gt 600 ]; do i=$((i+1)); done
i=0; w=; while [ $i -lt %[2]d ]; do sleep 1000 & w="$w $!"; i=$((i+1)); done
i=0; until [ $(cat /proc/[0-9]*/stat 2>/dev/null | grep -c "(sleep) S") -ge %[2]d ] || [ $i -gt 5000 ]; do i=$((i+1)); done
kill $w; wait $w; kill -INT $p; wait $p; echo "status $?"; cat /tmp/out; rm /tmp/out`, source, sleepers)})
				calls, trees := number(out, `@n: (\d+)`), shown(out, `(?m)^ do_nanosleep `)
				told, none := number(out, `(\d+) call graphs? of fgraph:do_nanosleep w(?:as|ere) not recorded`), shown(out, `(?m)^\(no graph\)$`)
				skipped := number(out, `(\d+) runs? of fgraph:do_nanosleep w(?:as|ere) skipped`)
				if calls > sleepers || calls+skipped < sleepers || trees+told != calls || none != told || (source == "bpf") != (told > 0) || (source == "bpf") != strings.Contains(out, "status 3\n") {
					t.Errorf("%s: %d trees are shown and %d told, of %d: …%s", source, trees, told, calls, out[max(len(out)-2000, 0):])
				}
			}
		})
		// A tracer that is not read for a while overwrites what it has. Each call has its
		// tree, or is told with what was overwritten, or was still to be looked at.
		t.Run("buffers of the tracer", func(t *testing.T) {
			out := judge(t, g, guestCase{sh: fmt.Sprintf(`probe --strict -e 'config = { fgraph = ftrace; perf_rb_pages = 8192 } fgraph:vfs_read:only=rw_verify_area /comm == "dd"/ { @n = count(); @[graph] = count(); }' >/tmp/out 2>&1 & p=$!
i=0; until grep -q Attached /tmp/out || [ $i -gt 600 ]; do i=$((i+1)); done
kill -STOP $p; dd if=/dev/zero of=/dev/null bs=1 count=%d 2>/dev/null
for d in /sys/kernel/tracing /sys/kernel/tracing/instances/*; do [ -r $d/per_cpu/cpu0/stats ] && cat $d/per_cpu/cpu*/stats | sed -n 's/^overrun: */overrun /p'; done
kill -CONT $p; kill -INT $p; wait $p; echo "status $?"; cat /tmp/out; rm /tmp/out`, reads)})
			calls, trees, cut, overrun := number(out, `@n: (\d+)`), 0, 0, 0
			for _, m := range regexp.MustCompile(`(?s)@\[\n.*?\]: (\d+)\n`).FindAllString(out, -1) {
				n := number(m, `\]: (\d+)\n$`)
				if trees += n; strings.Contains(m, "events lost") {
					cut += n
				}
			}
			for _, m := range regexp.MustCompile(`(?m)^overrun \d+`).FindAllString(out, -1) {
				overrun += number(m, `(\d+)`)
			}
			told, lost := number(out, `(\d+) call graphs of fgraph:vfs_read were not recorded`), number(out, `\(events that the tracer overwrote before they were read: (\d+)\)`)
			left := number(out, `(\d+) events were lost \(still in the buffer when the run ended\)`)
			// While probe does not run, other processes read and go on overwriting. The calls
			// before the loss have whole trees, and only those that were open then others.
			if calls < reads || overrun == 0 || told == 0 || cut > 3 || trees+told+left != calls || lost < overrun || lost > overrun+5000 || !strings.Contains(out, "status 3\n") {
				t.Errorf("%d trees, %d of them cut, %d told, %d left, of %d; %d events told, %d overwritten: %.5000s", trees, cut, told, left, calls, lost, overrun, out)
			}
		})
	})
}
