package soak

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// The limits on memory: between the middle and the end of a run it may not grow
// by more. The kernel's per-CPU lists and the heap's fragments move by less.
const (
	maxGrowth     = 6 << 20
	maxHeapGrowth = 2 << 20
)

// TestSoak runs probe for PROBE_SOAK (a minute when it is not set; make test-all
// sets an hour) in a guest with Linux 6.12, and looks for what is
// left and what grows.
func TestSoak(t *testing.T) {
	wait := time.Minute
	if s := os.Getenv("PROBE_SOAK"); s != "" {
		var err error
		if wait, err = time.ParseDuration(s); err != nil {
			t.Fatalf("PROBE_SOAK: %v", err)
		}
	}
	drive, err := guest.BuildProgram(t.Context(), "./test/soak/drive")
	if err != nil {
		t.Fatal(err)
	}
	s := guesttest.Network()
	s.NoProbe, s.Kernels = true, []string{"6.12"}
	s.Files = map[string]string{"/bin/drive": drive}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"/bin/drive", wait.String()}, Timeout: 2*wait + 5*time.Minute})
		if err != nil || !res.OK() {
			t.Fatalf("status %d, %v\n%s\n%s", res.Code, err, res.Stdout, res.Stderr)
		}
		var list []Sample
		var first, last *Sample
		for sc := bufio.NewScanner(strings.NewReader(res.Stdout)); sc.Scan(); {
			var s Sample
			if err := json.Unmarshal(sc.Bytes(), &s); err != nil {
				t.Fatalf("%v: %s", err, sc.Text())
			}
			switch {
			case s.Error != "":
				t.Errorf("after %.0f s: %s", s.Seconds, s.Error)
			case s.First:
				first = &s
			case s.Last:
				last = &s
			default:
				list = append(list, s)
			}
		}
		if first == nil || last == nil || len(list) < 8 {
			t.Fatalf("%d samples are not enough\n%s", len(list), res.Stdout)
		}
		judge(t, *first, *last, list)
		t.Logf("%.0f s, %d short runs, %d bytes of output; at the start %+v; at the end %+v", last.Seconds, last.Runs, last.Bytes, *first, *last)
		for i := 0; i < len(list); i += max(1, len(list)/8) {
			t.Logf("%+v", list[i])
		}
	})
}

// judge compares the process before all runs and after them, and looks for what
// grows meanwhile.
func judge(t *testing.T, first, last Sample, list []Sample) {
	t.Helper()
	for _, c := range []struct {
		what    string
		now, at int
	}{
		{"descriptors", last.Files, first.Files},
		{"goroutines", last.Goroutines, first.Goroutines},
		{"mappings of maps", last.Mappings, first.Mappings},
		{"maps in the kernel", last.Maps, first.Maps},
		{"programs in the kernel", last.Programs, first.Programs},
	} {
		if c.now > c.at {
			t.Errorf("%d %s at the end, %d at the start", c.now, c.what, c.at)
		}
	}
	if last.Runs == 0 || last.Bytes == first.Bytes {
		t.Errorf("nothing ran: %+v", last)
	}
	if n := growth(list, func(s Sample) int64 { return s.RSS }); n > maxGrowth {
		t.Errorf("resident memory grew by %d bytes", n)
	}
	if n := growth(list, func(s Sample) int64 { return s.Heap }); n > maxHeapGrowth {
		t.Errorf("the heap grew by %d bytes", n)
	}
	for what, of := range map[string]func(Sample) int64{
		"descriptors": func(s Sample) int64 { return int64(s.Files) }, "goroutines": func(s Sample) int64 { return int64(s.Goroutines) },
	} {
		if n := growth(list, of); n > 10 {
			t.Errorf("%d more %s", n, what)
		}
	}
}

// TestJudge checks that what leaks is found.
func TestJudge(t *testing.T) {
	var list []Sample
	for i := range 40 {
		list = append(list, Sample{RSS: 20<<20 + int64(i)<<19, Files: 10})
	}
	if n := growth(list, func(s Sample) int64 { return s.RSS }); n < maxGrowth {
		t.Errorf("memory that grows by half a megabyte with each sample: %d", n)
	}
	if n := growth(list, func(s Sample) int64 { return int64(s.Files) }); n != 0 {
		t.Errorf("descriptors that stay: %d", n)
	}
}
