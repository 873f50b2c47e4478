// Package fgraph is the kernel half of call graphs: what an fgraph: probe
// records (Plan), the programs that record it, and the layout of the records
// that pass a call to user space. It knows nothing about trees, which packages
// below runtime/graph build from the records.
//
// It plugs into the compiler like any builtin: the record of `graph` in stdlib
// has the function Programs, which returns what the programs of a probe get
// besides the script (builtin.Part). The package is not part of runtime,
// because stdlib refers to it and cannot import runtime.
//
// # How a call is recorded
//
// The body of an fgraph: probe runs when its function returns. `graph` is a
// value of 16 bytes that identifies the call. The first evaluation in a run
// sends the record, from which user space builds the tree. A call whose body
// never evaluates `graph` leaves nothing behind.
//
// If the tracer records the tree (Ftrace), the record has no calls. With
// args=deep it has the arguments of the root.
//
// If programs record the tree themselves (BPF), the calls of a thread below the
// function are written into a slot of memory. The slot is found by the thread's
// number alone, since the programs run at every call of functions that are
// mostly called elsewhere: in a thread that does not own the slot, the program
// returns after one load. If two threads need the same slot, the second is not
// recorded, but counted. The record sent to user space is the slot itself, so a
// tree costs one write to the ring buffer if it is wanted, and none otherwise.
package fgraph

import "probe/lang/hir"

// Source is the mechanism that records the calls.
type Source uint8

// The sources.
const (
	Ftrace   Source = iota // the tracer function_graph
	BPF                    // programs at the entry and return of each function
	Recorded               // nothing: the recording has the calls and the structs of arguments
)

// Plan describes what an fgraph: probe records. The probe's provider makes it
// for sites whose body uses `graph`, and stores it in hir.Site.Plan.
type Plan struct {
	Source Source
	Why    string // how the source was picked, for -v
	// Func is the function whose calls are recorded, by its symbol; Module is ""
	// for the kernel itself.
	Func, Module string
	// Depth is the number of levels below Func that are recorded.
	Depth int
	// Only and Skip are symbols of functions. Below Func only those in Only are
	// recorded (nil: all), and never those in Skip.
	Only, Skip []string
	// Args selects arguments, IRQs the functions that interrupts run in
	// between.
	Args, IRQs bool
	// Deep selects the content of the known structs that arguments point to.
	Deep bool
	// Enter is the entry of Func.
	Enter *hir.Site
	// EnterDeep describes the structs read for the arguments of Enter.
	EnterDeep DeepArgs
	// Parts are the sites of the functions below Func, for BPF.
	Parts []Part
}

// Part is a function below the root, or many functions that share programs, for
// BPF.
type Part struct {
	// Func is the symbol. It is "" for shared programs, which identify the
	// function by its address.
	Func string
	// Exit is nil if one program runs at both entry and return.
	Enter, Exit *hir.Site
	// Deep describes the structs read for the arguments of Enter.
	Deep DeepArgs
}

// Of returns the plan of a site, nil for sites of other probes and for those
// whose body does not use `graph`.
func Of(s *hir.Site) *Plan {
	p, _ := s.Plan.(*Plan)
	return p
}

// Args returns the arguments that the events of a site have: the leading ones
// that fit in a register.
func Args(s *hir.Site) []hir.Arg {
	n := 0
	for n < min(len(s.Args), maxArgs) && s.Args[n].Type.IsScalar() {
		n++
	}
	return s.Args[:n]
}
