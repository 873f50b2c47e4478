package provider

import (
	"slices"
	"testing"

	"probe/lang/diag"
	"probe/lang/hir"
)

// The ways in which functions below a root share programs, by what the kernel
// offers.
func TestSharings(t *testing.T) {
	for _, tc := range []struct {
		name, attach string
		n            int
		change       func(o *Options)
		want         []string
	}{
		{"everything", "", 100, nil, []string{"kprobe.session"}},
		{"no session", "", 100, func(o *Options) { o.KprobeSession = missing }, []string{"fsession.multi", "kprobe.multi: "}},
		{"multi", "multi", 100, nil, []string{"kprobe.session"}},
		{"kprobe", "kprobe", 2, nil, []string{"one kprobe for"}},
		{"fentry", "fentry", 100, nil, nil},
		{"no sessions", "", 100, func(o *Options) { o.FsessionMulti, o.KprobeSession = missing, missing }, []string{"kprobe.multi: "}},
		{"few and no links to many", "", maxTrampolines, func(o *Options) { o.FsessionMulti, o.NoMulti = missing, true }, nil},
		{"many and no links to many", "", maxTrampolines + 1, func(o *Options) { o.FsessionMulti, o.NoMulti = missing, true }, []string{"one kprobe for"}},
		{"no address", "", 100, func(o *Options) { o.FuncIP = missing }, nil},
		{"no kprobes", "", 100, func(o *Options) { o.Kprobes = missing }, []string{"fsession.multi"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := fakeKernel(t, tc.change)
			half := func(kind string) *request {
				return &request{ExpandRequest: &hir.ExpandRequest{Attach: tc.attach}, set: s, p: find(kind), out: &diag.List{}}
			}
			var got []string
			for _, share := range half("call").sharings(tc.n) {
				e, x := share.sites(half("call"), half("ret"), []fn{{name: "vfs_read"}, {name: "vfs_write"}})
				why := e.Why
				if both := e.Attach.Kind == hir.AttachFsessionMulti || e.Attach.Kind == hir.AttachKprobeSession; both != (x == nil) {
					t.Errorf("%s has the exit %+v", why, x)
				}
				if e.Attach.Kind == hir.AttachFsessionMulti && len(e.Attach.BTFIDs) != 2 {
					t.Errorf("%s has the numbers %v", why, e.Attach.BTFIDs)
				}
				got = append(got, why[:min(len(why), 14)])
			}
			if !slices.Equal(got, short(tc.want)) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// short cuts names as the test above does.
func short(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, n[:min(len(n), 14)])
	}
	return out
}

// Functions that fsession.multi takes: with types, in the kernel itself, with
// plain arguments in registers.
func TestTraced(t *testing.T) {
	r := &request{set: fakeKernel(t, nil)}
	for f, want := range map[fn]bool{
		{name: "vfs_read"}: true, {name: "vfs_void"}: true, {name: "pointers"}: true,
		{name: "many"}: false, {name: "byvalue"}: false, {name: "no_types"}: false, {name: "_raw_spin_lock"}: false,
		{name: "vfs_read", module: "m"}: false,
	} {
		if got := r.traced(f); got != want {
			t.Errorf("%s: got %v, want %v", f.symbol(), got, want)
		}
	}
}
