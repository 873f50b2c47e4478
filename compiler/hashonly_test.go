package compiler_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"probe/compiler"
	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/stdlib"
)

// onlyBegin knows the probe type begin.
type onlyBegin struct{}

func (onlyBegin) Kinds() []hir.ProbeKind { return []hir.ProbeKind{{Name: "begin"}} }

func (onlyBegin) Expand(*hir.ExpandRequest, *diag.List) []*hir.Site {
	return []*hir.Site{{Provider: "begin", Name: "begin", Type: "special", Prog: hir.ProgRawTP}}
}

// compile compiles a script that runs beside the maps of live objects.
func compile(t *testing.T, text string, hashOnly bool, before ...*compiler.Object) *compiler.Object {
	t.Helper()
	f, diags := syntax.Parse(source.New("t", text))
	in := &check.Input{File: f, Builtins: stdlib.Signatures(), Probes: onlyBegin{}}
	live := map[string]*compiler.Map{}
	for _, o := range before {
		in.Maps = append(in.Maps, o.HIR.Maps...)
		for _, m := range o.Maps {
			live[m.Name] = m
		}
	}
	p, _, more := check.Check(in)
	diags.All = append(diags.All, more.All...)
	if err := diags.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	obj, diags := compiler.Compile(p, compiler.Config{
		Target: &target.Target{NCPU: 4, Features: target.NewSet(target.PerCPULookup, target.ForEachMapElem)}, Builtins: stdlib.Table(), Live: live, HashOnly: hashOnly,
	})
	if err := diags.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return obj
}

func TestHashOnlyStorage(t *testing.T) {
	const script = `begin { @n = 1; @c = count(); @s = sum(2); @h = hist(3); @k[1] = 400; @n++; print(@n); delete(@c); }`
	type kept struct {
		Storage object.StorageKind
		Spec    string
		Type    ebpf.MapType
		Key     uint32
		Value   uint32
	}
	look := func(o *compiler.Object) map[string]kept {
		out := map[string]kept{}
		for _, m := range o.Maps {
			k := kept{Storage: m.Storage, Spec: m.Spec}
			if s := o.Spec.Maps[m.Spec]; s != nil {
				k.Type, k.Key, k.Value = s.Type, s.KeySize, s.ValueSize
			}
			out[m.Name] = k
		}
		return out
	}
	want := map[string]kept{
		"n": {object.StoreHash, "m_n", ebpf.Hash, 8, 8},
		"c": {object.StorePerCPUHash, "m_c", ebpf.PerCPUHash, 8, 8},
		"s": {object.StorePerCPUHash, "m_s", ebpf.PerCPUHash, 8, 8},
		"h": {object.StorePerCPUHash, "m_h", ebpf.PerCPUHash, 16, 8},
		"k": {object.StoreHash, "m_k", ebpf.Hash, 1, 2},
	}
	if d := cmp.Diff(want, look(compile(t, script, true))); d != "" {
		t.Errorf("HashOnly (-want +got):\n%s", d)
	}
	want["n"], want["c"] = kept{Storage: object.StoreGlobal}, kept{Storage: object.StorePerCPU}
	want["s"], want["h"] = kept{Storage: object.StorePerCPU}, kept{Storage: object.StorePerCPU}
	if d := cmp.Diff(want, look(compile(t, script, false))); d != "" {
		t.Errorf("without HashOnly (-want +got):\n%s", d)
	}
}

func TestHashOnlySharesByName(t *testing.T) {
	first := compile(t, `begin { @n = (int64)1; @c = count(); }`, true)
	second := compile(t, `begin { @n += 1; @c = count(); @new = 2; }`, true, first)
	for _, m := range first.Maps {
		a, b := first.Spec.Maps[m.Spec], second.Spec.Maps[m.Spec]
		if b == nil || a.Type != b.Type || a.KeySize != b.KeySize || a.ValueSize != b.ValueSize || a.MaxEntries != b.MaxEntries {
			t.Errorf("@%s is %v in the first object and %v in the second", m.Name, a, b)
		}
	}
	if len(second.Maps) != 3 {
		t.Errorf("the second object has %d maps, want 3", len(second.Maps))
	}
}

// A map that is new takes no name that is in use, though its own would give it.
func TestHashOnlyNewNames(t *testing.T) {
	first := compile(t, `begin { @x = 1; }`, true)
	old := *first.Maps[0]
	obj := func() *compiler.Object {
		f, _ := syntax.Parse(source.New("t", `begin { @x = "text"; }`))
		p, _, diags := check.Check(&check.Input{File: f, Builtins: stdlib.Signatures(), Probes: onlyBegin{}})
		if err := diags.Err(); err != nil {
			t.Fatal(err)
		}
		obj, diags := compiler.Compile(p, compiler.Config{Target: &target.Target{NCPU: 1}, Builtins: stdlib.Table(), HashOnly: true,
			Live: map[string]*compiler.Map{"x before": &old}})
		if err := diags.Err(); err != nil {
			t.Fatal(err)
		}
		return obj
	}()
	if got := obj.Maps[0].Spec; got == old.Spec {
		t.Errorf("the new @x is stored in %s, which is in use", got)
	}
}

func TestStringsKeepTheirNumbers(t *testing.T) {
	f, _ := syntax.Parse(source.New("t", `begin { printf("%s %s\n", strftime("%H", nsecs), strftime("%M", nsecs)); }`))
	p, _, diags := check.Check(&check.Input{File: f, Builtins: stdlib.Signatures(), Probes: onlyBegin{}})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	before := []string{"%Y", "%M"}
	obj, diags := compiler.Compile(p, compiler.Config{Target: &target.Target{NCPU: 1}, Builtins: stdlib.Table(), Strings: before})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"%Y", "%M", "%H"}, obj.Strings); d != "" {
		t.Errorf("strings (-want +got):\n%s", d)
	}
	if len(before) != 2 {
		t.Error("the given list was changed")
	}
}
