package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"probe/compiler/object"
	"probe/runtime/estimate"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/provider"
)

// Estimated is what a script will cost, as shares of one CPU.
type Estimated struct {
	Likely, Low, High float64
	Probes            []EstimatedProbe // by cost, the dearest first
}

// EstimatedProbe is what one program of a script will cost.
type EstimatedProbe struct {
	Name              string
	Rate              float64 // events per second, before filters and predicates
	Likely, Low, High float64
}

// Estimate counts the events of a script for a time, with programs that do
// nothing, and predicts what its own programs take for so many. The error is a
// *LoadError or that of the context.
func Estimate(ctx context.Context, obj *object.Object, opts Options, wait time.Duration) (*Estimated, error) {
	s, err := New(opts)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if !opts.AnyPlaces {
		if err := checkProbes(obj); err != nil {
			return nil, err
		}
	}
	raiseLimits(obj)
	units, err := estimate.Measure(ctx)
	if err != nil {
		return nil, machineError("measure this machine", err)
	}
	empty := hollow(obj)
	c := &Clause{obj: empty, ringFD: -1, quiet: make(chan struct{}), timeless: make(chan struct{})}
	c.host = loaded{c}
	defer c.close()
	if c.progs, err = s.loadPrograms(ctx, empty, nil); err != nil {
		return nil, err
	}
	err = s.attachAll(ctx, c)
	defer c.detach()
	if err != nil {
		return nil, err
	}
	stats, err := bpf.EnableStats()
	if err != nil {
		return nil, machineError("count events", err)
	}
	defer stats.Close()
	before := map[int]bpf.Stats{}
	for i, p := range c.progs {
		before[i], _ = p.Stats()
	}
	start := time.Now()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(wait):
	}
	took := time.Since(start)
	out := &Estimated{}
	for i, p := range c.progs {
		after, err := p.Stats()
		if err != nil {
			return nil, machineError("count events", err)
		}
		site := obj.Programs[i].Site
		runs := float64(after.Runs - before[i].Runs)
		if site.Attach.Kind.ByUser() || runs == 0 {
			continue
		}
		// The time of an empty program is that of measuring and of calling it.
		base := float64(after.Nanoseconds-before[i].Nanoseconds)/runs + float64(provider.CallCost(site.Attach.Kind).Nanoseconds())
		cost := estimate.Program(obj.Spec.Programs[obj.Programs[i].Name].Instructions, units)
		s.verbose("%s: %.0f events a second, %.0f ns (%.0f to %.0f), and %.0f ns to call it", site.Name, runs/took.Seconds(), cost.Likely, cost.Low, cost.High, base)
		share := func(ns float64) float64 { return runs * (base + ns) / float64(took.Nanoseconds()) }
		e := EstimatedProbe{Name: site.Name, Rate: runs / took.Seconds(), Likely: share(cost.Likely), Low: share(cost.Low), High: share(cost.High)}
		out.Probes = append(out.Probes, e)
		out.Likely, out.Low, out.High = out.Likely+e.Likely, out.Low+e.Low, out.High+e.High
	}
	slices.SortStableFunc(out.Probes, func(a, b EstimatedProbe) int {
		switch {
		case a.Likely > b.Likely:
			return -1
		case a.Likely < b.Likely:
			return 1
		}
		return 0
	})
	return out, nil
}

// hollow returns an object with the programs of another, attached to the same
// places, that do nothing and use no maps.
func hollow(obj *object.Object) *object.Object {
	out := *obj
	out.Spec = &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{}, Programs: map[string]*ebpf.ProgramSpec{}, ByteOrder: obj.Spec.ByteOrder}
	out.Errors, out.Events, out.Maps, out.StopOff = nil, nil, nil, 0
	for name, p := range obj.Spec.Programs {
		q := *p
		q.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
		out.Spec.Programs[name] = &q
	}
	return &out
}

// Text returns the line about one program.
func (e *EstimatedProbe) Text() string {
	return fmt.Sprintf("%s: %s (%s to %s), %s events a second", e.Name, percent(e.Likely), number(e.Low), number(e.High), rate(e.Rate))
}

// Text returns the sentence about an estimate.
func (e *Estimated) Text() string {
	return fmt.Sprintf("this will cost %s of one CPU (%s to %s)", percent(e.Likely), number(e.Low), number(e.High))
}
