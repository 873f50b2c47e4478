// Package graph checks call graphs on real kernels: that the trees are true,
// and that the machine's tracing settings are afterwards what they were before.
package graph

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// traceCmd is the folder of trace-cmd.
var traceCmd = sync.OnceValues(func() (string, error) {
	return guest.Package(context.Background(), "trixie", "trace-cmd")
})

func setup() guesttest.Setup {
	s := guesttest.Setup{Programs: []string{"ip", "ping"}, Modules: []string{"dummy"}, Parallel: true}
	if dir, err := traceCmd(); err == nil {
		s.Trees = map[string]string{"/tc": dir}
	}
	return s
}

// prelude is what the scripts share. The size of the buffer is set once, since
// a buffer that was never used cannot be had back. Programs are started where it
// has to be: each takes an emulated machine as long as a snapshot's files.
const prelude = `
T=/sys/kernel/tracing
snap() {
	(cd $T && grep -s '' tracing_on trace_clock buffer_size_kb set_ftrace_pid set_ftrace_notrace_pid set_ftrace_filter \
		set_ftrace_notrace set_graph_function set_graph_notrace max_graph_depth tracing_thresh current_tracer \
		dynamic_events kprobe_events set_event trace_options options/funcgraph-irqs options/sleep-time) | sed 's/:/: /'
	echo "instances: $(echo $T/instances/*)"
	echo "records: $(grep -h '^entries: 0' $T/per_cpu/cpu*/stats | grep -c .)"
	set -- /run/probe/*json*; [ -e "$1" ] || set --
	echo "journal: $#"
}
# await COMMAND: waits until it succeeds.
await() {
	i=0
	until "$@"; do
		[ $i -lt 600 ] || { echo "waited in vain: $*"; cat /tmp/out /tmp/err; exit 1; }
		sleep 0.2; i=$((i+1))
	done
}
# start ARGS: runs probe graph in the background until it records.
start() {
	: >/tmp/err
	probe graph "$@" >/tmp/out 2>/tmp/err & p=$!
	i=0
	until grep -q '^recording' /tmp/err; do
		kill -0 $p 2>/dev/null && [ $i -lt 1500 ] || { cat /tmp/err; return 1; }
		sleep 0.2; i=$((i+1))
	done
}
# now prints the time since boot in hundredths of a second.
now() { read u _ </proc/uptime; echo "${u%.*}${u#*.}"; }
# dog prints the process id of the watchdog.
dog() { grep -l '__watch[d]og' /proc/[0-9]*/cmdline | cut -d/ -f3; }
finish() { s=0; wait $p || s=$?; echo "status $s"; cat /tmp/out /tmp/err; }
# kept FILE: there is a tree in a recording that goes on.
kept() { probe show $1 2>/dev/null | grep -q '^ ip_route_output_flow'; }
work() { ping -c 1 10.1.1.1 >/dev/null; }
# A lookup with a source address and without a route.
lose() { ping -c 1 -W 0.1 -I 10.1.1.1 192.0.2.1 >/dev/null 2>&1 || true; }
if ! [ -e /tmp/ready ]; then
	mkdir -p /tmp; ip link set lo up; ip addr add 10.1.1.1/24 dev lo
	grep -q expanded $T/buffer_size_kb && echo 1408 >$T/buffer_size_kb
	: >/tmp/ready
fi
`

// quick instruments only what a route lookup calls: switching on everything
// takes an emulated machine many seconds.
const quick = `--only 'fib_*,ip_route_*,__ip_dev_find,__rcu_read_*,xfrm_lookup_*'`

// run runs a script in a guest and fails the test when it fails.
func run(t *testing.T, g *guest.Guest, script string) string {
	t.Helper()
	r, err := g.Run(t.Context(), guest.Cmd{Args: []string{"sh", "-uc", prelude + script}, Timeout: 8 * time.Minute})
	if err != nil || !r.OK() {
		t.Fatalf("status %d, error %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// same runs a script between two looks at the settings, which must not differ.
func same(t *testing.T, g *guest.Guest, script string) string {
	t.Helper()
	const mark = "== snapshot ==\n"
	all := run(t, g, fmt.Sprintf("snap; printf %q\n%s\nprintf %[1]q; snap", mark, script))
	part := strings.Split(all, mark)
	if len(part) != 3 {
		t.Fatalf("the script did not come to its end:\n%s", all)
	}
	if d := cmp.Diff(strings.Split(part[0], "\n"), strings.Split(part[2], "\n")); d != "" {
		t.Errorf("tracing settings (-before +after):\n%s", d)
	}
	return part[1]
}

// match checks that the output has all of the patterns and none of absent.
func match(t *testing.T, out string, want []string, absent ...string) {
	t.Helper()
	for _, w := range want {
		if !regexp.MustCompile(`(?m)` + w).MatchString(out) {
			t.Errorf("the output has no match for %s", w)
		}
	}
	for _, a := range absent {
		if regexp.MustCompile(`(?m)` + a).MatchString(out) {
			t.Errorf("the output has a match for %s", a)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", out)
	}
}

func each(t *testing.T, fn func(t *testing.T, g *guest.Guest)) {
	guesttest.RunWith(t, setup(), fn)
}

// A failing route lookup: the tree ends where no route is found, and says so.
func TestFailedLookup(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start ip_route_output_flow --failed -n 1 -v --for 60s `+quick+` --ret ip_route_output_key_hash_rcu,fib_table_lookup
			work; lose; finish`)
		where := `instance probe-`
		if g.Kernel.Name == "5.10" || g.Kernel.Name == "6.1" {
			where = `top level`
		}
		match(t, out, []string{
			`^status 0$`,
			`^\d\d:\d\d:\d\d\.\d{6} ping\[\d+\] cpu \d$`,
			`^ ip_route_output_flow +\d+\.\d [um]s  = -ENETUNREACH$`,
			`^ [├└]─ ip_route_output_key_hash_rcu +\d+\.\d [um]s  = -ENETUNREACH$`,
			`─ fib_table_lookup +\d+\.\d [um]s  = (-EAGAIN|1|-ENETUNREACH)$`,
			`^1 tree$`,
			where,
		}, "warning: .* lost", "incomplete", "kretprobe", "rethook", "kprobe_")
	})
}

// The whole tree of a lookup that succeeds, with everything instrumented, in
// both styles.
func TestWholeTree(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start ip_route_output_flow -n 2 --for 5m; work; lose; finish`)
		match(t, out, []string{
			`^status 0$`,
			`(?s)^ ip_route_output_flow +\d+\.\d [um]s  = 0xff\w+$.*` +
				`^ ├─ ip_route_output_key_hash_rcu +\d+\.\d [um]s$.*` +
				`^ │ .*─ fib_table_lookup +\d+\.\d [um]s$.*` +
				`^ │  .*└─ fib_lookup_good_nhc +\d+\.\d [um]s$.*` +
				`^ └─ xfrm_lookup_route +\d+\.\d [um]s$\n` +
				`^    └─ xfrm_lookup_with_ifid +\d+\.\d [um]s$`,
			`^2 trees$`,
		}, "warning", "irq_exit_rcu", "idle_cpu")
		out = same(t, g, `start ip_route_output_flow -n 1 --graph-style=ftrace --for 60s `+quick+`; work; finish`)
		match(t, out, []string{
			`^ +\d\) +\|  ip_route_output_flow\(\) \{$`,
			`^ +\d\) .+ us  \| +fib_lookup_good_nhc\(\);$`,
			`^ +\d\) .+ us  \|  \} /\* = 0xff\w+ \*/ /\* ip_route_output_flow \*/$`,
		})
	})
}

// Two recordings, of lookups with and without a route, are compared, and
// exported.
func TestRecordings(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `
			start ip_route_output_flow --failed -n 2 --for 60s --ret __ip_dev_find,fib_table_lookup -o /tmp/lost.jsonl.zst `+quick+`
			lose; lose; finish
			start ip_route_output_flow -n 2 --for 60s --ret __ip_dev_find,fib_table_lookup -o /tmp/found.jsonl `+quick+`
			work; finish
			head -c 1 /tmp/found.jsonl; echo
			probe show /tmp/lost.jsonl.zst
			s=0; probe diff /tmp/lost.jsonl.zst /tmp/found.jsonl || s=$?; echo "diff $s"
			s=0; probe diff /tmp/lost.jsonl.zst /tmp/lost.jsonl.zst || s=$?; echo "diff $s"
			probe export -f folded /tmp/lost.jsonl.zst`)
		match(t, out, []string{
			`^ ip_route_output_flow +\d+\.\d [um]s  = -ENETUNREACH$`,
			`^  first difference in shape:  in ip_route_output_flow`,
			`^  first difference in result: ip_route_output_key_hash_rcu|^  first difference in result: .* returns`,
			`^  ip_route_output_flow = -ENETUNREACH +\|  ip_route_output_flow = 0xff`,
			`^diff 1$`, `^diff 0$`,
			`^ip_route_output_flow;ip_route_output_key_hash_rcu;fib_table_lookup \d+$`,
		}, "damaged")
	})
}

// Calls of one process only, of which there are several threads' worth.
func TestFilters(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `
			start vfs_read -p $$ --no-follow -n 1 --for 60s --only vfs_read,rw_verify_area
			work; cat /proc/uptime >/dev/null; read x </proc/uptime
			finish; echo "self $$"`)
		self := regexp.MustCompile(`self (\d+)`).FindStringSubmatch(out)
		if self == nil {
			t.Fatalf("no process id in\n%s", out)
		}
		match(t, out, []string{`^\S+ sh\[` + self[1] + `\] cpu \d$`, `^ vfs_read +\d+\.\d [um]s  = \d+$`, `─ rw_verify_area`}, `ping\[`)

		out = same(t, g, `start ip_route_output_flow --comm 'pi?g' --slower 1ns --depth 1 -n 1 --for 60s `+quick+`; work; finish`)
		match(t, out, []string{`ping\[\d+\]`, `─ ip_route_output_key_hash_rcu`}, `─ fib_table_lookup`)
		out = same(t, g, `start ip_route_output_flow --slower 10s `+quick+`; work; kill -INT $p; finish`)
		match(t, out, []string{`^0 trees$`, `nothing was recorded`})
	})
}

// -p means a process and its descendants, those that it has and those that come; with
// --no-follow, it means the process alone.
func TestFollows(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		const family = `
			rm -f /tmp/go /tmp/child /tmp/done
			cat >/tmp/child.sh <<'.'
				echo $$ >/tmp/child
				until [ -e /tmp/go ]; do sleep 0.2; done
				read x </proc/uptime; cat /proc/uptime >/dev/null
				echo >/tmp/done
.
			cat >/tmp/parent.sh <<'.'
				sh /tmp/child.sh &
				until [ -e /tmp/done ]; do sleep 0.2; done
				read x </proc/uptime
				wait
.
			sh /tmp/parent.sh & a=$!
			await [ -s /tmp/child ]
			start vfs_read -p $a %s --only vfs_read,rw_verify_area
			dd if=/proc/uptime of=/dev/null 2>/dev/null
			: >/tmp/go
			wait $a
			await grep -q "$(printf 'sh\\[%%d\\]' $a)" /tmp/out
			kill -INT $p; finish; echo "child $(cat /tmp/child)"`
		id := func(out string) string {
			m := regexp.MustCompile(`(?m)^child (\d+)`).FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("no process id in\n%s", out)
			}
			return m[1]
		}
		out := same(t, g, fmt.Sprintf(family, ""))
		match(t, out, []string{`^status 0$`, `^\S+ cat\[\d+\] cpu \d$`, `^\S+ sh\[` + id(out) + `\] cpu \d$`}, ` dd\[`, ` probe\[`)
		out = same(t, g, fmt.Sprintf(family, "--no-follow"))
		match(t, out, []string{`^status 0$`}, ` cat\[`, ` sh\[`+id(out)+`\]`, ` dd\[`, ` probe\[`)
	})
}

// Reading the records makes no records.
func TestNotItself(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start vfs_read --only vfs_read,rw_verify_area; cat /proc/uptime >/dev/null
			await grep -q 'cat\[' /tmp/out; sleep 0.5; kill -INT $p; finish`)
		match(t, out, []string{`^status 0$`, `^\S+ cat\[\d+\] cpu \d$`}, ` probe\[`)
	})
}

func TestInterrupt(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start ip_route_output_flow `+quick+`; work; kill -INT $p; finish`)
		match(t, out, []string{`^status 0$`, `^ ip_route_output_flow `, `^[1-9]\d* trees?$`})
	})
}

// The terminal goes away, or what reads the output ends.
func TestHangup(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start ip_route_output_flow `+quick+`; kill -HUP $p; finish`)
		match(t, out, []string{`^status 0$`})
		out = same(t, g, `while :; do cat /proc/uptime >/dev/null; sleep 0.1; done & w=$!
			{ probe graph vfs_read --for 60s --only vfs_read,rw_verify_area; echo "status $?" >/tmp/status; } 2>/tmp/err | head -n 1
			kill $w; cat /tmp/status /tmp/err`)
		match(t, out, []string{`cpu \d$`, `^status 255$`, `^error\[machine\]: the output is incomplete: `})
	})
}

// Whatever way the recorder ends, its watchdog puts the settings back within two
// seconds; where the tracer works at the top level only, the kernel itself takes
// longer in an emulated guest. The return value adds an event to what has to be put back.
func TestWaysToDie(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for _, way := range []string{"KILL", "SEGV", "QUIT", "ABRT", "BUS"} {
			out := same(t, g, `start ip_route_output_flow `+quick+` --ret fib_table_lookup; kill -`+way+` $p; at=$(now)
				while [ -e /run/probe/ftrace.json ] && [ $(($(now)-at)) -lt 3000 ]; do sleep 0.05; done
				echo "after $((($(now)-at)*10)) ms"; wait $p; echo "status $?"; probe cleanup 2>&1`)
			took := `^after 1?\d?\d?\d ms$`
			if g.Kernel.Name == "5.10" {
				took = `^after [12]?\d?\d?\d?\d ms$`
			}
			match(t, out, []string{took, `^status [1-9]\d*$`, `^nothing to put back$`}, "error.internal")
		}
		// A fault of probe's own, in the three places where one can be.
		for _, place := range []string{"graph", "goroutine", "fatal"} {
			out := same(t, g, `export PROBE_TEST_PANIC=`+place+`; start ip_route_output_flow --for 60s `+quick+`; work; finish
				await grep -q '^help: .*report' /tmp/err; cat /tmp/err; probe cleanup`)
			match(t, out, []string{
				`^status 2$`, `^error\[internal\]: probe has ended by a fault of its own: provoked by PROBE_TEST_PANIC$`, `runGraph|treeRun`,
				`^note: all that it had changed in the machine is put back`, `^help: this is a fault of probe: please report it with`, `^nothing to put back$`,
			})
		}
	})
}

// killBoth kills the recorder and its watchdog, which a stop keeps from doing
// its work before that.
const killBoth = `
	w=$(dog); echo "watchdog $w"; kill -STOP $w; kill -9 $p; kill -9 $w
	while kill -0 $p 2>/dev/null || kill -0 $w 2>/dev/null; do sleep 0.1; done`

// If the watchdog is killed as well the settings stay; cleanup, or the next
// start, puts them back. If only the watchdog is killed the recorder does.
func TestKilled(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for _, way := range []string{"probe cleanup", "start ip_route_output_flow -n 1 --for 60s " + quick + "; work; finish"} {
			out := same(t, g, `start ip_route_output_flow `+quick+`; echo "killed $p"; `+killBoth+`
				snap; echo ==; `+way)
			killed := regexp.MustCompile(`killed (\d+)`).FindStringSubmatch(out)
			left, done, _ := strings.Cut(out, "==")
			if killed == nil || !strings.Contains(left, "set_graph_function: ip_route_output_flow") || !strings.Contains(left, "journal: 1") {
				t.Errorf("a killed probe has left nothing:\n%s", left)
				continue
			}
			match(t, done, []string{`restored the tracing settings that process ` + killed[1] + ` had left`})
		}
		match(t, same(t, g, "probe cleanup"), []string{"^nothing to put back$"})
		out := same(t, g, `start ip_route_output_flow -n 1 --for 60s `+quick+`; kill -9 $(dog); work; finish`)
		match(t, out, []string{`^status 0$`, `^1 tree$`})
		// Before the old process is torn down, cleanup waits: it or the watchdog
		// has put everything back when it ends.
		out = same(t, g, `start 'tcp_*' --only 'tcp_*'; kill -9 $p; probe cleanup; snap; echo ==`)
		match(t, out, []string{`^(nothing to put back|restored the tracing settings that process \d+ had left)$`, `^journal: 0$`}, "set_graph_function: tcp_")
		// A killed script with an event of its own.
		out = same(t, g, `probe -e 'kretprobe:vfs_read:maxactive=100 { @ = count(); }' >/tmp/out 2>&1 & p=$!
			await grep -q probe_ $T/kprobe_events; kill -9 $p; wait $p
			i=0; while grep -q probe_ $T/kprobe_events && [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done; echo "tenths $i"; probe cleanup`)
		match(t, out, []string{`^tenths 1?\d$`, `^nothing to put back$`})
	})
}

// Somebody else's tracing: probe says who, and touches nothing.
func TestBusy(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		top := g.Kernel.Name == "5.10" || g.Kernel.Name == "6.1"
		tests := []struct {
			name, before, after, want string
			topOnly                   bool
		}{
			{"function_graph at the top", "echo kfree >$T/set_graph_function; echo kfree >$T/set_ftrace_filter; echo function_graph >$T/current_tracer",
				"echo nop >$T/current_tracer; echo >$T/set_graph_function; echo >$T/set_ftrace_filter; echo >$T/trace",
				"the tracer function_graph is on", false},
			{"another tracer at the top", "echo kfree >$T/set_ftrace_filter; echo function >$T/current_tracer",
				"echo nop >$T/current_tracer; echo >$T/set_ftrace_filter; echo >$T/trace", "the tracer function is on", true},
			{"events at the top", "echo sched:sched_switch >$T/set_event", "echo >$T/set_event; echo >$T/trace",
				`event\(s\) are on: sched:sched_switch`, true},
			{"a recording to be read", "echo 0 >$T/tracing_on; echo sched:sched_switch >$T/set_event; echo 1 >$T/tracing_on; await grep -q '^[^#]' $T/trace; echo 0 >$T/tracing_on; echo >$T/set_event",
				"echo >$T/trace; echo 1 >$T/tracing_on", `the buffer holds \d+ record\(s\)`, true},
		}
		if !top {
			tests = append(tests, struct {
				name, before, after, want string
				topOnly                   bool
			}{"function_graph in an instance", "mkdir $T/instances/tc; echo kfree >$T/instances/tc/set_ftrace_filter; echo function_graph >$T/instances/tc/current_tracer; sleep 1000 <$T/instances/tc/trace_pipe & echo $! >/tmp/holder",
				"kill $(cat /tmp/holder); echo nop >$T/instances/tc/current_tracer; await rmdir $T/instances/tc",
				`instance "tc" has the tracer function_graph on; open in sleep\[\d+\]`, false})
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				run(t, g, tt.before)
				defer run(t, g, tt.after)
				if tt.topOnly && !top {
					// Nothing of this is in the way of an instance.
					match(t, same(t, g, `start ip_route_output_flow -n 1 --for 60s `+quick+`; work; finish`), []string{`^status 0$`, `^1 tree`})
					return
				}
				out := same(t, g, `s=0; probe graph ip_route_output_flow 2>&1 || s=$?; echo "status $s"`)
				match(t, out, []string{`^status 255$`, `^error\[ftrace-busy\]: ftrace is in use: .*` + tt.want, `help: end that tracing first`})
			})
		}
	})
}

// Two at once: the second says that there is a first, which goes on.
func TestTwo(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, `start ip_route_output_flow -n 1 --for 60s `+quick+`
			s=0; probe graph vfs_read 2>&1 || s=$?; echo "second $s"
			work; finish; echo "first $p"`)
		first := regexp.MustCompile(`first (\d+)`).FindStringSubmatch(out)
		if first == nil {
			t.Fatal(out)
		}
		match(t, out, []string{`^second 255$`, `another probe is recording call graphs: process ` + first[1], `^status 0$`, `^1 tree`})
	})
}

// Settings that others have left, but that nothing uses, come back as well.
func TestLeftovers(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		run(t, g, `printf 'kfree\nvfs_read\n' >$T/set_graph_function; echo 7 >$T/max_graph_depth; echo 12345 >$T/tracing_thresh
			echo vfs_write >$T/set_graph_notrace; printf 'vfs_read\nkfree\n' >$T/set_ftrace_filter; echo global >$T/trace_clock; echo 0 >$T/tracing_on`)
		defer run(t, g, `for f in set_graph_function set_graph_notrace set_ftrace_filter; do echo >$T/$f; done
			echo 0 >$T/max_graph_depth; echo 0 >$T/tracing_thresh; echo local >$T/trace_clock; echo 1 >$T/tracing_on`)
		out := same(t, g, `start ip_route_output_flow -n 1 --for 60s `+quick+`; work; finish`)
		match(t, out, []string{`^status 0$`, `─ ip_route_output_key_hash_rcu`, `─ fib_lookup_good_nhc`})
	})
}

// What cannot be recorded is refused before anything is changed.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for _, tt := range []struct{ args, want string }{
			{"ip_route_output_flaw", "help: a function with a similar name exists: `ip_route_output_flow`"},
			{"'*'", `(?s)\* matches \d+ functions, more than 1000$.*^help: narrow the pattern, or give --force to record all \d+$`},
			{"vfs_read --only nothing_like_it", `no function that can be traced is named nothing_like_it`},
			{"vfs_read --graph-style=round", `no style "round"`},
			{"vfs_read -o /dev/null/x", `keep the recording: .*/dev/null.*: not a directory`},
			{"vfs_read --ret 'zz*'", `no function that can be traced matches zz\*`},
		} {
			out := same(t, g, fmt.Sprintf(`s=0; probe graph %s 2>&1 || s=$?; echo "status $s"`, tt.args))
			match(t, out, []string{`^status (1|255)$`, tt.want}, `^switching`)
		}
	})
}
