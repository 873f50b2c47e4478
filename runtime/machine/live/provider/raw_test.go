package provider

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/hir"
)

// TestRawTracepoints checks when the record of an event is left out.
func TestRawTracepoints(t *testing.T) {
	has := func(name string) (bool, error) { return name != "sched_wakeup", nil }
	const (
		raw    = "tracepoint:sched:sched_switch raw tracepoint symbol=sched_switch group=sched"
		record = "tracepoint:sched:sched_switch tracepoint symbol=sched_switch group=sched"
		call   = "tracepoint:syscalls:sys_enter_openat tracepoint symbol=sys_enter_openat group=syscalls"
		wakeup = "tracepoint:sched:sched_wakeup tracepoint symbol=sched_wakeup group=sched"
	)
	for _, tc := range []struct {
		name, text string
		uses       hir.Uses
		has        func(string) (bool, error)
		want       []string
	}{
		{"nothing used", "tracepoint:sched:sched_switch", hir.Uses{}, has, []string{raw}},
		{"name used", "tracepoint:sched:sched_switch", hir.Uses{Probe: true}, has, []string{raw}},
		{"pattern", "tracepoint:sched:*", hir.Uses{}, has, []string{raw, wakeup}},
		{"fields used", "tracepoint:sched:sched_switch", hir.Uses{Args: true}, has, []string{record}},
		{"stack used", "tracepoint:sched:sched_switch", hir.Uses{Stack: true}, has, []string{record}},
		{"context used", "tracepoint:sched:sched_switch", hir.Uses{Reg: true}, has, []string{record}},
		{"system call", "tracepoint:syscalls:sys_enter_openat", hir.Uses{}, has, []string{call}},
		{"no tracepoint of the name", "tracepoint:sched:sched_wakeup", hir.Uses{}, has, []string{wakeup}},
		{"may not ask", "tracepoint:sched:sched_switch", hir.Uses{}, func(string) (bool, error) { return true, errors.New("denied") }, []string{record}},
		{"switched off", "tracepoint:sched:sched_switch", hir.Uses{}, nil, []string{record}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := fakeKernel(t, func(o *Options) { o.RawTracepoint = tc.has })
			sites, out := expand(s, tc.text, func(r *hir.ExpandRequest) { r.Uses = tc.uses })
			if diff := cmp.Diff(tc.want, showAll(sites)); diff != "" {
				t.Errorf("%s\nmessages: %v", diff, out.All)
			}
		})
	}
}

// TestRawAgrees checks that all probes of an event are of one kind, whatever
// their order.
func TestRawAgrees(t *testing.T) {
	const event = "tracepoint:sched:sched_switch"
	s := fakeKernel(t, func(o *Options) { o.RawTracepoint = func(string) (bool, error) { return true, nil } })
	first, _ := expand(s, event, nil)
	if first[0].Prog != hir.ProgRawTP {
		t.Fatalf("the first probe is %s, want a raw tracepoint", showAll(first))
	}
	second, _ := expand(s, event, func(r *hir.ExpandRequest) { r.Uses.Args = true })
	third, _ := expand(s, event, nil)
	for i, sites := range [][]*hir.Site{first, second, third} {
		if x := sites[0]; x.Prog != hir.ProgTracepoint || x.Attach.Kind != hir.AttachTracepoint || x.Why != "" {
			t.Errorf("probe %d is %s (%s), want a tracepoint", i+1, showAll(sites), x.Why)
		}
	}
}
