package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/hir"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/stdlib/fgraph"
)

// graphEvents encodes entries and returns as programs write them: pairs of the
// function (0 is the probe's own, 1 its first part) and 0 or 1.
func graphEvents(tid int32, list ...[2]uint64) []byte {
	var b []byte
	for i, e := range list {
		ev := fgraph.Event{Time: uint64(100 * (i + 1)), Addr: e[0], Exit: e[1] == 1, CPU: 3, TID: tid}
		b = ev.Append(b)
	}
	return b
}

// The sink is given each tree that is kept, with one table of functions for
// all probes.
func TestGraphEvents(t *testing.T) {
	type told struct {
		id    value.GraphID
		names []string
		pid   int32
	}
	var got []told
	var table *graph.Funcs
	kept := NewStore()
	var probes []*hir.Probe
	for _, name := range []string{"f", "g"} {
		spec := &fgraph.Plan{Source: fgraph.BPF, Func: name, Depth: 16, Parts: []fgraph.Part{{Func: "h"}}}
		probes = append(probes, &hir.Probe{Site: &hir.Site{Name: "fgraph:" + name, Plan: spec}})
	}
	k := newKeeper(probes, Options{Trees: kept, Send: func(e event.Event) {
		ev := e.(*event.Graph)
		id, tree, funcs := ev.ID, ev.Tree, ev.Funcs
		if table != nil && table != funcs {
			t.Error("another table of functions")
		}
		table = funcs
		x := told{id: id, pid: tree.Thread.PID}
		for i := range tree.Calls {
			x.names = append(x.names, funcs.Name(tree.Calls[i].Fn))
		}
		got = append(got, x)
		kept.Text(id, value.GraphText) // may be asked for meanwhile
	}})
	for _, p := range k.probes {
		p.decoder = NewDecoder(p.spec, nil, nil)
	}
	call := [][2]uint64{{0, 0}, {1, 0}, {1, 1}, {0, 1}}
	a, b := value.GraphID{Time: 450, TID: 7}, value.GraphID{Time: 460, TID: 8, Probe: 1}
	k.record(&fgraph.Record{ID: a, Start: 90, PID: 5, Events: graphEvents(7, call...)})
	k.record(&fgraph.Record{ID: b, Start: 90, PID: 6, Events: graphEvents(8, call...)})
	k.record(&fgraph.Record{ID: value.GraphID{Time: 470, TID: 9}, Start: 90, PID: 6}) // no tree
	want := []told{{a, []string{"f", "h"}, 5}, {b, []string{"g", "h"}, 6}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(told{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	lost := []event.ReceiptItem{{Kind: event.LostGraphs, Where: "fgraph:f", Count: 1}}
	if d := cmp.Diff(lost, k.Receipt()); d != "" {
		t.Errorf("the receipt (-want +got):\n%s", d)
	}
}
