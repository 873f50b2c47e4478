package export

import (
	"io"

	"probe/runtime/graph"
	"probe/runtime/profile"
)

// writePprof writes a profile with a sample for each stack: how often, and how
// long in the last function.
func writePprof(w io.Writer, s *Source) error {
	p := &profile.Profile{Title: s.Title, Types: []profile.ValueType{{Name: "calls", Unit: "count"}, {Name: "wall", Unit: "nanoseconds"}}}
	type key struct {
		caller, frame int
	}
	known := map[key]int{} // indices of samples
	var start, end int64
	for n, t := range s.Trees {
		own := self(t)
		of := make([]int, len(t.Calls))
		if n == 0 || t.Root().T0 < start {
			start = t.Root().T0
		}
		end = max(end, t.Root().T1)
		for i := range t.Calls {
			c := &t.Calls[i]
			if c.Flags&graph.Gap != 0 {
				continue
			}
			k := key{-1, p.Frame(s.frame(c.Fn))}
			if c.Parent >= 0 {
				k.caller = of[c.Parent]
			}
			at, ok := known[k]
			if !ok {
				at = len(p.Samples)
				known[k] = at
				var stack []int
				if k.caller >= 0 {
					stack = append(stack, p.Samples[k.caller].Stack...)
				}
				p.Samples = append(p.Samples, profile.Sample{Stack: append(stack, k.frame), Values: []int64{0, 0}})
			}
			of[i] = at
			p.Samples[at].Values[0]++
			p.Samples[at].Values[1] += own[i]
		}
	}
	p.Start, p.Length = start+int64(s.WallOffset), end-start
	f, _ := profile.Find("pprof")
	return f.Write(w, p)
}

// frame returns a function as profiles have it.
func (s *Source) frame(fn int32) profile.Frame {
	f := s.Funcs.Func(fn)
	return profile.Frame{Name: f.Name, Module: f.Module, Addr: f.Addr}
}

// writeSVG draws a flame graph of the times of calls, callers on top.
func writeSVG(w io.Writer, s *Source) error {
	root := &profile.Node{Name: "all"}
	for _, t := range s.Trees {
		at := make([]*profile.Node, len(t.Calls))
		for i := range t.Calls {
			c := &t.Calls[i]
			if c.Flags&graph.Gap != 0 {
				continue
			}
			up := root
			if c.Parent >= 0 {
				up = at[c.Parent]
			}
			f := up.Child(s.name(c))
			f.Count++
			f.Total += c.Duration()
			at[i] = f
		}
		root.Total += t.Root().Duration()
		root.Count++
	}
	title := s.Title
	if title == "" {
		title = "call trees"
	}
	return profile.Draw(w, root, title, "nanoseconds", "")
}
