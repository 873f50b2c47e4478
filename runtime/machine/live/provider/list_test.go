package provider

import (
	"slices"
	"strings"
	"testing"

	"probe/lang/hir"
)

// A bare name lists every kind of probe that reaches the function, and of these
// only such as expand.
func TestListFunction(t *testing.T) {
	s := fakeKernel(t, nil)
	var got []string
	if err := s.List("vfs_void", func(l Listed) bool {
		got = append(got, l.Name)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"call:vfs_void", "ret:vfs_void", "fgraph:vfs_void", "kprobe:vfs_void", "kretprobe:vfs_void", "fentry:vmlinux:vfs_void", "fexit:vmlinux:vfs_void"}
	if !slices.Equal(got, want) {
		t.Errorf("a bare name lists %q, want %q", got, want)
	}
	for _, p := range table {
		if !p.Kernel {
			continue
		}
		sites, _ := expand(s, p.Name+":vfs_void", nil)
		listed := slices.ContainsFunc(got, func(name string) bool { return strings.HasPrefix(name, p.Name+":") })
		if listed != (len(sites) > 0) {
			t.Errorf("%s:vfs_void: listed %t, expands to %d sites", p.Name, listed, len(sites))
		}
	}
}

// What the records say of each other holds at both ends.
func TestKindsAgree(t *testing.T) {
	for _, p := range table {
		if p.List == nil && p.Phase == 0 && p.Target != hir.TargetAddress && p.Mode == hir.Trace {
			t.Errorf("%s cannot be listed", p.Name)
		}
		for _, other := range []string{p.Entry, p.Return, p.Typed} {
			if other != "" && find(other) == nil {
				t.Errorf("%s refers to %s, which is no kind", p.Name, other)
			}
		}
		if r := find(p.Return); p.Return != "" && (r == nil || r.Entry != p.Name || !r.Returns || p.Returns) {
			t.Errorf("%s: the return of %s does not lead back", p.Name, p.Return)
		}
	}
}
