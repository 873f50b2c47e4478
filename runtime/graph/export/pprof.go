package export

import (
	"compress/gzip"
	"encoding/binary"
	"io"

	"probe/runtime/graph"
)

// The profile of pprof is a protocol buffer (profile.proto of
// github.com/google/pprof), gzipped. It is written here, since the package of
// pprof compiles regular expressions whenever a program that imports it starts.

// Field numbers in profile.proto.
const (
	profileSampleType  = 1
	profileSample      = 2
	profileLocation    = 4
	profileFunction    = 5
	profileString      = 6
	profileTime        = 9
	profileDuration    = 10
	profilePeriodType  = 11
	profilePeriod      = 12
	profileDefaultType = 14

	valueType, valueUnit = 1, 2

	sampleLocation, sampleValue = 1, 2

	locationID, locationAddress, locationLine = 1, 3, 4

	lineFunction = 1

	functionID, functionName, functionSystemName, functionFile = 1, 2, 3, 4
)

// message is the encoding of a protocol buffer message. Fields with the value 0
// are omitted, which means the same.
type message []byte

// number appends a field of an integer type.
func (m *message) number(field int, n uint64) {
	if n != 0 {
		*m = binary.AppendUvarint(*m, uint64(field)<<3)
		*m = binary.AppendUvarint(*m, n)
	}
}

// bytes appends a string or an embedded message, empty ones too.
func (m *message) bytes(field int, b []byte) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|2)
	*m = binary.AppendUvarint(*m, uint64(len(b)))
	*m = append(*m, b...)
}

// numbers appends a repeated integer field in its packed form.
func (m *message) numbers(field int, list ...uint64) {
	var packed message
	for _, n := range list {
		packed = binary.AppendUvarint(packed, n)
	}
	m.bytes(field, packed)
}

// texts is the table of strings of a profile. Its first string is empty.
type texts struct {
	list  []string
	index map[string]uint64
}

// id returns the number of a string in the table.
func (t *texts) id(s string) uint64 {
	n, ok := t.index[s]
	if !ok {
		n = uint64(len(t.list))
		t.list, t.index[s] = append(t.list, s), n
	}
	return n
}

// stack is a sample of a profile: a function, with the stack that called it.
type stack struct {
	caller       *stack // nil for a root
	location     uint64
	calls, nanos int64
}

// writePprof writes a profile with a sample for each stack: how often, and how
// long in the last function.
func writePprof(w io.Writer, s *Source) error {
	var p message
	t := texts{index: map[string]uint64{}}
	t.id("")
	unit := func(kind, unit string) []byte {
		var m message
		m.number(valueType, t.id(kind))
		m.number(valueUnit, t.id(unit))
		return m
	}
	p.bytes(profileSampleType, unit("calls", "count"))
	p.bytes(profileSampleType, unit("wall", "nanoseconds"))

	// Each function has one location with the same number: a kernel function is
	// never inlined here.
	locations := map[int32]uint64{}
	location := func(fn int32) uint64 {
		id, ok := locations[fn]
		if ok {
			return id
		}
		id = uint64(len(locations)) + 1
		locations[fn] = id
		f := s.Funcs.Func(fn)
		var line, place, function message
		line.number(lineFunction, id)
		place.number(locationID, id)
		place.number(locationAddress, f.Addr)
		place.bytes(locationLine, line)
		p.bytes(profileLocation, place)
		function.number(functionID, id)
		function.number(functionName, t.id(f.Name))
		function.number(functionSystemName, t.id(f.Name))
		function.number(functionFile, t.id(f.Module))
		p.bytes(profileFunction, function)
		return id
	}

	stacks, start, end := stacksOf(s, location)
	for _, st := range stacks {
		var path []uint64
		for at := st; at != nil; at = at.caller { // innermost first
			path = append(path, at.location)
		}
		var sample message
		sample.numbers(sampleLocation, path...)
		sample.numbers(sampleValue, uint64(st.calls), uint64(st.nanos))
		p.bytes(profileSample, sample)
	}
	p.number(profileTime, uint64(start+int64(s.WallOffset)))
	p.number(profileDuration, uint64(end-start))
	p.bytes(profilePeriodType, unit("wall", "nanoseconds"))
	p.number(profilePeriod, 1)
	p.number(profileDefaultType, t.id("wall"))
	for _, text := range t.list {
		p.bytes(profileString, []byte(text))
	}

	z := gzip.NewWriter(w)
	if _, err := z.Write(p); err != nil {
		return err
	}
	return z.Close()
}

// stacksOf returns the different stacks of all trees in the order in which they
// first occur, and the times that the trees span.
func stacksOf(s *Source, location func(fn int32) uint64) (stacks []*stack, start, end int64) {
	type key struct {
		caller *stack
		fn     int32
	}
	known := map[key]*stack{}
	for n, t := range s.Trees {
		own := self(t)
		of := make([]*stack, len(t.Calls))
		if n == 0 || t.Root().T0 < start {
			start = t.Root().T0
		}
		end = max(end, t.Root().T1)
		for i := range t.Calls {
			c := &t.Calls[i]
			if c.Flags&graph.Gap != 0 {
				continue
			}
			k := key{nil, c.Fn}
			if c.Parent >= 0 {
				k.caller = of[c.Parent]
			}
			st := known[k]
			if st == nil {
				st = &stack{caller: k.caller, location: location(c.Fn)}
				known[k] = st
				stacks = append(stacks, st)
			}
			of[i] = st
			st.calls++
			st.nanos += own[i]
		}
	}
	return stacks, start, end
}
