package proto

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/graph"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/btf/btftest"
)

func TestFrom(t *testing.T) {
	var b btftest.Builder
	integer := b.Int("int", 4, 1)
	u8 := b.Int("u8", 1, 0)
	boolean := b.Int("_Bool", 1, 4)
	ptr := b.Ptr(0)
	typedef := b.Typedef("ssize_t", b.Int("long", 8, 1))
	big := b.Struct("big", 24)
	b.Func("vfs_read", typedef, btftest.Param{Name: "file", Type: ptr}, btftest.Param{Name: "on", Type: boolean}, btftest.Param{Name: "n", Type: u8})
	b.Func("nothing", 0)
	b.Func("printk", integer, btftest.Param{Name: "fmt", Type: ptr}, btftest.Param{})
	b.Func("by_value", ptr, btftest.Param{Name: "a", Type: integer}, btftest.Param{Name: "s", Type: big}, btftest.Param{Name: "z", Type: integer})
	b.Func("hash", integer, btftest.Param{Name: "a", Type: integer})
	b.Func("odd", big)
	be32, be16 := b.Typedef("__be32", b.Typedef("__u32", b.Int("unsigned int", 4, 0))), b.Typedef("__be16", b.Int("u16", 2, 0))
	scope := b.Enum("rt_scope_t", false, btftest.Value{Name: "RT_SCOPE_UNIVERSE"}, btftest.Value{Name: "RT_SCOPE_HOST", Value: 254})
	b.Func("net", b.Const(scope), btftest.Param{Name: "addr", Type: b.Const(be32)}, btftest.Param{Name: "spi", Type: be32}, btftest.Param{Name: "port", Type: be16})
	spec, err := btf.Parse(b.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []graph.Func{
		{Name: "vfs_read", Result: graph.Int64, Params: []graph.Param{{Name: "file", Type: graph.Pointer}, {Name: "on", Type: graph.Bool}, {Name: "n", Type: graph.Uint8}}},
		{Name: "nothing", Result: graph.Void},
		{Name: "printk", Result: graph.Int32, Params: []graph.Param{{Name: "fmt", Type: graph.Pointer}}},
		{Name: "by_value", Result: graph.Pointer, Params: []graph.Param{{Name: "a", Type: graph.Int32}}},
		{Name: "hash.isra.0", Result: graph.Int32},
		{Name: "odd"},
		{
			Name: "net", Result: graph.Uint32,
			Notation: &graph.Notation{Enum: []graph.Enumerator{{Name: "RT_SCOPE_UNIVERSE"}, {Name: "RT_SCOPE_HOST", Value: 254}}},
			Params: []graph.Param{
				{Name: "addr", Type: graph.Uint32, Notation: &graph.Notation{As: graph.AsIP4}},
				{Name: "spi", Type: graph.Uint32, Notation: &graph.Notation{As: graph.AsNet32}},
				{Name: "port", Type: graph.Uint16, Notation: &graph.Notation{As: graph.AsNet16}},
			},
		},
		{Name: "not_there"},
	} {
		got := graph.Func{Name: want.Name}
		From(spec, &got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", want.Name, d)
		}
	}
}
