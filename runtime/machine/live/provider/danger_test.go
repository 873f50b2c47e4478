package provider

import (
	"strings"
	"testing"
	"time"

	"probe/lang/hir"
)

// TestDanger: what is refused, left out and told, with --force and as bpftrace.
func TestDanger(t *testing.T) {
	s := fakeKernel(t, nil)
	for _, tc := range []struct {
		text   string
		danger hir.Danger
		sites  string // what is attached
		said   string // part of the messages
	}{
		{"kprobe:_raw_spin_lock", hir.RefuseDanger, "", "error[dangerous]: kprobe:_raw_spin_lock should not be probed"},
		{"kprobe:_raw_spin_lock", hir.AllowDanger, "kprobe:_raw_spin_lock", ""},
		{"kprobe:_raw_spin_lock", hir.WarnDanger, "kprobe:_raw_spin_lock", ""},
		{"call:_raw_spin_lock", hir.AllowDanger, "call:_raw_spin_lock", ""},
		{"fentry:_raw_spin_lock", hir.RefuseDanger, "", "error[dangerous]: fentry:_raw_spin_lock can crash or hang the machine"},
		{"fentry:_raw_spin_lock", hir.AllowDanger, "", "error[dangerous]: fentry:_raw_spin_lock can crash or hang the machine"},
		{"fentry:_raw_spin_lock", hir.WarnDanger, "fentry:vmlinux:_raw_spin_lock", "warning[dangerous]: fentry:_raw_spin_lock can crash"},
		{"kretprobe:_raw_spin_lock", hir.AllowDanger, "", "error[dangerous]: kretprobe:_raw_spin_lock can crash"},
		{"ret:_raw_spin_lock", hir.RefuseDanger, "", "error[dangerous]"},
		{"kprobe:_raw*", hir.RefuseDanger, "", "warning[left-out]: 1 of the 1 functions that match _raw* are left out"},
		{"kprobe:_raw*", hir.AllowDanger, "kprobe:_raw*", ""},
		{"kprobe:_raw*", hir.WarnDanger, "kprobe:_raw*", ""},
		{"fentry:*", hir.AllowDanger, "fentry:vmlinux:byvalue", "warning[left-out]: 1 of the "},
		{"kprobe:vfs_*", hir.RefuseDanger, "kprobe:vfs_*", ""},
	} {
		sites, out := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Danger = tc.danger })
		var said []string
		for _, d := range out.All {
			said = append(said, d.Error())
		}
		name := ""
		if len(sites) > 0 {
			name = sites[0].Name
		}
		if all := strings.Join(said, " "); name != tc.sites || !strings.Contains(all, tc.said) || tc.said == "" && all != "" {
			t.Errorf("%s with %d: %q, %s", tc.text, tc.danger, name, all)
		}
	}
}

// Each record of the table has a reason, and none is hidden by one before it.
func TestDangers(t *testing.T) {
	for i, d := range Dangers() {
		if d.Why == "" || d.Name == "" {
			t.Errorf("%+v says nothing", d)
		}
		name := strings.ReplaceAll(d.Name, "*", "x")
		if got := danger(name, d.Where == OnReturn, d.Where == OnTrampoline); got == nil || *got != dangers[i] {
			t.Errorf("%+v is hidden by %+v", d, got)
		}
	}
	if !recursive("migrate_disable") || recursive("vfs_read") || recursive("do_exit") {
		t.Error("recursive is wrong")
	}
}

func TestAttachTime(t *testing.T) {
	many := &hir.Attach{Kind: hir.AttachKprobeMulti, Symbols: make([]string, 1000)}
	single := &hir.Attach{Kind: hir.AttachKprobe, Symbols: make([]string, 1000)}
	if a, b := AttachTime(many), AttachTime(single); a <= 0 || b < 10*a || AttachTime(&hir.Attach{Kind: hir.AttachRawTP}) >= time.Second {
		t.Errorf("%v and %v", a, b)
	}
}
