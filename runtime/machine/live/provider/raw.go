package provider

import (
	"slices"
	"sync"

	"probe/lang/hir"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/symbol"
)

// RawTracepoints returns Options.RawTracepoint for the running kernel, with its
// features and symbols.
func RawTracepoints(set *feature.Set, symbols *symbol.Kernel) func(name string) (bool, error) {
	raw, preemptible := bpf.NewRawTracepoints(), sync.OnceValue(func() bool { return preemptible(set, symbols) })
	return func(name string) (bool, error) {
		if preemptible() {
			return false, nil
		}
		return raw.Has(name)
	}
}

// preemptible reports whether a raw tracepoint program can be preempted by
// another thread while it runs. Events of that thread would then be lost: the
// kernel does not run a program twice at once on a CPU. Programs with the
// event's record run with preemption off.
//
// Since 7.0 tracepoints are guarded by a domain of SRCU (tracepoint_srcu, in
// include/linux/tracepoint.h) instead of switching preemption off. Kernels up
// to 6.12 had a domain of that name for another purpose; those between have
// none. So the name counts only from 6.13 on, which is detected by the support
// of uprobe sessions.
func preemptible(set *feature.Set, symbols *symbol.Kernel) bool {
	if !set.Has(feature.UprobeSession) {
		return false
	}
	// init_task shows whether kallsyms includes data symbols at all.
	addrs, err := symbols.AddrOf("tracepoint_srcu", "init_task")
	return err != nil || addrs["init_task"] == 0 || addrs["tracepoint_srcu"] != 0
}

// rawSites remembers how the tracepoint probes of a script are attached.
// Programs on one event run in the order of the script (P-COM-12), which the
// kernel guarantees only among programs of one kind. So if one probe on an
// event needs its record, all probes on it get the kind with the record.
type rawSites struct {
	mu      sync.Mutex
	made    map[string][]*hir.Site // by event
	records map[string]bool
	able    map[string]bool // whether an event can be reached as a raw tracepoint
}

// can returns whether an event can be reached as a raw tracepoint, and asks only once:
// whether its name is unique takes a look into each category.
func (r *rawSites) can(key string, ask func() bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	able, asked := r.able[key]
	if !asked {
		able = ask()
		if r.able == nil {
			r.able = map[string]bool{}
		}
		r.able[key] = able
	}
	return able
}

// madeByHand lists the categories whose events are not tracepoints themselves:
// those of system calls are derived from two others, the rest is defined at run
// time.
var madeByHand = []string{"syscalls", "kprobes", "uprobes", "eprobes", "fprobes", "tracepoints", "synthetic", "ftrace"}

// chooseRaw turns the site of a tracepoint into a raw one if the script cannot
// notice the difference: the kernel then prepares no record, which is two
// thirds of the cost of counting. Scripts that take stacks keep the record,
// since stacks in raw tracepoint programs begin in other frames.
func (s *Set) chooseRaw(site *hir.Site, uses hir.Uses, unique func() bool) {
	if s.opts.RawTracepoint == nil {
		return
	}
	category, event := site.Attach.Group, site.Attach.Symbol
	key := category + ":" + event
	raw := !uses.Args && !uses.ArgN && !uses.Reg && !uses.Stack && !uses.Retval && !uses.Func &&
		!slices.Contains(madeByHand, category) && s.raw.can(key, func() bool {
		// A user who may not test this may not attach programs either.
		ok, err := false, error(nil)
		if unique() {
			ok, err = s.opts.RawTracepoint(event)
		}
		return ok && err == nil
	})
	s.raw.mu.Lock()
	defer s.raw.mu.Unlock()
	if raw && !s.raw.records[key] {
		if s.raw.made == nil {
			s.raw.made = map[string][]*hir.Site{}
		}
		s.raw.made[key] = append(s.raw.made[key], site)
		site.Prog, site.Attach.Kind = hir.ProgRawTP, hir.AttachRawTracepoint
		site.Why = "raw tracepoint, since its record is not used"
		return
	}
	if s.raw.records == nil {
		s.raw.records = map[string]bool{}
	}
	s.raw.records[key] = true
	for _, other := range s.raw.made[key] {
		other.Prog, other.Attach.Kind = hir.ProgTracepoint, hir.AttachTracepoint
		other.Why = ""
	}
	delete(s.raw.made, key)
}
