package fgraph

import (
	"encoding/binary"

	"probe/compiler/builtin"
	"probe/lang/types"
	"probe/lang/value"
)

// The layout of a record. Its first 4 bytes are the number that every record
// begins with.
const (
	recUsed  = 4 // bytes of data
	recTime  = 8
	recTID   = 16
	recProbe = 20
	recRet   = 24
	recPID   = 32
	recComm  = 40
	recLost  = 56
	recStart = 64
	recData  = 72

	commSize = recLost - recComm
)

// The arguments of a record as user space gets them. Those from argUsed on are
// only sent if programs record the calls.
const (
	argTime = iota
	argTID
	argProbe
	argRet
	argPID
	argComm
	argStart
	argUsed
	argLost
	argData
)

// fields are the arguments by number.
var fields = []builtin.Field{
	argTime:  {Type: types.Uint64, Off: recTime},
	argTID:   {Type: types.Uint32, Off: recTID},
	argProbe: {Type: types.Uint32, Off: recProbe},
	argRet:   {Type: types.Uint64, Off: recRet},
	argPID:   {Type: types.Uint64, Off: recPID},
	argComm:  {Type: types.StringType(commSize), Off: recComm},
	argStart: {Type: types.Uint64, Off: recStart},
	argUsed:  {Type: types.Uint32, Off: recUsed},
	argLost:  {Type: types.Uint64, Off: recLost},
	argData:  {Type: types.ArrayOf(types.Uint8, slotSize-slotRecord-recData), Off: recData},
}

// Record is one call of the function of an fgraph: probe.
type Record struct {
	ID value.GraphID
	// Start is when the function was entered, by CLOCK_MONOTONIC in nanoseconds.
	Start uint64
	Ret   uint64 // what the function returned
	PID   int32
	Comm  string
	// Events are the calls of the function and below it if programs recorded
	// them, nil if the tracer did. Each decodes them.
	Events []byte
	Lost   uint64 // events that did not fit
}

// Read decodes a record sent by a program. Events is valid as long as r is.
func Read(r *builtin.Record) *Record {
	arg := func(i int) value.Value {
		if i < len(r.Args) {
			return r.Args[i]
		}
		return value.Value{T: types.InvalidType}
	}
	out := &Record{
		ID:    value.GraphID{Time: arg(argTime).Uint(), TID: int32(arg(argTID).Uint()), Probe: uint32(arg(argProbe).Uint())},
		Start: arg(argStart).Uint(),
		Ret:   arg(argRet).Uint(),
		PID:   int32(arg(argPID).Uint() >> 32),
		Comm:  string(arg(argComm).Str()),
	}
	if len(r.Args) > argData {
		used, data := int(arg(argUsed).Uint()), arg(argData).B
		out.Lost = arg(argLost).Uint()
		out.Events = data[:min(max(used, 0), len(data))]
	}
	return out
}

// The layout of an event's head in the data of a record. The event's words
// follow the head.
const (
	evTime  = 0
	evAddr  = 8
	evKind  = 16 // a byte; then one for the number of words
	evCPU   = 18
	evTID   = 20
	evWords = 24
)

// The kinds of events.
const (
	kindEnter = 0
	kindExit  = 1
	// kindIRQ is added to calls made by an interrupt.
	kindIRQ = 0x80
)

// The words of an event.
const (
	maxArgs = 6
	// maxWords is the maximum number of words: arguments and their structs.
	maxWords = 32
	maxEvent = evWords + 8*maxWords
)

// MaxWords is the maximum number of words of an event: the arguments, and for
// each argument whose struct is read a status word and the words read.
const MaxWords = maxWords

// rootAddr stands for the root in events.
const rootAddr = 0

// Event is the entry to or return from a function.
type Event struct {
	Time uint64 // CLOCK_MONOTONIC in nanoseconds
	// Addr is the function: 0 for the function of the probe, i for
	// Plan.Parts[i-1], otherwise an address.
	Addr uint64
	Exit bool // left
	// IRQ is set if an interrupt made the call.
	IRQ bool
	CPU uint16
	TID int32 // the thread; idle CPUs have negative numbers
	// Words are the arguments or the result. The arguments are followed, for
	// each one whose struct is read (DeepArg), by a status word, 0 on success,
	// and the words read. Words is valid until the next event.
	Words []uint64
}

// Each calls see for each event, which is only valid during the call. It
// reports whether the data is well-formed: complete events of known kinds.
func (r *Record) Each(see func(e *Event)) bool {
	var e Event
	words := make([]uint64, 0, maxWords)
	whole := true
	data := r.Events
	for len(data) >= evWords {
		n := int(data[evKind+1])
		size := evWords + 8*n
		if size > len(data) {
			return false
		}
		words = words[:0]
		for i := range n {
			words = append(words, binary.LittleEndian.Uint64(data[evWords+8*i:]))
		}
		kind := data[evKind] &^ kindIRQ
		e = Event{
			Time: binary.LittleEndian.Uint64(data[evTime:]), Addr: binary.LittleEndian.Uint64(data[evAddr:]),
			Exit: kind == kindExit, IRQ: data[evKind]&kindIRQ != 0,
			CPU: binary.LittleEndian.Uint16(data[evCPU:]), TID: int32(binary.LittleEndian.Uint32(data[evTID:])), Words: words,
		}
		data = data[size:]
		if kind > kindExit {
			whole = false
			continue
		}
		see(&e)
	}
	return whole && len(data) == 0
}

// Append adds an event to the data of a record, as programs do.
func (e *Event) Append(data []byte) []byte {
	kind := uint16(kindEnter)
	if e.Exit {
		kind = kindExit
	}
	if e.IRQ {
		kind |= kindIRQ
	}
	le := binary.LittleEndian
	data = le.AppendUint64(data, e.Time)
	data = le.AppendUint64(data, e.Addr)
	data = le.AppendUint16(data, kind|uint16(len(e.Words))<<8)
	data = le.AppendUint16(data, e.CPU)
	data = le.AppendUint32(data, uint32(e.TID))
	for _, w := range e.Words {
		data = le.AppendUint64(data, w)
	}
	return data
}
