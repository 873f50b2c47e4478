package provider

import (
	"slices"
	"sync"

	"probe/lang/hir"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/symbol"
)

// RawTracepoints is Options.RawTracepoint of the running kernel, of which the
// features and symbols are given.
func RawTracepoints(set *feature.Set, symbols *symbol.Kernel) func(name string) (bool, error) {
	raw, preemptible := bpf.NewRawTracepoints(), sync.OnceValue(func() bool { return preemptible(set, symbols) })
	return func(name string) (bool, error) {
		if preemptible() {
			return false, nil
		}
		return raw.Has(name)
	}
}

// preemptible reports whether a raw tracepoint program may lose the CPU to
// another thread while it runs. Events of that thread would then be skipped:
// the kernel does not run a program twice at once on a CPU. Programs with the
// event's record run with preemption off.
//
// Since 7.0 tracepoints are guarded by a domain of SRCU (tracepoint_srcu, in
// include/linux/tracepoint.h) instead of switching preemption off. Kernels up
// to 6.12 had a domain of that name for other ends; those between have none.
// So the name counts from 6.13 on, which sessions of uprobes tell.
func preemptible(set *feature.Set, symbols *symbol.Kernel) bool {
	if !set.Has(feature.UprobeSession) {
		return false
	}
	// init_task tells whether the kernel gives names of data at all.
	addrs, err := symbols.AddrOf("tracepoint_srcu", "init_task")
	return err != nil || addrs["init_task"] == 0 || addrs["tracepoint_srcu"] != 0
}

// rawSites remembers how the events of tracepoint probes are reached. Programs
// on one event run in the order of the script (P-COM-12). That holds among
// programs of one kind, so an event that one probe needs a record of is
// reached by its record in all probes.
type rawSites struct {
	mu      sync.Mutex
	made    map[string][]*hir.Site // by event
	records map[string]bool
}

// madeByHand are categories whose events are no tracepoints of their own: the
// system calls' are cut from two others, the rest is defined at run time.
var madeByHand = []string{"syscalls", "kprobes", "uprobes", "eprobes", "fprobes", "tracepoints", "synthetic", "ftrace"}

// chooseRaw turns the site of a tracepoint into a raw one where nobody can tell
// the difference but by the time it takes: the kernel then prepares no record,
// which is two thirds of the cost of counting. Stacks keep the record's way,
// since those of raw tracepoints begin in other frames.
func (s *Set) chooseRaw(site *hir.Site, uses hir.Uses, unique func() bool) {
	if s.opts.RawTracepoint == nil {
		return
	}
	category, event := site.Attach.Group, site.Attach.Symbol
	raw := !uses.Args && !uses.ArgN && !uses.Reg && !uses.Stack && !uses.Retval && !uses.Func &&
		!slices.Contains(madeByHand, category) && unique()
	if raw {
		// Whoever may not ask may not attach either.
		ok, err := s.opts.RawTracepoint(event)
		raw = ok && err == nil
	}
	s.raw.mu.Lock()
	defer s.raw.mu.Unlock()
	key := category + ":" + event
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
