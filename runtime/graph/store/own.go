package store

import (
	"probe/runtime/graph"
	"probe/runtime/graph/ftrace"
)

// own are functions that run because a program is attached to the root: those
// of trampolines, of kprobes, and of the helpers that the program calls. Some
// of them the kernel calls elsewhere too, but which of the calls are whose
// cannot be told, and programs cannot be attached to them; so they are in no
// script's trees.
var own = append([]string{
	"__rcu_read_lock", "__rcu_read_unlock", "rcu_read_unlock_strict", "migrate_disable", "migrate_enable", "__migrate_enable", "___migrate_enable",
	"__bpf_prog_enter*", "__bpf_prog_exit*", "__bpf_tramp_enter", "__bpf_tramp_exit", "bpf_trampoline_*",
	"bpf_get_current_*", "bpf_ktime_get_*", "bpf_map_*_elem", "bpf_ringbuf_*", "__bpf_ringbuf_*",
	"htab_map_*", "__htab_map_*", "alloc_htab_elem", "bpf_probe_read_*", "trace_call_bpf",
	"kprobe_perf_func", "kretprobe_perf_func", "kprobe_dispatcher", "fprobe_*", "rethook_*", "kprobe_multi_link_*",
	"kprobe_ftrace_handler", "preempt_count_add", "preempt_count_sub",
}, ftrace.Machinery...)

// Own takes out of the trees of one table of functions what ran because
// programs are attached to their roots.
type Own struct{ skip graph.Skipper }

// NewOwn makes an Own.
func NewOwn() *Own { return &Own{graph.Skipper{Patterns: own}} }

// TakeOut does so with one tree. start and end are when the root's two programs
// ran: what the root called before and after is none of its own.
func (o *Own) TakeOut(t *graph.Tree, funcs *graph.Funcs, start, end int64) {
	o.skip.Skip(t, funcs)
	t.Folded.Skipped = 0
	t.Cut(func(i int32) bool {
		c := &t.Calls[i]
		return c.Parent == 0 && c.Flags&graph.Gap == 0 && (c.T1 <= start && c.Flags&graph.NoExit == 0 || c.T0 >= end)
	})
}
