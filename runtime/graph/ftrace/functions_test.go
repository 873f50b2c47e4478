package ftrace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/graph"
	"probe/runtime/machine/live/tracefs"
)

func TestFind(t *testing.T) {
	dir := files(t, map[string]string{"available_filter_functions": "vfs_read\nvfs_write\ninet_hash.isra.0\ninet_hash.cold\nveth_xmit [veth]\nvfs_read\n"})
	f, err := ListFunctions(tracefs.At(dir, ""))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"vfs_read": {"vfs_read"}, "vfs_*": {"vfs_read", "vfs_write"}, "inet_hash": {"inet_hash.isra.0"}, "veth_xmit": {"veth_xmit"},
	} {
		got, err := f.Find(name)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("Find(%s): %v (-want +got):\n%s", name, err, d)
		}
	}
	_, err = f.Find("vfs_raed")
	var none *NoFuncError
	if !errors.As(err, &none) || len(none.Near) == 0 || none.Near[0] != "vfs_read" {
		t.Errorf("a misspelt name: %v", err)
	}
	if got, missed, err := f.All([]string{"vfs_w*", "inet_hash", "zz*"}); err != nil || len(got) != 2 || len(missed) != 1 {
		t.Errorf("All: %v, without a match %v, %v", got, missed, err)
	}
	if _, _, err := f.All([]string{"vfs_w*", "zz"}); !errors.As(err, &none) || none.Name != "zz" {
		t.Errorf("All with a name that is not there: %v", err)
	}
	if got, _, err := f.All(nil); err != nil || got != nil {
		t.Errorf("All of nothing: %v, %v", got, err)
	}
	for i := range MaxFuncs + 1 {
		f.names = append(f.names, fmt.Sprint("many_", i))
	}
	var many *TooManyError
	if _, err := f.Find("many_*"); !errors.As(err, &many) || many.Count != MaxFuncs+1 {
		t.Errorf("too many: %v", err)
	}
}

// Events of several CPUs come in the order of time, up to the time given.
func TestBatch(t *testing.T) {
	of := func(cpu uint16, times ...int64) *reader {
		r := &reader{cpu: cpu}
		for _, at := range times {
			r.events = append(r.events, graph.Event{Time: at, CPU: cpu})
		}
		return r
	}
	s := &Source{readers: []*reader{of(0, 1, 5, 6, 20), of(1, 2, 3, 7, 8), of(2)}}
	collect := func(until int64) (out []int64) {
		for e := range s.batch(until).Each {
			out = append(out, e.Time)
		}
		return out
	}
	if d := cmp.Diff([]int64{1, 2, 3, 5, 6, 7}, collect(8)); d != "" {
		t.Errorf("first (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]int64{8, 20}, collect(100)); d != "" {
		t.Errorf("rest (-want +got):\n%s", d)
	}
	if got := collect(200); got != nil {
		t.Errorf("events twice: %v", got)
	}
}

func TestThreads(t *testing.T) {
	dir := files(t, map[string]string{"saved_cmdlines": "4194399 gone one\n5 x\n", "saved_tgids": "4194399 77\n"})
	th := &threads{dir: dir, known: map[int32]thread{}}
	for _, want := range []graph.Thread{
		{TID: 0, Comm: "swapper"}, {TID: 4194399, PID: 77, Comm: "gone one"}, {TID: 4194400},
	} {
		if got := th.get(want.TID); got != want {
			t.Errorf("thread %+v, want %+v", got, want)
		}
	}
	if self := th.get(1); self.Comm == "" || self.PID != 1 {
		t.Errorf("thread 1 is %+v", self)
	}
	// A thread that the tracer had not noted yet is asked for again.
	if err := os.WriteFile(filepath.Join(dir, "saved_cmdlines"), []byte("4194400 late\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	th.read = time.Time{} // the answers are old
	if got := th.get(4194400); got.Comm != "late" {
		t.Errorf("later thread 4194400 is %+v", got)
	}
}

// What is left of a call that began before the recording has another root.
func TestAsked(t *testing.T) {
	s := &Source{opts: Options{Funcs: []string{"vfs_read"}}}
	if !s.Asked(graph.Func{Name: "vfs_read", Addr: 16}) {
		t.Error("vfs_read was asked for")
	}
	s.askedAt = map[uint64]bool{32: true} // another name of the same function
	for f, want := range map[string]uint64{"ksys_read": 32, "pipe_read": 48} {
		if got := s.Asked(graph.Func{Name: f, Addr: want}); got != (f == "ksys_read") {
			t.Errorf("%s: %v", f, got)
		}
	}
}

func TestFraming(t *testing.T) {
	f := &Functions{names: []string{"irq_exit_rcu", "vfs_read"}}
	if d := cmp.Diff([]string{"irq_exit_rcu"}, f.Framing()); d != "" {
		t.Error(d)
	}
	for _, name := range framing {
		funcs := &graph.Funcs{List: []graph.Func{{Name: "root"}, {Name: name}}}
		b := &graph.Builder{Funcs: funcs, Resolve: func(a uint64) graph.Func { return funcs.List[a-1] }, Done: func(_ int32, tree *graph.Tree) {
			if tree.Calls[1].Flags&graph.IRQ == 0 {
				t.Errorf("%s is not told as an interruption", name)
			}
		}}
		for i, addr := range []uint64{1, 2} {
			b.Add(&graph.Event{Time: int64(i), TID: 1, Addr: addr, Depth: int16(i)}, nil)
		}
		b.Flush()
	}
}

// Patterns are written in place of the names they match.
func TestShorten(t *testing.T) {
	s := &Source{opts: Options{OnlyPatterns: []string{"none_*", "vfs_*"}, FuncPatterns: []string{"tcp_?"}}}
	for _, tt := range []struct{ file, names, want string }{
		{"set_ftrace_filter", "fib_x\ntcp_a\nvfs_read\nvfs_write", "vfs_*\ntcp_?\nfib_x"},
		{"set_graph_function", "tcp_a\nvfs_read", "tcp_?\nvfs_read"},
		{"set_ftrace_notrace", "vfs_read", "vfs_read"},
		{"set_ftrace_filter", "", ""},
	} {
		if got := s.shorten(tt.file, tt.names); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.file, got, tt.want)
		}
	}
}
