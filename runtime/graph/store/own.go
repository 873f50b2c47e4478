package store

import (
	"probe/runtime/graph"
	"probe/runtime/graph/ftrace"
)

// own lists functions that run because a program is attached to the root: those
// of trampolines, of kprobes, and of the helpers that the program calls. The
// kernel calls some of them for other reasons, too, but the two kinds of calls
// cannot be distinguished, and programs cannot be attached to these functions;
// so no script's trees contain them.
var own = append([]string{
	"__rcu_read_lock", "__rcu_read_unlock", "rcu_read_unlock_strict", "migrate_disable", "migrate_enable", "__migrate_enable", "___migrate_enable",
	"__bpf_prog_enter*", "__bpf_prog_exit*", "__bpf_tramp_enter", "__bpf_tramp_exit", "bpf_trampoline_*",
	"bpf_get_current_*", "bpf_ktime_get_*", "bpf_map_*_elem", "bpf_ringbuf_*", "__bpf_ringbuf_*",
	"htab_map_*", "__htab_map_*", "alloc_htab_elem", "bpf_probe_read_*", "trace_call_bpf",
	"kprobe_perf_func", "kretprobe_perf_func", "kprobe_dispatcher", "fprobe_*", "rethook_*", "kprobe_multi_link_*",
	"kprobe_ftrace_handler", "preempt_count_add", "preempt_count_sub",
}, ftrace.Machinery...)

// Own removes from trees, all with one table of functions, the calls that ran
// because programs are attached to the roots.
type Own struct{ skip graph.Skipper }

// NewOwn returns an Own.
func NewOwn() *Own { return &Own{graph.Skipper{Patterns: own}} }

// TakeOut removes these calls from one tree. start and end are the times at
// which the root's two programs ran: the root itself made no call before start
// or after end.
func (o *Own) TakeOut(t *graph.Tree, funcs *graph.Funcs, start, end int64) {
	o.skip.Skip(t, funcs)
	t.Folded.Skipped = 0
	t.Cut(func(i int32) bool {
		c := &t.Calls[i]
		return c.Parent == 0 && c.Flags&graph.Gap == 0 && (c.T1 <= start && c.Flags&graph.NoExit == 0 || c.T0 >= end)
	})
}
