package sink

import (
	"bytes"
	"encoding/binary"
	"testing"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// printer sends events to a sink, one for each call.
type printer struct {
	event.Sink
	r value.Resolver
}

func (p printer) Attached(n int) { p.Take(&event.Attached{Probes: n}) }
func (p printer) Printf(specs []value.Spec, args ...value.Value) {
	p.Take(&event.Printf{Format: specs, Args: args, Resolver: p.r})
}
func (p printer) Text(from event.Source, text string) {
	p.Take(&event.Text{From: from, Data: []byte(text), Words: [][]byte{[]byte(text)}})
}
func (p printer) Value(v value.Value) { p.Take(&event.Value{Value: v, Resolver: p.r}) }
func (p printer) Map(m *value.MapData, top, div int64) {
	p.Take(event.NewMap(m, top, div, p.r))
}
func (p printer) Final(m *value.MapData) { p.Take(event.FinalMap(m, p.r)) }
func (p printer) Message(s diag.Severity, at source.Span, text string, args ...value.Value) {
	specs, err := value.ParseFormat(text)
	if err != nil {
		panic(err)
	}
	p.Take(&event.Message{Severity: s, At: at, Format: specs, Args: args, Resolver: p.r})
}
func (p printer) RuntimeError(e *event.RuntimeError) { p.Take(e) }
func (p printer) Lost(n uint64)                      { p.Take(&event.Lost{Events: n}) }
func (p printer) Log(s diag.Severity, text string)   { p.Take(&event.Log{Severity: s, Text: text}) }
func (p printer) End()                               { p.Take(&event.End{}) }
func (p printer) Receipt(r *event.Receipt)           { p.Take(r) }
func (p printer) Hold()                              { event.Hold(p.Sink) }
func (p printer) Release()                           { event.Release(p.Sink) }

// open makes the sink of a format for tests.
func open(t testing.TB, format string, c Config, r value.Resolver) printer {
	t.Helper()
	s, err := New(format, c)
	if err != nil {
		t.Fatal(err)
	}
	return printer{s, r}
}

// run prints in a format and returns what went to the output and to standard
// error.
func run(t testing.TB, format string, c Config, r value.Resolver, print func(p printer)) (out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	c.Out, c.Err = &o, &e
	p := open(t, format, c, r)
	print(p)
	if err := p.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return o.String(), e.String()
}

func words(ns ...int64) []byte {
	var b []byte
	for _, n := range ns {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func str(n int, s string) value.Value {
	b := make([]byte, n)
	copy(b, s)
	return value.Value{T: types.StringType(n), B: b}
}

func num(t *types.Type, n int64) value.Value { return value.OfInt(t, uint64(n)) }

func tuple(vs ...value.Value) value.Value {
	var ts []*types.Type
	for _, v := range vs {
		ts = append(ts, v.T)
	}
	t := types.TupleType(ts...)
	b := make([]byte, t.Size)
	for i, f := range t.Struct.Fields() {
		copy(b[f.Offset:], vs[i].B)
	}
	return value.Value{T: t, B: b}
}

var enumE = &types.Type{Kind: types.Enum, Size: 8, Enum: &types.EnumTable{Name: "E",
	Values: []types.EnumValue{{Name: "RED", Value: 1}, {Name: "BLUE", Value: 4}}}}

func agg(k types.Kind, signed bool) *types.Type {
	t := &types.Type{Kind: k, Size: 16, Signed: signed}
	if k == types.Count || k == types.Sum {
		t.Size = 8
	}
	return t
}

func hist(k int) *types.Type { return &types.Type{Kind: types.Hist, Size: 8, Bits: k} }

func lhist(lo, hi, step int64) *types.Type {
	return &types.Type{Kind: types.LHist, Size: 8, Lo: lo, Hi: hi, Step: step}
}

// scalar returns a map without key.
func scalar(name string, v value.Value) *value.MapData {
	return &value.MapData{Name: name, Val: v.T, Entries: []value.Entry{{Val: v.B}}}
}

// pair is one entry of a keyed map.
type pair struct{ key, val value.Value }

func keyed(name string, pairs ...pair) *value.MapData {
	m := &value.MapData{Name: name, Key: pairs[0].key.T, Val: pairs[0].val.T}
	for _, p := range pairs {
		m.Entries = append(m.Entries, value.Entry{Key: p.key.B, Val: p.val.B})
	}
	return m
}

// buckets counts numbers into the histogram of one key.
func buckets(m *value.MapData, key []byte, numbers ...int64) *value.MapData {
	for _, n := range numbers {
		i := value.HistBucket(n, m.Val.Bits)
		if m.Val.Kind == types.LHist {
			i = value.LHistBucket(n, m.Val)
		}
		m.AddBucket(key, uint64(i), words(1), 0)
	}
	return m
}

var script = source.New("x.pr", "begin {\n\tprint($nope);\n}\n")

// at returns the span of the first occurrence of a text in script.
func at(text string) source.Span {
	i := bytes.Index([]byte(script.Text), []byte(text))
	return source.Span{File: script, Start: i, End: i + len(text)}
}
