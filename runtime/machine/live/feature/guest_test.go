package feature

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// TestGuests runs the tests of this package and of its neighbours on real
// kernels, and compares the answers with kernels.txt.
func TestGuests(t *testing.T) {
	if os.Getenv(inGuest) != "" {
		t.Skip("this is the run inside a guest")
	}
	want := readTable(t)
	packages := []string{"btf", "symbol", "tracefs", "elf", "feature"}
	setup := guesttest.Setup{NoProbe: true, Files: map[string]string{}, Trees: map[string]string{}}
	if testing.Short() { // before the programs are built for nothing
		packages = nil
	}
	for _, name := range packages {
		program, err := guest.BuildTest(t.Context(), "./runtime/machine/live/"+name)
		if err != nil {
			t.Fatal(err)
		}
		setup.Files["/test/"+name+"/test"] = program
	}
	setup.Trees["/test/tracefs/testdata"] = "../tracefs/testdata"
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		for _, name := range packages {
			t.Run(name, func(t *testing.T) {
				res, err := g.Run(t.Context(), guest.Cmd{
					Args: []string{"/test/" + name + "/test", "-test.v"},
					Dir:  "/test/" + name,
					Env:  []string{inGuest + "=1"},
				})
				if err != nil || !res.OK() {
					t.Fatalf("status %d, error %v\n%s\n%s", res.Code, err, failures(res.Stdout), res.Stderr)
				}
				if name == "feature" {
					if diff := cmp.Diff(want[g.Kernel.Name], answers(res.Stdout)); diff != "" {
						t.Errorf("answers of %s, -kernels.txt +kernel:\n%s", g.Release, diff)
					}
				}
			})
		}
	})
}

var answerLine = regexp.MustCompile(`(?m)answer (\S+) (true|false)`)

func answers(output string) map[string]bool {
	out := map[string]bool{}
	for _, m := range answerLine.FindAllStringSubmatch(output, -1) {
		out[m[1]] = m[2] == "true"
	}
	return out
}

// failures leaves out the tests that passed.
func failures(output string) string {
	var out []string
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--- PASS") && !strings.HasPrefix(line, "=== ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// readTable reads the table of answers: a column for each kernel.
func readTable(t *testing.T) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("kernels.txt")
	if err != nil {
		t.Fatal(err)
	}
	var kernels []string
	table := map[string]map[string]bool{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0][0] == '#':
		case kernels == nil:
			kernels = f[1:]
			for _, k := range kernels {
				table[k] = map[string]bool{}
			}
		case len(f) == len(kernels)+1:
			for i, k := range kernels {
				table[k][f[0]] = f[i+1] == "y"
			}
		default:
			t.Fatalf("kernels.txt: %q has %d columns, want %d", strings.TrimSpace(line), len(f), len(kernels)+1)
		}
	}
	for _, k := range guest.KernelNames() {
		if len(table[k]) != int(featureCount) {
			t.Fatalf("kernels.txt has %d features for kernel %s, want %d", len(table[k]), k, featureCount)
		}
	}
	return table
}
