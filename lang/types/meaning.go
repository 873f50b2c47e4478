package types

// Effect is the set of side effects of a call. It does not repeat what
// Signature says already: calls of Async functions send a record, and those
// with Ends end the program.
type Effect uint8

// The effects.
const (
	// Writes changes a map or a variable of the script.
	Writes Effect = 1 << iota
	// Deletes removes the key given by the arguments from the map in the first.
	Deletes
	// Acts changes something outside the tracer, such as sending a signal to a
	// process.
	Acts
	// Loops needs a loop or a record of its own. Neither may come between the
	// reservation of another record and its submission.
	Loops
)

// Has reports whether e contains any of the effects in f.
func (e Effect) Has(f Effect) bool { return e&f != 0 }

// Known is how early the value of a call is known in a probe that runs when a
// function returns. A call is never known before its arguments are.
type Known uint8

// The times.
const (
	// KnownAtReturn is for values that can differ between entry and return.
	KnownAtReturn Known = iota
	// KnownAtEntry is for attributes of a thread that only a few functions
	// change, such as its name.
	KnownAtEntry
	// KnownAlways is for values that cannot change during a call.
	KnownAlways
)

// Uses is what a body uses of its site. It decides how an attach point is
// expanded (P-COM-06) and which attach mechanisms are sufficient.
type Uses struct {
	Probe    bool // `probe`: one program for each match
	Args     bool // args.NAME
	ArgN     bool // argN
	Retval   bool
	Duration bool
	Func     bool
	Graph    bool
	Reg      bool // reg(), ctx
	Stack    bool
	PID      bool // the process id
	Comm     bool // the thread's name
	Place    bool // where the probe is: one program for each place
}

// Add adds the uses of o.
func (u *Uses) Add(o Uses) {
	u.Probe = u.Probe || o.Probe
	u.Args = u.Args || o.Args
	u.ArgN = u.ArgN || o.ArgN
	u.Retval = u.Retval || o.Retval
	u.Duration = u.Duration || o.Duration
	u.Func = u.Func || o.Func
	u.Graph = u.Graph || o.Graph
	u.Reg = u.Reg || o.Reg
	u.Stack = u.Stack || o.Stack
	u.PID = u.PID || o.PID
	u.Comm = u.Comm || o.Comm
	u.Place = u.Place || o.Place
}
