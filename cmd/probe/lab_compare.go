package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"probe/lang/diag"
	"probe/runtime/graph"
	"probe/runtime/graph/diff"
	"probe/runtime/graph/ftrace"
	"probe/runtime/graph/proto"
	"probe/runtime/graph/record"
	"probe/runtime/lab"
	"probe/runtime/machine/live"
	"probe/runtime/watchdog"
)

// comparison describes what is recorded to compare two cases of a lab.
type comparison struct {
	// root is the function whose calls are compared.
	root string
	// only lists the functions below root that are recorded: those that decide
	// the route, not those that allocate memory.
	only []string
	// returns lists functions below root whose results are compared; the
	// results of others, such as hashes, differ from run to run. Functions that
	// a kernel has inlined are skipped.
	returns []string
}

// labComparisons holds the comparisons by scenario: the first is for IPv4, the
// second for IPv6.
var labComparisons = map[string][2]comparison{
	"route-loss": {
		{
			root:    "ip_route_output_flow",
			only:    []string{"fib_*", "__fib_*", "ip_route_*", "__ip_*", "inet_addr_*", "rt_*", "find_exception", "dst_*", "xfrm_lookup*"},
			returns: []string{"ip_route_output_key_hash_rcu", "__ip_dev_find", "fib_table_lookup", "fib_lookup_good_nhc"},
		},
		{
			root:    "ip6_dst_lookup_flow",
			only:    []string{"fib6_*", "__fib6_*", "ip6_*", "ipv6_*", "__ipv6_*", "rt6_*", "find_*", "dst_*", "xfrm_lookup*", "inet6_*"},
			returns: []string{"ip6_dst_lookup_tail", "ip6_route_output_flags", "ip6_pol_route", "fib6_table_lookup", "fib6_select_path", "find_rr_leaf", "__find_rr_leaf", "ipv6_get_saddr_eval", "ipv6_dev_get_saddr"},
		},
	},
}

// runLabCompare records the lookups of two cases and prints where they part.
// Its exit status is that of diff.
func runLabCompare(o *options, std stdio, scenario lab.Scenario) int {
	names := splitList(o.compare)
	names = append(names, o.words[1:]...)
	what, ok := labComparisons[scenario.Name]
	switch {
	case !ok:
		fail(std, usageError(o.command, fmt.Errorf("the lab %s has no call graphs to compare", scenario.Name)))
		return diffTrouble
	case len(names) != 2:
		fail(std, usageError(o.command, fmt.Errorf("--compare takes two cases, as in --compare A B, found %d", len(names))))
		return diffTrouble
	}
	c := what[0]
	if o.ipv6 {
		c = what[1]
	}
	var cases [2]lab.Case
	for i, n := range names {
		var err error
		if cases[i], err = scenario.Case(n); err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return diffTrouble
		}
		if err := writable(caseFile(o, scenario.Name, cases[i])); err != nil {
			labFailed(std, err)
			return diffTrouble
		}
	}
	ctx, _, stop := signals()
	defer stop()
	var sides [2]diff.Side
	for i, kase := range cases {
		var err error
		if sides[i], err = recordCase(ctx, o, std, scenario.Name, kase, &c); err != nil {
			if ctx.Err() == nil {
				labFailed(std, err)
			}
			return diffTrouble
		}
	}
	list := diff.Compare(sides[0], sides[1], diff.Options{NameA: cases[0].Name, NameB: cases[1].Name})
	fmt.Fprintln(std.out)
	if err := diff.WriteText(std.out, list, cases[0].Title, cases[1].Title); err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "print the comparison: " + err.Error()})
		return diffTrouble
	}
	return diffStatus(list)
}

// diffStatus returns the exit status of a comparison.
func diffStatus(list []*diff.Comparison) int {
	if slices.ContainsFunc(list, func(c *diff.Comparison) bool { return !c.Same() }) {
		return diffDiffer
	}
	return diffSame
}

// labFailed prints why a lab failed.
func labFailed(std stdio, err error) {
	var host *lab.HostError
	var busy *ftrace.BusyError
	var missing *ftrace.MissingError
	var noFunc *ftrace.NoFuncError
	var changed *ftrace.ChangedError
	if errors.As(err, &changed) || errors.As(err, &busy) || errors.As(err, &missing) || errors.As(err, &noFunc) || errors.Is(err, ftrace.ErrLocked) {
		graphFailed(std, err)
		return
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "lab", Message: err.Error()}
	if errors.As(err, &host) {
		d.WithHelp("labs need root and network namespaces; `make demo` runs them in a virtual machine where this one will not do")
	}
	fail(std, d)
}

// recordCase runs one case and returns the route lookups after the fault.
func recordCase(ctx context.Context, o *options, std stdio, scenario string, kase lab.Case, what *comparison) (diff.Side, error) {
	side := diff.Side{Funcs: &graph.Funcs{}}
	var all []*graph.Tree
	opts := lab.Options{
		Scenario: scenario, Case: kase.Name, IPv6: o.ipv6, Before: o.before, After: o.after, Stdout: std.out, Verbose: o.verbose,
		Watch: func(ctx context.Context, _ *lab.Lab) (func() error, error) {
			return recordLookups(ctx, side.Funcs, what, func(t *graph.Tree) { all = append(all, t.Clone()) })
		},
	}
	report, err := lab.Run(ctx, opts)
	if report != nil {
		_ = report.Text(std.out)
	}
	if err != nil {
		return side, err
	}
	// Use only lookups after the fault: before it the socket has a cached route
	// and looks nothing up, and lookups of other programs are not compared.
	var client, others []*graph.Tree
	for _, t := range all {
		t.Fold()
		switch {
		case t.Root().T0 < report.FaultAt:
		case int(t.Thread.PID) == report.Client.PID:
			client = append(client, t)
		default:
			others = append(others, t)
		}
	}
	side.Trees = client
	from := report.Client.Comm
	if len(client) == 0 {
		// TCP's timers run in whichever task they interrupt, so without lookups
		// in the client use those of other tasks.
		side.Trees, from = others, "other tasks, in which the client's timers run"
	}
	if len(side.Trees) == 0 {
		return side, fmt.Errorf("case %s: there is no lookup to compare: the client's socket kept the route it had, so %s was not called in the %v after the fault; --after gives it more time",
			kase.Name, what.root, report.After.Round(time.Millisecond))
	}
	fmt.Fprintf(std.out, "lab %s %s: recorded %s of %s in %s\n", scenario, kase.Name, plural(uint64(len(side.Trees)), "call"), what.root, from)
	return side, keepCase(o, &side, report, kase, what)
}

// caseFile returns the name of the file for a case's recording; "" without -o.
func caseFile(o *options, scenario string, kase lab.Case) string {
	if o.out == "" {
		return ""
	}
	return filepath.Join(o.out, scenario+"-"+kase.Name+".jsonl.zst")
}

// keepCase writes a case's lookups to a file if -o was given.
func keepCase(o *options, side *diff.Side, report *lab.Report, kase lab.Case, what *comparison) error {
	path := caseFile(o, report.Scenario, kase)
	if path == "" {
		return nil
	}
	h := record.Header{
		Started: time.Now(), WallOffset: int64(wallOffset()), Kernel: kernelRelease(), Arch: runtime.GOARCH, Source: "ftrace", Functions: []string{what.root},
	}
	w, err := record.Create(path, h, side.Funcs)
	if err != nil {
		return err
	}
	for _, t := range side.Trees {
		if err := w.Tree(t); err != nil {
			return errors.Join(err, w.Close(record.End{}))
		}
	}
	return w.Close(record.End{})
}

// recordLookups records the calls of what until ctx ends.
func recordLookups(ctx context.Context, funcs *graph.Funcs, what *comparison, tree func(*graph.Tree)) (stop func() error, err error) {
	m := live.New(live.Options{})
	tfs, err := m.Tracefs()
	if err != nil {
		return nil, err
	}
	list, err := ftrace.ListFunctions(tfs)
	if err != nil {
		return nil, err
	}
	opts := ftrace.Options{Symbols: m.Symbols(), Only: list.Framing(), OnlyPatterns: patterns(what.only)}
	if opts.Funcs, err = list.Find(what.root); err != nil {
		return nil, err
	}
	// Skip functions that this kernel does not have because the compiler
	// inlined them.
	for _, p := range what.only {
		if found, err := list.Find(p); err == nil {
			opts.Only = append(opts.Only, found...)
		}
	}
	opts.Returns = slices.Clone(opts.Funcs)
	for _, name := range what.returns {
		if found, err := list.Find(name); err == nil {
			opts.Returns = append(opts.Returns, found...)
		}
	}
	src, err := ftrace.Open(ctx, tfs, opts)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", strings.Join(opts.Funcs, ", "), err)
	}
	recording, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() {
		defer watchdog.Report()
		done <- src.Record(recording, funcs, proto.New(m.Types(), m.Symbols()).Fill, func(t *graph.Tree) bool { tree(t); return true })
	}()
	return func() error {
		cancel()
		err := errors.Join(<-done, src.Close())
		if err == nil && src.Lost() > 0 {
			err = fmt.Errorf("at least %s lost while recording: the machine was too busy to compare; try again", plural(src.Lost(), "event"))
		}
		return err
	}, nil
}
