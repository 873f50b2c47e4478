// Package record keeps call trees, and what scripts printed, in files: JSON
// Lines, compressed with zstd when the name ends in .zst. A Writer writes trees
// and events; Read returns the same ones.
//
// The form is published in docs/graph-recording.schema.json. Each line is an
// object with one key that says what it is: a header, a function, a tree, more
// calls of the tree before, an event, the end. Functions come before the first
// call that names them, so a file can be read while it is written, and one that
// was cut off is good up to there.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"probe/runtime/graph"
)

// Version is the latest version of the form. Readers refuse later ones.
const Version = 2

// treesOnly is the version without scripts and events. Recordings that need no
// more are written in it, so that older readers accept them.
const treesOnly = 1

// Header is the first line.
type Header struct {
	Version int       `json:"version"`
	Started time.Time `json:"started"`
	// WallOffset is added to the times of calls, which are of CLOCK_MONOTONIC,
	// to get nanoseconds since 1970.
	WallOffset int64 `json:"wall_offset_ns"`
	// BootOffset is added to the times of calls to get those of CLOCK_BOOTTIME.
	// It is the time, in nanoseconds, that the machine was suspended.
	BootOffset int64  `json:"boot_offset_ns,omitempty"`
	Kernel     string `json:"kernel,omitempty"` // release
	Arch       string `json:"arch,omitempty"`
	Source     string `json:"source,omitempty"` // "ftrace" or "bpf"
	// Functions lists the names of the functions that were to be recorded.
	Functions []string `json:"functions,omitempty"`
	// Script is the script that was run; nil in recordings that hold trees
	// only.
	Script *Script `json:"script,omitempty"`
}

// Script is the script of a recording.
type Script struct {
	Name string   `json:"name"`
	Text string   `json:"text"`
	Args []string `json:"args,omitempty"`
}

// End is the last line.
type End struct {
	Trees int `json:"trees"`
	// Events is the number of events.
	Events int `json:"events,omitempty"`
	// MissedReturns is the number of return values that were not recorded.
	MissedReturns uint64 `json:"missed_returns,omitempty"`
	// Lost is the number of events that were lost, including those in trees: if
	// it is not 0, calls may be missing.
	Lost uint64 `json:"lost,omitempty"`
}

// Recording is a whole file.
type Recording struct {
	Header Header
	Funcs  graph.Funcs
	Trees  []*graph.Tree
	Events []Output
	// End is nil when the file has no end.
	End *End
	// Damage is nil when the file is whole. Otherwise Trees holds the trees
	// before the damage.
	Damage *DamageError
}

// ErrFormat is wrapped when a file is not a recording.
var ErrFormat = errors.New("not a recording of call graphs")

// DamageError reports where a recording cannot be read any further.
type DamageError struct {
	Line int // 1 for the first
	Err  error
}

// Error returns the line and the reason.
func (e *DamageError) Error() string {
	return fmt.Sprintf("the recording is damaged from line %d on: %v", e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *DamageError) Unwrap() error { return e.Err }

// errNoEnd is the damage of a file that stops between two lines.
var errNoEnd = errors.New("its end is missing")

// lineCalls is how many calls are written in one line.
const lineCalls = 1000

// funcLine is the line of a function.
type funcLine struct {
	ID     int32       `json:"id"`
	Name   string      `json:"name"`
	Module string      `json:"module,omitempty"`
	Addr   string      `json:"addr,omitempty"` // hex
	Result string      `json:"result,omitempty"`
	Params []paramLine `json:"params,omitempty"`
	// Notation is that of the result.
	Notation *notationLine `json:"notation,omitempty"`
}

type paramLine struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`

	Notation *notationLine `json:"notation,omitempty"`
}

// treeLine is the line of a tree, or of its continuation.
type treeLine struct {
	ID    int    `json:"id"`
	TID   int32  `json:"tid"`
	PID   int32  `json:"pid,omitempty"`
	Comm  string `json:"comm,omitempty"`
	Start int64  `json:"start"` // of the root; those of calls are relative to it
	Lost  uint64 `json:"lost,omitempty"`

	Interruptions int   `json:"interruptions,omitempty"`
	FoldedCalls   int   `json:"folded_calls,omitempty"`
	FoldedTime    int64 `json:"folded_ns,omitempty"`
	Skipped       int   `json:"skipped,omitempty"`

	// Calls are [function, depth, cpu, start, duration, flags] and, with a
	// return value or a number of lost events, one element more.
	Calls rows `json:"calls"`
	// Args holds [call, argument, …] with the index of the call in the line.
	Args rows `json:"args,omitempty"`
	// Symbols are the names of addresses (hex) that values point to.
	Symbols map[string]string `json:"symbols,omitempty"`
	Texts   []textLine        `json:"texts,omitempty"`
	// More: the tree goes on in the next line.
	More bool `json:"more,omitempty"`
}

// Elements of a call.
const (
	callFn = iota
	callDepth
	callCPU
	callStart
	callDuration
	callFlags
	callRet
)

// knownFlags is the set of flags of version 1; their values are part of the
// format.
const knownFlags = graph.HasRet | graph.NoExit | graph.NoEntry | graph.Gap | graph.IRQ

// rows is a list of lists of 64-bit integers, stored flat: numbers holds the
// elements of all lists, and ends the index after each list.
type rows struct {
	numbers []int64
	ends    []int
}

// row returns a list by its index.
func (r *rows) row(i int) []int64 {
	start := 0
	if i > 0 {
		start = r.ends[i-1]
	}
	return r.numbers[start:r.ends[i]]
}

var errRows = errors.New("not a list of lists of whole numbers")

// UnmarshalJSON parses the lists.
func (r *rows) UnmarshalJSON(b []byte) error {
	var plain bytes.Buffer
	if err := json.Compact(&plain, b); err != nil {
		return err
	}
	if used, ok := r.parse(plain.Bytes()); !ok || used != plain.Len() {
		return errRows
	}
	return nil
}

// parse parses the lists as the writer writes them, without blanks. Reading a
// recording spends most of its time here.
func (r *rows) parse(b []byte) (used int, ok bool) {
	r.numbers, r.ends = r.numbers[:0], r.ends[:0]
	if len(b) < 2 || b[0] != '[' {
		return 0, false
	}
	i := 1
	if b[i] == ']' {
		return 2, true
	}
	for i < len(b) && b[i] == '[' {
		i++
		for i < len(b) && b[i] != ']' {
			n, used, ok := number(b[i:])
			if !ok {
				return 0, false
			}
			i += used
			r.numbers = append(r.numbers, n)
			if i < len(b) && b[i] == ',' {
				if i++; i < len(b) && b[i] == ']' {
					return 0, false
				}
			} else if i < len(b) && b[i] != ']' {
				return 0, false
			}
		}
		r.ends = append(r.ends, len(r.numbers))
		switch i++; {
		case i >= len(b):
			return 0, false
		case b[i] == ']':
			return i + 1, true
		case b[i] == ',':
			i++
		default:
			return 0, false
		}
	}
	return 0, false
}

// number parses a whole number of 64 bits with sign.
func number(b []byte) (n int64, used int, ok bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		used = 1
	}
	start := used
	var u uint64
	for used < len(b) && '0' <= b[used] && b[used] <= '9' {
		d := uint64(b[used] - '0')
		if u > (1<<63-d)/10 {
			return 0, 0, false
		}
		u = u*10 + d
		used++
	}
	switch {
	case used == start, !neg && u > 1<<63-1:
		return 0, 0, false
	case neg:
		return -int64(u), used, true
	}
	return int64(u), used, true
}
