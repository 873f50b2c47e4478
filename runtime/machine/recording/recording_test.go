package recording

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
	"probe/runtime/machine"
)

// lookup is a recording of one call of outer, which calls mod:leaf.
func lookup() *record.Recording {
	rec := &record.Recording{Header: record.Header{Started: time.Unix(1000, 0), WallOffset: 999e9, BootOffset: 4e9}}
	rec.Funcs.List = []graph.Func{
		{Name: "outer", Result: graph.Int32, Addr: 0xffffffff81000000},
		{Name: "leaf", Module: "mod", Result: graph.Uint8},
		{Name: "never", Result: graph.Void},
	}
	rec.Funcs.Symbols = map[uint64]string{0xffffffff82000000: "init_net"}
	rec.Trees = []*graph.Tree{{Thread: graph.Thread{TID: 7, PID: 7, Comm: "ping"}, Calls: []graph.Call{
		{T0: 100, T1: 900, Fn: 0, Parent: -1, End: 2, Flags: graph.HasRet},
		{T0: 200, T1: 300, Fn: 1, End: 2, Depth: 1, Flags: graph.HasRet, Ret: 3},
	}}}
	return rec
}

// TestList: the probes are those of functions that are called, and call trees
// those of functions that trees begin with.
func TestList(t *testing.T) {
	m := New("file", lookup())
	for pattern, want := range map[string][]string{
		"":          {"call:mod:leaf", "call:outer", "fgraph:outer", "ret:mod:leaf", "ret:outer"},
		"outer":     {"call:outer", "fgraph:outer", "ret:outer"},
		"ret:*":     {"ret:mod:leaf", "ret:outer"},
		"ret:mod:*": {"ret:mod:leaf"},
		"fgraph:*":  {"fgraph:outer"},
		"ret:never": nil,
	} {
		var got []string
		if err := m.List(pattern, func(l machine.Listed) bool { got = append(got, l.Name); return true }); err != nil {
			t.Errorf("List(%q) = %v", pattern, err)
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("List(%q), -want +got:\n%s", pattern, d)
		}
	}
	n := 0
	if err := m.List("", func(machine.Listed) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("List went on after false: %d probes, %v", n, err)
	}
	if err := m.List("kprobe:*", func(machine.Listed) bool { return true }); err == nil || !strings.Contains(err.Error(), "ret") {
		t.Errorf("List of a kind that recordings do not have = %v", err)
	}
}

// TestViews: what one script asks in vain is no business of another.
func TestViews(t *testing.T) {
	m := New("file", lookup())
	ask := func(v machine.View, name string) (sites int, list diag.List) {
		parts := []hir.Part{{Text: "ret"}, {Text: name}}
		return len(v.Probes().Expand(&hir.ExpandRequest{Parts: parts, Raw: "ret:" + name}, &list)), list
	}
	one, two := m.View(machine.Query{}), m.View(machine.Query{PID: 7, Comm: "ping"})
	if n, list := ask(one, "nothing"); n != 0 || list.HasErrors() || len(list.All) != 1 {
		t.Fatalf("%d sites, %v", n, list.All)
	}
	n, list := ask(two, "outer")
	one.Checked(&diag.List{})
	two.Checked(&list)
	if n != 1 || len(list.All) != 0 {
		t.Errorf("%d sites of the other script, %v", n, list.All)
	}
	_, missed := ask(one, "nothing")
	one.Checked(&missed)
	if !missed.HasErrors() {
		t.Error("a script without any probe that runs has no error")
	}
	type filter interface{ Filter() (int, string) }
	if pid, comm := two.Env().(filter).Filter(); pid != 7 || comm != "ping" {
		t.Errorf("the filters are %d and %q", pid, comm)
	}
	if !one.Partial() || !one.Interprets() || one.KeyLimit() != 0 || m.Refuses() != nil {
		t.Error("the view of a recording is that of a kernel")
	}
}

// TestFacts: values are shown with what was recorded, and nothing of this machine.
func TestFacts(t *testing.T) {
	m := New("file", lookup())
	if got := m.KSym(0xffffffff81000000) + " " + m.KSym(0xffffffff82000000) + m.KSym(0xffffffff83000000); got != "outer init_net" {
		t.Errorf("symbols are %q", got)
	}
	if got := m.Boot(); !got.Equal(time.Unix(995, 0)) {
		t.Errorf("the machine was started at %v", got)
	}
	if m.Username(0) != "" || m.Sysctl("kernel.ostype") != "" || m.USym(1, 1) != "" || m.KFrame(1) != nil || m.UFrame(1, 1) != nil || m.CgroupPath("", 1) != "" {
		t.Error("this machine has answered")
	}
}

// TestMissing: what makes a recording incomplete goes into the receipt.
func TestMissing(t *testing.T) {
	if got := New("file", lookup()).Missing(); len(got) != 0 {
		t.Errorf("a whole recording lacks %v", got)
	}
	rec := lookup()
	rec.Damage = &record.DamageError{Line: 9, Err: errors.New("cut off")}
	rec.End = &record.End{Lost: 3, MissedReturns: 2}
	rec.Events = []record.Output{
		{JSON: []byte(`{"type": "receipt", "complete": false, "data": [{"kind": "lost_events", "where": "ret:x", "count": 5}, {"kind": "map_full", "where": "@a", "count": 1}]}`)},
		{JSON: []byte(`{"type": "receipt", "complete": true, "data": []}`)},
		{JSON: []byte(`{"type": "printf", "data": "receipt"}`)},
	}
	want := []event.ReceiptItem{
		{Kind: event.Damaged, Where: "a.jsonl", Count: 1, Detail: "from line 9 on: cut off"},
		{Kind: event.LostEvents, Count: 3, Detail: "while it was recorded"},
		{Kind: event.MissedReturns, Count: 2, Detail: "while it was recorded"},
		{Kind: event.LostEvents, Where: "ret:x", Count: 5, Detail: "while it was recorded"},
	}
	if d := cmp.Diff(want, New("a.jsonl", rec).Missing(), cmp.Comparer(func(a, b event.ReceiptItem) bool {
		return a.Kind == b.Kind && a.Where == b.Where && a.Count == b.Count && a.Detail == b.Detail
	})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
