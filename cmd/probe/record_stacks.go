package main

import (
	"strings"

	"probe/runtime/graph/record"
	"probe/runtime/profile"
	"probe/runtime/sink"
)

// recordedStacks returns the stacks of one map for a recording, nil if it has
// none.
func recordedStacks(maps *sink.StackMaps, name string) *record.Stacks {
	p, err := maps.Profile("")
	if err != nil {
		return nil
	}
	out := &record.Stacks{Map: name, Unit: maps.Unit(), Lost: maps.Lost()}
	for _, f := range p.Frames {
		out.Frames = append(out.Frames, record.Frame{Name: strings.ToValidUTF8(f.Name, "\uFFFD"), Module: strings.ToValidUTF8(f.Module, "\uFFFD")})
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		sample := make([]int64, 0, 1+len(s.Stack))
		sample = append(sample, s.Values[0])
		for _, f := range s.Stack {
			sample = append(sample, int64(f))
		}
		out.Samples = append(out.Samples, sample)
	}
	return out
}

// stackMaps returns the maps with stacks of a recording.
func stackMaps(rec *record.Recording) *sink.StackMaps {
	maps := &sink.StackMaps{}
	for i := range rec.Events {
		s := rec.Events[i].Stacks
		if s == nil {
			continue
		}
		frames := make([]profile.Frame, len(s.Frames))
		for i, f := range s.Frames {
			frames[i] = profile.Frame{Name: f.Name, Module: f.Module}
		}
		samples := make([]profile.Sample, len(s.Samples))
		for i, sample := range s.Samples {
			stack := make([]int, len(sample)-1)
			for j, f := range sample[1:] {
				stack[j] = int(f)
			}
			samples[i] = profile.Sample{Stack: stack, Values: sample[:1]}
		}
		maps.AddMap(s.Map, s.Unit, s.Lost, frames, samples)
	}
	return maps
}
