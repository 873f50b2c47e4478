package sink

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/profile"
)

// picture collects the maps at the end of a run whose keys have stacks, and
// writes them as one profile when the run is over.
type picture struct {
	event.Sink // for everything else
	mu         sync.Mutex
	w          io.Writer
	format     profile.Format
	p          profile.Profile
	maps       int
	lost       int64 // value of stacks that were not kept
	unit       string
	mixed      bool
}

// NothingError is the error of a picture without samples.
type NothingError string

// Error returns the reason.
func (e NothingError) Error() string { return string(e) }

// NewPicture returns a Sink that writes a profile to w when it is closed: a flame
// graph, for example. It has the snapshots of maps at the end of the run whose keys
// have stacks; rest takes all other events.
//
// The stack of a sample is the name of its map where there are several, the other
// parts of its key, the stack of the process, and that of the kernel. Its value is
// that of the map: a count, a sum, the total of avg and stats, or how many numbers
// a histogram has. Close returns a NothingError if
// there are none.
func NewPicture(rest event.Sink, w io.Writer, format profile.Format, title string) event.Sink {
	return &picture{Sink: rest, w: w, format: format, p: profile.Profile{Title: title}}
}

// Hold and Release implement event.Batcher.
func (p *picture) Hold() { event.Hold(p.Sink) }

// Release ends a batch.
func (p *picture) Release() { event.Release(p.Sink) }

// Take adds the snapshot of a map.
func (p *picture) Take(e event.Event) {
	m, ok := e.(*event.Map)
	if !ok || !m.Final || m.Key == nil || !hasStack(m.Key) {
		p.Sink.Take(e)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.maps++
	unit := "samples"
	if k := m.Val.Kind; k != types.Count && k != types.Hist && k != types.LHist {
		unit = unitOf(m.Name)
	}
	if p.unit != "" && p.unit != unit {
		p.mixed = true
	}
	p.unit = unit
	r := value.Escaped(m.Resolver)
	for i := range m.Entries {
		en := &m.Entries[i]
		n := amount(m, en)
		if n <= 0 {
			continue
		}
		stack, ok := p.stack(m, m.KeyOf(en), r)
		if !ok {
			p.lost += n
		}
		p.p.Samples = append(p.p.Samples, profile.Sample{Stack: stack, Values: []int64{n}})
	}
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
func (p *picture) stack(m *event.Map, key value.Value, r value.Resolver) (stack []int, ok bool) {
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
func (p *picture) frames(v value.Value, r value.Resolver) (out []int, kept bool) {
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

// Close writes the profile.
func (p *picture) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.Sink.Close(), p.draw())
}

func (p *picture) draw() error {
	if p.maps == 0 {
		return NothingError("no map at the end has a stack in its keys; one like @[kstack] = count() has")
	}
	if len(p.p.Samples) == 0 {
		return NothingError("the maps with stacks are empty")
	}
	unit := p.unit
	if p.mixed {
		unit = "units"
	}
	if unit == "samples" {
		p.p.Types = []profile.ValueType{{Name: "samples", Unit: "count"}}
	} else {
		p.p.Types = []profile.ValueType{{Name: unit, Unit: unit}}
	}
	if p.lost > 0 {
		p.p.Left = "the frames of stacks that were not kept, " + profile.Amount(p.lost, p.p.Types[0].Unit)
	}
	return p.format.Write(p.w, &p.p)
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
