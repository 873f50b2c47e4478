package store

import (
	"fmt"

	"probe/runtime/graph"
	"probe/runtime/machine/live/symbol"
	"probe/stdlib/fgraph"
)

// Decoder turns the events in graph records into trees, for one probe.
type Decoder struct {
	spec  *fgraph.Plan
	fill  func(*graph.Func)
	names *symbol.Names
	build graph.Builder
	tree  *graph.Tree // the last tree that build has made
	Funcs graph.Funcs
}

// NewDecoder returns a Decoder for a probe. fill adds what is known of a
// function besides its name; it may be nil. names finds functions by their
// addresses, for events that have addresses.
func NewDecoder(spec *fgraph.Plan, fill func(*graph.Func), names *symbol.Names) *Decoder {
	d := &Decoder{spec: spec, fill: fill, names: names}
	d.build = graph.Builder{Funcs: &d.Funcs, Resolve: d.resolve, Done: func(_ int32, t *graph.Tree) { d.tree = t.Clone() }}
	return d
}

// resolve names the function of an event.
func (d *Decoder) resolve(addr uint64) graph.Func {
	f := graph.Func{Addr: addr}
	switch {
	case addr == 0:
		f.Name, f.Module = d.spec.Func, d.spec.Module
	case addr <= uint64(len(d.spec.Parts)):
		part := &d.spec.Parts[addr-1]
		f.Name = part.Func
		if part.Enter != nil && part.Enter.Attach.Module != "vmlinux" {
			f.Module = part.Enter.Attach.Module
		}
	default:
		loc, ok := d.names.Lookup(addr)
		if !ok {
			return graph.Func{Name: fmt.Sprintf("%#x", addr), Addr: addr}
		}
		f.Name, f.Module, f.Addr = loc.Name, loc.Module, addr-loc.Offset
	}
	if d.fill != nil {
		d.fill(&f)
	}
	if f.Result == graph.Unknown && graph.BaseName(f.Name) != f.Name {
		f.Result = graph.Void // a copy without types may well return nothing
	}
	return f
}

// Tree returns the tree of a record: the last complete call of the probe's
// function. It is nil when the record holds none.
func (d *Decoder) Tree(r *fgraph.Record) *graph.Tree {
	d.tree = nil
	strange := uint64(0)
	whole := r.Each(func(ev *fgraph.Event) {
		// Skip events of another thread, which may have written here before it
		// noticed that the memory is not its own.
		if ev.TID != r.ID.TID {
			strange++
			return
		}
		e := graph.Event{Time: int64(ev.Time), Addr: ev.Addr, CPU: ev.CPU, TID: ev.TID, Depth: -1}
		switch {
		case !ev.Exit:
			e.NArgs = uint8(len(ev.Words))
			if ev.IRQ {
				e.Flags = graph.HardIRQ
			}
		default:
			e.Kind = graph.Exit
			if len(ev.Words) > 0 {
				e.Value, e.Flags = ev.Words[0], graph.WithRet
			}
		}
		d.build.Add(&e, ev.Words)
	})
	if !whole {
		strange++
	}
	d.build.Flush()
	last := d.tree
	if last == nil {
		return nil
	}
	d.deep(last)
	last.Thread = graph.Thread{TID: max(r.ID.TID, 0), PID: r.PID, Comm: r.Comm}
	if i, ok := last.Nearest(&d.Funcs, d.spec.Func, int64(r.Start)); ok && i > 0 {
		last = last.Sub(i) // the function is recursive: take the call that the record is about
	}
	if lost := r.Lost + strange; lost > 0 {
		last.AddGap(lost)
	}
	return last
}
