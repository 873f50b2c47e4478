package btf

import (
	"encoding/binary"
	"testing"

	"probe/runtime/machine/live/btf/btftest"
)

// FuzzParse reads everything out of a blob: no input may panic or hang.
func FuzzParse(f *testing.F) {
	w := newWorld()
	f.Add(w.blob, false)
	var self btftest.Builder
	self.Ptr(1)
	self.Array(2, 2, 1<<20)
	self.Struct("s", 8, btftest.Member{Type: 3}, btftest.Member{Type: 3})
	self.Proto(4, btftest.Param{Name: "x", Type: 4}, btftest.Param{Name: "y", Type: 4})
	f.Add(self.Bytes(), false)
	split := btftest.Split(int(w.b.Len()), w.b.StringLen())
	split.Struct("in_module", 8, btftest.Member{Name: "sk", Type: uint32(w.sockPtr)})
	f.Add(split.Bytes(), true)
	base, err := Parse(w.blob, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, blob []byte, onBase bool) {
		// Half of what the fuzzer changes would only break the header.
		if len(blob) >= 2 {
			binary.LittleEndian.PutUint16(blob, magic)
		}
		var under *Spec
		if onBase {
			under = base
		}
		s, err := Parse(blob, under)
		if err != nil {
			return
		}
		for id := range ID(min(s.Len()+1, 2000)) {
			typ, err := s.Type(id)
			if (typ == nil) == (err == nil) {
				t.Fatalf("Type(%d) = %v, %v", id, typ, err)
			}
			s.Size(id)
			s.Tags(id)
			s.Field(id, "nothing")
			if len(s.Format(id)) > 1<<20 {
				t.Fatalf("Format(%d) is a megabyte long", id)
			}
			if name := s.Name(id); name != "" {
				found := false
				for _, other := range s.ByName(s.Kind(id), name) {
					found = found || other == id
				}
				if !found && unnamed>>s.Kind(id)&1 == 0 {
					t.Fatalf("ByName(%v, %q) misses type %d", s.Kind(id), name, id)
				}
			}
		}
		for name := range s.Enumerators {
			if _, _, ok := s.Enumerator(name); !ok {
				t.Fatalf("Enumerator misses %q", name)
			}
			break
		}
		for range s.Funcs {
			break
		}
	})
}
