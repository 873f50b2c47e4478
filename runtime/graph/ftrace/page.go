package ftrace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

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

// The head of every record, read as one number: the type in the lowest 16 bits,
// the flags in the 8 above, the thread in the highest 32. setRecord returns an
// error for a kernel with another layout.
const (
	headBytes = 8
	headFlags = 16
	headTID   = 32
)

// Decoder turns pages into events. It is made by NewDecoder and may be used by
// several goroutines.
type Decoder struct {
	header  int // bytes before the first record
	entry   record
	exit    record
	returns map[uint16]record
}

// record is the layout of one type of record: where its numbers are.
type record struct {
	id    uint16
	size  int // least number of bytes
	fn    int // 8 bytes
	depth int // of which 2 bytes are read
	// times are the offsets of the times of call and return in an exit, 8 bytes
	// each; timed says whether the record has them.
	times [2]int
	timed bool
	value int // a return value, 8 bytes
	args  int // of an entry, to its end; 0 for none
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
	// No record is shorter than its two heads, so growing once makes room for
	// all.
	out = slices.Grow(out, size/(4+headBytes))
	for len(data) >= 4 {
		head := binary.LittleEndian.Uint32(data)
		kind, delta := head&31, uint64(head>>5)
		length, skip := int(kind)*4, 4
		if kind-1 >= recordPadding-1 { // not a plain record
			var err error
			if length, skip, err = odd(data, kind, &delta); err != nil {
				return out, args, err
			}
			if skip == 0 {
				return out, args, nil // the rest of the page is padding
			}
		}
		if kind == recordTimeStamp {
			// The record has the low 59 bits of an absolute time; the high ones
			// are those of the page's time.
			now = delta | now&(31<<59)
		} else {
			now += delta
		}
		if skip+length > len(data) {
			return out, args, fmt.Errorf("%w: a record of %d bytes in the last %d", ErrPage, length, len(data)-skip)
		}
		rec := data[skip : skip+length]
		data = data[skip+length:]
		if kind < recordPadding && len(rec) >= headBytes {
			n := len(out)
			e := &out[:n+1][n]
			e.Time, e.CPU = int64(now), cpu
			var ok bool
			if args, ok = d.record(rec, e, args); ok {
				out = out[:n+1]
			}
		}
	}
	return out, args, nil
}

// odd returns the length of the data of a record that is not of the plain form,
// and the number of bytes before the data; the length is 0 when no record
// follows. It adds the time of a time-extend record to delta.
func odd(data []byte, kind uint32, delta *uint64) (length, skip int, err error) {
	if len(data) < 8 {
		return 0, 0, fmt.Errorf("%w: a record is cut off", ErrPage)
	}
	word := binary.LittleEndian.Uint32(data[4:])
	if kind == recordTimeExtend || kind == recordTimeStamp {
		*delta |= uint64(word) << 27
		return 0, 8, nil
	}
	if kind == recordPadding && *delta == 0 {
		return 0, 0, nil
	}
	// The length counts its own word.
	length = int(word) - 4
	if length < 0 || length > pageData {
		return 0, 0, fmt.Errorf("%w: a record of %d bytes", ErrPage, length)
	}
	return (length + 3) &^ 3, 8, nil
}

// record sets the fields of an event from a record, except time and CPU. It
// reports whether the record is of a known type.
func (d *Decoder) record(rec []byte, e *graph.Event, args []uint64) ([]uint64, bool) {
	head := binary.LittleEndian.Uint64(rec)
	e.TID = int32(head >> headTID)
	e.Args, e.NArgs, e.Value, e.Flags = 0, 0, 0, 0
	if head&((flagHardIRQ|flagNMI)<<headFlags) != 0 {
		e.Flags = graph.HardIRQ
	}
	switch id := uint16(head); {
	case id == d.entry.id && len(rec) >= d.entry.size:
		r := &d.entry
		e.Kind, e.Addr, e.Depth = graph.Enter, number(rec, r.fn), depth(rec, r.depth)
		if r.args > 0 && len(rec) > r.args {
			e.Args = int32(len(args))
			for at := r.args; at+8 <= len(rec) && e.NArgs < maxArgs; at += 8 {
				args = append(args, number(rec, at))
				e.NArgs++
			}
		}
	case id == d.exit.id && len(rec) >= d.exit.size:
		r := &d.exit
		e.Kind, e.Addr, e.Depth = graph.Exit, number(rec, r.fn), depth(rec, r.depth)
		if r.timed {
			if from, to := number(rec, r.times[0]), number(rec, r.times[1]); to > from {
				e.Value = to - from
			}
		}
	default:
		r, ok := d.returns[id]
		if !ok || len(rec) < r.size {
			return args, false
		}
		e.Kind, e.Addr, e.Depth, e.Value = graph.Return, number(rec, r.fn), -1, number(rec, r.value)
	}
	return args, true
}

// number reads 8 bytes.
func number(rec []byte, at int) uint64 { return binary.LittleEndian.Uint64(rec[at:]) }

// depth reads the lower 16 bits of a depth, which hold any depth that occurs.
func depth(rec []byte, at int) int16 { return int16(binary.LittleEndian.Uint16(rec[at:])) }

// maxArgs is FTRACE_REGS_MAX_ARGS, the number of argument registers recorded.
const maxArgs = 6
