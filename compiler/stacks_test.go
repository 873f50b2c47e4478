package compiler_test

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"probe/compiler"
	"probe/compiler/compilertest"
	"probe/compiler/object"
	"probe/lang/types"
)

// TestStackStore checks the map that frames are kept in: one for all stacks of
// a script, as large as the deepest, allocated ahead while that is cheap.
func TestStackStore(t *testing.T) {
	type store struct {
		ValueSize, MaxEntries, Flags uint32
	}
	const onDemand = 1 // BPF_F_NO_PREALLOC
	for _, tt := range []struct {
		name, script, target string
		want                 *store
	}{
		{"none", "kprobe:f { @ = count(); }", "new", nil},
		{"default", "kprobe:f { @[kstack] = count(); }", "new", &store{8 * 127, 4096, 0}},
		{"deepest", "kprobe:f /len(kstack(20)) > 3/ { @[kstack(3), ustack(7)] = count(); }", "new", &store{8 * 20, 4096, 0}},
		{"more keys", "config = { max_map_keys = 6000 } kprobe:f { @[kstack(3)] = count(); }", "new", &store{8 * 3, 6000, 0}},
		{"large", "kprobe:f { @[kstack(1000)] = count(); }", "new", &store{8 * 1000, 4096, onDemand}},
		{"large, old kernel", "kprobe:f { @[kstack(1000)] = count(); }", "old", &store{8 * 1000, 8 << 20 / 8000, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			obj, list := build(tt.script, compilertest.Targets()[tt.target], nil)
			if obj == nil {
				t.Fatal(list.All)
			}
			var got *store
			if m := obj.Spec.Maps[object.StackMap]; m != nil {
				got = &store{m.ValueSize, m.MaxEntries, m.Flags}
				if m.Type != ebpf.Hash || m.KeySize != 8 {
					t.Errorf("the map is %v with keys of %d bytes", m.Type, m.KeySize)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestStackKeys checks that stacks make small keys, whatever their limit.
func TestStackKeys(t *testing.T) {
	obj, list := build("kprobe:f { @k[kstack] = count(); @u[ustack(1000)] = count(); }", compilertest.Targets()["new"], nil)
	if obj == nil {
		t.Fatal(list.All)
	}
	for i, want := range []int{16, 24} {
		if m := obj.Maps[i]; m.KeySize != want || m.Key.Size != want {
			t.Errorf("@%s has keys of %d bytes, want %d", m.Name, m.KeySize, want)
		}
	}
}

// TestStackBeforeRecord checks that stacks are taken before a record is
// reserved: keeping one takes a loop.
func TestStackBeforeRecord(t *testing.T) {
	obj, list := build(`kprobe:f { printf("%s %s\n", kstack, ustack); }`, compilertest.Targets()["old"], nil)
	if obj == nil {
		t.Fatal(list.All)
	}
	last, reserve := -1, -1
	for i, ins := range obj.Spec.Programs["p0"].Instructions {
		switch {
		case !ins.IsBuiltinCall():
		case ins.Constant == int64(asm.FnGetStack):
			last = i
		case ins.Constant == int64(asm.FnRingbufReserve):
			reserve = i
		}
	}
	if last < 0 || reserve < 0 || last > reserve {
		t.Errorf("the last stack is taken at instruction %d, the record reserved at %d", last, reserve)
	}
}

// TestSharedStackStore checks that objects which share maps agree on the size
// of the store.
func TestSharedStackStore(t *testing.T) {
	for script, want := range map[string]string{
		"kprobe:f { @[kstack(3)] = count(); }":   object.StackMap + "_127",
		"kprobe:f { @[kstack] = count(); }":      object.StackMap + "_127",
		"kprobe:f { @[kstack(500)] = count(); }": object.StackMap + "_1024",
	} {
		obj, list := buildWith(script, compiler.Config{Target: compilertest.Targets()["new"], HashOnly: true})
		if obj == nil {
			t.Fatal(list.All)
		}
		found := ""
		for name := range obj.Spec.Maps {
			if strings.HasPrefix(name, object.StackMap) {
				found += name
			}
		}
		if found != want {
			t.Errorf("%s: the store is %q, want %q", script, found, want)
		}
	}
	if s := types.StackType(true, types.StackRaw, 9).Size; s != types.StackType(true, types.StackRaw, 1).Size {
		t.Errorf("the size of a stack value depends on its limit: %d", s)
	}
}
