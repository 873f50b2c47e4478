package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"probe/internal/guest"
)

// run measures the chosen parts and returns the tables.
func (b *bench) run(ctx context.Context, chosen []string) (string, error) {
	if err := b.prepare(ctx); err != nil {
		return "", err
	}
	var doc strings.Builder
	add := func(ts []*table, err error) error {
		for _, t := range ts {
			t.measured = b.measured()
			doc.WriteString(t.markdown())
		}
		return err
	}
	if slices.Contains(chosen, "size") {
		if err := add(b.size()); err != nil {
			return "", err
		}
	}
	if slices.Contains(chosen, "init") {
		if err := add(b.inits()); err != nil {
			return "", err
		}
	}
	if slices.Contains(chosen, "pages") {
		if err := add(b.pages(ctx)); err != nil {
			return "", err
		}
	}
	if slices.Contains(chosen, "below") {
		if err := add(b.below(ctx)); err != nil {
			return "", err
		}
	}
	if slices.Contains(chosen, "shelf") {
		note("shelf")
		if err := add(b.shelf(ctx)); err != nil {
			return "", err
		}
	}
	// Guests for what counts instructions, and one for wall time.
	type measures map[string]func(context.Context, *guest.Guest) ([]*table, error)
	both := slices.Concat(b.tracers, b.recording)
	for _, kind := range []struct {
		counting bool
		tracers  []tracer
		parts    measures
	}{
		{true, b.tracers, measures{"front": b.fronts, "start": b.starts, "event": b.events, "tools": b.tools}},
		{true, both, measures{"graphs": b.graphs, "hooks": b.hooks}},
		{false, b.tracers, measures{"attached": b.attached, "lost": b.lost, "storm": b.storms}},
	} {
		var g *guest.Guest
		for _, p := range parts {
			if kind.parts[p] == nil || !slices.Contains(chosen, p) {
				continue
			}
			if g == nil {
				var err error
				if g, err = b.bootKernel(ctx, b.kernel, kind.counting, kind.tracers); err != nil {
					return "", err
				}
				b.release = g.Release
			}
			note("%s", p)
			if err := add(kind.parts[p](ctx, g)); err != nil {
				g.Close()
				return "", err
			}
		}
		if g != nil {
			if err := g.Close(); err != nil {
				return "", err
			}
		}
	}
	return doc.String(), nil
}

// measured says when and where the figures are from.
func (b *bench) measured() string {
	s := time.Now().UTC().Format("2006-01-02")
	if b.release != "" {
		s += ", kernel " + b.release
	}
	return s
}

// columns names the tracers with their versions.
func (b *bench) columns() []string {
	var out []string
	for i, t := range b.tracers {
		if i == 0 {
			out = append(out, t.name)
			continue
		}
		out = append(out, strings.TrimSpace(t.name+" "+t.version))
	}
	return out
}

// figure turns a failed measurement into a missing figure and a note, and lets
// only a broken guest end the run.
func figure(v float64, err error) (float64, error) {
	if errors.Is(err, errMeter) {
		note("%v", err)
		return math.NaN(), nil
	}
	return v, err
}

// size returns the size of the binary.
func (b *bench) size() ([]*table, error) {
	info, err := os.Stat(b.binary)
	if err != nil {
		return nil, err
	}
	return []*table{{
		title: "Static binary", command: "make build", unit: "Megabytes (2^20 bytes), stripped", columns: []string{"probe"}, alone: true,
		rows: []row{{name: "bin/probe", figures: []float64{float64(info.Size()) / (1 << 20)}, goal: goalBinary >> 20}},
	}}, nil
}

// manyLines returns a script of about n lines: the twenty lines again and
// again, with maps of their own.
func manyLines(n int) string {
	var b strings.Builder
	for i := 0; strings.Count(b.String(), "\n") < n; i++ {
		body := strings.ReplaceAll(twenty, "exit();", "")
		b.WriteString(strings.NewReplacer("@", fmt.Sprintf("@g%d_", i)).Replace(body))
	}
	return b.String()
}

// fronts measures the compiler's stages.
func (b *bench) fronts(ctx context.Context, g *guest.Guest) ([]*table, error) {
	t := &table{
		title: "Compiler", command: "go run ./test/bench -only front",
		unit:    "Thousand instructions in one process, everything that is read once already there; `first` is all stages with it",
		columns: []string{"parse", "check", "compile", "first"}, alone: true,
	}
	for _, s := range []struct{ name, text string }{
		{"one-liner", oneLiner}, {"20 lines", twenty}, {"1,000 lines", manyLines(1000)},
	} {
		if err := g.Put(ctx, "/tmp/script.pr", []byte(s.text), 0o644); err != nil {
			return nil, err
		}
		res, err := g.Run(ctx, guest.Cmd{Args: []string{"front", "/tmp/script.pr"}, Timeout: 10 * time.Minute})
		if err != nil {
			return nil, err
		}
		var times []struct{ Parse, Check, Compile, First float64 }
		if err := json.Unmarshal([]byte(res.Stdout), &times); err != nil || len(times) != 1 {
			return nil, fmt.Errorf("front: %s: %s", s.name, res.Stderr)
		}
		f := times[0]
		t.rows = append(t.rows, row{name: s.name, goal: math.NaN(),
			figures: []float64{f.Parse / 1e3, f.Check / 1e3, f.Compile / 1e3, f.First / 1e3}})
	}
	return []*table{t}, nil
}

// starts measures CPU time and memory from exec to exit.
func (b *bench) starts(ctx context.Context, g *guest.Guest) ([]*table, error) {
	cpu := &table{
		title: "From exec to exit", command: "go run ./test/bench -only start",
		unit: "Million instructions of CPU time, user and kernel, on one CPU", columns: b.columns(),
	}
	mem := &table{
		title: "Peak resident memory", command: "go run ./test/bench -only start",
		unit: "Megabytes (10^6 bytes). Below 8 they are those of the measuring program, which its child inherits", columns: b.columns(),
	}
	for _, c := range startCases {
		var used, peaks []float64
		for i := range b.tracers {
			t := &b.tracers[i]
			script := c.script
			if t.ply {
				script = c.ply
			}
			v, peak := math.NaN(), math.NaN()
			if script != "" {
				m, err := b.ask(ctx, g, t, "cpu", nil, t.script(script)...)
				if m == nil {
					m = &measured{}
				}
				if v, err = figure(float64(m.CPU)/1e6, err); err != nil {
					return nil, err
				}
				if m.Peak > 0 {
					peak = float64(m.Peak) / 1e6
				}
			}
			used, peaks = append(used, v), append(peaks, peak)
		}
		cpu.rows = append(cpu.rows, row{name: c.name, figures: used, goal: c.goal})
		mem.rows = append(mem.rows, row{name: c.name, figures: peaks, goal: goalMB})
	}
	return []*table{cpu, mem}, nil
}

// events measures what one event costs.
func (b *bench) events(ctx context.Context, g *guest.Guest) ([]*table, error) {
	out := &table{
		title: "One event of raw_syscalls:sys_enter", command: "go run ./test/bench -only event",
		unit: "Instructions. What the kernel's own statistics take is part of each figure but the last, which is taken without them, from the CPU time of the calling process", columns: b.columns(),
	}
	for _, c := range eventCases {
		var figures []float64
		for i := range b.tracers {
			t := &b.tracers[i]
			script := c.head + attachPoint + c.body
			if t.ply {
				script = plyAttachPoint + c.ply
			}
			if t.ply && c.ply == "" {
				figures = append(figures, math.NaN())
				continue
			}
			m, err := b.ask(ctx, g, t, "event", nil, t.script(script)...)
			v := 0.0
			if m != nil {
				v = m.Program
				if c.whole {
					v = m.Whole
				}
			}
			if v, err = figure(v, err); err != nil {
				return nil, err
			}
			figures = append(figures, v)
		}
		out.rows = append(out.rows, row{name: "`" + c.name + "`", figures: figures, goal: c.goal})
	}
	return []*table{out}, nil
}

// attached measures wall time from exec to the first event.
func (b *bench) attached(ctx context.Context, g *guest.Guest) ([]*table, error) {
	out := &table{
		title: "From exec to attached", command: "go run ./test/bench -only attached",
		unit:    fmt.Sprintf("Milliseconds of wall time in an emulated guest until the first event was seen, median of %d", b.repeat),
		columns: b.columns(),
	}
	r := row{name: "`" + attachPoint + `{ @[comm] = count(); }` + "`", goal: goalAttached, ofRatio: true}
	for i := range b.tracers {
		t := &b.tracers[i]
		script := attachPoint + `{ @[comm] = count(); }`
		if t.ply {
			script = plyAttachPoint + `{ @[comm] = count(); }`
		}
		var all []float64
		for range b.repeat {
			m, err := b.ask(ctx, g, t, "attached", nil, t.script(script)...)
			v := 0.0
			if m != nil {
				v = float64(m.Wall) / 1e6
			}
			if v, err = figure(v, err); err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		slices.Sort(all)
		r.figures = append(r.figures, all[len(all)/2])
	}
	out.rows = []row{r}
	return []*table{out}, nil
}

// lost counts events that were made and never printed.
func (b *bench) lost(ctx context.Context, g *guest.Guest) ([]*table, error) {
	out := &table{
		title: "Events lost", command: "go run ./test/bench -only lost",
		unit: fmt.Sprintf("Of %d printf events without a pause, SIGINT right after the last; not printed at all, and of these not reported as lost", lostEvents),
	}
	missing := row{name: "not printed", goal: math.NaN()}
	silent := row{name: "neither printed nor reported", goal: 0}
	for i := range b.tracers {
		t := &b.tracers[i]
		if t.ply {
			continue // it has no parameters
		}
		out.columns = append(out.columns, b.columns()[i])
		m, err := b.ask(ctx, g, t, "lost", []string{"-calls", fmt.Sprint(lostEvents), "-rounds", "1"}, t.script(lostScript, "PID")...)
		if m == nil {
			m = &measured{}
		}
		gone := float64(m.Events) - float64(m.Printed)
		v, err := figure(gone, err)
		if err != nil {
			return nil, err
		}
		missing.figures = append(missing.figures, v)
		silent.figures = append(silent.figures, max(0, v-float64(m.Reported)))
	}
	if len(missing.figures) > 1 {
		missing.goal = missing.figures[1] // no event lost where the other loses none
	}
	out.rows = []row{missing, silent}
	return []*table{out}, nil
}
