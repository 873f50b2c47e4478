// Package scripts checks the ready-made network scripts on real kernels: each
// must find the fault that a test provokes in a network of two namespaces, and
// must report nothing in a healthy one.
package scripts

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
	"probe/scripts"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// needsNft is the case that needs the packet filter's program.
const needsNft = "nft"

// setup returns the guest of all cases; nft is the reason why it has no nft.
func setup(t *testing.T) (s guesttest.Setup, nft error) {
	t.Helper()
	s = guesttest.Setup{
		Modules:  []string{"veth", "dummy", "nf_tables", "nft_ct"},
		Programs: []string{"ip", "ping", "bash"},
		Parallel: true,
	}
	if _, err := guest.Userland(t.Context(), needsNft); err != nil {
		return s, err
	}
	s.Programs = append(s.Programs, needsNft)
	return s, nil
}

// network makes two namespaces, cli and srv, with a cable between them. It also
// defines what the cases use: at NETNS COMMAND…; connect NETNS ADDRESS PORT;
// and talk ADDRESS PORT, a connection from cli to srv that sends twice a second.
const network = `
	for n in cli srv; do ip netns add $n; ip -n $n link set lo up; done
	ip link add eth0 netns cli type veth peer name eth0 netns srv
	ip -n cli addr add 10.1.0.1/24 dev eth0; ip -n srv addr add 10.1.0.2/24 dev eth0
	ip -n cli addr add fd01::1/64 dev eth0 nodad; ip -n srv addr add fd01::2/64 dev eth0 nodad
	ip -n cli link set eth0 up; ip -n srv link set eth0 up
	at() { n=$1; shift; ip netns exec $n "$@"; }
	connect() { at $1 timeout 8 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null || true; }
	talk() {
		at srv busybox nc -l -p $2 >/dev/null &
		until at srv netstat -ltn | grep -q ":$2 "; do sleep 0.1; done
		at cli bash -c "exec 3<>/dev/tcp/$1/$2 || exit; echo >/tmp/talks; while echo hello >&3; do sleep 0.5; done" &
		until [ -e /tmp/talks ]; do sleep 0.1; done; rm /tmp/talks
	}
	# Connections without a process go soon, and do not talk into the next case.
	for n in cli srv; do at $n sysctl -qw net.ipv4.tcp_orphan_retries=1; done
	# await waits for a line of the script, for as long as a neighbour may take.
	await() {
		i=0; until grep -Eq "$1" /tmp/out; do
			i=$((i+1)); [ $i -lt 400 ] || return 0; sleep 0.1
		done
	}
	# The link-local addresses are ready, so that their messages do not mix in.
	until at cli ping -c 1 -W 1 fd01::2 >/dev/null; do sleep 0.1; done
	at cli ping -c 1 -W 1 10.1.0.2 >/dev/null
`

// traced runs a script while something happens to the network. What it printed
// is the standard output of the result.
func traced(t *testing.T, g *guest.Guest, script, before, provoke string) guest.Result {
	t.Helper()
	text := fmt.Sprintf(`%s
		%s
		: >/tmp/out; probe run --budget off %s >/tmp/out 2>&1 & p=$!
		i=0; until grep -q '^Attached' /tmp/out; do
			i=$((i+1)); if [ $i -ge 600 ] || ! kill -0 $p; then cat /tmp/out; exit 1; fi; sleep 0.1
		done
		%s
		kill -INT $p; s=0; wait $p || s=$?
		cat /tmp/out; echo "status $s"
		kill -9 $(ip netns pids cli; ip netns pids srv) 2>/dev/null
		ip netns del cli; ip netns del srv`, network, before, script, provoke)
	r, err := g.Run(t.Context(), guest.Cmd{Args: []string{"bash", "-uc", text}, Timeout: 4 * time.Minute})
	if err != nil || !r.OK() {
		t.Fatalf("status %d, error %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return r
}

// expect looks for the patterns of a case in an output.
func expect(t *testing.T, r guest.Result, want, absent []string) {
	t.Helper()
	out := r.Stdout
	for _, w := range append([]string{`(?m)^status 0$`}, want...) {
		if !regexp.MustCompile(w).MatchString(out) {
			t.Errorf("the output has no match for %s", w)
		}
	}
	for _, a := range append([]string{`(?m)^warning`, `WARNING`, `(?m)^error`}, absent...) {
		if m := regexp.MustCompile(a).FindString(out); m != "" {
			t.Errorf("the output has %q", m)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("output:\n%s%s", out, r.Stderr)
	}
}

// TestScripts runs all cases in one guest for each kernel.
func TestScripts(t *testing.T) {
	s, noNft := setup(t)
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				if c.name == needsNft && noNft != nil {
					if r := os.Getenv("PROBE_REQUIRE"); r == "all" || r == "guest" {
						t.Fatal(noNft)
					}
					t.Skip(noNft)
				}
				want := append(c.want[:len(c.want):len(c.want)], c.newer...)
				if g.Kernel.Name == "5.10" {
					want = append(c.want[:len(c.want):len(c.want)], c.old...)
				}
				expect(t, traced(t, g, c.script, c.before, c.provoke), want, c.absent)
			})
		}
	})
}

// Kernels that are locked down, or built without kprobes, only have
// tracepoints.
func TestTracepointsOnly(t *testing.T) {
	text, err := scripts.FS.ReadFile("tcp_no_route.pr")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "{") || strings.HasPrefix(line, "\t") {
			continue
		}
		for point := range strings.SplitSeq(line, ", ") {
			kind, _, ok := strings.Cut(point, ":")
			if ok && kind != "tracepoint" {
				t.Errorf("a probe that is no tracepoint: %s", line)
			}
			if ok {
				n++
			}
		}
	}
	if n < 6 {
		t.Errorf("found %d probes: has the form of the script changed?", n)
	}
}
