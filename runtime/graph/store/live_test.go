package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/value"
	"probe/runtime/graph"
	"probe/stdlib/fgraph"
)

// events builds the data of a record.
type events []byte

func (e *events) add(kind byte, time, addr uint64, tid int32, words ...uint64) {
	ev := fgraph.Event{Time: time, Addr: addr, Exit: kind == 1, IRQ: kind&0x80 != 0, CPU: 3, TID: tid, Words: words}
	*e = ev.Append(*e)
}

var spec = &fgraph.Plan{Func: "root", Parts: []fgraph.Part{{Func: "a"}, {Func: "b"}}}

func types(f *graph.Func) {
	f.Result = graph.Int32
	if f.Name == "a" {
		f.Params = []graph.Param{{Name: "n", Type: graph.Int32}}
	}
}

func lines(t *graph.Tree, f *graph.Funcs) string {
	if t == nil {
		return ""
	}
	return strings.ReplaceAll(t.Text(f, graph.Lines), "  ", " ")
}

func TestDecoder(t *testing.T) {
	minus2 := ^uint64(1)
	for _, tc := range []struct {
		name string
		make func(e *events) fgraph.Record
		want string
	}{
		{"calls with arguments and results", func(e *events) fgraph.Record {
			e.add(0, 1000, 0, 7)
			e.add(0, 2000, 1, 7, 5)
			e.add(0, 3000, 2, 7)
			e.add(1, 4000, 2, 7, 0)
			e.add(1, 5000, 1, 7, minus2)
			e.add(1, 9000, 0, 7, minus2)
			return fgraph.Record{Start: 1000}
		}, " root 8.0 us = -ENOENT\n └─ a(n=5) 3.0 us = -ENOENT\n └─ b 1.0 us = 0"},
		{"events of another thread, and lost ones", func(e *events) fgraph.Record {
			e.add(0, 1000, 0, 7)
			e.add(0, 2000, 1, 8)
			e.add(1, 9000, 0, 7, 0)
			return fgraph.Record{Start: 1000, Lost: 2}
		}, " incomplete: at least 3 events lost\n root 8.0 us = 0\n └─ … 3 events lost …"},
		{"the inner call of a function that calls itself", func(e *events) fgraph.Record {
			e.add(0, 1000, 0, 7)
			e.add(0, 2000, 0, 7)
			e.add(0, 3000, 1, 7, 1)
			e.add(1, 4000, 1, 7, 0)
			e.add(1, 5000, 0, 7, 0)
			return fgraph.Record{Start: 2010}
		}, " root 3.0 us = 0\n └─ a(n=1) 1.0 us = 0"},
		{"a damaged end", func(e *events) fgraph.Record {
			e.add(0, 1000, 0, 7)
			e.add(1, 2000, 0, 7, 0)
			e.add(0, 3000, 1, 7, 1, 2, 3)
			*e = (*e)[:len(*e)-4]
			return fgraph.Record{Start: 1000}
		}, " incomplete: at least 1 event lost\n root 1.0 us = 0\n └─ … 1 event lost …"},
		{"nothing", func(*events) fgraph.Record { return fgraph.Record{} }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e events
			r := tc.make(&e)
			r.ID, r.Events = value.GraphID{TID: 7}, e
			d := NewDecoder(spec, types, nil)
			if diff := cmp.Diff(squeeze(tc.want), squeeze(lines(d.Tree(&r), &d.Funcs))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// squeeze makes columns one blank wide.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// tree returns a call with calls below it, each a microsecond long.
func tree(f *graph.Funcs, start int64, names ...string) *graph.Tree {
	t := &graph.Tree{}
	for i, n := range names {
		c := graph.Call{Fn: f.Named(graph.Func{Name: n}), T0: start + int64(i)*1000, T1: start + int64(i)*1000 + 500, End: int32(i) + 1, Depth: 1}
		if i == 0 {
			c.Parent, c.Depth, c.T1, c.End = -1, 0, start+int64(len(names))*1000, int32(len(names))
		}
		t.Calls = append(t.Calls, c)
	}
	return t
}

func TestStore(t *testing.T) {
	var f graph.Funcs
	s := NewStore()
	id := func(time uint64) value.GraphID { return value.GraphID{Time: time, TID: 1} }
	s.Keep(id(10), tree(&f, 0, "root", "a"), &f)
	s.Keep(id(20), tree(&f, 5000, "root", "b"), &f)
	s.Keep(id(30), tree(&f, 9000, "root", "a"), &f)
	if s.Same(id(30)) != s.Same(id(10)) || s.Same(id(20)) == s.Same(id(10)) {
		t.Errorf("the same shapes: %v, %v, %v", s.Same(id(10)), s.Same(id(20)), s.Same(id(30)))
	}
	if got, want := s.Text(id(30), value.GraphShape), " root\n └─ a"; got != want {
		t.Errorf("shape %q, want %q", got, want)
	}
	if got := squeeze(s.Text(id(30), value.GraphText)); got != " root 2.0 us\n └─ a 0.5 us" {
		t.Errorf("text %q", got)
	}
	if got := s.Text(id(20), value.GraphJSON); got != `{"function": "root", "duration_ns": 2000, "calls": [{"function": "b", "duration_ns": 500}]}` {
		t.Errorf("JSON %s", got)
	}
	if got := s.Text(id(40), value.GraphText); got != "" {
		t.Errorf("a graph that was not kept is %q", got)
	}
	for i := range uint64(recentTrees + 10) {
		s.Keep(id(100+i), tree(&f, 0, "root", "a"), &f)
	}
	if got := s.Text(id(10), value.GraphText); got != " root\n └─ a" {
		t.Errorf("of an old graph is left %q", got)
	}
}

func TestFind(t *testing.T) {
	tr := newTracer()
	tr.until = 1 << 40
	for _, x := range []*graph.Tree{tree(&tr.funcs, 1000, "root", "a"), tree(&tr.funcs, 11000, "root", "b"), tree(&tr.funcs, 21000, "outer", "root")} {
		x.Thread.TID = 5
		tr.add(x)
	}
	for _, tc := range []struct {
		name       string
		start, end int64
		want       string
	}{
		{"the first call", 1100, 3200, "root a"},
		{"the program at the return ran before the tracer's", 11100, 12900, "root b"},
		{"below another function", 22010, 22600, "root"},
		{"between two calls", 5000, 9000, ""},
		{"after all", 50000, 60000, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if x := tr.Find(5, "root", tc.start, tc.end); x != nil {
				for i := range x.Calls {
					got += " " + tr.funcs.Name(x.Calls[i].Fn)
				}
			}
			if strings.TrimSpace(got) != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
		})
	}
	if x := tr.Find(6, "root", 1100, 3200); x != nil {
		t.Error("found the call of another thread")
	}
	tr.Forget(12000)
	if n := len(tr.trees[5]); n != 2 || tr.held != 4 {
		t.Errorf("%d trees with %d calls are left", n, tr.held)
	}
}

func TestOwn(t *testing.T) {
	var f graph.Funcs
	x := tree(&f, 1000, "root", "early", "__rcu_read_lock", "a", "late")
	NewOwn().TakeOut(x, &f, 2600, 5000)
	if got, want := x.Shape(&f), " root\n └─ a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
