package record

import (
	"io"
	"testing"

	"probe/runtime/graph"
)

// BenchmarkWrite is what keeping a tree of 30 calls costs.
func BenchmarkWrite(b *testing.B) {
	funcs := &graph.Funcs{}
	fn := funcs.Named(graph.Func{Name: "f"})
	t := &graph.Tree{Thread: graph.Thread{TID: 4711, PID: 4711, Comm: "meter"}}
	for i := range int32(30) {
		at := int64(i)*1411 + 1e15
		t.Calls = append(t.Calls, graph.Call{Fn: fn, Parent: i - 1, End: 30, T0: at, T1: at + 719, Depth: uint16(i)})
	}
	w, err := NewWriter(io.Discard, Header{}, funcs)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Tree(t); err != nil {
			b.Fatal(err)
		}
	}
}
