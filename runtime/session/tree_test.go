package session

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/hir"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/runtime/graph/live"
	"probe/stdlib/fgraph"
)

// graphEvents encodes entries and returns as programs write them: pairs of the
// function (0 is the probe's own, 1 its first part) and 0 or 1.
func graphEvents(tid uint32, list ...[2]uint64) []byte {
	var b []byte
	for i, e := range list {
		b = binary.LittleEndian.AppendUint64(b, uint64(100*(i+1)))
		b = binary.LittleEndian.AppendUint64(b, e[0])
		b = append(b, byte(e[1]), 0, 3, 0)
		b = binary.LittleEndian.AppendUint32(b, tid)
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
	store := live.NewStore()
	g := &graphs{store: store, probes: map[uint32]*graphProbe{}}
	for i, name := range []string{"f", "g"} {
		spec := &fgraph.Plan{Source: fgraph.BPF, Func: name, Depth: 16, Parts: []fgraph.Part{{Func: "h"}}}
		p := newGraphProbe(spec, &hir.Site{})
		p.decoder = live.NewDecoder(spec, nil)
		g.probes[uint32(i)] = p
	}
	s := &Session{opts: Options{Sink: event.Func(func(e event.Event) error {
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
		store.Text(id, value.GraphText) // may be asked for meanwhile
		return nil
	})}}
	h := &handler{s: s, u: &Clause{graphs: g}}
	call := [][2]uint64{{0, 0}, {1, 0}, {1, 1}, {0, 1}}
	a, b := value.GraphID{Time: 450, TID: 7}, value.GraphID{Time: 460, TID: 8, Probe: 1}
	h.keepGraph(&fgraph.Record{ID: a, Start: 90, PID: 5, Events: graphEvents(7, call...)})
	h.keepGraph(&fgraph.Record{ID: b, Start: 90, PID: 6, Events: graphEvents(8, call...)})
	h.keepGraph(&fgraph.Record{ID: value.GraphID{Time: 470, TID: 9}, Start: 90, PID: 6}) // no tree
	want := []told{{a, []string{"f", "h"}, 5}, {b, []string{"g", "h"}, 6}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(told{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
