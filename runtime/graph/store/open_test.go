package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/builtin"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/runtime/graph/ftrace"
	"probe/runtime/graph/proto"
	"probe/runtime/machine/live"
	"probe/stdlib/fgraph"
)

// Objects without graphs have no keeper, and nothing has to ask for it.
func TestNone(t *testing.T) {
	k, err := Open(t.Context(), []*hir.Probe{{Site: &hir.Site{Name: "fgraph:f"}}, {Site: &hir.Site{}}}, Options{Trees: NewStore()})
	if k != nil || err != nil {
		t.Fatalf("got %v, %v", k, err)
	}
	k.Keep(&builtin.Record{})
	k.Forget(1, true)
	k.Close()
	if got := k.Receipt(); got != nil {
		t.Errorf("the receipt is %v", got)
	}
}

// What programs record needs no tracer: -v says how the functions are reached.
func TestOpenPrograms(t *testing.T) {
	enter, exit := &hir.Site{Why: "fentry: one by one"}, &hir.Site{Why: "fexit: one by one"}
	plan := &fgraph.Plan{Source: fgraph.BPF, Func: "f", Why: "eBPF, as the config says", Deep: true, Only: []string{"g"}, Parts: []fgraph.Part{
		{Func: "g", Enter: enter, Exit: exit}, {Func: "h", Enter: enter, Exit: exit}, {Enter: &hir.Site{Why: "kprobe.session: one program"}},
	}}
	var said []string
	k, err := Open(t.Context(), []*hir.Probe{{Site: &hir.Site{}}, {Site: &hir.Site{Name: "fgraph:f", Plan: plan}}}, Options{Trees: NewStore(), Kernel: live.New(live.Options{}),
		Verbose: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	want := []string{
		"fgraph:f: graphs by eBPF, as the config says",
		"fgraph:f: below it 2 functions by fexit, kprobe.session: one program",
		"fgraph:f: args=deep: functions that take structs which are shown have programs of their own",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if k.tracer != nil || len(k.probes) != 1 || k.probes[1].decoder == nil {
		t.Errorf("the keeper is %+v", k)
	}
	if got := partsText(nil); got != "no function below it is recorded" {
		t.Errorf("without functions: %s", got)
	}
}

// tracerError names the cause, and what can be done.
func TestTracerError(t *testing.T) {
	pr := &hir.Probe{}
	for _, c := range []struct {
		err  error
		code diag.Code
		help string
	}{
		{fmt.Errorf("open: %w", ftrace.ErrLocked), "ftrace-busy", "end that tracing first"},
		{&ftrace.BusyError{}, "ftrace-busy", "end that tracing first"},
		{&ftrace.MissingError{Help: "build it in"}, "missing-kernel-feature", "build it in"},
		{errors.New("anything"), "machine", ""},
	} {
		err := tracerError(pr, c.err)
		var start *StartError
		if !errors.As(err, &start) || start.Diag.Code != c.code || !errors.Is(err, c.err) || start.Diag.Message != c.err.Error() {
			t.Errorf("%v: got %v", c.err, err)
			continue
		}
		helps := strings.Join(start.Diag.Helps, "\n")
		if !strings.Contains(helps, c.help) || (c.help != "") != strings.Contains(helps, "programs can record it instead") {
			t.Errorf("%v: the help is %q", c.err, helps)
		}
	}
}

func TestThreadsOf(t *testing.T) {
	if !slices.Contains(threadsOf(os.Getpid()), int32(os.Getpid())) {
		t.Error("the first thread of this process is not among its threads")
	}
	if got := threadsOf(-1); got != nil {
		t.Errorf("a process that does not exist has the threads %v", got)
	}
}

// sampleTree is root(args) with one call of each name below it, and one of deep
// below the last.
func sampleTree(funcs *graph.Funcs, args []uint64, names ...string) *graph.Tree {
	t := &graph.Tree{Thread: graph.Thread{TID: 7}, Args: args}
	end := int32(len(names) + 2)
	t.Calls = []graph.Call{{T0: 100, T1: 200, Fn: funcs.Named(graph.Func{Name: "root"}), Parent: -1, End: end, NArgs: uint8(len(args))}}
	for i, name := range names {
		t.Calls = append(t.Calls, graph.Call{T0: int64(110 + 10*i), T1: int64(115 + 10*i), Fn: funcs.Named(graph.Func{Name: name}), End: int32(i + 2), Depth: 1})
	}
	last := len(t.Calls) - 1
	t.Calls[last].End = end
	t.Calls = append(t.Calls, graph.Call{T0: t.Calls[last].T0 + 1, T1: t.Calls[last].T1 - 1, Fn: funcs.Named(graph.Func{Name: "deep"}), Parent: int32(last), End: end, Depth: 2})
	return t
}

// calls returns the names in a tree, in order, with the number of the root's
// arguments.
func calls(t *graph.Tree, funcs *graph.Funcs) string {
	var out []string
	for i := range t.Calls {
		out = append(out, funcs.Name(t.Calls[i].Fn))
	}
	return fmt.Sprintf("%s/%d", strings.Join(out, " "), t.Root().NArgs)
}

// Of a recording each probe gets what it asks for, out of the tree that has
// most of it.
func TestReplay(t *testing.T) {
	var funcs graph.Funcs
	poor, rich := sampleTree(&funcs, nil, "a"), sampleTree(&funcs, []uint64{1, 2}, "a", "b", "c")
	rich.Texts = map[int32]string{0: "text"}
	rich.Lost = 3
	for _, c := range []struct {
		name  string
		plan  fgraph.Plan
		trees []*graph.Tree
		want  string
		texts bool
	}{
		{"all", fgraph.Plan{Depth: 5}, []*graph.Tree{poor, rich}, "root a b c deep/0", false},
		{"the order does not matter", fgraph.Plan{Depth: 5}, []*graph.Tree{rich, poor}, "root a b c deep/0", false},
		{"with arguments", fgraph.Plan{Depth: 5, Args: true}, []*graph.Tree{poor, rich}, "root a b c deep/2", false},
		{"with what they point to", fgraph.Plan{Depth: 5, Args: true, Deep: true}, []*graph.Tree{rich}, "root a b c deep/2", true},
		{"some functions", fgraph.Plan{Depth: 5, Only: []string{"b", "deep"}}, []*graph.Tree{rich}, "root b deep/0", false},
		{"none below", fgraph.Plan{Depth: 5, Only: []string{}}, []*graph.Tree{rich}, "root/0", false},
		{"but one", fgraph.Plan{Depth: 5, Skip: []string{"c"}}, []*graph.Tree{rich}, "root a b/0", false},
		{"one level", fgraph.Plan{Depth: 1}, []*graph.Tree{rich}, "root a b c/0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.plan.Source, c.plan.Func = fgraph.Recorded, "root"
			var got []*event.Graph
			k := Replay([]*hir.Probe{{Site: &hir.Site{Plan: &c.plan}}}, Options{Trees: NewStore(), Send: func(e event.Event) { got = append(got, e.(*event.Graph)) }},
				func() ([]*graph.Tree, *graph.Funcs) { return c.trees, &funcs })
			id := value.GraphID{Time: 200, TID: 7}
			k.record(&fgraph.Record{ID: id})
			k.record(&fgraph.Record{ID: value.GraphID{Probe: 9}}) // of no probe
			if len(got) != 1 || got[0].ID != id {
				t.Fatalf("%d trees are handed over", len(got))
			}
			if s := calls(got[0].Tree, got[0].Funcs); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
			if (len(got[0].Tree.Texts) > 0) != c.texts {
				t.Errorf("the texts are %v", got[0].Tree.Texts)
			}
			if items := k.Receipt(); len(items) != 1 || items[0].Kind != event.GraphGaps || items[0].Count != 3 {
				t.Errorf("the receipt is %+v", items)
			}
			if rich.Root().NArgs != 2 || len(rich.Calls) != 5 || len(rich.Texts) != 1 {
				t.Error("the tree of the recording has changed")
			}
		})
	}
	k := Replay([]*hir.Probe{{Site: &hir.Site{Plan: &fgraph.Plan{}}}}, Options{Trees: NewStore(), Send: func(event.Event) { t.Error("a tree is made up") }},
		func() ([]*graph.Tree, *graph.Funcs) { return nil, &funcs })
	k.record(&fgraph.Record{})
	if items := k.Receipt(); items != nil {
		t.Errorf("the receipt is %+v", items)
	}
}

// A tree that programs recorded has the script's duration and result, and no
// calls of the programs' own.
func TestKeep(t *testing.T) {
	plan := &fgraph.Plan{Source: fgraph.BPF, Func: "root", Depth: 5, Parts: []fgraph.Part{{Func: "a"}, {Func: "migrate_disable"}}}
	site := &hir.Site{Name: "fgraph:root", Plan: plan, Ret: &hir.Arg{}}
	store := NewStore()
	k := newKeeper([]*hir.Probe{{Site: site}}, Options{Trees: store})
	k.probes[0].decoder = NewDecoder(plan, nil, nil)
	var data []byte
	for i, e := range []struct {
		addr uint64
		exit bool
	}{{0, false}, {2, false}, {2, true}, {1, false}, {1, true}, {0, true}} {
		ev := fgraph.Event{Time: uint64(1000 + 100*i), Addr: e.addr, Exit: e.exit, TID: 7}
		data = ev.Append(data)
	}
	id := value.GraphID{Time: 1600, TID: 7}
	k.record(&fgraph.Record{ID: id, Start: 900, Ret: 5, PID: 3, Comm: "sh", Events: data})
	kept, funcs := store.Recent(id)
	if kept == nil {
		t.Fatal("nothing is kept")
	}
	root := kept.Root()
	if got := calls(kept, funcs); got != "root a/0" || root.T0 != 900 || root.T1 != 1600 || root.Ret != 5 || root.Flags&graph.HasRet == 0 {
		t.Errorf("the tree is %s, %+v", got, root)
	}
	if kept.Thread != (graph.Thread{TID: 7, PID: 3, Comm: "sh"}) {
		t.Errorf("the thread is %+v", kept.Thread)
	}
	// Many calls are remembered by their shape alone.
	for i := range uint64(2 * recentTrees) {
		k.record(&fgraph.Record{ID: value.GraphID{Time: 2000 + i, TID: 7}, Start: 900, Events: data})
	}
	if again, _ := store.Recent(id); again != nil {
		t.Error("the memory of trees has no bound")
	}
	if store.Same(id) != store.Same(value.GraphID{Time: 2000, TID: 7}) || store.Text(id, value.GraphShape) == "" {
		t.Error("the shape of a call long ago is forgotten")
	}
}

// The tracer records what any of the probes asks for.
func TestTracerOptions(t *testing.T) {
	all := &fgraph.Plan{Func: "f", Depth: 3, Skip: []string{"x", "y"}}
	some := &fgraph.Plan{Func: "g", Depth: 8, Args: true, Only: []string{"h"}, Skip: []string{"y"}}
	none := &fgraph.Plan{Func: "h", Depth: 2, Only: []string{}}
	for _, c := range []struct {
		name  string
		plans []*fgraph.Plan
		want  ftrace.Options
	}{
		{"all below one", []*fgraph.Plan{all}, ftrace.Options{Funcs: []string{"f"}, Depth: 4, Skip: []string{"x", "y"}}},
		{"some below one", []*fgraph.Plan{some}, ftrace.Options{Funcs: []string{"g"}, Only: []string{"h"}, Depth: 9, Args: true, Skip: []string{"y"}}},
		{"none below one", []*fgraph.Plan{none}, ftrace.Options{Funcs: []string{"h"}, Only: []string{"h"}, Depth: 3}},
		{"all below one of two", []*fgraph.Plan{all, some}, ftrace.Options{Funcs: []string{"f", "g"}, Args: true, Skip: []string{"y"}}},
		{"some below two", []*fgraph.Plan{some, none}, ftrace.Options{Funcs: []string{"g", "h"}, Only: []string{"h"}, Args: true}},
	} {
		got := options(c.plans)
		slices.Sort(got.Skip)
		if got.Args != c.want.Args || got.Depth != c.want.Depth || !slices.Equal(got.Funcs, c.want.Funcs) || !slices.Equal(got.Only, c.want.Only) || !slices.Equal(got.Skip, c.want.Skip) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// What nobody asks for is given up, the oldest first, when it becomes too much.
func TestTracerHolds(t *testing.T) {
	tr := newTracer()
	big := func(tid int32, end int64) *graph.Tree {
		t := &graph.Tree{Thread: graph.Thread{TID: tid}, Calls: make([]graph.Call, heldCalls/2)}
		t.Calls[0].T1 = end
		return t
	}
	for i, tid := range []int32{5, 6, 5, 0} {
		tr.add(big(tid, int64(i+1)))
	}
	if tr.held > heldCalls || len(tr.trees[5]) != 1 || tr.trees[5][0].Root().T1 != 3 || len(tr.trees[6]) != 0 {
		t.Errorf("%d calls are held, of the threads %v", tr.held, slices.Collect(maps.Keys(tr.trees)))
	}
	if len(tr.trees[-1]) != 1 { // the idle task of CPU 0
		t.Error("the tree of an idle task is another thread's")
	}
}

// A call whose end was lost lasts, for the tracer, until the events after the gap, and so
// do all calls that were lost: only the first of them, if it began there, has the tree.
// Several threads are told of the same loss, which is counted once.
func TestLost(t *testing.T) {
	tr := newTracer()
	tr.until = 1 << 40
	plan := &fgraph.Plan{Source: fgraph.Ftrace, Func: "root", Depth: 5}
	k := newKeeper([]*hir.Probe{{Site: &hir.Site{Name: "fgraph:root", Plan: plan}}}, Options{Trees: NewStore()})
	k.tracer, k.functions = tr, proto.New(nil, nil)
	b := graph.Builder{Funcs: &tr.funcs, Resolve: func(uint64) graph.Func { return graph.Func{Name: "root"} }, Done: func(tid int32, x *graph.Tree) {
		x.Thread.TID = tid
		tr.add(x)
	}}
	const second = int64(time.Second)
	for _, e := range []graph.Event{
		{Time: 1000, TID: 7, CPU: 1, Kind: graph.Enter, Addr: 1},
		{Time: 1500, TID: 8, CPU: 1, Kind: graph.Enter, Addr: 1},
		{Time: 9 * second, CPU: 1, Kind: graph.Lost, Value: 50},
		{Time: 9*second + 10, TID: 7, CPU: 1, Kind: graph.Enter, Addr: 1},
		{Time: 9*second + 20, TID: 7, CPU: 1, Kind: graph.Exit, Addr: 1},
		{Time: 9*second + 30, TID: 8, CPU: 1, Kind: graph.Exit, Addr: 1},
	} {
		b.Add(&e, nil)
	}
	b.Flush()
	for _, r := range []struct {
		tid        int32
		start, end int64
	}{
		{7, 1100, 1400}, {7, 1700, 1900}, {7, 5 * second, 6 * second}, {7, 9*second + 12, 9*second + 18}, {8, 1600, 9*second + 40}, {8, 3 * second, 3*second + 10},
	} {
		k.record(&fgraph.Record{ID: value.GraphID{TID: r.tid, Time: uint64(r.end)}, Start: uint64(r.start)})
	}
	want := []event.ReceiptItem{{Kind: event.LostGraphs, Where: "fgraph:root", Count: 3}, {Kind: event.GraphGaps, Count: 50}}
	if d := cmp.Diff(want, k.Receipt()); d != "" {
		t.Errorf("the receipt (-want +got):\n%s", d)
	}
	tr.Forget(20 * second)
	if len(tr.taken) != 0 || tr.held != 0 {
		t.Errorf("%d calls are remembered without their trees", len(tr.taken))
	}
}
