package store

import (
	"fmt"
	"testing"

	"probe/lang/hir"
	ctype "probe/lang/types"
	"probe/lang/value"
	"probe/runtime/graph"
	"probe/stdlib/fgraph"
)

// encode composes an event as programs write it.
func encode(dst []byte, time, addr uint64, exit bool, words ...uint64) []byte {
	e := fgraph.Event{Time: time, Addr: addr, Exit: exit, TID: 7, Words: words}
	return e.Append(dst)
}

// What arguments point to comes behind them, and is shown in their place.
func TestDecoderDeep(t *testing.T) {
	row := &fgraph.Deep{Struct: "s", Members: []string{"a", "gone", "b"}, Text: func(m fgraph.Members) string {
		return fmt.Sprintf("{%d %d %v}", m.Uint("a"), m.Uint("b"), m["gone"] == nil)
	}}
	deep := &fgraph.DeepArg{Row: row, Words: 2, Members: []fgraph.DeepRead{{Size: 4, At: 4}, {}, {Size: 8, At: 8}}}
	ptr := &ctype.Type{Kind: ctype.Pointer, Size: 8}
	enter := &hir.Site{Args: []hir.Arg{{Name: "p", Type: ptr}, {Name: "n", Type: ctype.Uint32}, {Name: "q", Type: ptr}}}
	args := fgraph.DeepArgs{deep, nil, deep}
	spec := &fgraph.Plan{Func: "root", Depth: 5, Args: true, Deep: true, Enter: enter, EnterDeep: args, Parts: []fgraph.Part{{Func: "part", Enter: enter, Deep: args}, {Func: "plain", Enter: &hir.Site{Args: []hir.Arg{{Type: ctype.Uint64}, {Type: ctype.Uint32}}}}}}
	d := NewDecoder(spec, func(f *graph.Func) {
		f.Params = []graph.Param{{Name: "p", Type: graph.Pointer}, {Name: "n", Type: graph.Uint32}, {Name: "q", Type: graph.Pointer}}
		f.Result = graph.Void
	}, nil)
	const heap, fault = 0xffff888000000000, ^uint64(13)
	var ev []byte
	ev = encode(ev, 1000, 0, false, heap, 5, heap, 0, 3<<32, 4, 0, 6<<32, 7)
	ev = encode(ev, 2000, 1, false, 0, 6, heap, fault, 0, 0, fault, 0, 0)
	ev = encode(ev, 3000, 1, true)
	ev = encode(ev, 3000, 2, false, 1, 2)
	ev = encode(ev, 4000, 2, true)
	ev = encode(ev, 5000, 0, true)
	tree := d.Tree(&fgraph.Record{ID: value.GraphID{Time: 5000, TID: 7}, Start: 1000, Events: ev})
	if tree == nil {
		t.Fatal("no tree")
	}
	want := ` root(p={3 4 true}, n=5, q={6 7 true})        4.0 us
 ├─ part(p=NULL, n=6, q=0xffff888000000000)   1.0 us
 └─ plain(p=0x1, n=2)                         1.0 us`
	if got := tree.Text(&d.Funcs, graph.Lines); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	traced := &graph.Tree{Args: []uint64{9}, Calls: []graph.Call{{T0: 1000, T1: 2000, Parent: -1, End: 1, NArgs: 1}}}
	TakeRoot(traced, tree)
	if got := traced.Text(&d.Funcs, graph.Lines); got != " root(p={3 4 true}, n=5, q={6 7 true})   1.0 us" {
		t.Errorf("the tracer's tree is %s", got)
	}
}
