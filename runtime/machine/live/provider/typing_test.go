package provider

import (
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/machine/live/btf/btftest"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/tracefs"

	"os"
	"path/filepath"
)

// Where only types are checked, a mechanism that is missing is a warning, one
// for each cause, and the sites are as if it were there.
func TestTypesOnly(t *testing.T) {
	s := fakeKernel(t, func(o *Options) {
		o.TypesOnly = true
		o.Kprobes, o.KprobeMulti, o.Tracing, o.Uprobes, o.Ftrace = missing, missing, missing, missing, missing
	}).Script(nil)
	var messages []string
	for _, text := range []string{"kprobe:vfs_read", "kretprobe:vfs_*", "fentry:vfs_read", "call:vfs_read", "fgraph:vfs_read"} {
		sites, list := expand(s, text, func(r *hir.ExpandRequest) { r.Uses.Args = text == "fentry:vfs_read" })
		if len(sites) == 0 || list.HasErrors() {
			t.Errorf("%s: %d sites, %v", text, len(sites), list.All)
		}
		for _, d := range list.All {
			if d.Severity == diag.Warning && d.Code == "no-mechanism" {
				messages = append(messages, text)
				if !strings.Contains(d.Message, errMissing.Error()) {
					t.Errorf("%s: %q does not say why", text, d.Message)
				}
				defer func() {
					if want := "this machine cannot attach kprobe, kretprobe, fentry, call and fgraph probes: " + errMissing.Error(); d.Message != want {
						t.Errorf("the warning is %q, want %q", d.Message, want)
					}
				}()
			}
		}
	}
	if strings.Join(messages, " ") != "kprobe:vfs_read" {
		t.Errorf("warnings at %v, want one, at the first probe", messages)
	}
	if _, list := expand(s, "kprobe:nosuch", nil); !list.HasErrors() {
		t.Error("a function that does not exist is no error")
	}
}

// Without tracefs the fields of an event are those of its struct in BTF.
func TestTypesOnlyTracepoint(t *testing.T) {
	var b btftest.Builder
	integer, char := b.Int("int", 4, 1), b.Int("char", 1, 1)
	u32 := b.Int("unsigned int", 4, 0)
	b.Struct("trace_event_raw_ev", 16, btftest.Member{Name: "ent", Type: u32}, btftest.Member{Name: "n", Type: integer, Offset: 64},
		btftest.Member{Name: "__data_loc_name", Type: u32, Offset: 96}, btftest.Member{Name: "__data", Type: char, Offset: 128})
	blob := filepath.Join(t.TempDir(), "btf")
	if err := os.WriteFile(blob, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	s := New(kernel.New(kernel.Options{BTF: blob, Tracefs: func() (*tracefs.FS, error) { return nil, tracefs.ErrForbidden }}), Options{TypesOnly: true}).Script(nil)
	sites, list := expand(s, "tracepoint:cat:ev", nil)
	if len(sites) != 1 || list.HasErrors() || len(list.All) != 1 {
		t.Fatalf("%d sites, %v", len(sites), list.All)
	}
	var got []string
	for _, a := range sites[0].Args {
		got = append(got, a.Name)
	}
	if strings.Join(got, " ") != "n name" || !sites[0].Args[1].Field.DataLoc || sites[0].Untyped {
		t.Errorf("the site is %+v", sites[0])
	}
	if sites, _ := expand(s, "tracepoint:cat:other", nil); len(sites) != 1 || !sites[0].Untyped {
		t.Error("an event without a struct of its own has arguments")
	}
}
