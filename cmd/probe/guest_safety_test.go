package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// busy runs a process that makes as many system calls as it can, while a command
// runs. Its number is in the shell's $w.
const busy = `dd if=/dev/zero of=/dev/null bs=1 2>/dev/null & w=$!; `

// TestGuestWide: what attaches to very many places is asked about on a terminal
// and needs --force elsewhere; dangerous functions are refused.
func TestGuestWide(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, tc := range []guestCase{
			{name: "kprobe:*", status: 1, sh: `probe -e 'kprobe:* { @ = count(); }'`, want: []string{
				`warning\[left-out\]: \d+ of the \d+ functions that match \* are left out`, `error\[too-many-probes\]: the script attaches to \d{5} places, more than 1024`,
				`to attach and to detach takes about `, `or give --force to attach to all \d{5}`, `!Attached`}},
			{name: "own limit", status: 1, sh: `probe -e 'config = { max_probes = 20 } kprobe:vfs_* { @ = count(); }'`, want: []string{`more than 20`, `that of the config variable max_probes`, `!--force`}},
			{name: "as bpftrace", status: 1, sh: `ln -s $(which probe) /tmp/bpftrace; /tmp/bpftrace -e 'kprobe:* { @ = count(); }'`, want: []string{`exceeds the current limit of 1024 probes`, `!--force`}},
			{name: "crash", status: 1, sh: `probe --force -e 'kretprobe:_raw_spin_lock { @ = count(); }'`, want: []string{`error\[dangerous\]: kretprobe:_raw_spin_lock can crash or hang the machine`, `it would wait for itself`}},
			{name: "hot", status: 1, sh: `probe -e 'kprobe:_raw_spin_lock { @ = count(); }'`, want: []string{`error\[dangerous\]: kprobe:_raw_spin_lock should not be probed`, `or give --force`}},
			{name: "hot with --force", sh: `probe --force -e 'kprobe:_raw_spin_lock { @ = count(); }' --for 300ms`, want: []string{`(?m)^@: [1-9]\d*$`}},
			{name: "all with --force", kernels: []string{"7.2"}, sh: `probe --force -e 'kprobe:tcp_*,kprobe:ip_*,kprobe:sk_*,kprobe:__*  { @ = count(); }' --for 1s`, want: []string{`Attached \d{4,5} probes`, `(?m)^@: [1-9]\d*$`}},
		} {
			if tc.kernels != nil && tc.kernels[0] != g.Kernel.Name {
				continue
			}
			t.Run(tc.name, func(t *testing.T) { judge(t, g, tc) })
		}
	})
}

// TestGuestBudget: probes that take too much are told, and with --budget
// detached, the dearest first.
func TestGuestBudget(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		const script = `-e 'tracepoint:syscalls:sys_enter_read { @a[comm] = nsecs; @b[comm, pid] = nsecs; @c[comm, tid] = nsecs; @d[comm, args.count] = nsecs; } tracepoint:sched:sched_process_exec { @exec = count(); }'`
		t.Run("warning", func(t *testing.T) {
			judge(t, g, guestCase{sh: busy + `probe ` + script + ` --for 6s; kill $w`, want: []string{
				`WARNING: the probes take \d+(\.\d)? % of one CPU, more than 5.0 %: tracepoint:syscalls:sys_enter_read \d+`, `--budget makes probe act on it`, `!is detached`, `!not complete`}})
		})
		t.Run("detached", func(t *testing.T) {
			out := judge(t, g, guestCase{status: 3, sh: busy + `(sleep 3; for i in 1 2 3 4 5; do cat /dev/null; sleep 1; done) & probe --strict --budget 1% ` + script + ` --for 5s; s=$?; kill $w; exit $s`, want: []string{
				`WARNING: the probes take .* more than 1.0 %`, `WARNING: tracepoint:syscalls:sys_enter_read is detached: the probes took .* this one .*; the budget is 1.0 %; detached after \d`,
				`1 probe tracepoint:syscalls:sys_enter_read was detached \(`, `(?m)^@exec: [1-9]`, `!sched_process_exec is detached`, `!no probe is left`}})
			after := regexp.MustCompile(`detached after ([\d.ms]+)`).FindStringSubmatch(out)
			if after == nil {
				t.Fatal("no time")
			}
			if d, err := time.ParseDuration(after[1]); err != nil || d > 3*time.Second {
				t.Errorf("detached after %s", after[1])
			}
		})
		// The reads come at a rate at which calling the program costs little, so that
		// looking at a part of them is enough. What it counts is compared with what
		// was read.
		t.Run("sampled", func(t *testing.T) {
			const rounds, each = 500, 400
			out := judge(t, g, guestCase{status: 3, sh: fmt.Sprintf(`probe --strict --budget 2%% -e 'tracepoint:syscalls:sys_enter_read /comm == "dd" && args.count == 1/ { @ = count(); @s = sum(2); @d[comm, kstack] = count(); @d2[kstack, cpu] = count(); @d3[kstack(20)] = count(); @d4[kstack(30), comm] = sum(1); @e = hist(pid); @f = stats(pid); }' >/tmp/out 2>&1 & p=$!
i=0; until grep -q Attached /tmp/out || [ $i -gt 600 ]; do sleep 0.1; i=$((i+1)); done
i=0; while [ $i -lt %d ]; do dd if=/dev/zero of=/dev/null bs=1 count=%d 2>/dev/null; i=$((i+1)); done
kill -INT $p; wait $p; s=$?; cat /tmp/out; rm /tmp/out; exit $s`, rounds, each), want: []string{
				`WARNING: tracepoint:syscalls:sys_enter_read is sampled: 1 of \d+ events from `, `1 probe tracepoint:syscalls:sys_enter_read was sampled \(1 of \d+ events .* what it counts is an estimate`}})
			for _, want := range []struct {
				pattern string
				n       float64
			}{{`(?m)^@: (\d+)$`, rounds * each}, {`(?m)^@s: (\d+)$`, 2 * rounds * each}} {
				m := regexp.MustCompile(want.pattern).FindStringSubmatch(out)
				if m == nil {
					t.Fatal(out)
				}
				// A sample of one in 64 of these reads is off by 2 % as a rule.
				// On a slow machine calling the program alone can be too much: it is
				// then detached as well, and what came later is missing.
				least := 0.9 * want.n
				if strings.Contains(out, "is detached") {
					least = 1
				}
				if n, _ := strconv.ParseFloat(m[1], 64); n < least || n > 1.1*want.n {
					t.Errorf("%s estimated, %.0f counted: %s", m[1], want.n, out)
				}
			}
		})
		t.Run("nothing left", func(t *testing.T) {
			judge(t, g, guestCase{sh: busy + `probe -f json --budget 1%machine -e 'ret:vfs_read { @[comm] = hist(duration); }' --for 60s; kill $w`, want: []string{
				`no probe is left: the run ends`, `"kind": "shed", "where": "ret:vfs_read", "count": 1`}})
		})
		t.Run("off", func(t *testing.T) {
			out := judge(t, g, guestCase{sh: busy + `probe --budget off ` + script + ` --for 5s; kill $w`})
			if strings.Contains(out, "WARNING") {
				t.Error(out)
			}
		})
	})
}

// TestGuestEstimate compares what --estimate says of the bench programs with what
// is then measured, per run, since the rates differ from second to second. The
// guest's clock counts instructions, so both repeat on any machine.
func TestGuestEstimate(t *testing.T) {
	guesttest.Each(t, []string{"6.1", "6.12"}, func(t *testing.T, kernel string) {
		probe, err := guesttest.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g, err := guest.Boot(t.Context(), guest.Options{Kernel: kernel, Icount: true, MemoryMB: 1024, Files: map[string]string{"/bin/probe": probe}})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		for _, body := range []string{
			`{ @ = count(); }`, `{ @[comm] = count(); }`, `{ @ = hist(nsecs & 0xffff); }`, `{ @[kstack] = count(); }`,
			`{ printf("%d %s\n", pid, comm); }`, `/pid == 1/ { @ = count(); }`,
		} {
			script := `-e 'tracepoint:raw_syscalls:sys_enter ` + body + `'`
			out := guesttest.Sh(t, g, busy+`probe -v --estimate `+script+` 2>&1; probe -v --budget 10000% --for 1200ms `+script+` 2>&1 | grep measured; kill $w`)
			t.Logf("%s\n%s", body, out)
			said := regexp.MustCompile(`(?m)^this will cost ([\d.]+) % of one CPU \(([\d.]+) to ([\d.]+)\)$`).FindStringSubmatch(out)
			likely := regexp.MustCompile(`events a second, ([\d.]+) ns \(([\d.]+) to ([\d.]+)\), and ([\d.]+) ns to call it`).FindStringSubmatch(out)
			seen := regexp.MustCompile(`measured: .* \(([\d.]+) ns a run\)`).FindAllStringSubmatch(out, -1)
			if said == nil || likely == nil || len(seen) == 0 {
				t.Errorf("%s: no figures in\n%s", body, out)
				continue
			}
			number := func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }
			guess, got := number(likely[1])+number(likely[4]), number(seen[len(seen)-1][1])
			if guess > 2*got || got > 2*guess {
				t.Errorf("%s: estimated %.0f ns, measured %.0f ns", body, guess, got)
			}
		}
	})
}

// stormMemory is the bound on the memory of a process in a storm of events that
// docs/safety.md states, in kB, and stormEnd that on the time from the signal to
// the end, with half a second for an emulated machine.
const (
	stormMemory = 64 << 10
	stormEnd    = 1500 * time.Millisecond
)

// TestGuestStorm: more events than can be read neither make the process grow nor
// keep it from ending.
func TestGuestStorm(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for name, body := range map[string]string{
			"records": `{ for ($i : 0..8) { printf("%s %d %d\n", comm, pid, nsecs); } }`,
			"stacks":  `{ $k = kstack; for ($i : 0..8) { printf("%s %d\n", $k, nsecs); } }`,
			"keys":    `{ @[nsecs, comm] = count(); @h[nsecs] = hist(nsecs); }`,
		} {
			t.Run(name, func(t *testing.T) {
				// The machine of the guest has others on it, so the best of three ends
				// counts.
				best := time.Hour
				for range 3 {
					out := guesttest.Sh(t, g, busy+`probe -e 'tracepoint:raw_syscalls:sys_enter `+body+`' >/tmp/out 2>/tmp/err & p=$!
						i=0; until grep -q Attached /tmp/err || [ $i -gt 300 ]; do sleep 0.1; i=$((i+1)); done; sleep 2
						grep VmHWM /proc/$p/status; read a b </proc/uptime; kill -INT $p; wait $p; s=$?; read c b </proc/uptime
						kill $w; rm -f /tmp/out; echo "status $s from $a to $c"; cat /tmp/err`)
					m := regexp.MustCompile(`VmHWM:\s+(\d+) kB\nstatus 0 from ([\d.]+) to ([\d.]+)\n`).FindStringSubmatch(out)
					if m == nil {
						t.Fatal(out)
					}
					number := func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }
					if kb := number(m[1]); kb > stormMemory {
						t.Errorf("%v kB of memory", kb)
					}
					if !strings.Contains(out, "were lost") && !strings.Contains(out, "were refused") {
						t.Errorf("no storm: %s", out)
					}
					if best = min(best, time.Duration((number(m[3])-number(m[2]))*float64(time.Second))); best <= stormEnd {
						break
					}
				}
				if best > stormEnd {
					t.Errorf("ended after %v", best)
				}
			})
		}
	})
}
