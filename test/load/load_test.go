package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// maxVerified is the limit of one program in instructions that a verifier walks.
// It stands for two seconds: guests are emulated, and some twenty times slower
// than the machine below, so that time measured there says little. Natively,
// verifiers were measured to walk 200,000 to 700,000 instructions a second, the
// fewer the more states they keep.
//
// maxInsns is the limit of a program's length, for the same reason: after the
// verification a kernel rewrites the program, in time that grows with the square
// of its length. At 26,000 instructions, that was 0.7 s.
const (
	maxVerified = 400_000
	maxInsns    = 30_000
	giveUp      = 60 * time.Second
)

// The part of the compiler's estimates that must be within a factor of two of
// what the verifier walks. The others are programs with ranges of numbers that
// the estimate does not follow, and programs that end at once. A few
// instructions more or less do not count.
const (
	nearPercent   = 95
	estimateSlack = 50
)

// count returns how many generated scripts are loaded on each kernel:
// PROBE_SCRIPTS, or few.
func count(t *testing.T) int {
	s := os.Getenv("PROBE_SCRIPTS")
	if s == "" {
		return 40
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("PROBE_SCRIPTS=%s is not a number of scripts", s)
	}
	return n
}

// describeEvery is the number of generated scripts of which one is also compiled
// for the kernel as the tables describe it: in a guest, compiling takes longer
// than loading.
const describeEvery = 8

// firstSeed returns where the seeds start: PROBE_SEED, or that of this release. The
// next release moves it.
func firstSeed(t *testing.T) uint64 {
	s := os.Getenv("PROBE_SEED")
	if s == "" {
		return 1_000
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("PROBE_SEED=%s is not a number", s)
	}
	return n
}

// options returns what scripts for a kernel can use.
func options(kernel string) Options {
	return Options{MapLoops: kernel != "5.10", Sums: kernel != "5.10", Tracepoints: true, Traced: true}
}

// TestGenerated loads generated scripts: none is refused.
func TestGenerated(t *testing.T) {
	run(t, func(kernel string) []Job {
		var jobs []Job
		first := firstSeed(t)
		for i := range count(t) {
			seed := first + uint64(i)
			jobs = append(jobs, Job{
				Name: fmt.Sprintf("seed %d", seed), Text: Script(seed, options(kernel)),
				Described: i%describeEvery == 0,
			})
		}
		return jobs
	}, func(t *testing.T, _ string, r Result, _ string) {
		if r.Error != "" {
			t.Errorf("not compiled: %s", r.Error)
		}
	})
}

// TestRefusedOnce loads what a kernel refused, or took minutes for, in the past.
// A script whose first line is "// not on KERNELS: CODE" is refused there by
// probe itself. One that begins with "// at most N verified" has no program of which
// the verifier walks more instructions.
func TestRefusedOnce(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no scripts in testdata")
	}
	run(t, func(string) []Job {
		jobs := made()
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, Job{Name: filepath.Base(name), Text: string(text)})
		}
		for i := range jobs {
			jobs[i].Described = true
		}
		return jobs
	}, func(t *testing.T, kernel string, r Result, text string) {
		want := expected(text, kernel)
		if r.Code != want || want == "" && r.Error != "" {
			t.Errorf("code %q (%s), want %q", r.Code, r.Error, want)
		}
		if most, ok := atMost(t, text); ok {
			for _, p := range r.Programs {
				if p.Verified > most {
					t.Errorf("%s (%d instructions): the verifier walked %d, more than %d", p.Name, p.Insns, p.Verified, most)
				}
			}
		}
	})
}

// usesGraph matches scripts with the value graph.
var usesGraph = regexp.MustCompile(`fgraph:|[= (]graph[;),]`)

// TestReady loads the scripts that come with probe, except those whose functions
// below others need maps in full size. A script that probe refuses on a kernel, or
// whose program to trace is not there, is not loaded.
func TestReady(t *testing.T) {
	files, err := filepath.Glob("../../scripts/*.pr")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var jobs []Job
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !usesGraph.Match(text) {
			jobs = append(jobs, Job{Name: filepath.Base(name), Text: string(text)})
		}
	}
	run(t, func(string) []Job { return jobs }, func(t *testing.T, _ string, r Result, _ string) {
		if r.Code == "internal" {
			t.Errorf("not compiled: %s", r.Error)
		}
		if strings.HasPrefix(r.Name, "route_") && len(r.Programs) == 0 {
			t.Errorf("no program: %s", r.Error)
		}
	})
}

// expected returns the code of the message that refuses a script on a kernel,
// "" for none.
func expected(text, kernel string) string {
	line, _, _ := strings.Cut(text, "\n")
	rest, ok := strings.CutPrefix(line, "// not on ")
	if !ok {
		return ""
	}
	kernels, code, _ := strings.Cut(rest, ": ")
	if slices.Contains(strings.Fields(kernels), kernel) {
		return code
	}
	return ""
}

// atMost returns the limit in the first line of a script, if it has one.
func atMost(t *testing.T, text string) (n int, ok bool) {
	line, _, _ := strings.Cut(text, "\n")
	rest, ok := strings.CutPrefix(line, "// at most ")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSuffix(rest, " verified"))
	if err != nil {
		t.Fatalf("the limit in %q: %v", line, err)
	}
	return n, true
}

// made are scripts that are long because of repetition.
func made() []Job {
	join := func(n int, sep string, f func(i int) string) string {
		var out []string
		for i := range n {
			out = append(out, f(i))
		}
		return strings.Join(out, sep)
	}
	return []Job{
		{Name: "80 conditions", Text: "kprobe:vfs_read { $x = 0; " + join(80, " ", func(i int) string {
			return fmt.Sprintf("if (arg2 & %d) { $x += %d; }", 1<<(i%60), i)
		}) + " if ($x > 100) { @ = count(); } }"},
		{Name: "1000 else if", Text: "kprobe:vfs_read { $v = arg2; " + join(1000, " else ", func(i int) string {
			return fmt.Sprintf("if ($v == %d) { @a = %d; }", i, i)
		}) + " }"},
		{Name: "1000 else if of an argument", Text: "kprobe:vfs_read { " + join(1000, " else ", func(i int) string {
			return fmt.Sprintf("if (arg2 == %d) { @a = %d; }", i, i)
		}) + " }"},
		{Name: "1000 assignments", Text: "kprobe:vfs_read { " + join(1000, " ", func(i int) string {
			return fmt.Sprintf("@m%d[%d] = %d;", i%10, i, i)
		}) + " }"},
	}
}

// run loads jobs on each kernel and reports those that are rejected or slow.
// check gets each result.
func run(t *testing.T, jobs func(kernel string) []Job, check func(t *testing.T, kernel string, r Result, text string)) {
	drive, err := guest.BuildProgram(t.Context(), "./test/load/drive")
	if err != nil {
		t.Fatal(err)
	}
	setup := guesttest.Setup{NoProbe: true, Files: map[string]string{"/bin/drive": drive}}
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		kernel := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
		list := jobs(kernel)
		var in bytes.Buffer
		for _, j := range list {
			if err := json.NewEncoder(&in).Encode(j); err != nil {
				t.Fatal(err)
			}
		}
		res, err := g.Run(t.Context(), guest.Cmd{
			Args:    []string{"/bin/drive", "-limit", giveUp.String(), "-kernel", kernel},
			Stdin:   in.String(),
			Timeout: time.Duration(len(list))*2*time.Second + 10*time.Minute,
		})
		if err != nil || !res.OK() {
			t.Fatalf("status %d, %v\n%s", res.Code, err, res.Stderr)
		}
		results := parse(t, res.Stdout)
		if len(results) != len(list) {
			t.Fatalf("%d results for %d scripts", len(results), len(list))
		}
		s := summary{}
		for i, r := range results {
			t.Run(r.Name, func(t *testing.T) {
				check(t, kernel, r, list[i].Text)
				judge(t, r)
				if list[i].Described && r.Told != r.Code {
					t.Errorf("probe check --kernel %s says %q, the kernel itself %q", kernel, r.Told, r.Code)
				}
				if t.Failed() {
					t.Logf("%s", list[i].Text)
				}
			})
			s.add(r)
		}
		t.Log(s)
		if s.near < s.programs*nearPercent/100 {
			t.Errorf("the estimates of %d of %d programs are within a factor of two of what the verifier walked, want %d %%", s.near, s.programs, nearPercent)
		}
	})
}

func parse(t *testing.T, text string) []Result {
	var out []Result
	for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
		var r Result
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, sc.Text())
		}
		out = append(out, r)
	}
	return out
}

// judge reports programs that were rejected or slow.
func judge(t *testing.T, r Result) {
	for _, p := range r.Programs {
		if !near(p) {
			t.Logf("%s (%d instructions): estimated %d, the verifier walked %d", p.Name, p.Insns, p.Estimate, p.Verified)
		}
		switch {
		case p.Refused != "":
			t.Errorf("%s (%d instructions) was refused: %s", p.Name, p.Insns, p.Refused)
		case p.Slow:
			t.Errorf("%s (%d instructions) was still loading after %v", p.Name, p.Insns, giveUp)
		case p.Verified > maxVerified:
			t.Errorf("%s (%d instructions): the verifier walked %d, more than %d", p.Name, p.Insns, p.Verified, maxVerified)
		case p.Insns > maxInsns:
			t.Errorf("%s has %d instructions, more than %d", p.Name, p.Insns, maxInsns)
		}
	}
}

// summary collects the results of a run.
type summary struct {
	scripts, programs, most int
	verified                []int
	longest                 time.Duration
	near                    int // estimates within a factor of two
}

func (s *summary) add(r Result) {
	s.scripts++
	for _, p := range r.Programs {
		s.programs++
		s.verified = append(s.verified, p.Verified)
		if near(p) {
			s.near++
		}
		s.most, s.longest = max(s.most, p.Verified), max(s.longest, p.Time)
	}
}

// near reports whether the estimate is within a factor of two of the truth.
func near(p Program) bool {
	return p.Estimate+estimateSlack >= p.Verified/2 && p.Estimate <= 2*p.Verified+estimateSlack
}

// String returns one line.
func (s summary) String() string {
	slices.Sort(s.verified)
	median := 0
	if n := len(s.verified); n > 0 {
		median = s.verified[n/2]
	}
	return fmt.Sprintf("%d scripts, %d programs; verified: median %d, most %d; longest load %v; %d estimates within a factor of two",
		s.scripts, s.programs, median, s.most, s.longest, s.near)
}

// TestSame checks that a seed always gives the same script.
func TestSame(t *testing.T) {
	o := Options{MapLoops: true, Tracepoints: true, Traced: true}
	seen := map[string]bool{}
	for seed := range uint64(50) {
		a := Script(seed, o)
		if a != Script(seed, o) {
			t.Fatalf("seed %d gives two scripts", seed)
		}
		seen[a] = true
	}
	if len(seen) < 50 {
		t.Errorf("50 seeds give %d scripts", len(seen))
	}
}
