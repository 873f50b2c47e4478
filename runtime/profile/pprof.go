package profile

import (
	"compress/gzip"
	"encoding/binary"
	"io"
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

// writePprof writes the samples with all their values.
func writePprof(w io.Writer, p *Profile) error {
	var m message
	t := texts{index: map[string]uint64{}}
	t.id("")
	unit := func(v ValueType) []byte {
		var m message
		m.number(valueType, t.id(v.Name))
		m.number(valueUnit, t.id(v.Unit))
		return m
	}
	for _, v := range p.Types {
		m.bytes(profileSampleType, unit(v))
	}
	// Each function has one location with the same number: frames are never
	// inlined here.
	for i := range p.Frames {
		f := &p.Frames[i]
		id := uint64(i) + 1
		var line, place, function message
		line.number(lineFunction, id)
		place.number(locationID, id)
		place.number(locationAddress, f.Addr)
		place.bytes(locationLine, line)
		m.bytes(profileLocation, place)
		function.number(functionID, id)
		function.number(functionName, t.id(f.Name))
		function.number(functionSystemName, t.id(f.Name))
		function.number(functionFile, t.id(f.Module))
		m.bytes(profileFunction, function)
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		path := make([]uint64, len(s.Stack))
		for j, f := range s.Stack {
			path[len(path)-1-j] = uint64(f) + 1 // innermost first
		}
		values := make([]uint64, len(s.Values))
		for j, v := range s.Values {
			values[j] = uint64(v)
		}
		var sample message
		sample.numbers(sampleLocation, path...)
		sample.numbers(sampleValue, values...)
		m.bytes(profileSample, sample)
	}
	m.number(profileTime, uint64(p.Start))
	m.number(profileDuration, uint64(p.Length))
	last := p.Types[len(p.Types)-1]
	m.bytes(profilePeriodType, unit(last))
	m.number(profilePeriod, 1)
	m.number(profileDefaultType, t.id(last.Name))
	for _, text := range t.list {
		m.bytes(profileString, []byte(text))
	}

	z := gzip.NewWriter(w)
	if _, err := z.Write(m); err != nil {
		return err
	}
	return z.Close()
}
