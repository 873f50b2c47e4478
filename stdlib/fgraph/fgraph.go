// Package fgraph is the half of call graphs that runs as programs: what an
// fgraph: probe is to record (Plan), the programs that do it, and the layout of
// the records by which they hand a call to user space. It knows nothing of trees,
// which packages below runtime/graph make of the records.
//
// It enters the compiler as any builtin does: the record of `graph` in stdlib
// has the function Programs, and the compiler asks it what the programs of a
// probe get besides the script (builtin.Part). It is not a part of runtime,
// since the records of stdlib, which cannot import runtime, refer to it.
//
// # How a call is recorded
//
// The body of an fgraph: probe runs when its function returns. `graph` is a value
// of 16 bytes that says which call is meant; evaluating it for the first time in
// a run sends the record, by which user space keeps the tree. A call whose body
// never comes there leaves nothing behind.
//
// Where the tracer records the tree (Ftrace), the record has no calls. With
// args=deep it has the arguments of the root.
//
// Where programs record the tree themselves (BPF), the calls of a thread that is
// below the function are written into a slot of memory. The slot is found by the
// thread's number and nothing else, since the programs run at each call of
// functions that are mostly called elsewhere: a thread that the slot does not
// belong to goes away after one load. Two threads may want one slot; the second
// is not recorded, and counted. The record that goes to user space is the slot
// itself, so a tree costs one write into the ring buffer, when it is wanted, and
// none when it is not.
package fgraph

import "probe/lang/hir"

// Source is what records the calls.
type Source uint8

// The sources.
const (
	Ftrace   Source = iota // the tracer function_graph
	BPF                    // programs at the entry and return of each function
	Recorded               // nothing: a recording has the calls, and what arguments point to
)

// Plan says what an fgraph: probe records. The provider of the probe makes it
// for sites whose body uses `graph`, and puts it into hir.Site.Plan.
type Plan struct {
	Source Source
	Why    string // how the source was picked, for -v
	// Func is the function whose calls are recorded, by its symbol; Module is ""
	// for the kernel itself.
	Func, Module string
	// Depth is how many levels below Func are recorded.
	Depth int
	// Only and Skip are symbols of functions: nothing but these is recorded
	// below Func (nil: everything), and these are not.
	Only, Skip []string
	// Args asks for arguments, IRQs for what interrupts run in between.
	Args, IRQs bool
	// Deep asks for what arguments point to, of the structs that are known.
	Deep bool
	// Enter is the entry of Func.
	Enter *hir.Site
	// EnterDeep says what is read behind the arguments of Enter, by argument.
	EnterDeep DeepArgs
	// Parts are the places of the functions below Func for BPF.
	Parts []Part
}

// Part is a function below the root, or many functions that share programs, for
// BPF.
type Part struct {
	// Func is the symbol; "" where programs are shared, which find out by their
	// address which function they are in.
	Func string
	// Exit is nil where one program runs at both.
	Enter, Exit *hir.Site
	// Deep says what is read behind the arguments of Enter, by argument.
	Deep DeepArgs
}

// Of returns the plan of a site, nil for sites of other probes and for those
// whose body does not use `graph`.
func Of(s *hir.Site) *Plan {
	p, _ := s.Plan.(*Plan)
	return p
}

// Args returns the arguments that the events of a site have: those in front
// that fit in a register.
func Args(s *hir.Site) []hir.Arg {
	n := 0
	for n < min(len(s.Args), maxArgs) && s.Args[n].Type.IsScalar() {
		n++
	}
	return s.Args[:n]
}
