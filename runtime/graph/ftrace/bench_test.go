package ftrace

import (
	"encoding/binary"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"probe/runtime/graph"
)

// pages are pages of a real recording, as the kernel of that name wrote them.
func pages(b *testing.B, kernel, file string) [][]byte {
	b.Helper()
	data, err := os.ReadFile("testdata/" + kernel + "/" + file)
	if err != nil {
		b.Fatal(err)
	}
	var out [][]byte
	for ; len(data) > 0; data = data[4096:] {
		out = append(out, data[:4096:4096])
	}
	return out
}

// cpuTime returns the CPU time of this process in nanoseconds. It tells more
// than the wall time on a machine that does other things too.
func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// perEvent reports what an event has cost.
func perEvent(b *testing.B, start int64, events int) {
	ns := float64(cpuTime(b)-start) / float64(events)
	b.ReportMetric(ns, "cpu-ns/event")
	b.ReportMetric(1e3/ns, "Mevents/cpu-s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPage is what parsing costs.
func BenchmarkPage(b *testing.B) {
	for _, kernel := range []string{"6.1", "6.12", "7.2"} {
		b.Run("format="+kernel, func(b *testing.B) {
			d := decoder(b, kernel)
			page := pages(b, kernel, "page.bin")[0]
			var events []graph.Event
			var args []uint64
			var err error
			n, start := 0, cpuTime(b)
			for b.Loop() {
				if events, args, err = d.Page(page, 0, events[:0], args[:0]); err != nil {
					b.Fatal(err)
				}
				n += len(events)
			}
			perEvent(b, start, n)
		})
	}
}

// BenchmarkPipeline is what reading costs without the kernel's part: the pages
// of two CPUs, each with a thread that makes graphs of some 30 calls, are
// decoded, merged by time, built into trees, and rid of the recorder's own
// calls.
func BenchmarkPipeline(b *testing.B) {
	d := decoder(b, "6.12")
	const rounds = 16 // as much as is read at once
	cpus := [][][]byte{pages(b, "6.12", "cpu0.bin"), pages(b, "6.12", "cpu1.bin")}
	var funcs graph.Funcs
	machinery := graph.Skipper{Patterns: Machinery}
	trees, calls := 0, 0
	builder := &graph.Builder{Funcs: &funcs, Resolve: func(uint64) graph.Func { return graph.Func{Name: "security_inode_getattr"} },
		Done: func(_ int32, t *graph.Tree) {
			machinery.Skip(t, &funcs)
			trees, calls = trees+1, calls+len(t.Calls)
		}}
	s := &Source{readers: []*reader{{cpu: 0}, {cpu: 1}}}
	const pass = 1 << 30 // ns, longer than what the pages hold
	events, start := 0, cpuTime(b)
	for b.Loop() {
		for _, r := range s.readers {
			r.events, r.args, r.next = r.events[:0], r.args[:0], 0
			for range rounds {
				for _, page := range cpus[r.cpu] {
					var err error
					binary.LittleEndian.PutUint64(page, binary.LittleEndian.Uint64(page)+pass)
					if r.events, r.args, err = d.Page(page, r.cpu, r.events, r.args); err != nil {
						b.Fatal(err)
					}
				}
			}
			events += len(r.events)
		}
		for run, args := range s.batch(1 << 62).Runs {
			builder.AddAll(run, args)
		}
	}
	perEvent(b, start, events)
	if trees == 0 || calls/trees < 20 {
		b.Fatalf("%d trees with %d calls", trees, calls)
	}
}
