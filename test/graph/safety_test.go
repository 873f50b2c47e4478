package graph

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// Patterns are written as patterns, and what the kernel made of them comes
// back out: the list of a pattern may be longer than the kernel shows at once.
func TestPatterns(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start 'vfs_*' -n 3 --for 60s --depth 2 --only 'vfs_*,rw_*'; cat /proc/uptime >/dev/null; finish`)
		match(t, out, []string{
			`^status 0$`, `^recording vfs_\* \(\d+ functions\); Ctrl-C ends$`, `^ vfs_\w+ `, `^3 trees$`,
		}, `changed`, `^ (finish_task_switch|rw_)`)
		// Hundreds of names.
		out = same(t, g, `start 'tcp_*' --for 2s --depth 1 --only 'tcp_*' -v; finish`)
		match(t, out, []string{`^status 0$`, `^recording tcp_\* \([2-9]\d\d functions\)`, `^note: tcp_\* also matches \d+ functions that cannot be traced.*: tcp_`}, `changed`)
		out = same(t, g, `start 'b*' --force --for 1s --depth 1 --only 'b*'; finish`)
		match(t, out, []string{`^status 0$`, `^recording b\* \(\d{4} functions\)`}, `changed`)
	})
}

// On a terminal probe asks before it records very many functions; there is no
// terminal in the other tests, so there it needs --force.
func TestQuestion(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for answer, want := range map[string][]string{
			"n\n": {`b\* matches \d{4} functions, more than 1000\. Record all \d{4}\? \[y/N\]`, `error\[too-many-probes\]`, `status 1`},
			"y\n": {`recording b\* \(\d{4} functions\)`, `status 0`},
		} {
			r, err := g.Run(t.Context(), guest.Cmd{
				Args: []string{"sh", "-c", "probe graph 'b*' --only 'b*' --for 1s --depth 1; echo status $?"},
				PTY:  true, Rows: 24, Cols: 200, Timeout: 5 * time.Minute,
				Script: []guest.Step{{Expect: `\[y/N\] `, Send: answer, Timeout: time.Minute}},
			})
			if err != nil {
				t.Fatal(err)
			}
			match(t, r.Stdout, want)
		}
	})
}

// Arguments are there where the kernel records them, and said to be missing
// elsewhere.
func TestArguments(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start ip_route_output_flow --args -n 1 --for 60s `+quick+`; work; finish`)
		if g.Kernel.Name == "7.2" {
			match(t, out, []string{`^ ip_route_output_flow\(net=init_net, \w+=0xff\w+, sk=(NULL|0xff\w+)\) +\d+\.\d [um]s  = 0xff\w+$`}, `no arguments`)
			return
		}
		match(t, out, []string{`^warning: no arguments: kernels record them from 6\.14 on, this is \d`, `^ ip_route_output_flow +\d`})
	})
}

// Functions that return nothing have no return value to be recorded, and asking
// for one leaves no error in the kernel's log.
func TestNoReturn(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `cat $T/error_log; start hrtimer_interrupt --ret kfree -n 2 --for 60s --only 'hrtimer_*'; finish; cat $T/error_log`)
		match(t, out, []string{`^status 0$`, `^ hrtimer_interrupt +\d+\.\d [um]s$`, `^2 trees$`}, `warning`, `error`, `= `)
	})
}

// A killed probe with a long list.
func TestKilledWithPattern(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start 'tcp_*' --only 'tcp_*'; `+killBoth+`; wc -l <$T/set_graph_function; probe cleanup`)
		match(t, out, []string{`^[1-9]\d\d$`, `^restored the tracing settings that process \d+ had left$`}, `changed`)
		// In the middle of switching on.
		out = same(t, g, `probe graph 'tcp_*' >/tmp/out 2>&1 & p=$!
			await test -e /run/probe/ftrace.json; kill -9 $p; wait $p; probe cleanup 2>&1`)
		match(t, out, []string{`^(restored the tracing settings|nothing to put back)`}, `changed`)
	})
}

// What was recorded until a kill -9 is in the file.
func TestKilledRecording(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start ip_route_output_flow -o /tmp/k.jsonl.zst `+quick+`; work; await kept /tmp/k.jsonl.zst; kill -9 $p; wait $p; probe cleanup; probe show /tmp/k.jsonl.zst 2>&1`)
		match(t, out, []string{
			`^warning: /tmp/k\.jsonl\.zst: the recording is damaged from line \d+ on: .*; [1-9]\d* trees? before that$`,
			`^ ip_route_output_flow `, `─ fib_lookup_good_nhc`,
		})
	})
}

// Ctrl-C while the tracer is being switched on, which takes seconds here.
func TestInterruptEarly(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `: >/tmp/err; probe graph ip_route_output_flow >/tmp/out 2>/tmp/err & p=$!
			await grep -q '^switching' /tmp/err; sleep 1; kill -INT $p; finish`)
		match(t, out, []string{`^status 0$`}, `error`, `panic`)
	})
}

// The first use of tracing on a machine leaves nothing but, where the top level
// has to be used, its buffer at full size.
func TestFirstUse(t *testing.T) {
	guesttest.Each(t, nil, func(t *testing.T, kernel string) {
		t.Parallel()
		probe, err := guesttest.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g, err := guest.Boot(t.Context(), guest.Options{
			Kernel: kernel, MemoryMB: 2048, Programs: setup().Programs, Files: map[string]string{"/bin/probe": probe},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		untouched := strings.Replace(prelude, "grep -q expanded", "false # ", 1)
		script := func(sh string) string {
			r, err := g.Run(t.Context(), guest.Cmd{Args: []string{"sh", "-uc", untouched + sh}, Timeout: 8 * time.Minute})
			if err != nil || !r.OK() {
				t.Fatalf("status %d, error %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
			}
			return r.Stdout
		}
		before := script("snap")
		if !strings.Contains(before, "expanded") {
			t.Fatalf("the buffer was used before:\n%s", before)
		}
		match(t, script(`start ip_route_output_flow -p $$ -n 1 --for 20s `+quick+` --ret fib_table_lookup; work; finish`), []string{`^status 0$`})
		after := script("snap")
		if kernel == "5.10" || kernel == "6.1" {
			size := regexp.MustCompile(`(?m)^buffer_size_kb: .*$`)
			before, after = size.ReplaceAllString(before, ""), size.ReplaceAllString(after, "")
		}
		if d := cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")); d != "" {
			t.Errorf("tracing settings (-before +after):\n%s", d)
		}
	})
}

// Somebody writes over the settings while probe records: what he wrote stays,
// the rest comes back, and probe says that the recording is in doubt.
func TestOverwritten(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		defer run(t, g, `echo >$T/set_graph_function`)
		before := run(t, g, "snap")
		out := run(t, g, `start ip_route_output_flow `+quick+`; echo kfree >$T/set_graph_function; kill -INT $p; finish`)
		match(t, out, []string{
			`^status 255$`, `^error\[ftrace-busy\]: somebody else has changed set_graph_function in the tracing directory`, `^help: the recording may lack calls`,
		})
		want := regexp.MustCompile(`(?m)^set_graph_function: .*$`).ReplaceAllString(before, "set_graph_function: kfree")
		if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(run(t, g, "snap"), "\n")); d != "" {
			t.Errorf("tracing settings (-before +after):\n%s", d)
		}
	})
}

// trace-cmd, the tool that most people have: recording, and having left its
// settings behind.
func TestTraceCmd(t *testing.T) {
	if _, err := traceCmd(); err != nil {
		t.Skipf("trace-cmd cannot be had: %v", err)
	}
	each(t, func(t *testing.T, g *guest.Guest) {
		tc := `for d in proc sys dev; do mount --rbind /$d /tc/$d; done; tc() { chroot /tc /usr/bin/trace-cmd "$@"; }; cd /tc/tmp
			`
		run(t, g, tc)
		tc = strings.ReplaceAll(tc, "mount", "true")
		// Once, so that what a first use changes for good is changed.
		tc += `on() { grep -q function_graph $T/current_tracer && grep -q 1 $T/tracing_on; }
			end() { kill -INT $t; wait $t; tc reset; echo 1408 >$T/buffer_size_kb; }
			# The settings; which buffers hold records changes while trace-cmd records and reads.
			settings() { snap | grep -v '^records: '; }
			# trace-cmd goes on setting things for a while after it has switched tracing on.
			settled() { settings >/tmp/a; sleep 0.3; settings >/tmp/b; cmp -s /tmp/a /tmp/b; }
			`
		run(t, g, tc+`chroot /tc /usr/bin/trace-cmd record -p function_graph -l rw_verify_area -g vfs_read -o /tmp/x.dat >/tmp/tc 2>&1 & t=$!
			await on; end`)
		out := same(t, g, tc+`
			chroot /tc /usr/bin/trace-cmd record -p function_graph -l rw_verify_area -g vfs_read -o /tmp/x.dat >/tmp/tc 2>&1 & t=$!
			await on; await settled
			s=0; probe graph ip_route_output_flow 2>&1 || s=$?; echo "status $s"
			settings >/tmp/b; if cmp /tmp/a /tmp/b; then echo untouched; else diff /tmp/a /tmp/b; fi
			end`)
		match(t, out, []string{
			`^status 255$`, `^untouched$`, `^help: end that tracing first`,
			`^error\[ftrace-busy\]: ftrace is in use: the tracer function_graph is on.*; open in .*trace-cmd\[\d+\]`,
		})
		top := regexp.MustCompile(`^(5\.10|6\.1)$`).MatchString(g.Kernel.Name)
		// Events at the top level are in nobody's way but where the top level
		// has to be used.
		out = same(t, g, tc+`
			chroot /tc /usr/bin/trace-cmd record -e sched:sched_switch -o /tmp/x.dat >/tmp/tc 2>&1 & t=$!
			events() { grep -q sched_switch $T/set_event && grep -q 1 $T/tracing_on; }; await events; await settled
			: >/tmp/out; probe graph ip_route_output_flow -n 1 --for 20s `+quick+` >/tmp/out 2>&1 & p=$!
			await grep -qE '^(recording|error)' /tmp/out
			work; s=0; wait $p || s=$?; echo "status $s"; cat /tmp/out
			settings >/tmp/b; if cmp /tmp/a /tmp/b; then echo untouched; else diff /tmp/a /tmp/b; fi
			end`)
		if top {
			match(t, out, []string{`^status 255$`, `^untouched$`, `event\(s\) are on: sched:sched_switch.*open in .*trace-cmd\[\d+\]`})
		} else {
			match(t, out, []string{`^status 0$`, `^ ip_route_output_flow `, `^1 tree$`})
		}
	})
}
