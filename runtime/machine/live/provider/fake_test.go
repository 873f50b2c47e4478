package provider

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/btf/btftest"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/tracefs"
)

const schedSwitch = `name: sched_switch
ID: 316
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;
	field:long prev_state;	offset:32;	size:8;	signed:1;
	field:__data_loc char[] name;	offset:40;	size:4;	signed:0;
	field:struct thing * t;	offset:48;	size:8;	signed:0;
	field:u8 addr[4];	offset:56;	size:4;	signed:0;

print fmt: "%s", REC->prev_comm
`

const sysEnterOpenat = `name: sys_enter_openat
ID: 700
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:const char * filename;	offset:24;	size:8;	signed:0;

print fmt: "x"
`

// fakeKernel returns a kernel made of files: types, events, functions.
func fakeKernel(t testing.TB, change func(o *Options)) *Set {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b btftest.Builder
	integer := b.Int("int", 4, 1)
	u64 := b.Int("long unsigned int", 8, 0)
	b.Typedef("pid_t", integer)
	thing := b.Ptr(b.Struct("thing", 8, btftest.Member{Name: "id", Type: integer}))
	pair := b.Struct("pair", 16, btftest.Member{Name: "a", Type: u64}, btftest.Member{Name: "b", Type: u64, Offset: 64})
	b.Func("vfs_read", u64, btftest.Param{Name: "file", Type: thing}, btftest.Param{Name: "count", Type: u64})
	b.Func("vfs_write", thing, btftest.Param{Name: "file", Type: thing}, btftest.Param{Name: "flags", Type: integer})
	b.Func("vfs_void", 0, btftest.Param{Name: "file", Type: thing})
	b.Func("many", integer, btftest.Param{Name: "a", Type: u64}, btftest.Param{Name: "b", Type: u64}, btftest.Param{Name: "c", Type: u64},
		btftest.Param{Name: "d", Type: u64}, btftest.Param{Name: "e", Type: u64}, btftest.Param{Name: "f", Type: u64},
		btftest.Param{Name: "g", Type: integer}, btftest.Param{Name: "h", Type: u64})
	b.Func("byvalue", integer, btftest.Param{Name: "p", Type: pair}, btftest.Param{Name: "n", Type: integer})
	b.Func("tr_plain", integer)
	b.Func("tr_result", pair)
	b.Func("tr_union", integer, btftest.Param{Name: "u", Type: b.Union("either", 8, btftest.Member{Name: "a", Type: u64})})
	b.Func("tr_large", integer, btftest.Param{Name: "l", Type: b.Struct("large", 24, btftest.Member{Name: "a", Type: u64})})
	b.Func("tr_printk", integer, btftest.Param{Name: "fmt", Type: u64}, btftest.Param{})
	b.Func("do_exit", 0, btftest.Param{Name: "code", Type: u64})
	b.Func("pointers", integer, btftest.Param{Name: "pp", Type: b.Ptr(thing)})
	meta := b.Ptr(b.Struct("bpf_iter_meta", 8))
	b.Struct("bpf_iter__thing", 16, btftest.Member{Name: "meta", Type: meta}, btftest.Member{Name: "thing", Type: thing, Offset: 64})
	b.Func("bpf_iter_thing", integer, btftest.Param{Name: "meta", Type: meta}, btftest.Param{Name: "thing", Type: thing})
	b.Func("bpf_iter_other", integer)
	b.Func("inlined", integer)
	b.Func("notrace_fn", integer)
	b.Func("denied_fn", integer)
	b.Func("_raw_spin_lock", 0, btftest.Param{Name: "lock", Type: thing})
	b.Typedef("btf_trace_sched_switch", b.Ptr(b.Proto(0, btftest.Param{Type: b.Ptr(0)}, btftest.Param{Type: integer})))
	b.Func("__traceiter_sched_switch", integer, btftest.Param{Name: "__data", Type: b.Ptr(0)}, btftest.Param{Name: "preempt", Type: integer}, btftest.Param{Name: "prev", Type: thing})
	b.Typedef("btf_trace_sched_wakeup", b.Ptr(b.Proto(0, btftest.Param{Type: b.Ptr(0)}, btftest.Param{Type: thing})))
	blob := filepath.Join(dir, "btf")
	if err := os.WriteFile(blob, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	write("tracing/available_filter_functions", strings.Join([]string{
		"vfs_read", "vfs_write", "vfs_void", "many", "byvalue", "pointers", "denied_fn", "_raw_spin_lock", "no_types",
		"cloned.constprop.0", "cloned.isra.1", "part.part.0", "rcu_read", "default_idle", "alloc_noprof",
		"mod_fn [mymod]", "vfs_read [other]", "tr_plain", "tr_result", "tr_union", "tr_large", "tr_printk", "do_exit", "__inlined", "",
	}, "\n"))
	write("tracing/available_events", "sched:sched_switch\nsched:sched_wakeup\nsyscalls:sys_enter_openat\n")
	write("tracing/events/sched/sched_switch/id", "316\n")
	write("tracing/events/sched/sched_switch/format", schedSwitch)
	write("tracing/events/sched/sched_wakeup/id", "317\n")
	write("tracing/events/sched/sched_wakeup/format", strings.Replace(schedSwitch, "sched_switch", "sched_wakeup", 1))
	write("tracing/events/syscalls/sys_enter_openat/id", "700\n")
	write("tracing/events/syscalls/sys_enter_openat/format", sysEnterOpenat)
	write("debug/kprobes/blacklist", "0xffffffff81000000-0xffffffff81000010\tdenied_fn\n")
	o := Options{
		Symbols: func(yield func(name, module string) bool) error {
			for _, n := range []string{"vfs_read", "vfs_write", "vfs_void", "notrace_fn", "no_types", "read_alias"} {
				if !yield(n, "") {
					return nil
				}
			}
			return nil
		},
		Aliases: func(name string) []string {
			if name == "read_alias" {
				return []string{"other_alias", "vfs_read"}
			}
			return nil
		},
		Loaded: func(m string) bool { return m == "mymod" || m == "other" || m == "libmod" },
	}
	if change != nil {
		change(&o)
	}
	return New(kernel.New(kernel.Options{BTF: blob, Tracefs: func() (*tracefs.FS, error) {
		return tracefs.At(filepath.Join(dir, "tracing"), filepath.Join(dir, "debug")), nil
	}}), o)
}

var errMissing = errors.New("not in this test")

func missing() error { return errMissing }

// expand expands the text of an attach point as the checker would.
func expand(s *Set, text string, change func(r *hir.ExpandRequest)) ([]*hir.Site, *diag.List) {
	f := source.New("test.pr", text+" { }")
	at := source.Span{File: f, End: len(text)}
	ap := syntax.NewAttachPoint(text, at)
	r := &hir.ExpandRequest{At: at, Name: ap.Name, Raw: ap.Raw, Parts: hirParts(ap), Missing: "error", MaxProgs: 1024}
	for _, a := range ap.Alts {
		r.Alts = append(r.Alts, hirParts(a))
	}
	if change != nil {
		change(r)
	}
	var out diag.List
	sites := s.Expand(r, &out)
	return sites, &out
}

func hirParts(ap *syntax.AttachPoint) []hir.Part {
	var out []hir.Part
	for _, p := range ap.Parts {
		out = append(out, hir.Part{Text: p.Text, Quoted: p.Quoted, Sep: p.Sep, At: p.At.At})
	}
	return out
}
