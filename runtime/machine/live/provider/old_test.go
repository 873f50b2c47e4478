package provider

import (
	"testing"

	"probe/lang/hir"
)

// TestOldKernel: on a kernel that does not tell programs their function, programs have
// its address. A parameter that the verifier may refuse keeps a function from being
// reached by a trampoline only if the body reads it.
func TestOldKernel(t *testing.T) {
	s := fakeKernel(t, func(o *Options) {
		o.FuncIP, o.KprobeMulti = missing, missing
		o.Address = func(name string) uint64 { return map[string]uint64{"vfs_read": 100, "vfs_write": 200}[name] }
	})
	for _, tc := range []struct {
		text   string
		uses   hir.Uses
		params map[string]bool
		kind   hir.AttachKind
		funcs  []uint64 // of each site
	}{
		{"call:pointers", hir.Uses{Args: true}, map[string]bool{}, hir.AttachFentry, []uint64{0}},
		{"call:pointers", hir.Uses{Args: true}, map[string]bool{"pp": true}, hir.AttachKprobe, []uint64{0}},
		{"call:pointers", hir.Uses{Args: true}, nil, hir.AttachKprobe, []uint64{0}},
		{"fentry:vfs_write", hir.Uses{Func: true}, nil, hir.AttachFentry, []uint64{200}},
		{"ret:vfs_read", hir.Uses{Func: true}, nil, hir.AttachFexit, []uint64{100}},
		{"kretprobe:vfs_read", hir.Uses{Func: true}, nil, hir.AttachKretprobe, []uint64{100}},
		{"kretprobe:vfs_r*", hir.Uses{Func: true}, nil, hir.AttachKretprobe, []uint64{100, 100}}, // one of a module
		{"kprobe:vfs_read", hir.Uses{Func: true}, nil, hir.AttachKprobe, []uint64{0}},
	} {
		sites, list := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Uses, r.Params = tc.uses, tc.params })
		if len(sites) != len(tc.funcs) {
			t.Errorf("%s %v: %d sites: %v", tc.text, tc.params, len(sites), list)
			continue
		}
		for i, f := range tc.funcs {
			if a := sites[i].Attach; a.Kind != tc.kind || a.Func != f || a.Address != 0 {
				t.Errorf("%s %v: kind %v, func %d; %s", tc.text, tc.params, a.Kind, a.Func, sites[i].Why)
			}
		}
	}
}
