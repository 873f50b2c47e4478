package main

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

// goalParse is the goal for parsing an event: 20 million in a second.
const goalParse = 50

// pageCases are benchmarks of runtime/graph/ftrace.
var pageCases = []struct {
	name, benchmark string
	goal            float64
}{
	{"parse, pages of 6.1", "BenchmarkPage/format=6.1", goalParse},
	{"parse, pages of 6.12", "BenchmarkPage/format=6.12", goalParse},
	{"parse, pages of 7.2", "BenchmarkPage/format=7.2", goalParse},
	{"parse, merge two CPUs, build trees", "BenchmarkPipeline", math.NaN()},
}

// pages measures on this machine what reading the pages of a recording costs.
func (b *bench) pages(ctx context.Context) ([]*table, error) {
	out := &table{
		title: "Reading the pages of a call graph", command: "go run ./test/bench -only pages", alone: true,
		unit: fmt.Sprintf("CPU time on the machine that ran this, median of %d: nanoseconds for an event, which is a call's entry or exit, and million events in a second of one CPU. "+
			"The pages are those of real recordings", b.repeat),
		columns: []string{"ns/event", "million/s"},
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "Page|Pipeline", "-benchtime", "300ms", "-count", fmt.Sprint(b.repeat), "./runtime/graph/ftrace")
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, text)
	}
	for _, c := range pageCases {
		ns := median(string(text), c.benchmark)
		out.rows = append(out.rows, row{name: c.name, goal: c.goal, figures: []float64{ns, 1e3 / ns}})
	}
	return []*table{out}, nil
}

// median returns the middle of what runs of a benchmark report for an event,
// NaN when there is none.
func median(text, benchmark string) float64 {
	var all []float64
	p := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(benchmark) + `(?:-\d+)?\s.*?([\d.]+) cpu-ns/event`)
	for _, m := range p.FindAllStringSubmatch(text, -1) {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return math.NaN()
	}
	slices.Sort(all)
	return all[len(all)/2]
}
