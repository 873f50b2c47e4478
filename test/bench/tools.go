package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"probe/internal/guest"
)

// toolFlags makes the work of a measured tool short: a tool runs for all of it.
var toolFlags = []string{"-rounds", "5"}

// tools measures the programs of bpftrace's own tools.
func (b *bench) tools(ctx context.Context, g *guest.Guest) ([]*table, error) {
	size := &table{
		title: "Programs of whole scripts", command: "go run ./test/bench -only tools",
		unit: "Instructions of all programs of a script, as the kernel has translated them. The tools are those of Debian's bpftrace", columns: b.columns()[:min(2, len(b.tracers))],
	}
	cost := &table{
		title: "One event of whole scripts", command: "go run ./test/bench -only tools",
		unit:    "Instructions for one run of any program of the script, the statistics' share included, over a fixed mix of files, processes, signals and connections; nothing where no program ran",
		columns: size.columns,
	}
	at := slices.IndexFunc(b.tracers, func(t tracer) bool { return t.name == "bpftrace" })
	if at < 0 {
		return nil, nil
	}
	other := &b.tracers[at]
	names, err := filepath.Glob(filepath.Join(other.tree, "usr/sbin/*.bt"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		name := filepath.Base(name)
		var sizes, costs []float64
		for _, t := range []*tracer{&b.tracers[0], other} {
			file := "/usr/sbin/" + name
			if t.tree == "" {
				file = other.root() + file
			}
			s, c, err := b.tool(ctx, g, t, toolFlags, file)
			if err != nil {
				return nil, err
			}
			sizes, costs = append(sizes, s), append(costs, c)
		}
		size.rows = append(size.rows, row{name: name, figures: sizes, goal: 1, ofRatio: true})
		cost.rows = append(cost.rows, row{name: name, figures: costs, goal: 1, ofRatio: true})
	}
	for _, t := range []*table{size, cost} {
		t.unit += ". " + mean(t.rows)
	}
	return []*table{size, cost}, nil
}

// tool measures one script with one tracer: words are the script and its arguments.
func (b *bench) tool(ctx context.Context, g *guest.Guest, t *tracer, flags []string, words ...string) (size, cost float64, err error) {
	m, err := b.ask(ctx, g, t, "tool", flags, words...)
	if m == nil {
		m = &measured{}
	}
	size, cost = math.NaN(), math.NaN()
	if m.Insns > 0 {
		size = float64(m.Insns)
	}
	if m.Program > 0 {
		cost = m.Program
	}
	_, err = figure(0, err)
	return size, cost, err
}

// mean says what the geometric mean of the ratios of rows is.
func mean(rows []row) string {
	sum, n := 0.0, 0
	var above []string
	for i := range rows {
		r := rows[i].ratio()
		if math.IsNaN(r) || r <= 0 {
			continue
		}
		sum += math.Log(r)
		n++
		if r > 1 {
			above = append(above, strings.TrimSuffix(rows[i].name, ".bt"))
		}
	}
	if n == 0 {
		return "No script ran with both"
	}
	s := fmt.Sprintf("Geometric mean of the ratios of the %d scripts that ran with both: %.2f", n, math.Exp(sum/float64(n)))
	if len(above) > 0 {
		s += fmt.Sprintf("; above 1: %s", strings.Join(above, ", "))
	}
	return s
}
