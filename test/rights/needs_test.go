// Package rights tests in guests what probe can do with less than the rights of
// root, and what it says about the rest.
package rights

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// setup is the guest of all tests here: /bin/as runs a command with fewer
// rights.
func setup(t *testing.T) guesttest.Setup {
	t.Helper()
	if testing.Short() {
		return guesttest.Setup{}
	}
	as, err := guest.BuildProgram(t.Context(), "./test/rights/as")
	if err != nil {
		t.Fatal(err)
	}
	return guesttest.Setup{Programs: []string{"ip"}, Files: map[string]string{"/bin/as": as}}
}

// need is a row of needs.txt.
type need struct {
	kind, script string
	caps         [2]string // for a kernel: see capsFor
}

func readNeeds(t *testing.T) []need {
	t.Helper()
	b, err := os.ReadFile("testdata/needs.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []need
	for line := range strings.Lines(string(b)) {
		if line[0] == '#' {
			continue
		}
		f := strings.Split(line, " | ")
		kind, script, ok := strings.Cut(f[0], ": ")
		if len(f) != 3 || !ok {
			t.Fatalf("needs.txt: %q", line)
		}
		out = append(out, need{kind, strings.TrimSpace(script), [2]string{strings.TrimSpace(f[1]), strings.TrimSpace(f[2])}})
	}
	return out
}

// capsFor returns the capabilities that a column names for a kernel.
func capsFor(column, kernel string) []string {
	for word := range strings.FieldsSeq(column) {
		kernels, caps, ok := strings.Cut(word, ":")
		if !ok {
			caps = word
		} else if !slices.Contains(strings.Split(kernels, ","), kernel) {
			continue
		}
		if caps == "-" {
			return nil
		}
		return strings.Split(caps, ",")
	}
	return nil
}

// try is one run of a script with a set of capabilities, in a shell script.
type try struct {
	need need
	caps string
	want bool
}

// Each kind of probe is tried with the capabilities that the table says it
// needs, and without each of them.
func TestNeeds(t *testing.T) {
	needs := readNeeds(t)
	guesttest.RunWith(t, setup(t), func(t *testing.T, g *guest.Guest) {
		for column, paranoid := range []string{"2", "3"} {
			t.Run("paranoid "+paranoid, func(t *testing.T) {
				var tries []try
				for _, n := range needs {
					all := append([]string{"bpf", "perfmon"}, capsFor(n.caps[column], g.Kernel.Name)...)
					tries = append(tries, try{n, strings.Join(all, ","), true})
					for i := 2; i < len(all); i++ {
						less := slices.Delete(slices.Clone(all), i, i+1)
						tries = append(tries, try{n, strings.Join(less, ","), false})
					}
				}
				tries = append(tries, try{needs[0], "bpf", false}, try{needs[0], "perfmon", false}, try{needs[0], "sys_admin", true})
				var sh strings.Builder
				fmt.Fprintf(&sh, "sysctl -w kernel.perf_event_paranoid=%s >/dev/null; cd /\n", paranoid)
				for i, c := range tries {
					fmt.Fprintf(&sh, "as -user 1000 -caps %s probe run --unsafe --dry-run -e '%s' >/tmp/out 2>&1; echo \"=@= %d $?\"; cat /tmp/out\n", c.caps, c.need.script, i)
				}
				sh.WriteString("sysctl -w kernel.perf_event_paranoid=3 >/dev/null\n")
				out := guesttest.Sh(t, g, "set +e\n"+sh.String())
				results := strings.Split(out, "=@= ")[1:]
				if len(results) != len(tries) {
					t.Fatalf("%d results of %d tries:\n%s", len(results), len(tries), out)
				}
				for i, c := range tries {
					status, text, _ := strings.Cut(strings.TrimPrefix(results[i], fmt.Sprint(i, " ")), "\n")
					if ok := status == "0"; ok != c.want {
						t.Errorf("%s with %s: status %s, want success %v\n%s", c.need.script, c.caps, status, c.want, text)
					}
					if !c.want && !namesCause(text) {
						t.Errorf("%s with %s: the message does not say what is missing:\n%s", c.need.script, c.caps, text)
					}
				}
				compareDoctor(t, g, needs, column)
			})
		}
	})
}

// namesCause reports whether a message names what the process lacks.
func namesCause(text string) bool {
	return strings.Contains(text, "CAP_") || strings.Contains(text, "perf_event_paranoid")
}

// compareDoctor compares what doctor says of kinds of probes with the table.
func compareDoctor(t *testing.T, g *guest.Guest, needs []need, column int) {
	t.Helper()
	for _, extra := range []string{"", "dac_read_search", "sys_admin", "dac_override"} {
		have := strings.Split(strings.TrimSuffix("bpf,perfmon,"+extra, ","), ",")
		if extra == "dac_override" {
			have = append(have, "dac_read_search")
		}
		paranoid := []string{"2", "3"}[column]
		text := guesttest.Sh(t, g, fmt.Sprintf("sysctl -w kernel.perf_event_paranoid=%s >/dev/null; as -user 1000 -caps %s probe doctor", paranoid, strings.Join(have, ",")))
		said := map[string]string{}
		_, text, _ = strings.Cut(text, "what this process may use:\n")
		text, _, _ = strings.Cut(text, "\n\n")
		for line := range strings.Lines(text) {
			if answer := strings.Fields(line)[0]; answer == "yes" || answer == "no" {
				for kind := range strings.SplitSeq(strings.TrimSpace(line[len(answer):]), ", ") {
					said[strings.TrimSuffix(kind, ":")] = answer
				}
			}
		}
		for _, n := range needs {
			if strings.Contains(n.script, "maxactive") {
				continue // of the kind, doctor answers for names of functions
			}
			want := "yes"
			for _, c := range capsFor(n.caps[column], g.Kernel.Name) {
				if !slices.Contains(have, c) {
					want = "no"
				}
			}
			if said[n.kind] != want {
				t.Errorf("doctor with %s says %q of %s, want %q\n%s", strings.Join(have, ","), said[n.kind], n.kind, want, text)
			}
		}
	}
}

// A run gives up what it does not need once everything is attached, and still
// reads its maps, runs its timers, resolves symbols and detaches. What it starts
// has the rights of the user.
func TestDrop(t *testing.T) {
	guesttest.RunWith(t, setup(t), func(t *testing.T, g *guest.Guest) {
		const script = `call:vfs_read { @[kstack(1)] = count(); @n = count(); } interval:ms:500 { print(@n); clear(@n); if (@once == 0) { @once = 1; printf("status: %s\n", "x"); system("grep CapEff /proc/self/status"); } } kretprobe:vfs_open { @r = count(); } iter:task { @t = count(); } end { printf("end\n"); }`
		for _, who := range []struct{ name, as, sh string }{
			{"root", "", "0000"},
			{"user", "as -user 1000 -caps bpf,perfmon,syslog,sys_admin,dac_read_search,net_admin", "0000000000000000"},
		} {
			out := guesttest.Sh(t, g, "cd /; rm -f /tmp/o; "+who.as+` probe run -v --budget off --unsafe --for 2s -e '`+script+`' >/tmp/o 2>&1 & p=$!
i=0; until grep -q '^status' /tmp/o || [ $i -gt 200 ]; do sleep 0.1; i=$((i+1)); done
q=$p; grep -E '^Cap(Prm|Eff|Amb)' /proc/$q/status; cat /proc/$q/task/*/status | grep ^CapPrm | sort -u
cat /proc/uptime >/dev/null; sleep 2; kill -INT $p 2>/dev/null || true; wait $p || echo "failed"; cat /tmp/o`)
			for _, c := range []string{"sys_admin", "net_admin", "perfmon"} {
				bit := map[string]uint{"sys_admin": 21, "net_admin": 12, "perfmon": 38}[c]
				for line := range strings.Lines(out) {
					var bits uint64
					if strings.HasPrefix(line, "CapPrm:") {
						fmt.Sscanf(strings.TrimPrefix(line, "CapPrm:"), "%x", &bits)
						if bits>>bit&1 != 0 {
							t.Errorf("%s: a thread still has %s: %s", who.name, c, line)
						}
					}
				}
			}
			for _, want := range []string{"capabilities dropped: ", "@n: ", "@r: ", "@t: ", "\nend\n", "@[\n", "vfs_read"} {
				if !strings.Contains(out, want) {
					t.Errorf("%s: no %q", who.name, want)
				}
			}
			if strings.Contains(out, "failed") || strings.Contains(out, "error") {
				t.Errorf("%s: the run failed", who.name)
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		}
	})
}
