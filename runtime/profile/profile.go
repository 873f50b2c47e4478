// Package profile has samples of stacks with values, and writes them in the forms
// of other tools: folded stacks, flame graphs as SVG, pprof, speedscope.
//
// Profiles come from call trees (runtime/graph/export) and from maps whose keys
// have stacks (runtime/sink).
package profile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"probe/lang/value"
	"probe/runtime/graph"
)

// Frame is a function in a stack.
type Frame struct {
	Name string
	// Module is the kernel module, program or library; "" is the kernel itself, or
	// unknown.
	Module string
	Addr   uint64 // of the function or the instruction, 0 if it has none
}

// label returns the name with the module: "veth_xmit [veth]".
func (f *Frame) label() string {
	if f.Module == "" {
		return f.Name
	}
	return f.Name + " [" + f.Module + "]"
}

// Sample is a stack with what was measured there.
type Sample struct {
	Stack  []int // indices of frames, the outermost first
	Values []int64
}

// ValueType is what a value of a sample means, such as "calls" in "count".
type ValueType struct{ Name, Unit string }

// Profile is a collection of samples. The last of the Types is the main one,
// which formats with room for one value show.
type Profile struct {
	Title   string
	Types   []ValueType
	Frames  []Frame
	Samples []Sample
	// Start and Length are the time in nanoseconds since 1970 and the length of
	// the measurement, 0 if unknown.
	Start, Length int64
	// Left says what is not in the profile, "" if nothing is missing.
	Left string

	index map[Frame]int
}

// Frame returns the index of a frame, which is added if it is new.
func (p *Profile) Frame(f Frame) int {
	i, ok := p.index[f]
	if !ok {
		if p.index == nil {
			p.index = map[Frame]int{}
		}
		i = len(p.Frames)
		p.Frames = append(p.Frames, f)
		p.index[f] = i
	}
	return i
}

// main returns the main value of a sample.
func (p *Profile) main(s *Sample) int64 { return s.Values[len(p.Types)-1] }

// unit returns the unit of the main value.
func (p *Profile) unit() string { return p.Types[len(p.Types)-1].Unit }

// Format is a form of a profile.
type Format struct {
	Name string
	// Suffixes are the ends of file names that stand for it.
	Suffixes []string
	Summary  string
	Binary   bool // not for terminals
	write    func(w io.Writer, p *Profile) error
}

// formats lists the forms.
var formats = []Format{
	{Name: "svg", Suffixes: []string{".svg"}, Summary: "a flame graph in one file, for a browser", write: writeSVG},
	{Name: "folded", Suffixes: []string{".folded"}, Summary: "a line for each stack, for flame graph tools", write: writeFolded},
	{Name: "pprof", Suffixes: []string{".pb.gz", ".pprof"}, Summary: "a profile for go tool pprof", Binary: true, write: writePprof},
	{Name: "speedscope", Suffixes: []string{".speedscope.json"}, Summary: "for speedscope.app", write: writeSpeedscope},
}

// ByFile returns the form that the end of a file's name stands for.
func ByFile(name string) (Format, bool) {
	for _, f := range formats {
		for _, s := range f.Suffixes {
			if strings.HasSuffix(name, s) {
				return f, true
			}
		}
	}
	return Format{}, false
}

// Find returns the form of a name.
func Find(name string) (Format, bool) {
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}

// Write writes a profile in this form.
func (f *Format) Write(w io.Writer, p *Profile) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := f.write(b, p); err != nil {
		return err
	}
	return b.Flush()
}

// separators are what separates names and stacks in folded stacks.
var separators = strings.NewReplacer(";", ":", "\n", ":")

// FoldedName returns a name as folded stacks can have it: without what separates
// names and stacks, and with other control characters as \xHH.
func FoldedName(name string) string { return value.Visible(separators.Replace(name), false) }

// writeFolded writes one line for each stack: its functions and the value. Equal
// stacks are added.
func writeFolded(w io.Writer, p *Profile) error {
	sums := map[string]int64{}
	var order []string
	for i := range p.Samples {
		s := &p.Samples[i]
		var b strings.Builder
		for j, f := range s.Stack {
			if j > 0 {
				b.WriteByte(';')
			}
			b.WriteString(FoldedName(p.Frames[f].label()))
		}
		if _, ok := sums[b.String()]; !ok {
			order = append(order, b.String())
		}
		sums[b.String()] += p.main(s)
	}
	slices.Sort(order)
	for _, stack := range order {
		if _, err := fmt.Fprintf(w, "%s %d\n", stack, sums[stack]); err != nil {
			return err
		}
	}
	return nil
}

// scopeUnits are the units of speedscope's file format; others are "none".
var scopeUnits = map[string]bool{"bytes": true, "microseconds": true, "milliseconds": true, "nanoseconds": true, "seconds": true}

// writeSpeedscope writes a profile of the type "sampled".
func writeSpeedscope(w io.Writer, p *Profile) error {
	type frame struct {
		Name string `json:"name"`
		File string `json:"file,omitempty"`
	}
	type profile struct {
		Type    string  `json:"type"`
		Name    string  `json:"name"`
		Unit    string  `json:"unit"`
		Start   int64   `json:"startValue"`
		End     int64   `json:"endValue"`
		Samples [][]int `json:"samples"`
		Weights []int64 `json:"weights"`
	}
	f := struct {
		Schema   string             `json:"$schema"`
		Name     string             `json:"name"`
		Exporter string             `json:"exporter"`
		Shared   map[string][]frame `json:"shared"`
		Profiles []profile          `json:"profiles"`
	}{Schema: "https://www.speedscope.app/file-format-schema.json", Name: p.Title, Exporter: "probe"}
	frames := []frame{}
	for i := range p.Frames {
		frames = append(frames, frame{p.Frames[i].Name, p.Frames[i].Module})
	}
	f.Shared = map[string][]frame{"frames": frames}
	unit := p.unit()
	if !scopeUnits[unit] {
		unit = "none"
	}
	one := profile{Type: "sampled", Name: p.Types[len(p.Types)-1].Name, Unit: unit, Samples: [][]int{}, Weights: []int64{}}
	for i := range p.Samples {
		s := &p.Samples[i]
		one.Samples, one.Weights = append(one.Samples, s.Stack), append(one.Weights, p.main(s))
		one.End += p.main(s)
	}
	f.Profiles = []profile{one}
	return json.NewEncoder(w).Encode(f)
}

// Amount returns a value with its unit as people read it: "1.5 ms", "12 samples".
func Amount(n int64, unit string) string {
	switch unit {
	case "nanoseconds":
		return graph.FormatDuration(n)
	case "microseconds":
		return graph.FormatDuration(n * 1000)
	case "milliseconds":
		return graph.FormatDuration(n * 1e6)
	case "bytes":
		for _, u := range []struct {
			name string
			size int64
		}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
			if n >= u.size {
				return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
			}
		}
		return strconv.FormatInt(n, 10) + " bytes"
	case "count":
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n, 10) + " " + unit
}
