package ftrace

import (
	"encoding/binary"
	"errors"
	"fmt"

	"probe/runtime/graph"
)

// ErrPage is wrapped by errors about pages that break the format.
var ErrPage = errors.New("malformed page of trace records")

// Bits of a page's commit word (kernel/trace/ring_buffer.c).
const (
	pageData      = 1<<20 - 1 // number of bytes of records
	lostBefore    = 1 << 31   // RB_MISSED_EVENTS: records were overwritten before this page
	lostCountKept = 1 << 30   // RB_MISSED_STORED: their number follows the records
)

// Types of a record that carry no data (enum ring_buffer_type).
const (
	recordPadding    = 29
	recordTimeExtend = 30
	recordTimeStamp  = 31
)

// Flags in common_flags (enum trace_flag_type).
const (
	flagHardIRQ = 0x08
	flagNMI     = 0x40
)

// field is where a number lies in a record.
type field struct{ offset, size int }

// get reads the field; absent ones are 0.
func (f field) get(rec []byte) uint64 {
	if f.offset+f.size > len(rec) {
		return 0
	}
	switch f.size {
	case 8:
		return binary.LittleEndian.Uint64(rec[f.offset:])
	case 4:
		return uint64(binary.LittleEndian.Uint32(rec[f.offset:]))
	case 2:
		return uint64(binary.LittleEndian.Uint16(rec[f.offset:]))
	case 1:
		return uint64(rec[f.offset])
	}
	return 0
}

// Decoder turns pages into events. It is made by NewDecoder and may be used by
// several goroutines.
type Decoder struct {
	header  int // bytes before the first record
	pid     field
	flags   field
	entry   record
	exit    record
	returns map[uint16]record
}

// record is the layout of one type of record.
type record struct {
	id    uint16
	size  int // least number of bytes
	fn    field
	depth field
	// call and ret are the times of an exit; value is a return value.
	call, ret, value field
	args             int // offset of the arguments of an entry, 0 for none
}

// Page appends the events of a page to out, and their arguments to args. A
// page that breaks the format gives an error, and the events before the place.
func (d *Decoder) Page(page []byte, cpu uint16, out []graph.Event, args []uint64) ([]graph.Event, []uint64, error) {
	if len(page) < d.header {
		return out, args, fmt.Errorf("%w: %d bytes", ErrPage, len(page))
	}
	now := binary.LittleEndian.Uint64(page)
	commit := binary.LittleEndian.Uint64(page[8:])
	size := int(commit & pageData)
	data := page[d.header:]
	if size > len(data) {
		return out, args, fmt.Errorf("%w: %d bytes of records in %d", ErrPage, size, len(data))
	}
	if commit&lostBefore != 0 {
		n := uint64(0)
		if commit&lostCountKept != 0 && size+8 <= len(data) {
			n = binary.LittleEndian.Uint64(data[size:])
		}
		out = append(out, graph.Event{Time: int64(now), Kind: graph.Lost, CPU: cpu, Value: n, Depth: -1})
	}
	data = data[:size]
	for len(data) >= 4 {
		head := binary.LittleEndian.Uint32(data)
		kind, delta := head&31, uint64(head>>5)
		length, skip := int(kind)*4, 4
		switch kind {
		case 0, recordPadding:
			if len(data) < 8 {
				return out, args, fmt.Errorf("%w: a record is cut off", ErrPage)
			}
			// The length counts its own word.
			length, skip = int(binary.LittleEndian.Uint32(data[4:]))-4, 8
			if kind == recordPadding && delta == 0 {
				return out, args, nil // nothing but padding from here on
			}
			if length < 0 || length > pageData {
				return out, args, fmt.Errorf("%w: a record of %d bytes", ErrPage, length)
			}
			length = (length + 3) &^ 3
		case recordTimeExtend, recordTimeStamp:
			if len(data) < 8 {
				return out, args, fmt.Errorf("%w: a time is cut off", ErrPage)
			}
			delta |= uint64(binary.LittleEndian.Uint32(data[4:])) << 27
			length, skip = 0, 8
		}
		if kind == recordTimeStamp {
			// 59 bits are absolute, the rest is that of the page.
			now = delta | now&(31<<59)
		} else {
			now += delta
		}
		if skip+length > len(data) {
			return out, args, fmt.Errorf("%w: a record of %d bytes in the last %d", ErrPage, length, len(data)-skip)
		}
		rec := data[skip : skip+length]
		data = data[skip+length:]
		if kind < recordPadding && len(rec) >= 8 {
			out, args = d.record(rec, int64(now), cpu, out, args)
		}
	}
	return out, args, nil
}

// record appends the event of one record, if it is of a known type.
func (d *Decoder) record(rec []byte, now int64, cpu uint16, out []graph.Event, args []uint64) ([]graph.Event, []uint64) {
	id := binary.LittleEndian.Uint16(rec)
	r := &d.entry
	e := graph.Event{Time: now, CPU: cpu, Depth: -1}
	switch {
	case id == d.entry.id && len(rec) >= d.entry.size:
		e.Depth = int16(r.depth.get(rec))
		if r.args > 0 && len(rec) > r.args {
			e.Args = int32(len(args))
			for at := r.args; at+8 <= len(rec) && e.NArgs < maxArgs; at += 8 {
				args = append(args, binary.LittleEndian.Uint64(rec[at:]))
				e.NArgs++
			}
		}
	case id == d.exit.id && len(rec) >= d.exit.size:
		r = &d.exit
		e.Kind = graph.Exit
		e.Depth = int16(r.depth.get(rec))
		if from, to := r.call.get(rec), r.ret.get(rec); to > from {
			e.Value = to - from
		}
	default:
		other, ok := d.returns[id]
		if !ok || len(rec) < other.size {
			return out, args
		}
		r = &other
		e.Kind, e.Value = graph.Return, r.value.get(rec)
	}
	e.Addr = r.fn.get(rec)
	if e.TID = int32(d.pid.get(rec)); e.TID == 0 {
		e.TID = -1 - int32(cpu) // each CPU has an idle thread, and all have the id 0
	}
	if d.flags.get(rec)&(flagHardIRQ|flagNMI) != 0 {
		e.Flags = graph.HardIRQ
	}
	return append(out, e), args
}

// maxArgs is FTRACE_REGS_MAX_ARGS, the number of argument registers recorded.
const maxArgs = 6
