package store

import (
	"fmt"
	"io"
	"testing"

	"probe/lang/hir"
	"probe/lang/value"
	"probe/runtime/graph"
	"probe/stdlib/fgraph"
)

// BenchmarkGraph is what keeping and printing a tree of 29 calls costs that
// programs have recorded.
func BenchmarkGraph(b *testing.B) {
	spec := &fgraph.Plan{Source: fgraph.BPF, Func: "vfs_statx", Depth: 16}
	calls := [][2]uint64{{0, 0}}
	for i := range uint64(7) { // four calls each, three of them inside the first
		for k := range uint64(4) {
			spec.Parts = append(spec.Parts, fgraph.Part{Func: fmt.Sprintf("filename_lookup_%d", len(spec.Parts))})
			calls = append(calls, [2]uint64{4*i + k + 1, 0})
			if k > 0 {
				calls = append(calls, [2]uint64{4*i + k + 1, 1})
			}
		}
		calls = append(calls, [2]uint64{4*i + 1, 1})
	}
	calls = append(calls, [2]uint64{0, 1})
	kept := NewStore()
	k := newKeeper([]*hir.Probe{{Site: &hir.Site{Plan: spec}}}, Options{Trees: kept})
	k.probes[0].decoder = NewDecoder(spec, func(f *graph.Func) { f.Result = graph.Int32 }, nil)
	events := graphEvents(7, calls...)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		id := value.GraphID{Time: 6000 + n, TID: 7}
		k.record(&fgraph.Record{ID: id, Start: 90, PID: 5, Comm: "stat", Events: events})
		io.WriteString(io.Discard, kept.Text(id, value.GraphText))
	}
}
