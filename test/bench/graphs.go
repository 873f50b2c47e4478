package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"probe/internal/guest"
)

// The graphs that are recorded. The recorder's CPU time is the difference
// between a long run and a short one, so that ending it cancels.
const (
	graphRound  = 300
	shortRounds = 1
	longRounds  = 21
)

// graphs measures what recording a call graph costs.
func (b *bench) graphs(ctx context.Context, g *guest.Guest) ([]*table, error) {
	out := &table{
		title: "One call graph", command: "go run ./test/bench -only graphs", alone: true,
		unit: fmt.Sprintf("Instructions for a graph of %d calls, %s and chosen functions below it: in the thread that makes the calls, in the recorder with its children, "+
			"both, and both for one of the calls. The buffers have 8 MiB everywhere, and nothing was lost; the goal is what the row that probe is measured by takes", graphCalls, graphRoot),
		columns: []string{"both", "thread", "recorder", "for a call"},
	}
	took := map[string]float64{}
	for _, r := range recorders {
		t := b.recorder(r.program)
		if t == nil {
			continue // left out, and said so
		}
		note("%s", r.name)
		args := fill(r.args, r.each, graphFuncs, "ROOT", graphRoot, "ONLY", strings.Join(graphFuncs, ","), "LIST", strings.Join(graphFuncs, " "))
		var runs [2]*measured
		for i, n := range []int{shortRounds, longRounds} {
			flags := []string{"-calls", fmt.Sprint(graphRound), "-rounds", fmt.Sprint(n), "-say", r.ready}
			m, err := b.ask(ctx, g, t, "graphs", flags, args...)
			if _, err = figure(0, err); err != nil {
				return nil, err
			}
			if runs[i] = m; m != nil && m.Reported > 0 {
				note("%s: %d events lost", r.name, m.Reported)
			}
		}
		line := row{name: r.name + " (" + r.mechanism + ")", goal: math.NaN(), figures: []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()}}
		if runs[0] != nil && runs[1] != nil {
			thread := runs[1].Whole
			reader := float64(runs[1].CPU-runs[0].CPU) / float64(runs[1].Events-runs[0].Events)
			both := thread + reader
			line.figures = []float64{both, thread, reader, both / graphCalls}
			took[r.name] = both
			if limit, ok := took[r.limit]; ok {
				line.goal = limit
			}
		}
		note("both %s, thread %s, recorder %s", number(line.figures[0]), number(line.figures[1]), number(line.figures[2]))
		out.rows = append(out.rows, line)
	}
	return []*table{out}, nil
}

// recorder returns the program of a name, nil when it could not be had.
func (b *bench) recorder(name string) *tracer {
	if name == "sh" {
		return &tracer{name: name, path: "/bin/sh"}
	}
	for _, list := range [][]tracer{b.tracers, b.recording} {
		for i := range list {
			if list[i].name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// fill replaces words in arguments, and adds each, with an option before it.
func fill(args []string, option string, each []string, words ...string) []string {
	r := strings.NewReplacer(words...)
	var out []string
	for _, a := range args {
		out = append(out, r.Replace(a))
	}
	if option != "" {
		for _, e := range each {
			out = append(out, option, e)
		}
	}
	return out
}

// hooks measures how long attaching to many functions takes.
func (b *bench) hooks(ctx context.Context, g *guest.Guest) ([]*table, error) {
	out := &table{
		title: "From exec to attached to many functions", command: "go run ./test/bench -only hooks", alone: true,
		unit: "Milliseconds by the guest's clock, where 1 ms is a million instructions or of waiting, on one CPU",
	}
	for _, m := range manyFuncs {
		n, err := countMatches(ctx, g, m.patterns)
		if err != nil {
			return nil, err
		}
		out.columns = append(out.columns, fmt.Sprintf("%d functions", n))
	}
	rows, err := b.hookRows(ctx, g, hookings)
	if err != nil {
		return nil, err
	}
	out.rows = rows
	old, err := b.bootKernel(ctx, "6.1", true, nil)
	if err != nil {
		return nil, err
	}
	rows, err = b.hookRows(ctx, old, singly)
	out.rows = append(out.rows, rows...)
	if closed := old.Close(); err == nil {
		err = closed
	}
	return []*table{out}, err
}

func (b *bench) hookRows(ctx context.Context, g *guest.Guest, list []hooking) ([]row, error) {
	var rows []row
	for _, h := range list {
		t := b.recorder(h.program)
		if t == nil {
			continue
		}
		note("%s", h.name)
		line := row{name: h.name, goal: math.NaN()}
		for _, m := range manyFuncs {
			v := math.NaN()
			if h.most == 0 || m.count <= h.most {
				var points []string
				for _, p := range m.patterns {
					points = append(points, h.kind+p)
				}
				args := fill(h.args, h.each, m.patterns, "PATTERN", strings.Join(m.patterns, ","), "PROBES", strings.Join(points, ","))
				got, err := b.ask(ctx, g, t, "hooked", []string{"-say", h.ready}, args...)
				if got != nil {
					v = float64(got.Wall) / 1e6
				}
				if v, err = figure(v, err); err != nil {
					return nil, err
				}
				note("%d functions: %s ms", m.count, number(v))
			}
			line.figures = append(line.figures, v)
		}
		rows = append(rows, line)
	}
	return rows, nil
}

// countMatches counts the functions of a kernel that match patterns.
func countMatches(ctx context.Context, g *guest.Guest, patterns []string) (int, error) {
	var any []string
	for _, p := range patterns {
		any = append(any, strings.ReplaceAll(p, "*", ".*"))
	}
	res, err := g.Run(ctx, guest.Cmd{Args: []string{"grep", "-cxE", strings.Join(any, "|"), "/sys/kernel/tracing/available_filter_functions"}})
	if err != nil {
		return 0, err
	}
	n := 0
	_, err = fmt.Sscan(res.Stdout, &n)
	return n, err
}

// stormTime is how long a storm goes on, by the guest's clock.
const stormTime = time.Minute

// storms records a function that is called without a pause.
func (b *bench) storms(ctx context.Context, g *guest.Guest) ([]*table, error) {
	out := &table{
		title: "A storm of calls", command: "go run ./test/bench -only storm", alone: true,
		unit: fmt.Sprintf("getppid for %v by the guest's clock without a pause, two emulated CPUs, the default buffers. Thousands of calls, trees and events that probe says it has lost, "+
			"of which a call has %d (eBPF) or %d (ftrace); what is missing is in neither, and less than nothing for trees of which only a part was lost; seconds of CPU time of probe", stormTime, scriptEvents, ftraceEvents),
		columns: []string{"missing, % of the calls", "calls", "trees", "events lost", "CPU"},
	}
	for _, s := range storms {
		t := b.recorder("probe")
		args := fill(s.args, "", nil, "ROOT", stormFunc)
		m, err := b.ask(ctx, g, t, "storm", []string{"-say", s.ready, "-for", stormTime.String(), "-threads", fmt.Sprint(s.threads)}, args...)
		if _, err = figure(0, err); err != nil {
			return nil, err
		}
		line := row{name: s.name, goal: s.goal, figures: slices.Repeat([]float64{math.NaN()}, 5)}
		if m != nil {
			made, seen, lost := float64(m.Events), float64(m.Printed), float64(m.Reported)
			line.figures = []float64{100 * (made - seen - lost/s.perCall) / made, made / 1e3, seen / 1e3, lost / 1e3, float64(m.CPU) / 1e9}
		}
		out.rows = append(out.rows, line)
	}
	return []*table{out}, nil
}
