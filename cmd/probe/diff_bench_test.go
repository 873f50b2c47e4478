package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"probe/runtime/graph"
	"probe/runtime/graph/record"
)

// million is the size of recording that diff has to cope with.
const million = 1_000_000

// writeCalls writes a recording with a number of calls in trees of equal size.
// Its calls look like those of a kernel: some hundred functions, a depth of up
// to 16, results of a few. flip is how many of a thousand calls differ from
// those that seed alone gives.
func writeCalls(t testing.TB, path string, calls, trees int, flip int) {
	t.Helper()
	funcs := &graph.Funcs{}
	for i := range 400 {
		funcs.Named(graph.Func{Name: fmt.Sprintf("function_number_%d.isra.0", i), Addr: 0xffffffff81000000 + uint64(i)*64, Result: graph.Int32})
	}
	w, err := record.Create(path, record.Header{Started: time.Unix(0, 0).UTC(), Functions: []string{"function_number_0"}}, funcs)
	if err != nil {
		t.Fatal(err)
	}
	size := calls / trees
	noise := rand.New(rand.NewPCG(9, 9))
	for n := range trees {
		// Most trees have one of a few shapes.
		r := rand.New(rand.NewPCG(uint64(n%7), 2))
		x := &graph.Tree{Thread: graph.Thread{TID: 1, PID: 1, Comm: "worker"}}
		for i := range size {
			c := graph.Call{T0: int64(n)*1e9 + int64(i)*100, Parent: int32(i) - 1, Fn: int32(r.IntN(400)), CPU: uint16(n % 4), Flags: graph.HasRet, Ret: uint64(r.IntN(3))}
			c.T1 = c.T0 + 50 + int64(r.IntN(5000))
			if noise.IntN(1000) < flip {
				c.Fn = 399
			}
			for c.Parent > 0 && (r.IntN(2) == 0 || x.Calls[c.Parent].Depth > 14) {
				c.Parent = x.Calls[c.Parent].Parent
			}
			if i == 0 {
				c.Fn, c.Parent = 0, -1
			} else {
				c.Depth = x.Calls[c.Parent].Depth + 1
			}
			x.Calls = append(x.Calls, c)
		}
		if err := w.Tree(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(record.End{}); err != nil {
		t.Fatal(err)
	}
}

// millions are the recordings compared: one tree, many equal ones, and many of
// which hardly two are equal.
var millions = []struct {
	name        string
	trees, flip int
}{{"one", 1, 1}, {"many", 20_000, 0}, {"noisy", 20_000, 10}}

// compareMillion runs "probe diff" on two recordings of a million calls each
// and gives the time, that of the CPUs, and the memory it took at most.
func compareMillion(t testing.TB, a, b string) (wall, cpu time.Duration, rss int64) {
	t.Helper()
	exe, err := os.Executable() // "probe" by its name; see TestMain
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: exe, Args: []string{"probe", "diff", a, b}, Env: os.Environ()}
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if code := cmd.ProcessState.ExitCode(); code != diffDiffer {
		t.Fatalf("probe diff: status %d, %v\n%.2000s", code, err, out)
	}
	p := cmd.ProcessState
	return took, p.UserTime() + p.SystemTime(), p.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// BenchmarkDiff measures the comparison of two recordings, from the files to
// the text. peak-MB is the resident memory of the command.
func BenchmarkDiff(b *testing.B) {
	for _, m := range millions {
		b.Run("calls=1000000/trees="+m.name, func(b *testing.B) {
			dir := b.TempDir()
			one, two := filepath.Join(dir, "a.jsonl.zst"), filepath.Join(dir, "b.jsonl.zst")
			writeCalls(b, one, million, m.trees, 0)
			writeCalls(b, two, million, m.trees, m.flip+1)
			var peak int64
			var cpu time.Duration
			for b.Loop() {
				_, c, rss := compareMillion(b, one, two)
				peak, cpu = max(peak, rss), cpu+c
			}
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(peak)/1e6, "peak-MB")
		})
	}
}

// TestDiffMemory holds the limit on memory: what takes time depends on the
// machine, what takes memory does not.
func TestDiffMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes recordings of a million calls")
	}
	for _, m := range millions {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			one, two := filepath.Join(dir, "a.jsonl.zst"), filepath.Join(dir, "b.jsonl.zst")
			writeCalls(t, one, million, m.trees, 0)
			writeCalls(t, two, million, m.trees, m.flip+1)
			wall, cpu, rss := compareMillion(t, one, two)
			t.Logf("%v, %v of CPU, %d MB", wall.Round(time.Millisecond), cpu.Round(time.Millisecond), rss/1e6)
			if rss > 500e6 {
				t.Errorf("comparing two recordings of %d calls took %d MB", million, rss/1e6)
			}
		})
	}
}
