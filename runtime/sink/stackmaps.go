package sink

import (
	"fmt"
	"slices"
	"strings"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/profile"
)

// NothingError is the error of a picture without samples.
type NothingError string

// Error returns the reason.
func (e NothingError) Error() string { return string(e) }

// StackMaps collects maps whose keys have stacks, as they are at the end of a run.
//
// The stack of a sample is the name of its map where there are several, the other
// parts of its key, the stack of the process, and that of the kernel. Its value is
// that of the map: a count, a sum, the total of avg and stats, or how many numbers
// a histogram has. The zero value is ready to use. It is not safe for concurrent
// use.
type StackMaps struct {
	p     profile.Profile
	names []string // of the maps
	of    []int    // for each sample, the index of its map
	lost  int64    // value of stacks that were not kept
	unit  string
	mixed bool
}

// Add adds an event if it is a map with stacks at the end of the run, and
// reports whether it is.
func (p *StackMaps) Add(e event.Event) bool {
	m, ok := e.(*event.Map)
	if !ok || !m.Final || m.Key == nil || !hasStack(m.Key) {
		return false
	}
	unit := samplesUnit
	if k := m.Val.Kind; k != types.Count && k != types.Hist && k != types.LHist {
		unit = unitOf(m.Name)
	}
	p.begin(m.Name, unit)
	r := value.Escaped(m.Resolver)
	for i := range m.Entries {
		en := &m.Entries[i]
		n := amount(m, en)
		if n <= 0 {
			continue
		}
		stack, ok := p.stack(m.KeyOf(en), r)
		if !ok {
			p.lost += n
		}
		p.sample(stack, n)
	}
	return true
}

// samplesUnit is the unit of maps that count.
const samplesUnit = "samples"

// begin begins another map.
func (p *StackMaps) begin(name, unit string) {
	p.names = append(p.names, name)
	if p.unit != "" && p.unit != unit {
		p.mixed = true
	}
	p.unit = unit
}

// sample adds a sample to the last map.
func (p *StackMaps) sample(stack []int, n int64) {
	p.p.Samples = append(p.p.Samples, profile.Sample{Stack: stack, Values: []int64{n}})
	p.of = append(p.of, len(p.names)-1)
}

// Maps returns the number of maps with stacks.
func (p *StackMaps) Maps() int { return len(p.names) }

// Unit returns the unit of the values: "samples", "nanoseconds", "microseconds",
// "milliseconds", "bytes", or "units" if it is not known or not the same for all
// maps. It is "" without maps.
func (p *StackMaps) Unit() string {
	if p.mixed {
		return "units"
	}
	return p.unit
}

// Lost returns the sum of the values whose stacks were not kept.
func (p *StackMaps) Lost() int64 { return p.lost }

// AddMap adds a map that was recorded: its name, its unit as Unit gives it, the
// value of stacks that were not kept, and its samples, whose stacks are indices of
// frames.
func (p *StackMaps) AddMap(name, unit string, lost int64, frames []profile.Frame, samples []profile.Sample) {
	p.begin(name, unit)
	p.lost += lost
	for _, s := range samples {
		stack := make([]int, len(s.Stack))
		for i, f := range s.Stack {
			stack[i] = p.p.Frame(frames[f])
		}
		p.sample(stack, s.Values[0])
	}
}

// Profile returns all samples as one profile, which is valid until the next
// Add. The error is a NothingError if there are none.
func (p *StackMaps) Profile(title string) (*profile.Profile, error) {
	if len(p.names) == 0 {
		return nil, NothingError("no map at the end has a stack in its keys; one like @[kstack] = count() has")
	}
	if len(p.p.Samples) == 0 {
		return nil, NothingError("the maps with stacks are empty")
	}
	out := p.p
	out.Title = title
	if len(p.names) > 1 {
		out.Samples = slices.Clone(p.p.Samples)
		for i := range out.Samples {
			s := &out.Samples[i]
			s.Stack = append([]int{out.Frame(profile.Frame{Name: "@" + p.names[p.of[i]]})}, s.Stack...)
		}
	}
	if unit := p.Unit(); unit == samplesUnit {
		out.Types = []profile.ValueType{{Name: samplesUnit, Unit: "count"}}
	} else {
		out.Types = []profile.ValueType{{Name: unit, Unit: unit}}
	}
	if p.lost > 0 {
		out.Left = "the frames of stacks that were not kept, " + profile.Amount(p.lost, out.Types[0].Unit)
	}
	return &out, nil
}

// unitOf returns the unit that the name of a map says: ns, us, ms, bytes.
func unitOf(name string) string {
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r == '_' }) {
		switch word {
		case "ns":
			return "nanoseconds"
		case "us":
			return "microseconds"
		case "ms":
			return "milliseconds"
		case "bytes":
			return "bytes"
		}
	}
	return "units"
}

// amount returns the value of an entry as one number.
func amount(m *event.Map, e *value.Entry) int64 {
	switch m.Val.Kind {
	case types.Hist, types.LHist:
		n := uint64(0)
		for _, b := range e.Buckets {
			n += b.Count
		}
		return int64(n)
	case types.Avg, types.Stats:
		_, _, total := m.ValueOf(e).Stats(0)
		return int64(total)
	}
	return m.ValueOf(e).Int()
}

// stack returns the frames of a key, the outermost first. ok is false if a stack
// was not kept.
func (p *StackMaps) stack(key value.Value, r value.Resolver) (stack []int, ok bool) {
	ok = true
	var user, kernel []int
	parts := []value.Value{key}
	if n := key.NumField(); n > 0 {
		parts = parts[:0]
		for i := range n {
			parts = append(parts, key.Field(i))
		}
	}
	for _, v := range parts {
		switch v.T.Kind {
		case types.UStack, types.KStack:
			frames, kept := p.frames(v, r)
			ok = ok && kept
			if v.T.Kind == types.UStack {
				user = append(user, frames...)
			} else {
				kernel = append(kernel, frames...)
			}
		default:
			stack = append(stack, p.p.Frame(profile.Frame{Name: string(value.AppendText(nil, v, r))}))
		}
	}
	return append(append(stack, user...), kernel...), ok
}

// frames returns the frames of a stack, the outermost first.
func (p *StackMaps) frames(v value.Value, r value.Resolver) (out []int, kept bool) {
	addrs, kept := v.Addresses(r)
	pid, probe := v.Process()
	for i, addr := range addrs {
		var list []value.Frame
		if v.T.Kind == types.UStack {
			list = r.UStackFrame(addr, pid, probe, i > 0)
		} else {
			list = r.KStackFrame(addr)
		}
		if len(list) == 0 {
			list = []value.Frame{{Name: fmt.Sprintf("0x%x", value.VisibleAddr(addr, r))}}
		}
		for _, f := range list { // inlined ones first
			name := f.Name
			if name == "" {
				name = "[unknown]"
			}
			out = append(out, p.p.Frame(profile.Frame{Name: name, Module: f.Module[strings.LastIndexByte(f.Module, '/')+1:]}))
		}
	}
	if !kept {
		out = append(out, p.p.Frame(profile.Frame{Name: "[stack not kept]"}))
	}
	slices.Reverse(out)
	return out, kept
}

// hasStack reports whether a key is or has a stack whose frames are addresses.
func hasStack(t *types.Type) bool {
	switch t.Kind {
	case types.KStack, types.UStack:
		return t.Mode != types.StackBuildID
	case types.Record:
		if t.Struct == nil || t.Struct.Flavour != types.Tuple {
			return false
		}
		for _, f := range t.Struct.Fields() {
			if hasStack(f.Type) {
				return true
			}
		}
	}
	return false
}
