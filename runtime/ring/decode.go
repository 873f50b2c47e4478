package ring

import (
	"encoding/binary"
	"fmt"

	"probe/compiler/builtin"
	"probe/compiler/object"
	"probe/lang/value"
)

// recordHead is the length in bytes of the start of every record: the number of
// its layout.
const recordHead = 4

// Decoder turns records into calls of asynchronous functions. It is not safe
// for concurrent use: the Record it returns is overwritten by the next call.
type Decoder struct {
	events []*object.RecordLayout
	rec    builtin.Record
	args   []value.Value
	pad    []byte // arguments of records shorter than their layout
}

// NewDecoder returns a Decoder for the events of one object.
func NewDecoder(events []*object.RecordLayout) *Decoder {
	most := 0
	for _, e := range events {
		most = max(most, len(e.Args))
	}
	return &Decoder{events: events, args: make([]value.Value, most)}
}

// Decode reads one record. The result and the bytes of its values are valid
// until the next call, and no longer than the record itself.
func (d *Decoder) Decode(record []byte) (*builtin.Record, error) {
	if len(record) < recordHead {
		return nil, fmt.Errorf("%w: a record of %d bytes is shorter than its head", ErrCorrupt, len(record))
	}
	id := binary.LittleEndian.Uint32(record)
	if uint64(id) >= uint64(len(d.events)) {
		return nil, fmt.Errorf("%w: a record of event %d, there are %d", ErrCorrupt, id, len(d.events))
	}
	e := d.events[id]
	args := d.args[:len(e.Args)]
	d.pad = d.pad[:0]
	for i := range e.Args {
		a := &e.Args[i]
		b, err := d.bytes(record, a.Off, a.Type.Size)
		if err != nil {
			return nil, fmt.Errorf("argument %d of event %d: %w", i, id, err)
		}
		args[i] = value.Value{T: a.Type, B: b, Literal: a.Literal}
	}
	d.rec = builtin.Record{Fn: e.Fn, Format: e.Format, Args: args, Call: e.Call}
	return &d.rec, nil
}

// bytes returns a range of the record. Large records are sent without the
// unused tail of their arguments, which reads as zeroes.
func (d *Decoder) bytes(record []byte, off, size int) ([]byte, error) {
	if off < recordHead || size < 0 {
		return nil, fmt.Errorf("%w: bytes [%d, +%d) of a record of %d", ErrCorrupt, off, size, len(record))
	}
	if off+size <= len(record) {
		return record[off : off+size : off+size], nil
	}
	// Slices returned before remain valid when append moves the buffer: they
	// keep the old one.
	at := len(d.pad)
	if off < len(record) {
		d.pad = append(d.pad, record[off:]...)
	}
	d.pad = append(d.pad, make([]byte, size-(len(d.pad)-at))...)
	return d.pad[at : at+size : at+size], nil
}
