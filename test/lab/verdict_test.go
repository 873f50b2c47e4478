// Package lab checks the main job on real kernels: that the verdict of
// scripts/route_loss.pr is true in each case of the route-loss lab.
package lab

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

func setup() guesttest.Setup {
	return guesttest.Setup{Modules: []string{"veth", "bridge"}, Programs: []string{"ip", "ifdown"}, Parallel: true}
}

// cases are what the verdict of each case has to say. Each pattern must match
// the output once at least; absent must not occur.
var cases = []struct {
	name   string
	args   []string
	want   []string
	absent []string
}{
	{
		name: "A",
		args: []string{"--case", "A"},
		want: []string{
			`eth0 lost its address 100\.1\.1\.11`,
			`lab-client +\d+ +100\.1\.1\.11:\d+ -> 100\.1\.1\.21:7000  cached route over eth0 dropped \(ret:__sk_dst_check\)`,
			`lookup failed: -ENETUNREACH, no device has the source address`,
			`transmit got -EHOSTUNREACH`,
			`(?m)^verdict: lost: lab-client\[\d+\] 100\.1\.1\.11:\d+ -> 100\.1\.1\.21:7000$`,
			`why: the source address 100\.1\.1\.11 is on no device any more, so route lookups fail with -ENETUNREACH`,
			`send\(\) still succeeds`,
			`do:  give the address back`,
			`looked up \d+×, of which [1-9]\d* failed; \d+ sends, 0 retransmits, 0 bytes acknowledged, [1-9]\d+ bytes waiting`,
			`where: the lookup ends in __ip_dev_find, which found 100\.1\.1\.11 on no device:\n ip_route_output_flow .* = -ENETUNREACH\n └─ ip_route_output_key_hash_rcu .* = -ENETUNREACH\n    └─ __ip_dev_find .* = NULL\n       └─ fib_table_lookup .* = 0\n`,
			`traffic  stopped`,
		},
		absent: []string{"verdict: rerouted", "verdict: blackholed", "blackhole_dev"},
	},
	{
		name: "B",
		args: []string{"--case", "B"},
		want: []string{
			`eth0 was taken down`,
			`cached route over eth0 dropped`,
			`lookup found eth1`,
			`(?m)^verdict: rerouted: lab-client\[\d+\] `,
			`why: eth0 was taken down and its routes went with it; eth1 took over`,
			`of which 0 failed; .* [1-9]\d+ bytes acknowledged`,
			`where: __ip_dev_find found 100\.1\.1\.11, and fib_table_lookup the route over eth1:\n ip_route_output_flow .* = 0xff\w+\n`,
			`─ __ip_dev_find .* = 0xff\w+\n │  ├─ fib_table_lookup .* = 0\n │  │  └─ fib_lookup_good_nhc `,
			`traffic  went on`,
		},
		// The setting has nothing to do with an administrative link down.
		absent: []string{"ignore_routes_with_linkdown is", "verdict: lost", "blackhole_dev"},
	},
	{
		name: "C",
		args: []string{"--case", "C"},
		want: []string{
			`eth0 lost its carrier`,
			`lookup found eth0, which has no carrier`,
			`(?m)^verdict: blackholed: lab-client\[\d+\] `,
			`eth0 has no carrier, but its route is still used although it is .linkdown.`,
			`net\.ipv4\.conf\.eth0\.ignore_routes_with_linkdown is 0`,
			`of which 0 failed; .* 0 bytes acknowledged, [1-9]\d+ bytes waiting`,
			`fib_lookup_good_nhc took eth0, carrier or not:\n ip_route_output_flow `,
			`─ fib_table_lookup .*\n │  │  └─ fib_lookup_good_nhc `,
			`traffic  stopped`,
		},
		absent: []string{"verdict: rerouted", "verdict: lost"},
	},
	{
		name: "D",
		args: []string{"--case", "D"},
		want: []string{
			`eth0 lost its carrier`,
			`lookup found eth1`,
			`(?m)^verdict: rerouted: lab-client\[\d+\] `,
			`its route is skipped since net\.ipv4\.conf\.eth0\.ignore_routes_with_linkdown is 1; eth1 took over`,
			`fib_lookup_good_nhc refused eth0 and took eth1:\n ip_route_output_flow `,
			`─ fib_table_lookup .*\n │  │  ├─ fib_lookup_good_nhc .* = false\n │  │  └─ fib_lookup_good_nhc .* = true\n`,
			`traffic  went on`,
		},
		absent: []string{"verdict: blackholed", "verdict: lost"},
	},
	{
		// Over IPv6 an output lookup does not ask whether the source address
		// exists: the data leave over the other device and no answer comes back.
		name: "A6",
		args: []string{"--case", "A", "--ipv6"},
		want: []string{
			`cached route over eth0 dropped`,
			`(?m)^verdict: blackholed: lab-client\[\d+\] \[fd00:[0-9a-f:]+\]:\d+ -> \[fd00:`,
			`a route over eth1 was found and data leave there, but nothing has been acknowledged`,
			`traffic  stopped`,
		},
		absent: []string{"verdict: rerouted"},
	},
	{
		name: "C6",
		args: []string{"--case", "C", "--ipv6"},
		want: []string{
			`(?m)^verdict: blackholed: lab-client\[\d+\] \[fd00:[0-9a-f:]+\]:\d+ -> \[fd00:`,
			`net\.ipv6\.conf\.eth0\.ignore_routes_with_linkdown is 0`,
		},
		absent: []string{"verdict: rerouted"},
	},
}

func TestVerdicts(t *testing.T) {
	guesttest.RunWith(t, setup(), func(t *testing.T, g *guest.Guest) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				r, err := g.Run(t.Context(), guest.Cmd{
					Args:    append([]string{"/bin/probe", "lab", "route-loss"}, c.args...),
					Timeout: 2 * time.Minute,
				})
				if err != nil {
					t.Fatal(err)
				}
				if !r.OK() {
					t.Errorf("status %d, want 0", r.Code)
				}
				for _, w := range c.want {
					if !regexp.MustCompile(w).MatchString(r.Stdout) {
						t.Errorf("the output has no match for %s", w)
					}
				}
				for _, a := range c.absent {
					if strings.Contains(r.Stdout, a) {
						t.Errorf("the output has %q", a)
					}
				}
				if n := strings.Count(r.Stdout, "verdict: "); n != 1 {
					t.Errorf("%d verdicts, want 1: the server's socket is not affected", n)
				}
				left, err := g.Run(t.Context(), guest.Cmd{Args: []string{"ip", "netns", "list"}, Timeout: time.Minute})
				if err != nil || strings.TrimSpace(left.Stdout) != "" {
					t.Errorf("namespaces are left behind: %q (%v)", left.Stdout, err)
				}
				if t.Failed() {
					t.Logf("output:\n%s%s", r.Stdout, r.Stderr)
				}
			})
		}
	})
}

// After Ctrl-C in the middle, the verdict still comes and everything is torn
// down.
func TestInterrupt(t *testing.T) {
	guesttest.RunWith(t, setup(), func(t *testing.T, g *guest.Guest) {
		out := guesttest.Sh(t, g, `
			: >/tmp/out; probe lab route-loss --case A --after 60s >/tmp/out 2>&1 & p=$!
			i=0; until grep -q "transmit got" /tmp/out || [ $i -gt 300 ]; do sleep 0.2; i=$((i+1)); done
			sleep 3 # the client sends again
			kill -INT $p; wait $p; echo "status $?"
			cat /tmp/out; echo "left: $(ip netns list)"`)
		for _, w := range []string{`(?m)^verdict: lost: lab-client`, `(?m)^left: $`} {
			if !regexp.MustCompile(w).MatchString(out) {
				t.Errorf("the output has no match for %s:\n%s", w, out)
			}
		}
	})
}

// Compares two cases: the output shows where their lookups diverge, and the
// status is that of diff(1).
func TestCompare(t *testing.T) {
	const sameOrNot = -1 // status 0 or 1
	tests := []struct {
		args   string
		status int
		want   []string
		absent []string
	}{
		{"--compare A B", 1, []string{
			`(?m)^ip_route_output_flow: [1-9]\d* calls? in A \(ifdown\), [1-9]\d* calls? in B \(link-down\)$`,
			`(?m)^  first difference in shape:  in ip_route_output_flow → ip_route_output_key_hash_rcu → __ip_dev_find, A calls fib_\w+ and B does not$`,
			`(?m)^  first difference in result: __ip_dev_find returns NULL in A and 0xff\w+ in B, in ip_route_output_flow → ip_route_output_key_hash_rcu`,
			`(?m)^  ip_route_output_flow = -ENETUNREACH +\|  ip_route_output_flow = 0xff`,
			`(?m)^        fib_\w+ .*← they part here$`,
		}, nil},
		{"--compare C D", 1, []string{
			`(?m)^  first difference in shape:  in ip_route_output_flow → ip_route_output_key_hash_rcu → fib_table_lookup, D calls fib_lookup_good_nhc`,
		}, nil},
		{"--compare B B", 0, []string{`(?m)^  the same: `}, []string{`first difference`}},
		// Over IPv6 the address goes with the link, so B is as A, but for a second
		// lookup when the retransmit timer gives up on the route: it finds the
		// one that the first has made.
		{"--ipv6 --compare A B", sameOrNot, []string{
			`(?m)^ip6_dst_lookup_flow: [1-9]\d* calls? in A \(ifdown\), [1-9]\d* calls? in B \(link-down\)$`,
		}, []string{`error`, `returns (NULL|-E)`}},
		{"--compare A", 2, []string{`--compare takes two cases`}, nil},
	}
	guesttest.RunWith(t, setup(), func(t *testing.T, g *guest.Guest) {
		const settings = `cd /sys/kernel/tracing; cat current_tracer tracing_on set_graph_function set_graph_notrace max_graph_depth tracing_thresh set_ftrace_filter set_ftrace_pid trace_clock dynamic_events; ls instances; ls /run/probe 2>/dev/null | grep json || true`
		for _, tt := range tests {
			t.Run(tt.args, func(t *testing.T) {
				before := guesttest.Sh(t, g, settings)
				r, err := g.Run(t.Context(), guest.Cmd{Args: []string{"sh", "-c", "probe lab route-loss " + tt.args}, Timeout: 5 * time.Minute})
				if err != nil || r.Code != tt.status && (tt.status != sameOrNot || r.Code > 1) {
					t.Errorf("status %d, want %d, error %v", r.Code, tt.status, err)
				}
				out := r.Stdout + r.Stderr
				for _, w := range tt.want {
					if !regexp.MustCompile(w).MatchString(out) {
						t.Errorf("the output has no match for %s", w)
					}
				}
				for _, a := range tt.absent {
					if regexp.MustCompile(a).MatchString(out) {
						t.Errorf("the output has a match for %s", a)
					}
				}
				if after := guesttest.Sh(t, g, settings); after != before {
					t.Errorf("tracing settings were\n%sand are\n%s", before, after)
				}
				if left := guesttest.Sh(t, g, "ip netns list"); strings.TrimSpace(left) != "" {
					t.Errorf("namespaces are left behind: %q", left)
				}
				if t.Failed() {
					t.Logf("output:\n%s", out)
				}
			})
		}
	})
}
