package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"

	"probe/lang/value"
	"probe/runtime/graph"
	"probe/runtime/profile"
)

// writeFolded writes one line for each stack: its functions, and the time that
// was spent in the last of them, summed over all trees. The stacks share what they
// have in common: the names of a deep one, for each call at its end, can be gigabytes.
func writeFolded(w io.Writer, s *Source) error {
	root := &stackNode{}
	for _, t := range s.Trees {
		own := self(t)
		nodes := make([]*stackNode, len(t.Calls))
		for i := range t.Calls {
			c := &t.Calls[i]
			if c.Flags&graph.Gap != 0 {
				continue
			}
			above := root
			if c.Parent >= 0 && nodes[c.Parent] != nil { // a damaged tree may have calls below a gap
				above = nodes[c.Parent]
			}
			nodes[i] = above.child(profile.FoldedName(s.name(c)))
			nodes[i].sum += own[i]
		}
	}
	return root.write(w, nil)
}

// stackNode is a stack without the names above its last one.
type stackNode struct {
	sum   int64
	below map[string]*stackNode
}

func (n *stackNode) child(name string) *stackNode {
	c := n.below[name]
	if c == nil {
		if n.below == nil {
			n.below = map[string]*stackNode{}
		}
		c = &stackNode{}
		n.below[name] = c
	}
	return c
}

// write writes the stacks below n; names are those of n itself, with a separator behind
// each.
func (n *stackNode) write(w io.Writer, names []byte) error {
	for _, name := range slices.Sorted(maps.Keys(n.below)) {
		c := n.below[name]
		stack := append(names, name...)
		if _, err := w.Write(append(strconv.AppendInt(append(stack, ' '), c.sum, 10), '\n')); err != nil {
			return err
		}
		if err := c.write(w, append(stack, ';')); err != nil {
			return err
		}
	}
	return nil
}

// Speedscope's file format: an "evented" profile for each thread.
type (
	scopeFile struct {
		Schema   string         `json:"$schema"`
		Name     string         `json:"name"`
		Exporter string         `json:"exporter"`
		Shared   scopeShared    `json:"shared"`
		Profiles []scopeProfile `json:"profiles"`
	}
	scopeShared struct {
		Frames []scopeFrame `json:"frames"`
	}
	scopeFrame struct {
		Name string `json:"name"`
		File string `json:"file,omitempty"`
	}
	scopeProfile struct {
		Type   string       `json:"type"`
		Name   string       `json:"name"`
		Unit   string       `json:"unit"`
		Start  int64        `json:"startValue"`
		End    int64        `json:"endValue"`
		Events []scopeEvent `json:"events"`
	}
	scopeEvent struct {
		Type  string `json:"type"` // O opens a frame, C closes it
		Frame int    `json:"frame"`
		At    int64  `json:"at"`
	}
)

func writeSpeedscope(w io.Writer, s *Source) error {
	f := scopeFile{Schema: "https://www.speedscope.app/file-format-schema.json", Name: s.Title, Exporter: "probe",
		Shared: scopeShared{Frames: []scopeFrame{}}, Profiles: []scopeProfile{}}
	frames := map[int32]int{}
	frame := func(c *graph.Call) int {
		id, ok := frames[c.Fn]
		if !ok {
			id = len(f.Shared.Frames)
			frames[c.Fn] = id
			fn := s.Funcs.Func(c.Fn)
			f.Shared.Frames = append(f.Shared.Frames, scopeFrame{Name: fn.Name, File: fn.Module})
		}
		return id
	}
	profiles := map[int32]int{} // by track
	// A thread's calls must come in the order of time.
	trees := slices.Clone(s.Trees)
	slices.SortStableFunc(trees, func(a, b *graph.Tree) int { return int(min(max(a.Root().T0-b.Root().T0, -1), 1)) })
	for _, t := range trees {
		n, ok := profiles[track(t)]
		if !ok {
			n = len(f.Profiles)
			profiles[track(t)] = n
			f.Profiles = append(f.Profiles, scopeProfile{Type: "evented", Name: thread(t.Thread), Unit: "nanoseconds", Start: t.Root().T0, Events: []scopeEvent{}})
		}
		p := &f.Profiles[n]
		var open []int32
		at := p.Start
		if p.End > 0 {
			at = p.End
		}
		// Speedscope rejects times that go back, which calls with a lost end
		// can cause.
		next := func(time int64) int64 { at = max(at, time); return at }
		closeTo := func(i int32) {
			for len(open) > 0 && t.Calls[open[len(open)-1]].End <= i {
				c := &t.Calls[open[len(open)-1]]
				open = open[:len(open)-1]
				p.Events = append(p.Events, scopeEvent{"C", frame(c), next(c.T1)})
			}
		}
		for i := range t.Calls {
			c := &t.Calls[i]
			if closeTo(int32(i)); c.Flags&graph.Gap == 0 {
				p.Events = append(p.Events, scopeEvent{"O", frame(c), next(c.T0)})
				open = append(open, int32(i))
			}
		}
		closeTo(int32(len(t.Calls)))
		p.End = at
	}
	return json.NewEncoder(w).Encode(f)
}

// writeCSV writes a line for each call.
func writeCSV(w io.Writer, s *Source) error {
	out := csv.NewWriter(w)
	row := []string{"tree", "call", "parent", "depth", "function", "module", "comm", "pid", "tid", "cpu", "start_ns", "duration_ns", "self_ns", "result", "state"}
	if err := out.Write(row); err != nil {
		return err
	}
	for n, t := range s.Trees {
		own := self(t)
		for i := range t.Calls {
			c := &t.Calls[i]
			f := s.Funcs.Func(c.Fn)
			state := ""
			switch {
			case c.Flags&graph.Gap != 0:
				state, f.Name = "lost", ""
			case c.Flags&graph.NoExit != 0:
				state = "no end"
			case c.Flags&graph.NoEntry != 0:
				state = "no start"
			case c.Flags&graph.IRQ != 0:
				state = "interruption"
			}
			num := func(v int64) string { return strconv.FormatInt(v, 10) }
			text := func(s string) string { return value.Visible(s, false) } // RFC 4180 has no control characters in fields
			row = append(row[:0], num(int64(n)), num(int64(i)), num(int64(c.Parent)), num(int64(c.Depth)), text(f.Name), text(f.Module), text(t.Thread.Comm),
				num(int64(t.Thread.PID)), num(int64(t.Thread.TID)), num(int64(c.CPU)), num(c.T0+int64(s.WallOffset)), num(c.Duration()), num(own[i]),
				text(s.Funcs.RetText(c)), state)
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}
