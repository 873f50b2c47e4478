package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/stdlib/fgraph"
)

// show returns a site in one line: name, program, mechanism, what it needs to
// know.
func show(s *hir.Site) string {
	kinds := map[hir.AttachKind]string{
		hir.AttachNone: "run", hir.AttachKprobe: "kprobe", hir.AttachKretprobe: "kretprobe", hir.AttachKprobeMulti: "kprobe.multi",
		hir.AttachKretprobeMulti: "kretprobe.multi", hir.AttachKprobeSession: "kprobe.session", hir.AttachFentry: "fentry", hir.AttachFexit: "fexit", hir.AttachTracepoint: "tracepoint",
		hir.AttachRawTracepoint: "raw tracepoint",
		hir.AttachRawTP:         "rawtp", hir.AttachUprobe: "uprobe", hir.AttachUretprobe: "uretprobe", hir.AttachInterval: "interval",
		hir.AttachProfile: "profile", hir.AttachSoftware: "software", hir.AttachHardware: "hardware",
	}
	a := &s.Attach
	out := s.Name + " " + kinds[a.Kind]
	for _, p := range []struct {
		name string
		v    any
		zero bool
	}{
		{"symbol", a.Symbol, a.Symbol == ""}, {"module", a.Module, a.Module == ""}, {"group", a.Group, a.Group == ""},
		{"symbols", a.Symbols, len(a.Symbols) == 0}, {"offset", a.Offset, a.Offset == 0}, {"address", a.Address, a.Address == 0},
		{"period", a.Period, a.Period == 0}, {"freq", a.Freq, a.Freq == 0}, {"event", a.Event, a.Event == ""},
	} {
		if !p.zero {
			out += fmt.Sprintf(" %s=%v", p.name, p.v)
		}
	}
	if s.Entry != nil {
		out += " entry=" + kinds[s.Entry.Attach.Kind]
	}
	if g := fgraph.Of(s); g != nil {
		out += fmt.Sprintf(" graph=%s depth=%d", [...]string{"ftrace", "bpf"}[g.Source], g.Depth)
		if g.Only != nil {
			out += fmt.Sprintf(" only=%v", g.Only)
		}
		if g.Skip != nil {
			out += fmt.Sprintf(" skip=%v", g.Skip)
		}
		if g.IRQs {
			out += " irqs"
		}
		for i, part := range g.Parts {
			if i == 0 {
				out += " parts="
			}
			out += "[" + part.Func + " " + kinds[part.Enter.Attach.Kind]
			if part.Exit != nil {
				out += " " + kinds[part.Exit.Attach.Kind]
			}
			out += "]"
		}
	}
	return out
}

func showAll(sites []*hir.Site) []string {
	var out []string
	for _, s := range sites {
		out = append(out, show(s))
	}
	return out
}

func TestExpand(t *testing.T) {
	s := fakeKernel(t, nil)
	for _, tc := range []struct {
		text string
		uses hir.Uses
		want []string
	}{
		{"begin", hir.Uses{}, []string{"begin run"}},
		{"BEGIN", hir.Uses{}, []string{"begin run"}},
		{"begin:*", hir.Uses{}, []string{"begin run"}},
		{"end", hir.Uses{}, []string{"end run"}},
		{"interval:s:1", hir.Uses{}, []string{"interval:s:1 interval period=1000000000"}},
		{"i:hz:100", hir.Uses{}, []string{"interval:hz:100 interval period=10000000"}},
		{"interval:1s", hir.Uses{}, []string{"interval:us:1000000 interval period=1000000000"}},
		{"interval:1500", hir.Uses{}, []string{"interval:us:1 interval period=1000"}},
		{"profile:hz:99", hir.Uses{}, []string{"profile:hz:99 profile period=10101010 freq=99"}},
		{"p:ms:10", hir.Uses{}, []string{"profile:ms:10 profile period=10000000"}},
		{"kprobe:vfs_read", hir.Uses{}, []string{"kprobe:vfs_read kprobe symbol=vfs_read"}},
		{"k:vfs_read+0x10", hir.Uses{}, []string{"kprobe:vfs_read+16 kprobe symbol=vfs_read offset=16"}},
		{"kprobe:vmlinux:vfs_read", hir.Uses{}, []string{"kprobe:vmlinux:vfs_read kprobe symbol=vfs_read module=vmlinux"}},
		{"kprobe:mymod:mod_fn", hir.Uses{}, []string{"kprobe:mymod:mod_fn kprobe symbol=mod_fn module=mymod"}},
		{"kprobe:read_alias", hir.Uses{}, []string{"kprobe:read_alias kprobe symbol=read_alias"}},
		{"call:read_alias", hir.Uses{}, []string{"call:read_alias kprobe symbol=read_alias"}},
		{"kretprobe:vfs_read", hir.Uses{}, []string{"kretprobe:vfs_read kretprobe symbol=vfs_read"}},
		{"kprobe:vfs_*", hir.Uses{}, []string{"kprobe:vfs_* kprobe.multi symbols=[vfs_read vfs_void vfs_write]"}},
		{"kr:vfs_*", hir.Uses{}, []string{"kretprobe:vfs_* kretprobe.multi symbols=[vfs_read vfs_void vfs_write]"}},
		{"kprobe:vfs_w*", hir.Uses{Probe: true}, []string{"kprobe:vfs_write kprobe symbol=vfs_write"}},
		{"kprobe:my*:mod*", hir.Uses{}, []string{"kprobe:mymod:mod_fn kprobe symbol=mod_fn module=mymod"}},
		{"fentry:vfs_read", hir.Uses{Args: true}, []string{"fentry:vmlinux:vfs_read fentry symbol=vfs_read"}},
		{"kfunc:vfs_read", hir.Uses{}, []string{"fentry:vmlinux:vfs_read fentry symbol=vfs_read"}},
		{"fexit:vfs_wr*", hir.Uses{}, []string{"fexit:vmlinux:vfs_write fexit symbol=vfs_write"}},
		{"fentry:*", hir.Uses{Args: true}, []string{
			"fentry:vmlinux:byvalue fentry symbol=byvalue",
			"fentry:vmlinux:do_exit fentry symbol=do_exit", "fentry:vmlinux:pointers fentry symbol=pointers", "fentry:vmlinux:tr_plain fentry symbol=tr_plain", "fentry:vmlinux:tr_union fentry symbol=tr_union", "fentry:vmlinux:vfs_read fentry symbol=vfs_read",
			"fentry:vmlinux:vfs_void fentry symbol=vfs_void", "fentry:vmlinux:vfs_write fentry symbol=vfs_write"}},
		{"tracepoint:sched:sched_switch", hir.Uses{}, []string{"tracepoint:sched:sched_switch tracepoint symbol=sched_switch group=sched"}},
		{"t:sched:sched_*", hir.Uses{}, []string{
			"tracepoint:sched:sched_switch tracepoint symbol=sched_switch group=sched",
			"tracepoint:sched:sched_wakeup tracepoint symbol=sched_wakeup group=sched"}},
		{"tracepoint:*openat", hir.Uses{}, []string{"tracepoint:syscalls:sys_enter_openat tracepoint symbol=sys_enter_openat group=syscalls"}},
		{"rawtracepoint:sched_switch", hir.Uses{}, []string{"rawtracepoint:vmlinux:sched_switch rawtp symbol=sched_switch"}},
		{"rt:vmlinux:sched_w*", hir.Uses{}, []string{"rawtracepoint:vmlinux:sched_wakeup rawtp symbol=sched_wakeup"}},
		{"software:page-faults:7", hir.Uses{}, []string{"software:page-faults:7 software period=7 event=page-faults"}},
		{"software:faults", hir.Uses{}, []string{"software:faults: software period=100 event=faults"}},
		{"hardware:cycles:", hir.Uses{}, []string{"hardware:cycles: hardware period=1000000 event=cycles"}},

		{"call:vfs_read", hir.Uses{Args: true}, []string{"call:vfs_read fentry symbol=vfs_read"}},
		{"call:vfs_read", hir.Uses{ArgN: true}, []string{"call:vfs_read kprobe symbol=vfs_read"}},
		{"call:vfs_read", hir.Uses{Reg: true}, []string{"call:vfs_read kprobe symbol=vfs_read"}},
		{"call:many", hir.Uses{Args: true}, []string{"call:many kprobe symbol=many"}},
		{"call:byvalue", hir.Uses{}, []string{"call:byvalue kprobe symbol=byvalue"}},
		{"call:pointers", hir.Uses{Args: true}, []string{"call:pointers kprobe symbol=pointers"}},
		{"call:pointers", hir.Uses{}, []string{"call:pointers fentry symbol=pointers"}},
		{"call:no_types", hir.Uses{}, []string{"call:no_types kprobe symbol=no_types"}},
		{"call:vfs_*", hir.Uses{}, []string{"call:vfs_* kprobe.multi symbols=[vfs_read vfs_void vfs_write]"}},
		{"ret:vfs_read", hir.Uses{}, []string{"ret:vfs_read fexit symbol=vfs_read"}},
		{"ret:vfs_read", hir.Uses{Duration: true}, []string{"ret:vfs_read fexit symbol=vfs_read entry=fentry"}},
		{"ret:many", hir.Uses{Args: true}, []string{"ret:many kretprobe symbol=many entry=kprobe"}},
		{"ret:many", hir.Uses{Retval: true}, []string{"ret:many kretprobe symbol=many"}},
		{"ret:vfs_w*", hir.Uses{Retval: true}, []string{"ret:vfs_write fexit symbol=vfs_write"}},
		{"ret:absent|vfs_read", hir.Uses{}, []string{"ret:vfs_read fexit symbol=vfs_read"}},
		{"ret:vfs_write|vfs_read", hir.Uses{}, []string{"ret:vfs_write fexit symbol=vfs_write"}},
		{"ret:absent|fentry:vfs_read", hir.Uses{}, nil},
		{"fgraph:vfs_read", hir.Uses{}, []string{"fgraph:vfs_read fexit symbol=vfs_read entry=fentry"}},
		{"fgraph:vfs_read:depth=3", hir.Uses{Graph: true}, []string{"fgraph:vfs_read kretprobe symbol=vfs_read entry=kprobe graph=ftrace depth=3"}},
		{"fgraph:vfs_read:only=vfs_*:skip=vfs_void:irqs=on", hir.Uses{Graph: true}, []string{
			"fgraph:vfs_read fexit symbol=vfs_read entry=fentry graph=bpf depth=16 only=[vfs_read vfs_void vfs_write] skip=[vfs_void] irqs parts=[vfs_write fentry fexit]"}},
		{"fgraph:vfs_read:only=cloned", hir.Uses{Graph: true}, []string{
			"fgraph:vfs_read fexit symbol=vfs_read entry=fentry graph=bpf depth=16 only=[cloned.constprop.0 cloned.isra.1] parts=[ kprobe.session]"}},
		{"call:cloned", hir.Uses{}, []string{"call:cloned.constprop.0 kprobe symbol=cloned.constprop.0", "call:cloned.isra.1 kprobe symbol=cloned.isra.1"}},
	} {
		name := tc.text
		if tc.uses != (hir.Uses{}) {
			name += fmt.Sprintf(" %+v", tc.uses)
		}
		t.Run(name, func(t *testing.T) {
			sites, out := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Uses = tc.uses })
			if diff := cmp.Diff(tc.want, showAll(sites)); diff != "" {
				t.Errorf("%s\nmessages: %v", diff, out.All)
			}
			if tc.want != nil && out.HasErrors() {
				t.Errorf("errors: %v", out.All)
			}
		})
	}
}

// TestLeftOut expands patterns that match functions whose types trampolines do not
// support.
func TestLeftOut(t *testing.T) {
	s := fakeKernel(t, func(o *Options) { o.UnionArgs = missing })
	sites, out := expand(s, "fentry:tr_*", nil)
	if diff := cmp.Diff([]string{"fentry:vmlinux:tr_plain fentry symbol=tr_plain"}, showAll(sites)); diff != "" {
		t.Error(diff)
	}
	if len(out.All) != 1 || out.All[0].Code != "not-attached" {
		t.Fatalf("messages %v", out.All)
	}
	for _, want := range []string{"4 of the 5 functions that match", "tr_large, tr_printk, tr_result, tr_union", "of 24 bytes by value", "`kprobe:tr_*`"} {
		if text := out.All[0].String(); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	sites, _ = expand(s, "ret:tr_*", func(r *hir.ExpandRequest) { r.Uses = hir.Uses{Probe: true} })
	if len(sites) != 5 {
		t.Errorf("%v", showAll(sites))
	}
	// No force makes the kernel accept fexit at a function that never returns.
	if _, out := expand(s, "fexit:do_exit", func(r *hir.ExpandRequest) { r.Danger = hir.AllowDanger }); len(out.All) != 1 || !strings.Contains(out.All[0].String(), "do_exit never returns") {
		t.Errorf("messages %v", out.All)
	}
}

func TestExpandWithout(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		change     func(o *Options)
		attach     string
		uses       hir.Uses
		want       []string
	}{
		{"no multi", "kprobe:vfs_*", func(o *Options) { o.KprobeMulti = missing }, "", hir.Uses{},
			[]string{"kprobe:vfs_* kprobe symbols=[vfs_read other:vfs_read vfs_void vfs_write]"}},
		{"multi off", "kprobe:vfs_v*", func(o *Options) { o.NoMulti = true }, "", hir.Uses{}, []string{"kprobe:vfs_v* kprobe symbols=[vfs_void]"}},
		{"no trampolines", "ret:vfs_read", func(o *Options) { o.Tracing = missing }, "", hir.Uses{Args: true, Duration: true},
			[]string{"ret:vfs_read kretprobe symbol=vfs_read entry=kprobe"}},
		{"no function address", "call:vfs_read", func(o *Options) { o.FuncIP = missing }, "", hir.Uses{Func: true}, []string{"call:vfs_read kprobe symbol=vfs_read"}},
		{"forced kprobe", "call:vfs_read", nil, "kprobe", hir.Uses{}, []string{"call:vfs_read kprobe symbol=vfs_read"}},
		{"forced multi", "ret:vfs_read", nil, "multi", hir.Uses{Args: true}, []string{"ret:vfs_read kretprobe.multi symbol=vfs_read symbols=[vfs_read] entry=kprobe.multi"}},
		{"forced fentry", "call:vfs_read", nil, "fentry", hir.Uses{}, []string{"call:vfs_read fentry symbol=vfs_read"}},
		{"forced fentry in vain", "call:many", nil, "fentry", hir.Uses{Args: true}, nil},
		{"no structs by value", "fentry:byvalue", func(o *Options) { o.StructArgs = missing }, "", hir.Uses{}, nil},
		{"no unions by value", "fentry:tr_union", func(o *Options) { o.UnionArgs = missing }, "", hir.Uses{}, nil},
		{"unions by value", "fentry:tr_union", nil, "", hir.Uses{}, []string{"fentry:vmlinux:tr_union fentry symbol=tr_union"}},
		{"no arguments on the stack", "fexit:many", func(o *Options) { o.WideArgs = missing }, "", hir.Uses{}, nil},
		{"arguments on the stack", "fexit:many", nil, "", hir.Uses{}, []string{"fexit:vmlinux:many fexit symbol=many"}},
		{"a result by value", "ret:tr_result", nil, "", hir.Uses{}, []string{"ret:tr_result kretprobe symbol=tr_result"}},
		{"nothing", "call:vfs_read", func(o *Options) { o.Tracing, o.Kprobes = missing, missing }, "", hir.Uses{}, nil},
		{"trampolines alone", "call:vfs_v*", func(o *Options) { o.Kprobes = missing }, "", hir.Uses{}, []string{"call:vfs_void fentry symbol=vfs_void"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := fakeKernel(t, tc.change)
			sites, out := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Uses, r.Attach = tc.uses, tc.attach })
			if diff := cmp.Diff(tc.want, showAll(sites)); diff != "" {
				t.Errorf("%s\nmessages: %v", diff, out.All)
			}
			if (tc.want == nil) != out.HasErrors() {
				t.Errorf("messages: %v", out.All)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	s := fakeKernel(t, nil)
	for _, tc := range []struct {
		text string
		uses hir.Uses
		code diag.Code
		at   string // text under the caret
		want string // part of message, notes and helps
	}{
		{"kprob:vfs_read", hir.Uses{}, "bad-probe", "kprob", "a probe type with a similar name exists: `kprobe`"},
		{"U:x:y", hir.Uses{}, "no-match", "x", "does not exist"},
		{"usdt:y", hir.Uses{}, "bad-attach-point", "usdt:y", "must specify at least path or pid"},
		{"vfs_read", hir.Uses{}, "bad-probe", "vfs_read", "`call:vfs_read` probes its calls"},
		{"tracepoint:sched_switch", hir.Uses{}, "bad-attach-point", "tracepoint:sched_switch", "name the category, too: `tracepoint:sched:sched_switch`"},
		{"kprobe:alloc", hir.Uses{}, "no-match", "alloc", "functions with similar names exist: `alloc_noprof`"},
		{"K:vfs_read", hir.Uses{}, "bad-probe", "K", "invalid probe type"},
		{"fgraph:vfs_read:dept=3", hir.Uses{}, "bad-attach-point", "dept=3", "the options are depth, only, skip, args and irqs"},
		{"fgraph:vfs_read:depth=0", hir.Uses{}, "bad-attach-point", "depth=0", "depth is a number from 1 to 200"},
		{"fgraph:vfs_read:args=yes", hir.Uses{}, "bad-attach-point", "args=yes", "args is on, deep or off"},
		{"fgraph:depth=3", hir.Uses{}, "bad-attach-point", "fgraph:depth=3", "fgraph needs the name of a function"},
		{"begin:x", hir.Uses{}, "bad-attach-point", "x", "begin probes should not have a target"},
		{"kprobe", hir.Uses{}, "bad-attach-point", "kprobe", "kprobe probe type requires 1 or 2 arguments, found 0"},
		{"tracepoint:a:b:c", hir.Uses{}, "bad-attach-point", "tracepoint:a:b:c", "the form is `tracepoint:category:event`"},
		{"interval:500", hir.Uses{}, "bad-period", "500", "Minimum is 1000 or 1us"},
		{"interval:years:1", hir.Uses{}, "bad-period", "years", "years is not an accepted unit of time"},
		{"interval:s:0", hir.Uses{}, "bad-period", "0", "positive integer"},
		{"profile:hz:9999999", hir.Uses{}, "bad-period", "9999999", "above the limit"},
		{"interval:s:99999999999", hir.Uses{}, "bad-period", "99999999999", "longer than any run"},
		{"kprobe:", hir.Uses{}, "bad-attach-point", "kprobe:", "needs the name of a function"},
		{"kprobe:vfs_reed", hir.Uses{}, "no-match", "vfs_reed", "functions with similar names exist: `vfs_read`"},
		{"kprobe:vfs_read+x", hir.Uses{}, "bad-attach-point", "vfs_read+x", "invalid offset: x"},
		{"kretprobe:vfs_read+4", hir.Uses{}, "bad-attach-point", "vfs_read+4", "offset not allowed"},
		{"kprobe:0xffffffff81000000", hir.Uses{}, "needs-unsafe", "0xffffffff81000000", "requires --unsafe"},
		{"kprobe:gone:f", hir.Uses{}, "no-match", "f", "module gone is not loaded"},
		{"kprobe:inlined", hir.Uses{}, "no-match", "inlined", "inlined everywhere in this kernel"},
		{"kprobe:inlined", hir.Uses{}, "no-match", "inlined", "similar names exist: `__inlined`"},
		{"kprobe:notrace_fn", hir.Uses{}, "no-match", "notrace_fn", "marked notrace"},
		{"kprobe:denied_fn", hir.Uses{}, "no-match", "denied_fn", "list of functions that kprobes refuse"},
		{"kprobe:cloned", hir.Uses{}, "no-match", "cloned", "`call:` and `ret:` follow such clones"},
		{"kprobe:cloned", hir.Uses{}, "no-match", "cloned", "`kprobe:cloned.constprop.0` probes the copy"},
		{"kretprobe:vfs_read:maxactive=0", hir.Uses{}, "bad-attach-point", "maxactive=0", "takes a number from 1 to 4096"},
		{"kretprobe:vfs_read:maxactive=many", hir.Uses{}, "bad-attach-point", "maxactive=many", "takes a number from 1 to 4096"},
		{"kretprobe:vfs_*:maxactive=9", hir.Uses{}, "bad-attach-point", "vfs_*", "maxactive needs the name of one function"},
		{"kretprobe:a:b:c", hir.Uses{}, "bad-attach-point", "c", "takes a module and a function"},
		{"call:cloned", hir.Uses{Args: true}, "no-match", "cloned", "drops and reorders parameters"},
		{"kretprobe:vfs_read", hir.Uses{Args: true}, "no-args", "vfs_read", "`ret:vfs_read` has args"},
		{"kprobe:no_types", hir.Uses{Args: true}, "no-args", "no_types", "use arg0, arg1"},
		{"call:no_types", hir.Uses{Args: true}, "no-match", "no_types", "the parameters of no_types are not known"},
		{"fentry:many", hir.Uses{Args: true}, "bad-attach-point", "many", "more than 6 parameters"},
		{"fentry:tr_result", hir.Uses{}, "bad-attach-point", "tr_result", "returns a struct or union by value"},
		{"fexit:tr_large", hir.Uses{}, "bad-attach-point", "tr_large", "of 24 bytes by value"},
		{"fentry:tr_printk", hir.Uses{}, "bad-attach-point", "tr_printk", "variable number of parameters"},
		{"fentry:tr_r*", hir.Uses{}, "bad-attach-point", "tr_r*", "none of the 1 functions that match can be attached"},
		{"fentry:no_types", hir.Uses{}, "no-match", "no_types", "no type information for this function"},
		{"fentry:bpf:x:some", hir.Uses{}, "bad-attach-point", "x", "is not the number of a BPF program"},
		{"fentry:one:two:three", hir.Uses{}, "bad-attach-point", "fentry:one:two:three", "takes a module and a function"},
		{"tracepoint:sched_switch", hir.Uses{}, "bad-attach-point", "tracepoint:sched_switch", "requires 2 arguments, found 1"},
		{"tracepoint:sched:sched_swich", hir.Uses{}, "no-match", "sched_swich", "`sched_switch`"},
		{"tracepoint:shed:sched_switch", hir.Uses{}, "no-match", "sched_switch", "`sched:sched_switch`"},
		{"tracepoint:syscall:sys_enter_openat", hir.Uses{}, "no-match", "sys_enter_openat", "tracepoint:syscalls:sys_enter_openat"},
		{"rawtracepoint:sched_swich", hir.Uses{}, "no-match", "sched_swich", "`sched_switch`"},
		{"software:page-fault", hir.Uses{}, "no-match", "page-fault", "page-fault is not a software probe"},
		{"software:*", hir.Uses{}, "bad-attach-point", "*", "no wildcards"},
		{"software:faults:x", hir.Uses{}, "bad-period", "x", "positive integer"},
		{"uprobe:/nonexistent/x:f", hir.Uses{}, "no-match", "/nonexistent/x", "does not exist or is not executable"},
		{"uprobe:f", hir.Uses{}, "bad-attach-point", "uprobe:f", "requires 2 arguments"},
		{"uprobe:/bin/true:cpp:f", hir.Uses{}, "no-match", "f", "no matches for uprobe:/bin/true:cpp:f"},
		{"uprobe:/bin/true@true.c:1", hir.Uses{}, "no-match", "/bin/true", "no DWARF debug info found"},
		{"uprobe:/bin/true@true.c", hir.Uses{}, "bad-attach-point", "uprobe:/bin/true@true.c", "a file and a line"},
		{"uprobe:/bin/*@true.c:1", hir.Uses{}, "bad-attach-point", "/bin/*", "not a pattern"},
		{"uprobe:/bin/true:go:f", hir.Uses{}, "bad-attach-point", "go", "unsupported language type: go"},
		{"watchpoint:0x0:8:w", hir.Uses{}, "bad-attach-point", "watchpoint:0x0:8:w", "non-zero address"},
		{"watchpoint:jiffies:8:w", hir.Uses{}, "bad-attach-point", "jiffies", "expected a number"},
		{"watchpoint:4096:3:w", hir.Uses{}, "bad-attach-point", "watchpoint:4096:3:w", "one of (1,2,4,8)"},
		{"watchpoint:4096:8:r", hir.Uses{}, "bad-attach-point", "watchpoint:4096:8:r", "supported modes: x,w,rw"},
		{"watchpoint:4096:8:b", hir.Uses{}, "bad-attach-point", "watchpoint:4096:8:b", "combination of (r,w,x)"},
		{"watchpoint:4096:8:ww", hir.Uses{}, "bad-attach-point", "watchpoint:4096:8:ww", "may not be duplicated"},
		{"self:signal:SIGUSR2", hir.Uses{}, "bad-attach-point", "SIGUSR2", "SIGUSR2 is not a supported signal"},
		{"self:timer:SIGUSR1", hir.Uses{}, "bad-attach-point", "timer", "timer is not a supported trigger"},
		{"iter:thin", hir.Uses{}, "no-match", "thin", "iterators with similar names exist: `thing`"},
		{"iter:th*", hir.Uses{}, "bad-attach-point", "th*", "does not support wildcards"},
		{"iter:thing:pin:x", hir.Uses{}, "bad-attach-point", "iter:thing:pin:x", "requires 1 or 2 arguments"},
		{"zz*:x", hir.Uses{}, "bad-probe", "zz*", "no probe type matched"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			sites, out := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Uses = tc.uses })
			if len(sites) > 0 || out.Count(diag.Error) != 1 {
				t.Fatalf("%d sites, messages %v; want one error", len(sites), out.All)
			}
			d := out.All[0]
			if d.Code != tc.code || d.Span.Text() != tc.at || !strings.Contains(d.String(), tc.want) {
				t.Errorf("code %s at %q, want %s at %q with %q\n%s", d.Code, d.Span.Text(), tc.code, tc.at, tc.want, d)
			}
			if d.Row == "" {
				t.Error("no row of the language reference")
			}
		})
	}
}

func TestMissingProbes(t *testing.T) {
	s := fakeKernel(t, nil)
	for _, tc := range []struct {
		missing          string
		errors, warnings int
	}{{"error", 1, 0}, {"warn", 0, 1}, {"ignore", 0, 0}} {
		for _, text := range []string{"kprobe:absent_fn", "tracepoint:no:such", "rawtracepoint:nothing", "uprobe:/nonexistent:f"} {
			sites, out := expand(s, text, func(r *hir.ExpandRequest) { r.Missing = tc.missing })
			if len(sites) != 0 || out.Count(diag.Error) != tc.errors || out.Count(diag.Warning) != tc.warnings {
				t.Errorf("%s with %s: %d sites, %v", text, tc.missing, len(sites), out.All)
			}
		}
	}
}

func TestUnsafe(t *testing.T) {
	s := fakeKernel(t, nil)
	for _, tc := range []struct{ text, want string }{
		{"kprobe:notrace_fn", "kprobe:notrace_fn kprobe symbol=notrace_fn"},
		{"kprobe:denied_fn", "kprobe:denied_fn kprobe symbol=denied_fn"},
		{"kprobe:0x1000", "kprobe:4096 kprobe address=4096"},
	} {
		sites, out := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Unsafe = true })
		if diff := cmp.Diff([]string{tc.want}, showAll(sites)); diff != "" {
			t.Errorf("%s\n%v", diff, out.All)
		}
	}
}

func TestTooManyPrograms(t *testing.T) {
	s := fakeKernel(t, nil)
	for _, text := range []string{"kprobe:vfs_*", "tracepoint:*:*", "rawtracepoint:*"} {
		_, out := expand(s, text, func(r *hir.ExpandRequest) { r.Uses.Probe, r.MaxProgs = true, 1 })
		if len(out.All) != 1 || out.All[0].Code != "too-many-programs" {
			t.Errorf("%s: %v", text, out.All)
		}
	}
}

func TestTypeWildcard(t *testing.T) {
	s := fakeKernel(t, nil)
	sites, out := expand(s, "*probe:vfs_void", nil)
	want := []string{"kprobe:vfs_void kprobe symbol=vfs_void", "kretprobe:vfs_void kretprobe symbol=vfs_void"}
	if diff := cmp.Diff(want, showAll(sites)); diff != "" || len(out.All) != 0 {
		t.Errorf("%s\n%v", diff, out.All)
	}
}

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if k.Name == "" || k.Row == "" || k.Usage == "" || k.Doc == "" {
			t.Errorf("row of %q is not complete: %+v", k.Name, k)
		}
		for _, n := range append([]string{k.Name}, k.Aliases...) {
			if seen[n] {
				t.Errorf("%s stands for two kinds", n)
			}
			seen[n] = true
		}
	}
	for _, n := range []string{"kprobe", "call", "ret", "usdt", "iter", "watchpoint", "fgraph", "bench"} {
		if !seen[n] {
			t.Errorf("%s is not in the table", n)
		}
	}
}

// TestCodesHaveRows proves that every code raised here has a row that explain
// can show, and that the row's script raises it.
func TestCodesHaveRows(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`(?:rrorf|arnf)\("([a-z-]+)"`)
	s := fakeKernel(t, nil)
	raised := map[diag.Code]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllSubmatch(b, -1) {
			raised[diag.Code(m[1])] = true
		}
	}
	for code := range raised {
		e, ok := diag.Lookup(code)
		if !ok {
			t.Errorf("code %s has no row", code)
			continue
		}
		if e.Wrong == "" || code == "not-supported" || code == "too-many-programs" {
			continue
		}
		text, body, _ := strings.Cut(e.Wrong, " ")
		_, out := expand(s, text, func(r *hir.ExpandRequest) { r.Uses.Args = strings.Contains(body, "args") })
		if len(out.All) == 0 || out.All[0].Code != code {
			t.Errorf("the script of %s raises %v", code, out.All)
		}
	}
}
