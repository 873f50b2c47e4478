package proto

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/btf"
	"probe/runtime/btf/btftest"
	"probe/runtime/graph"
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
		{Name: "not_there"},
	} {
		got := graph.Func{Name: want.Name}
		From(spec, &got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", want.Name, d)
		}
	}
}
