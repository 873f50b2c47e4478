package ftrace

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/graph"
	"probe/runtime/tracefs"
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
}
