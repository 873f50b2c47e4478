package value

import (
	"bytes"
	"encoding/binary"

	"probe/lang/types"
)

// GraphID identifies the call whose tree a value of `graph` is.
type GraphID struct {
	Time  uint64 // of the return, in nanoseconds of CLOCK_MONOTONIC
	TID   int32  // the thread; idle CPUs have negative numbers
	Probe uint32 // number of the probe in its object
}

// GraphForm is the form in which a graph is shown.
type GraphForm uint8

// The forms.
const (
	GraphText  GraphForm = iota // the tree as lines, without a newline at the end
	GraphShape                  // the same without times and results
	GraphJSON                   // an object
)

// AsGraph reads the value of `graph`.
func (v Value) AsGraph() GraphID {
	return GraphID{Time: load(v.B, 0, 8), TID: int32(load(v.B, 8, 4)), Probe: uint32(load(v.B, 12, 4))}
}

// appendGraph writes the lines of the tree; inside of other values they start
// on a line of their own, as stacks do.
func appendGraph(dst []byte, v Value, r Resolver, inside bool) []byte {
	text := r.Graph(v.AsGraph(), GraphText)
	if text == "" {
		return append(dst, "(no graph)"...)
	}
	if inside {
		dst = append(bytes.TrimRight(dst, " "), '\n') // no blank at the end of a line
	}
	return append(dst, text...)
}

func appendGraphJSON(dst []byte, v Value, r Resolver) []byte {
	text := r.Graph(v.AsGraph(), GraphJSON)
	if text == "" {
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

// shapes is a Resolver that answers with the shapes of graphs, which map keys
// show.
type shapes struct{ Resolver }

func (s shapes) Graph(id GraphID, form GraphForm) string {
	if form == GraphText {
		form = GraphShape
	}
	return s.Resolver.Graph(id, form)
}

// graphOffsets appends the byte offsets of the graphs in values of a type.
func graphOffsets(t *types.Type, at int, out []int) []int {
	switch {
	case t == nil:
	case t.Kind == types.Graph:
		out = append(out, at)
	case t.Kind == types.Record && t.IsTuple():
		for _, f := range t.Struct.Fields() {
			out = graphOffsets(f.Type, at+f.Offset, out)
		}
	}
	return out
}

// HasGraph reports whether values of a type hold graphs.
func HasGraph(t *types.Type) bool { return len(graphOffsets(t, 0, nil)) > 0 }

// Graphs lists the graphs in a value.
func Graphs(v Value) []GraphID {
	var out []GraphID
	for _, off := range graphOffsets(v.T, 0, nil) {
		if off+16 <= len(v.B) {
			out = append(out, Value{T: types.GraphType, B: v.B[off : off+16]}.AsGraph())
		}
	}
	return out
}

// Unify replaces each graph in a map's key by the representative of its shape,
// which same returns. Calls with equal shapes then share a key.
func Unify(t *types.Type, key []byte, same func(GraphID) GraphID) {
	for _, off := range graphOffsets(t, 0, nil) {
		if off+16 > len(key) {
			continue
		}
		id := same(Value{T: types.GraphType, B: key[off : off+16]}.AsGraph())
		binary.LittleEndian.PutUint64(key[off:], id.Time)
		binary.LittleEndian.PutUint32(key[off+8:], uint32(id.TID))
		binary.LittleEndian.PutUint32(key[off+12:], id.Probe)
	}
}
