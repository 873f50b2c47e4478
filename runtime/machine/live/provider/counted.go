package provider

import (
	"math"
	"sort"
	"strconv"

	"golang.org/x/sys/unix"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/rights"
)

// software is a count of events that the kernel counts for perf.
var software = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "software", Aliases: []string{"s"}, Row: "P-SW-01", Usage: "software:event:[count]",
		Doc: "Every count-th software event of the kernel, on every CPU: page-faults, context-switches, cpu-clock …",
	},
	Min: 1, Max: 2, Needs: []rights.Access{rights.Samples}, Type: "software", Kernel: true, Expand: expandCounted, List: listCounted,
	Counts: hir.AttachSoftware, Counters: softwareEvents,
}

// hardware is a count of events that the processor counts.
var hardware = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "hardware", Aliases: []string{"h"}, Row: "P-HW-01", Usage: "hardware:event:[count]",
		Doc: "Every count-th event of the processor, on every CPU: cpu-cycles, instructions, cache-misses …",
	},
	Min: 1, Max: 2, Needs: []rights.Access{rights.Samples}, Type: "hardware", Kernel: true, Expand: expandCounted, List: listCounted,
	Counts: hir.AttachHardware, Counters: hardwareEvents,
}

// counter is an event that perf counts.
type counter struct {
	alias  string
	typ    uint32
	config uint64
	count  uint64 // default number of events between two runs
}

const (
	sw = unix.PERF_TYPE_SOFTWARE
	hw = unix.PERF_TYPE_HARDWARE
)

// softwareEvents and hardwareEvents follow rows P-SW-01 and P-HW-01.
var (
	softwareEvents = map[string]counter{
		"alignment-faults": {"", sw, unix.PERF_COUNT_SW_ALIGNMENT_FAULTS, 1},
		"bpf-output":       {"", sw, unix.PERF_COUNT_SW_BPF_OUTPUT, 1},
		"context-switches": {"cs", sw, unix.PERF_COUNT_SW_CONTEXT_SWITCHES, 1000},
		"cpu-clock":        {"cpu", sw, unix.PERF_COUNT_SW_CPU_CLOCK, 1000000},
		"cpu-migrations":   {"", sw, unix.PERF_COUNT_SW_CPU_MIGRATIONS, 1},
		"dummy":            {"", sw, unix.PERF_COUNT_SW_DUMMY, 1},
		"emulation-faults": {"", sw, unix.PERF_COUNT_SW_EMULATION_FAULTS, 1},
		"major-faults":     {"", sw, unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ, 1},
		"minor-faults":     {"", sw, unix.PERF_COUNT_SW_PAGE_FAULTS_MIN, 100},
		"page-faults":      {"faults", sw, unix.PERF_COUNT_SW_PAGE_FAULTS, 100},
		"task-clock":       {"", sw, unix.PERF_COUNT_SW_TASK_CLOCK, 1},
	}
	hardwareEvents = map[string]counter{
		"backend-stalls":      {"", hw, unix.PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 1000000},
		"branch-instructions": {"branches", hw, unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 100000},
		"branch-misses":       {"", hw, unix.PERF_COUNT_HW_BRANCH_MISSES, 100000},
		"bus-cycles":          {"", hw, unix.PERF_COUNT_HW_BUS_CYCLES, 100000},
		"cache-misses":        {"", hw, unix.PERF_COUNT_HW_CACHE_MISSES, 1000000},
		"cache-references":    {"", hw, unix.PERF_COUNT_HW_CACHE_REFERENCES, 1000000},
		"cpu-cycles":          {"cycles", hw, unix.PERF_COUNT_HW_CPU_CYCLES, 1000000},
		"frontend-stalls":     {"", hw, unix.PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 1000000},
		"instructions":        {"", hw, unix.PERF_COUNT_HW_INSTRUCTIONS, 1000000},
		"ref-cycles":          {"", hw, unix.PERF_COUNT_HW_REF_CPU_CYCLES, 1000000},
	}
)

// counterByName returns the event with a name or alias.
func counterByName(table map[string]counter, name string) (counter, bool) {
	if c, ok := table[name]; ok {
		return c, true
	}
	for _, c := range table {
		if c.alias != "" && c.alias == name {
			return c, true
		}
	}
	return counter{}, false
}

func expandCounted(r *request) []*hir.Site {
	table := r.p.Counters
	name := r.part(0)
	if isPattern(name) {
		r.errorf("bad-attach-point", 0, "%s probes take no wildcards", r.p.Name).
			WithCompat("%s probe type does not support wildcards", r.p.Name).WithRow("P-SW-02")
		return nil
	}
	c, ok := counterByName(table, name)
	if !ok {
		n := newNearest(name)
		for _, e := range counterNames(table) {
			n.add(e)
		}
		d := r.errorf("no-match", 0, "%s is not a %s probe", name, r.p.Name).
			SameCompat().WithRow("P-SW-02")
		if near := n.names(); near != "" {
			d.WithHelp("events with similar names exist: %s", near)
		} else {
			d.WithHelp("run `probe ls %s:*` for the list", r.p.Name)
		}
		return nil
	}
	count := c.count
	label := ""
	if text := r.part(1); text != "" {
		n, ok := number(text)
		if !ok || n == 0 || n > math.MaxInt64 {
			r.errorf("bad-period", 1, "the count of a %s probe must be a positive integer, found %s", r.p.Name, text).
				WithCompat("%s", badCount(r.p.Name, text)).WithRow("P-SW-02")
			return nil
		}
		count, label = n, strconv.FormatUint(n, 10)
	}
	r.matched = true
	s := r.site(hir.ProgPerf, types.SpaceNone, r.p.Name+":"+name+":"+label)
	s.Regs = true
	s.Attach = hir.Attach{Kind: r.p.Counts, Event: name, Period: count}
	return []*hir.Site{s}
}

func counterNames(table map[string]counter) []string {
	var out []string
	for name, c := range table {
		out = append(out, name)
		if c.alias != "" {
			out = append(out, c.alias)
		}
	}
	sort.Strings(out)
	return out
}
