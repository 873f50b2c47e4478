package syntax

import (
	"probe/lang/source"
	"testing"
)

func TestCSmoke(t *testing.T) {
	f, d := Parse(source.New("t", "#define TASK (4*4) // x\n#include <linux/x.h>\n#ifndef BPFTRACE_HAVE_BTF\nstruct a { int x; };\n#else\nstruct a { u32 x:3, y:5; char n[TASK][2]; int (*fn)(int, void*); union { struct q { long unsigned int z; } i; }; } __attribute__((packed));\n#endif\nenum e { A = 1 << 3, B };typedef unsigned long ulong_t, *pp[3];\nbegin{}"))
	for _, x := range d.All {
		t.Error(x)
	}
	s, d := ParseCSection(f.Items, map[string]string{"BPFTRACE_HAVE_BTF": "1"})
	for _, x := range d.All {
		t.Log(x)
	}
	for _, st := range s.Structs {
		t.Log(st.Tag, st.Packed)
		for _, f := range st.Fields {
			t.Log("  ", f.Name, f.Type, f.Bits)
		}
	}
	for _, e := range s.Enums {
		for _, i := range e.Items {
			t.Log(i.Name, i.Value)
		}
	}
	for _, e := range s.Typedefs {
		t.Log(e.Name, e.Type)
	}
	for _, e := range s.Includes {
		t.Log(e.Path, e.Live)
	}
	for _, e := range s.Defines {
		t.Log(e.Name, e.Body)
	}
}
