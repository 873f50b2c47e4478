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

// The arguments of a record as user space gets them; those from argUsed on are
// sent where programs note calls.
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
	// Events are the calls below and the function itself where programs noted
	// them, nil where the tracer did. Each reads them.
	Events []byte
	Lost   uint64 // events that did not fit
}

// Read makes a Record of what a program sent. Events are valid as long as r is.
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

// The layout of an event in the data of a record, which the words follow.
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
	// kindIRQ is added to calls that an interrupt made which came in between.
	kindIRQ = 0x80
)

// The words of an event.
const (
	maxArgs = 6
	// maxWords is the most that an event has: arguments and what they point to.
	maxWords = 32
	maxEvent = evWords + 8*maxWords
)

// MaxWords is how many words an event may have: arguments, and for each one whose
// struct is read a word of status and what was read.
const MaxWords = maxWords

// rootAddr stands for the root in events.
const rootAddr = 0

// Event is a function that was entered or left.
type Event struct {
	Time uint64 // CLOCK_MONOTONIC in nanoseconds
	// Addr is the function: 0 is that of the probe, a number up to that of
	// Plan.Parts counts these from 1, others are addresses.
	Addr uint64
	Exit bool // left
	// IRQ: an interrupt that came in between made the call.
	IRQ bool
	CPU uint16
	TID int32 // the thread; idle CPUs have negative numbers
	// Words are the arguments, or the result. Behind arguments follow, for each
	// one whose struct is read (DeepArg), a word that is 0 when it could be, and
	// the words read. They are valid until the next event.
	Words []uint64
}

// Each calls see with each event, which is valid during the call. It reports
// whether the data ends with an event's end and has no unknown kind.
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
