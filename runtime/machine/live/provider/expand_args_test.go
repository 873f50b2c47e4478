package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/tracefs"
)

// arg is what of an argument decides how it is read.
type arg struct {
	Name, Type string
	Loc        hir.Loc
	Trusted    bool
}

func args(s *hir.Site) (out []arg) {
	for _, a := range s.Args {
		out = append(out, arg{a.Name, a.Type.String(), a.Loc, a.Trusted})
	}
	if s.Ret != nil {
		out = append(out, arg{s.Ret.Name, s.Ret.Type.String(), s.Ret.Loc, s.Ret.Trusted})
	}
	return out
}

func TestArguments(t *testing.T) {
	s := fakeKernel(t, nil)
	reg := func(off int) hir.Loc { return hir.Loc{Kind: hir.LocReg, Off: off, Size: 8} }
	slot := func(n int) hir.Loc { return hir.Loc{Kind: hir.LocSlot, Off: n, Size: 8} }
	numbers := []arg{
		{"arg0", "uint64", reg(112), false}, {"arg1", "uint64", reg(104), false}, {"arg2", "uint64", reg(96), false},
		{"arg3", "uint64", reg(88), false}, {"arg4", "uint64", reg(72), false}, {"arg5", "uint64", reg(64), false},
	}
	stack := func(off int) hir.Loc { return hir.Loc{Kind: hir.LocStack, Off: off, Size: 8} }
	for _, tc := range []struct {
		text string
		uses hir.Uses
		want []arg
	}{
		{"kprobe:vfs_read", hir.Uses{}, numbers},
		{"kprobe:vfs_read", hir.Uses{Args: true}, append([]arg{
			{"file", "struct thing *", reg(112), false}, {"count", "uint64", reg(104), false}}, numbers...)},
		{"kprobe:many", hir.Uses{Args: true}, append([]arg{
			{"a", "uint64", reg(112), false}, {"b", "uint64", reg(104), false}, {"c", "uint64", reg(96), false},
			{"d", "uint64", reg(88), false}, {"e", "uint64", reg(72), false}, {"f", "uint64", reg(64), false},
			{"g", "int32", stack(8), false}, {"h", "uint64", stack(16), false}}, numbers...)},
		{"kprobe:byvalue", hir.Uses{Args: true}, append([]arg{{"n", "int32", reg(96), false}}, numbers...)},
		{"kretprobe:vfs_write", hir.Uses{}, []arg{{"retval", "uint64", reg(80), false}}},
		{"fexit:vfs_write", hir.Uses{Args: true}, []arg{
			{"file", "struct thing *", slot(0), true}, {"flags", "int32", slot(1), false}, {"retval", "struct thing *", slot(2), true}}},
		{"fexit:vfs_void", hir.Uses{}, []arg{{"file", "struct thing *", slot(0), true}}},
		{"rawtracepoint:sched_switch", hir.Uses{}, []arg{
			{"preempt", "int32", slot(0), false}, {"prev", "struct thing *", slot(1), true},
			{"arg0", "uint64", slot(0), false}, {"arg1", "uint64", slot(1), false}}},
		{"rawtracepoint:sched_wakeup", hir.Uses{}, []arg{{"arg0", "uint64", slot(0), false}}},
		{"tracepoint:sched:sched_switch", hir.Uses{Args: true}, []arg{
			{"prev_comm", "string[16]", hir.Loc{Off: 8, Size: 16}, false}, {"prev_pid", "int32", hir.Loc{Off: 24, Size: 4}, false},
			{"prev_state", "int64", hir.Loc{Off: 32, Size: 8}, false}, {"name", "int64", hir.Loc{Off: 40, Size: 4}, false},
			{"t", "struct thing *", hir.Loc{Off: 48, Size: 8}, false}, {"addr", "uint8[4]", hir.Loc{Off: 56, Size: 4}, false}}},
		{"ret:many", hir.Uses{Retval: true}, []arg{{"retval", "int32", reg(80), false}}},
	} {
		sites, out := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Uses = tc.uses })
		if len(sites) != 1 {
			t.Errorf("%s: %d sites, %v", tc.text, len(sites), out.All)
			continue
		}
		if diff := cmp.Diff(tc.want, args(sites[0])); diff != "" {
			t.Errorf("%s: %s", tc.text, diff)
		}
	}
}

// TestSavedArguments: the return half of a ret: probe without trampoline reads
// what its entry half saved, argument for argument.
func TestSavedArguments(t *testing.T) {
	s := fakeKernel(t, func(o *Options) { o.Tracing = missing })
	sites, _ := expand(s, "ret:vfs_read", func(r *hir.ExpandRequest) { r.Uses = hir.Uses{Args: true, Retval: true} })
	if len(sites) != 1 || sites[0].Entry == nil {
		t.Fatalf("sites %v", showAll(sites))
	}
	site, entry := sites[0], sites[0].Entry
	if len(site.Args) != len(entry.Args) || site.Args[1].Name != "count" {
		t.Fatalf("the halves have %d and %d arguments", len(site.Args), len(entry.Args))
	}
	for i := range site.Args {
		if site.Args[i].Loc != (hir.Loc{Kind: hir.LocSaved, Off: i, Size: 8}) || site.Args[i].Type != entry.Args[i].Type {
			t.Errorf("argument %d is %+v, saved from %+v", i, site.Args[i], entry.Args[i])
		}
	}
	if site.Ret.Type != types.Uint64 || entry.Ret != nil {
		t.Errorf("results: %v, %v", site.Ret, entry.Ret)
	}
}

func TestTracepointSpaces(t *testing.T) {
	s := fakeKernel(t, nil)
	sites, _ := expand(s, "tracepoint:syscalls:sys_enter_openat", func(r *hir.ExpandRequest) { r.Uses.Args = true })
	if got := sites[0].Args[1].Type; got.Space != types.User || got.String() != "int8 *" {
		t.Errorf("filename is %s in space %d, want a user pointer", got, got.Space)
	}
	sites, _ = expand(s, "tracepoint:sched:sched_switch", func(r *hir.ExpandRequest) { r.Uses.Args = true })
	name, thing := sites[0].Args[3], sites[0].Args[4]
	if !name.Field.DataLoc || thing.Type.Space != types.Kernel {
		t.Errorf("field %+v, space %d", name.Field, thing.Type.Space)
	}
}

// TestSystemCallFields: pointers behind pointers keep what they point to, and
// numbers that may be addresses are of the process.
func TestSystemCallFields(t *testing.T) {
	k := fakeKernel(t, nil).k
	f := &tracefs.Format{Fields: []tracefs.Field{
		{Name: "argv", Type: "const char *const *", Size: 8},
		{Name: "vec", Type: "const char * *", Size: 8},
		{Name: "name", Type: "char __user *", Size: 8},
		{Name: "arg2", Type: "unsigned long", Size: 8},
		{Name: "args", Type: "unsigned long", Array: true, Len: 6, Size: 48},
		{Name: "ret", Type: "long", Size: 8, Signed: true},
		{Name: "fd", Type: "unsigned int", Size: 4},
	}}
	want := []struct {
		typ   string
		space types.Space
	}{
		{"int8 * *", types.User}, {"int8 * *", types.User}, {"int8 *", types.User}, {"uint64", types.User},
		{"uint64[6]", types.SpaceNone}, {"int64", types.SpaceNone}, {"uint32", types.SpaceNone},
	}
	for i, a := range formatArgs(k, f, true) {
		if got := a.Type; got.String() != want[i].typ || got.Space != want[i].space {
			t.Errorf("%s is %s in space %d, want %s in %d", a.Name, got, got.Space, want[i].typ, want[i].space)
		}
	}
	if elem := formatArgs(k, f, true)[4].Type.Elem; elem.Space != types.User {
		t.Errorf("elements of args are in space %d", elem.Space)
	}
	for _, a := range formatArgs(k, f, false) {
		if a.Type.Space == types.User && a.Name != "name" {
			t.Errorf("%s of an event that is no system call is in user space", a.Name)
		}
	}
}

func TestSpaces(t *testing.T) {
	s := fakeKernel(t, nil)
	for text, want := range map[string]types.Space{
		"kprobe:vfs_read": types.Kernel, "fentry:vfs_read": types.Kernel, "begin": types.SpaceNone, "interval:s:1": types.SpaceNone,
		"rawtracepoint:sched_switch": types.Kernel, "tracepoint:sched:sched_switch": types.Kernel, "software:faults": types.SpaceNone,
	} {
		sites, _ := expand(s, text, nil)
		if len(sites) != 1 || sites[0].Space != want {
			t.Errorf("%s: %v, want space %d", text, sites, want)
		}
	}
}
