package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"probe/internal/guest"
)

// below measures the ways to reach the functions below a root, in guests of
// their own.
func (b *bench) below(ctx context.Context) ([]*table, error) {
	calls := &table{
		title: "A call below the root of a graph", command: "go run ./test/bench -only below", alone: true,
		unit: fmt.Sprintf("Instructions for one of %d calls below %s, by how programs reach the functions: in a thread "+
			"that is below the root, and in one that is not", belowCalls, graphRoot),
		columns: []string{"below", "elsewhere"},
	}
	hooks := &table{
		title: "Attaching to functions below a root", command: "go run ./test/bench -only below", alone: true,
		unit: "Milliseconds by the guest's clock, where 1 ms is a million instructions or of waiting, on one CPU: from exec until attached, and from Ctrl-C to the end",
	}
	for _, n := range belowCounts {
		hooks.columns = append(hooks.columns, fmt.Sprintf("%d functions", n), "end")
	}
	out := &table{
		title: "A call of the root that the predicate leaves out", command: "go run ./test/bench -only below", alone: true,
		unit:    fmt.Sprintf("Instructions for a call of %s on %s, beside those of the call itself; only the root has programs", graphRoot, leftOutKernel),
		columns: []string{"a call"},
	}
	probe := b.recorder("probe")
	for _, k := range mechanisms {
		g, err := b.bootKernel(ctx, k.kernel, true, nil)
		if err != nil {
			return nil, err
		}
		if k.kernel == leftOutKernel {
			for _, pred := range leftOut {
				var m mechanism
				v, err := b.visits(ctx, g, probe, m.args(graphRoot, idleFunc, "/"+pred+"/ { print(graph); }"))
				if err != nil {
					g.Close()
					return nil, err
				}
				note("%s: %s", pred, number(v))
				out.rows = append(out.rows, row{name: "`/" + pred + "/`", goal: math.NaN(), figures: []float64{v}})
			}
		}
		for _, m := range k.list {
			note("%s: %s", k.kernel, m.name)
			name := fmt.Sprintf("%s (%s)", m.name, k.kernel)
			line, err := b.belowCalls(ctx, g, probe, &m)
			if err == nil {
				calls.rows = append(calls.rows, row{name: name, goal: math.NaN(), figures: line})
				line, err = b.belowHooks(ctx, g, probe, &m)
			}
			if err != nil {
				g.Close()
				return nil, err
			}
			hooks.rows = append(hooks.rows, row{name: name, goal: math.NaN(), figures: line})
		}
		if err := g.Close(); err != nil {
			return nil, err
		}
	}
	return []*table{calls, hooks, out}, nil
}

// belowCalls measures a call in a thread below the root, and in another.
func (b *bench) belowCalls(ctx context.Context, g *guest.Guest, probe *tracer, m *mechanism) ([]float64, error) {
	var took [3]float64
	for i, c := range []struct{ root, only string }{{graphRoot, idleFunc}, {graphRoot, belowOnly}, {idleRoot, belowOnly}} {
		var err error
		if took[i], err = b.visits(ctx, g, probe, m.args(c.root, c.only, "/retval == 12345/ { print(graph); }")); err != nil {
			return nil, err
		}
	}
	out := []float64{(took[1] - took[0]) / belowCalls, took[2] / belowCalls}
	note("the root %s, below %s, elsewhere %s", number(took[0]), number(out[0]), number(out[1]))
	return out, nil
}

// visits measures what looking at the root folder takes beside the look itself.
func (b *bench) visits(ctx context.Context, g *guest.Guest, probe *tracer, args []string) (float64, error) {
	got, err := b.ask(ctx, g, probe, "graphs", []string{"-calls", fmt.Sprint(graphRound), "-rounds", "10", "-say", "Attached"}, args...)
	v := math.NaN()
	if got != nil {
		v = got.Whole
	}
	return figure(v, err)
}

// belowHooks measures attaching and ending for numbers of functions.
func (b *bench) belowHooks(ctx context.Context, g *guest.Guest, probe *tracer, m *mechanism) ([]float64, error) {
	// Functions with types, which all the ways reach.
	res, err := g.Run(ctx, guest.Cmd{Args: []string{"sh", "-c", "probe ls 'fentry:*' | sed 's/.*://' | grep -xE '" + belowFuncs + "' | sort -u"}})
	if err != nil {
		return nil, err
	}
	names := strings.Fields(res.Stdout)
	if n := slices.Max(belowCounts); len(names) < n {
		return nil, fmt.Errorf("the kernel has %d such functions: %s", len(names), res.Stderr)
	}
	out := slices.Repeat([]float64{math.NaN()}, 2*len(belowCounts))
	for i, n := range belowCounts {
		if m.most > 0 && n > m.most {
			continue
		}
		got, err := b.ask(ctx, g, probe, "hooked", []string{"-say", "Attached"}, m.args(idleRoot, strings.Join(names[:n], ","), "{ print(graph); }")...)
		if got != nil {
			out[2*i], out[2*i+1] = float64(got.Wall)/1e6, float64(got.End)/1e6
		}
		if _, err = figure(0, err); err != nil {
			return nil, err
		}
		note("%d functions: %s ms, end %s ms", n, number(out[2*i]), number(out[2*i+1]))
	}
	return out, nil
}
