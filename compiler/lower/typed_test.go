package lower

import (
	"testing"

	"probe/lang/types"
)

// TestWalk compares what walk finds with what btf_struct_walk in kernel/bpf/btf.c of 5.10
// finds: the strictest of all versions.
func TestWalk(t *testing.T) {
	inner := &types.Struct{Flavour: types.CStruct, Name: "inner", Size: 16, Members: []types.Field{
		{Name: "n", Type: types.Uint32, Offset: 0},
		{Name: "next", Type: types.PointerTo(types.VoidType, types.SpaceNone), Offset: 8},
	}}
	union := &types.Struct{Flavour: types.CUnion, Name: "u", Size: 16, Members: []types.Field{
		{Name: "in", Type: types.RecordType(inner)},
		{Name: "bytes", Type: types.StringType(16)},
		{Name: "word", Type: types.Uint64},
	}}
	s := &types.Struct{Flavour: types.CStruct, Name: "s", Size: 96}
	self := types.PointerTo(types.RecordType(s), types.SpaceNone)
	s.Members = []types.Field{
		{Name: "a", Type: types.Uint32, Offset: 0, BitOff: 3, BitSize: 5},
		{Name: "b", Type: types.Uint32, Offset: 0, BitOff: 8, BitSize: 9},
		{Name: "parent", Type: self, Offset: 8},
		{Name: "tagged", Type: self, Offset: 16, Untyped: true},
		{Name: "u", Type: types.RecordType(union), Offset: 24},
		{Name: "", Type: types.RecordType(inner), Offset: 40},
		{Name: "n", Type: types.Uint32, Offset: 40, Promoted: true},
		{Name: "list", Type: types.ArrayOf(self, 2), Offset: 56},
		{Name: "cb", Type: types.ArrayOf(types.Uint16, 4), Offset: 72},
		{Name: "comm", Type: types.StringType(8), Offset: 80},
		{Name: "tail", Type: types.ArrayOf(types.Uint8, 0), Offset: 88},
	}
	for _, c := range []struct {
		off, size int
		ok        bool
		elem      *types.Struct
	}{
		{0, 4, true, nil},  // the unit of both bit-fields
		{0, 1, true, nil},  // all of a
		{1, 1, false, nil}, // a part of b
		{8, 8, true, s},
		{8, 4, false, nil}, // half a pointer
		{12, 8, false, nil},
		{16, 8, true, s},
		{24, 4, true, nil},  // u.in.n
		{24, 8, false, nil}, // u.word, where the verifier finds u.in.n
		{32, 8, true, nil},  // u.in.next: a pointer to no struct
		{40, 4, true, nil},  // of the anonymous member
		{44, 4, false, nil}, // a hole
		{56, 8, true, s},
		{64, 8, true, s},
		{60, 8, false, nil},
		{72, 8, true, nil}, // an array of numbers may be read in any way
		{74, 2, true, nil},
		{78, 4, false, nil},
		{80, 8, true, nil},
		{88, 1, false, nil}, // a flexible array
		{95, 4, false, nil},
		{-1, 1, false, nil},
	} {
		w, ok := walk(s, c.off, c.size)
		if ok != c.ok || w.elem != c.elem {
			t.Errorf("%d bytes at %d: %v, allowed %v; want %v, %v", c.size, c.off, w.elem, ok, c.elem, c.ok)
		}
	}
	if w, _ := walk(s, 16, 8); !w.untyped {
		t.Error("a pointer with a type tag is followed without a cast")
	}
}
