package diff

import (
	"testing"

	"probe/runtime/graph"
)

// Results of enums are compared by name, whatever the numbers; other notations
// do not change what is compared.
func TestNotationClasses(t *testing.T) {
	enum := func(v int64) *graph.Notation {
		return &graph.Notation{Enum: []graph.Enumerator{{Name: "TX_OK", Value: v}, {Name: "TX_BUSY", Value: v + 16}}}
	}
	for _, tt := range []struct {
		notation *graph.Notation
		ret      uint64
		want     string
	}{
		{nil, 3, "3"}, {enum(0), 0, "TX_OK"}, {enum(1), 1, "TX_OK"}, {enum(0), 16, "TX_BUSY"}, {enum(0), 3, "3"},
		{&graph.Notation{As: graph.AsHex}, 16, "16"}, {&graph.Notation{As: graph.AsIP4}, 0x0100000a, "a number"},
	} {
		funcs := &graph.Funcs{List: []graph.Func{{Name: "f", Result: graph.Uint32, Notation: tt.notation}}}
		n := &normaliser{funcs: funcs}
		if got := n.node(&graph.Call{Ret: tt.ret, Flags: graph.HasRet}).class; got != tt.want {
			t.Errorf("%v %d is compared as %q, want %q", tt.notation, tt.ret, got, tt.want)
		}
	}
}
