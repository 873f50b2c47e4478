package recording

import (
	"errors"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/lang/types"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
	"probe/runtime/machine"
)

const text = 0xffffffff81000000 // of the kernel, where its code is

// sample has trees of outer and of part, which outer calls too.
func sample() *record.Recording {
	rec := &record.Recording{Header: record.Header{Started: time.Unix(1000, 0), WallOffset: 999e9, BootOffset: 5e9}}
	family := &graph.Notation{Enum: []graph.Enumerator{{Name: "INET", Value: 2}, {Name: "INET6", Value: 10}}}
	rec.Funcs.List = []graph.Func{
		{Name: "outer", Result: graph.Int32, Params: []graph.Param{{Name: "n", Type: graph.Uint16}, {Name: "family", Type: graph.Uint8, Notation: family}}},
		{Name: "part.isra.0", Addr: text + 16},
		{Name: "part", Module: "mod", Result: graph.Pointer},
		{Name: "never"},
	}
	rec.Funcs.Symbols = map[uint64]string{text + 4096: "init_net"}
	rec.Trees = []*graph.Tree{
		{Thread: graph.Thread{TID: 7, PID: 7}, Calls: []graph.Call{
			{T0: 1e9, T1: 2e9, Fn: 0, Parent: -1, End: 3, NArgs: 2, Flags: graph.HasRet},
			{T0: 11e8, T1: 12e8, Fn: 1, Parent: 0, End: 2, Depth: 1},
			{T0: 13e8, T1: 14e8, Fn: 2, Parent: 0, End: 3, Depth: 1, Flags: graph.HasRet},
		}, Args: []uint64{1, 2}},
		{Thread: graph.Thread{TID: 8, PID: 7}, Calls: []graph.Call{{T0: 15e8, T1: 16e8, Fn: 2, Parent: -1, End: 1, Flags: graph.NoExit}}},
	}
	return rec
}

func TestList(t *testing.T) {
	m := New("file", sample())
	for pattern, want := range map[string]string{
		"":               "call:outer call:part.isra.0 call:mod:part ret:outer ret:part.isra.0 ret:mod:part fgraph:outer fgraph:mod:part",
		"ret:*":          "ret:mod:part ret:outer ret:part.isra.0",
		"fgraph:*":       "fgraph:mod:part fgraph:outer",
		"call:mod:*":     "call:mod:part",
		"call:vmlinux:*": "call:outer call:part.isra.0",
		"ret:part":       "ret:mod:part", // the copy of the compiler only where the name is no function
		"ret:never":      "",
		"outer":          "call:outer ret:outer fgraph:outer",
	} {
		var got []string
		if err := m.List(pattern, func(l machine.Listed) bool { got = append(got, l.Name); return true }); err != nil {
			t.Errorf("%q: %v", pattern, err)
		}
		if d := cmp.Diff(words(want), words(strings.Join(got, " "))); d != "" {
			t.Errorf("%q (-want +got):\n%s", pattern, d)
		}
	}
	n := 0
	if err := m.List("", func(machine.Listed) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("a list that is cut short has %d names: %v", n, err)
	}
	if err := m.List("kprobe:*", nil); err == nil || !strings.Contains(err.Error(), "fgraph") {
		t.Errorf("a recording lists kprobes: %v", err)
	}
}

// words returns a set of words.
func words(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

func TestMissing(t *testing.T) {
	rec := sample()
	if got := New("file", rec).Missing(); got != nil {
		t.Errorf("nothing is missing, but: %+v", got)
	}
	rec.Damage = &record.DamageError{Line: 3, Err: errors.New("why")}
	rec.End = &record.End{Lost: 2, MissedReturns: 4}
	rec.Events = []record.Output{
		{JSON: []byte(`{"type":"printf","data":"x"}`)},
		{JSON: []byte(`{"type":"receipt","complete":false,"data":[{"kind":"lost_graphs","where":"fgraph:outer","count":3},{"kind":"map_full","where":"@m","count":9}]}`)},
	}
	want := []event.ReceiptItem{
		{Kind: event.Damaged, Where: "file", Count: 1, Detail: "from line 3 on: why"},
		{Kind: event.LostEvents, Count: 2, Detail: "while it was recorded"},
		{Kind: event.MissedReturns, Count: 4, Detail: "while it was recorded"},
	}
	if rec.Events[1].Incomplete() { // what the script printed itself may be missing without harm
		want = append(want, event.ReceiptItem{Kind: event.LostGraphs, Where: "fgraph:outer", Count: 3, Detail: "while it was recorded"})
	} else {
		t.Error("the receipt of the recorded script is not taken for one")
	}
	if d := cmp.Diff(want, New("file", rec).Missing()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What scripts ask besides probes is answered from the recording alone.
func TestAnswers(t *testing.T) {
	m := New("file", sample())
	if !m.Boot().Equal(time.Unix(994, 0)) {
		t.Errorf("the boot clock began at %s", m.Boot())
	}
	if m.start() != 1e9 {
		t.Errorf("it began at %d", m.start())
	}
	for addr, want := range map[uint64]string{text + 16: "part.isra.0", text + 4096: "init_net", text: ""} {
		if got := m.KSym(addr); got != want {
			t.Errorf("%#x is %q, want %q", addr, got, want)
		}
	}
	v := m.View(machine.Query{Options: map[string]string{"o": "1"}, PID: 3, Comm: "c"}).(*View)
	env := v.Env()
	if a, ok := env.Symbol("init_net"); !ok || a != text+4096 {
		t.Errorf("init_net is at %#x, %v", a, ok)
	}
	if _, ok := env.Symbol("other"); ok {
		t.Error("a symbol is made up")
	}
	if s, ok := env.Option("o"); !ok || s != "1" {
		t.Errorf("the option is %q", s)
	}
	if pid, comm := env.(types.Filtered).Filter(); pid != 3 || comm != "c" {
		t.Errorf("the filter is %d, %q", pid, comm)
	}
	if _, err := env.CgroupID("/"); err == nil {
		t.Error("a control group is made up")
	}
	if len(v.env.asked) != 0 {
		t.Errorf("noted are %v", v.env.asked)
	}
	// A no that may be wrong is noted, and a number that has to be one.
	if env.KernelFunc("other") || !env.KernelFunc("outer") || env.NCPU() != 1 || len(v.env.asked) != 2 {
		t.Errorf("noted are %v", v.env.asked)
	}
	typ, n, ok := v.Enumerator("INET6")
	if !ok || n != 10 || typ.Kind != types.Enum || typ.Size != 1 {
		t.Errorf("INET6 is %d of %s, %v", n, typ, ok)
	}
	if again, _, _ := v.Enumerator("INET"); again != typ {
		t.Error("one enum of the recording is two types in a script")
	}
	if _, _, ok := v.Enumerator("INET7"); ok {
		t.Error("an enumerator is made up")
	}
	if have, why := v.Available(); have || why == "" {
		t.Error("a recording has types of the kernel")
	}
}

// Types of values follow their classes.
func TestTypeOf(t *testing.T) {
	e := enums{}
	for class, want := range map[graph.Result]string{
		graph.Unknown: "uint64", graph.Bool: "bool", graph.Int8: "int8", graph.Int16: "int16", graph.Int32: "int32", graph.Int64: "int64",
		graph.Uint8: "uint8", graph.Uint16: "uint16", graph.Uint32: "uint32", graph.Uint64: "uint64", graph.Pointer: "void *",
	} {
		if got := e.typeOf(class, nil).String(); got != want {
			t.Errorf("%s has the type %s, want %s", class, got, want)
		}
	}
	if e.typeOf(graph.Void, nil) != nil {
		t.Error("void has values")
	}
}

// randomTrees are trees of two threads whose functions call each other, as
// several probes record them: each call of a probed function is a tree, also
// where it is in another tree already.
func randomTrees(r *rand.Rand) *record.Recording {
	rec := &record.Recording{}
	for _, name := range []string{"a", "b", "c"} {
		rec.Funcs.List = append(rec.Funcs.List, graph.Func{Name: name})
	}
	for tid := int32(1); tid <= 2; tid++ {
		now := int64(1e9)
		for range 1 + r.Intn(4) {
			t := &graph.Tree{Thread: graph.Thread{TID: tid}}
			var grow func(parent int32, depth int)
			grow = func(parent int32, depth int) {
				i := int32(len(t.Calls))
				now += int64(r.Intn(3)) * 10
				t.Calls = append(t.Calls, graph.Call{T0: now, Fn: int32(r.Intn(3)), Parent: parent, Depth: uint16(depth)})
				for depth < 3 && r.Intn(3) > 0 {
					grow(i, depth+1)
				}
				now += int64(r.Intn(3)) * 10
				t.Calls[i].T1, t.Calls[i].End = now, int32(len(t.Calls))
			}
			grow(-1, 0)
			now += 1e7
			rec.Trees = append(rec.Trees, t)
			// The same call for another probe, or a call inside of it as a tree
			// of its own.
			if i := r.Intn(len(t.Calls)); r.Intn(2) == 0 && t.Calls[i].T1 > t.Calls[i].T0 {
				rec.Trees = append(rec.Trees, t.Clone().Sub(int32(i)))
			}
		}
	}
	return rec
}

// Probes of calls see each call once, in the order of time: a call's entry
// before its return, those of calls inside of it between them.
func TestOrder(t *testing.T) {
	for seed := range int64(500) {
		rec := randomTrees(rand.New(rand.NewSource(seed)))
		m := &Player{rec: New("file", rec).View(machine.Query{}).(*View), hooks: map[*function]*hooks{}}
		h := &hook{}
		for _, fn := range m.rec.funcs {
			m.hooks[fn] = &hooks{call: []*hook{h}, ret: []*hook{h}, graph: []*hook{h}}
		}
		type call struct{ tree, call int32 }
		open := map[int32][]call{} // by thread
		entered, left := 0, 0
		last := int64(0)
		for _, e := range m.events() {
			if e.time < last {
				t.Fatalf("seed %d: an event at %d after one at %d", seed, e.time, last)
			}
			last = e.time
			tid, c := rec.Trees[e.tree].Thread.TID, call{e.tree, e.call}
			switch stack := open[tid]; {
			case e.enter:
				entered++
				if rec.Trees[e.tree].Calls[e.call].T1 > e.time { // others end where they begin
					open[tid] = append(stack, c)
				}
			case e.rets:
				left++
				if n := len(stack); n > 0 && stack[n-1] == c {
					open[tid] = stack[:n-1]
				} else if rec.Trees[e.tree].Calls[e.call].T0 < e.time {
					t.Fatalf("seed %d: call %v is left while %v are open", seed, c, stack)
				}
			}
		}
		if entered != left || entered == 0 {
			t.Fatalf("seed %d: %d calls entered, %d left", seed, entered, left)
		}
		for tid, stack := range open {
			if len(stack) > 0 {
				t.Errorf("seed %d: thread %d is in %v at the end", seed, tid, stack)
			}
		}
	}
}
