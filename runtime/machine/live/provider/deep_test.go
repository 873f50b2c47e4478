package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/stdlib/fgraph"
)

func pointer(name string, fields ...types.Field) *types.Type {
	return &types.Type{Kind: types.Pointer, Size: 8, Space: types.Kernel, Elem: record(name, 200, fields...)}
}

func record(name string, size int, fields ...types.Field) *types.Type {
	return &types.Type{Kind: types.Record, Size: size, Struct: &types.Struct{Name: name, Size: size, Members: fields}}
}

func TestDeepArgs(t *testing.T) {
	u8, u32 := types.Uint8, types.Uint32
	inner := record("common", 24, types.Field{Name: "family", Type: u8, Offset: 4}, types.Field{Name: "bits", Type: u32, Offset: 8, BitSize: 3})
	flow := pointer("flow",
		types.Field{Name: "daddr", Type: u32, Offset: 40}, types.Field{Name: "saddr", Type: u32, Offset: 44},
		types.Field{Name: "common", Type: inner, Offset: 100})
	table := []fgraph.Deep{
		{Struct: "flow", Members: []string{"saddr", "common.family", "daddr", "missing", "common.bits", "saddr.inner"}},
		{Struct: "empty", Members: []string{"missing"}},
	}
	r := &request{set: &Set{deep: table}}
	args := []hir.Arg{{Name: "n", Type: u32}, {Name: "f", Type: flow}, {Name: "other", Type: pointer("other")}, {Name: "e", Type: pointer("empty")}, {Name: "by_value", Type: inner}, {Name: "g", Type: flow}}
	site := &hir.Site{Args: args}
	deep := r.deep(site)
	for i, a := range site.Args {
		if (deep.At(i) != nil) != (i == 1) {
			t.Errorf("argument %s: %v", a.Name, deep.At(i))
		}
	}
	d := deep.At(1)
	// What lies close together is read at once, and each read begins with a word.
	want := &fgraph.DeepArg{
		Row: &table[0], Words: 2,
		Reads:   []fgraph.DeepRead{{Off: 40, Size: 8, At: 0}, {Off: 104, Size: 1, At: 8}},
		Members: []fgraph.DeepRead{{Off: 44, Size: 4, At: 4}, {Off: 104, Size: 1, At: 8}, {Off: 40, Size: 4, At: 0}, {}, {}, {}},
	}
	if diff := cmp.Diff(want, d, cmp.Comparer(func(a, b *fgraph.Deep) bool { return a == b })); diff != "" {
		t.Errorf("how it is read (-want +got):\n%s", diff)
	}
	if r.deep(nil) != nil || r.deep(&hir.Site{Args: []hir.Arg{{Name: "u", Type: &types.Type{Kind: types.Pointer, Size: 8, Space: types.User, Elem: flow.Elem}}}}) != nil {
		t.Error("memory of processes is looked into")
	}
	// An event has room for so many words.
	var many []hir.Arg
	for range 6 {
		many = append(many, hir.Arg{Type: pointer("flow", types.Field{Name: "saddr", Type: u32}, types.Field{Name: "daddr", Type: u32, Offset: 36}, types.Field{Name: "common", Type: inner, Offset: 60})})
	}
	site = &hir.Site{Args: many}
	n := len(site.Args)
	for _, d := range r.deep(site) {
		if d != nil {
			n += 1 + d.Words
		}
	}
	if n > fgraph.MaxWords {
		t.Errorf("%d words", n)
	}
}
