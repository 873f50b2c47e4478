// Package builtin holds the records that describe the functions, builtin
// values and aggregations of the language to the compiler and to the runtime.
// Package stdlib fills them in, one row each; the checker, the lowering, the
// reference page, completion and the similar-name hints all read the same row.
package builtin

import (
	"context"
	"io"
	"time"

	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
)

// Func is one function, builtin value or aggregation. Exactly one of Lower,
// Part, UserHalf and Agg is set, unless Sig.Fold always gives a literal.
type Func struct {
	Sig *types.Signature
	// Needs are the features that a call requires: the lowering refuses the
	// call if the kernel lacks one. Prefers are features that Lower asks the
	// target for itself: without them it generates other code, or refuses with
	// its own message.
	Needs, Prefers []target.Feature
	// Loops is set if the code of a call iterates over the bytes of an
	// argument. The verifier walks every iteration, so calls in a loop can
	// exceed its limit.
	Loops bool
	// ReadsContext is set if the code reads the context of the probe where
	// there is one. Unlike with Signature.Context, a call is allowed where
	// there is none.
	ReadsContext bool
	// Lower compiles a call into the program and returns its value, the zero
	// Operand for void functions.
	Lower func(l Lowerer, c *hir.Call) Operand
	// Part plans what a builtin adds to the programs of a probe that calls it,
	// number n of the script.
	Part func(u Unit, n int, pr *hir.Probe) Part
	// PartNeeds returns the sites of these programs and the features they can
	// ask the target for.
	PartNeeds func(pr *hir.Probe) (sites []*hir.Site, features []target.Feature)
	// InIter is set if programs of iterators write the formatted text themselves.
	InIter bool
	// UserHalf makes the call a record that user space acts on.
	UserHalf *UserHalf
	// Agg makes it an aggregation.
	Agg *Agg
}

// UserHalf is the user-space half of an asynchronous function. The record holds
// the run-time arguments by value. Literals and maps are not in the record:
// user space has them already.
type UserHalf struct {
	// Handle acts on one drained record.
	Handle func(env Env, r *Record) error
	// Wake makes the record wake the reader at once, and keeps it from being lost
	// where the ring buffer is full (exit).
	Wake bool
	// Asks says what the record asks for. The receipt counts records that are left
	// at the end of a run by it.
	Asks Request
	// Prepare, if set, replaces the default of storing every argument that is
	// not a literal, a word or a map.
	Prepare func(l Lowerer, c *hir.Call) []Operand
	// Only, if set, gives the condition under which the record is sent at all: a
	// number that is not 0. After belongs to it then.
	Only func(l Lowerer, c *hir.Call) ir.Value
	// After compiles code that follows the sending of the record (exit
	// returns).
	After func(l Lowerer, c *hir.Call)
}

// Request is what a record asks user space to do.
type Request uint8

// The requests.
const (
	ShowEvent  Request = iota // show what is in the record
	RunCommand                // run a command
	ShowFile                  // show a file
)

// Record is one drained record.
type Record struct {
	Fn     *Func
	Format []value.Spec  // parsed format string, nil if there is none
	Args   []value.Value // run-time arguments in order
	Call   *CallInfo
}

// CallInfo is what is known about the call at compile time.
type CallInfo struct {
	At     source.Span
	Consts []*types.Const // literal arguments by position, nil elsewhere
	Words  []string       // bare words by position
	Map    int            // index of the map argument in Object.Maps, -1 if none
	Probe  string         // full probe name
}

// Env is what user-space halves can use. The runtime implements it.
type Env interface {
	// Printf prints a printf-like call.
	Printf(specs []value.Spec, args []value.Value)
	// Text prints text of a kind: time, cat or syscall. The kind is the record
	// type in JSON.
	Text(kind string, text []byte)
	// Join prints strings with a separator between them.
	Join(words [][]byte, separator string)
	// Format renders a printf-like call for use as a name or command. The bytes
	// are valid until the next call.
	Format(specs []value.Spec, args []value.Value) []byte
	// Value prints one value and a newline.
	Value(v value.Value)
	// PrintMap prints a map; top and div are 0 when not given.
	PrintMap(m int, top, div int64)
	ClearMap(m int)
	ZeroMap(m int)
	// Exit ends the run with a status.
	Exit(code int)
	// Message prints the message of errorf or warnf; severity is "error" or
	// "warning".
	Message(severity string, at source.Span, specs []value.Spec, args []value.Value)
	// Now returns the wall-clock time.
	Now() time.Time
	// Config reads a config variable.
	Config(name string) int64
	// Open opens a file that a script names, for reading, with the rights of the user.
	Open(name string) (io.ReadCloser, error)
	// Command begins a shell command. ctx ends it; done is called when it has ended.
	// ok is false where no more commands are run, since the run is over: the command
	// is then counted and left out.
	Command(text []byte) (ctx context.Context, done func(), ok bool)
	// Keep passes a record to the store that keeps the values of its builtin
	// during the run. The record is only valid until Keep returns.
	Keep(r *Record)
}

// Agg is the kernel half of an aggregation. The cell is size bytes of memory
// that belongs to this CPU.
type Agg struct {
	// Kind is the kind of the map's values.
	Kind types.Kind
	// Value returns the type of the map's values for one call.
	Value func(c *types.Call) (*types.Type, *types.Problem)
	// Update adds to the cell at base+off. atomic is set when two tasks may
	// interleave on one CPU, or if the CPUs share the cell.
	Update func(l Lowerer, base ir.Value, off int, t *types.Type, args []ir.Value, atomic bool)
	// Adds is set if Update only adds to the words of the cell: with atomic
	// additions CPUs can share it.
	Adds bool
	// Bucket computes the bucket index of multi-bucket kinds (nil otherwise);
	// the cell is then an 8-byte counter for that bucket.
	Bucket func(l Lowerer, t *types.Type, args []ir.Value) ir.Value
	// Slot is like Bucket for kinds whose buckets are not plain counters:
	// update changes the cell of the bucket, value.CellSize bytes at base+off.
	Slot func(l Lowerer, t *types.Type, args []ir.Value) (bucket ir.Value, update func(base ir.Value, off int, atomic bool))
	// Buckets returns the number of buckets of a type.
	Buckets func(t *types.Type) int
}

// Operand is a value at run time: a scalar in V, extended to 64 bits by the
// sign of its type, or an object in memory.
type Operand struct {
	T *types.Type
	V ir.Value
	// Mem is the place of an object of a byte kind, nil for scalars.
	Mem *Place
	// Direct is set if V is a pointer whose struct type the verifier knows, and
	// through which it allows loads.
	Direct bool
	// Trusted is set if V is a Direct pointer that the kernel vouches for: an
	// argument of the probe or the current task.
	Trusted bool
}

// Place is an object in memory: at Base+Off in a space. Local memory, Direct
// kernel memory and the context are read with plain loads; everything else
// through a read helper.
type Place struct {
	Base  ir.Value
	Off   int
	Space types.Space
	// Direct marks typed kernel memory, where a faulting load gives 0: Base points
	// to the start of the struct Of. Trusted says that it was reached from a
	// Trusted pointer.
	Direct, Trusted bool
	Of              *types.Struct
	// Ctx marks the program's context, which only allows aligned loads at
	// constant offsets.
	Ctx bool
}

// At returns the place off bytes further on.
func (p Place) At(off int) Place { p.Off += off; return p }

// Plain reports whether the place can be read with plain loads.
func (p Place) Plain() bool { return p.Space == types.Local || p.Direct || p.Ctx }

// ErrorKind is a run-time error that is counted where it happens.
type ErrorKind uint8

// The run-time errors.
const (
	ErrReadKernel ErrorKind = iota // failed probe read
	ErrReadUser
	ErrMapFull   // no room for another key
	ErrMapUpdate // other update failure
	ErrDelete    // failed delete whose result is ignored
	ErrLookup    // missing key on read
	ErrDivZero
	ErrBounds     // dynamic array index
	ErrLost       // ring buffer full
	ErrStack      // stack capture failed
	ErrStackFull  // no room for a stack's frames
	ErrLoopCut    // a loop hit its bound
	ErrTruncated  // a string did not fit
	ErrNested     // the saved entry of a ret: probe was missing
	ErrOverlap    // too many tasks were in the program on a CPU
	ErrUnrecorded // a value was used that had not been recorded
	ErrCPU        // CPU number beyond the per-CPU slots
	ErrHelper     // a helper that the script asked for failed
)

// Lowerer is what the records can use of the lowering.
type Lowerer interface {
	B() *ir.Builder
	Target() *target.Target
	Site() *hir.Site
	// Weight returns the number of events that the present one stands for, in
	// programs that may look at a part of their events; ok is false in others.
	Weight() (n ir.Value, ok bool)
	// Config reads an integer config variable ("max_strlen").
	Config(name string) int64
	// Ctx returns the program's context pointer.
	Ctx() ir.Value
	// Scalar evaluates an expression of a scalar type.
	Scalar(e hir.Expr) ir.Value
	// Operand evaluates any expression; byte kinds are returned as a place and
	// not copied.
	Operand(e hir.Expr) Operand
	// Copy moves size bytes from a place of any space to local memory.
	Copy(dst, src Place, size int, at source.Span)
	// Local returns a place whose bytes can be read with plain loads and given
	// to helpers, copying if it has to.
	Local(o Operand, at source.Span) Place
	// Scratch returns local memory of this program on this CPU with undefined
	// content. Small objects are on the stack.
	Scratch(size int, name string) Place
	// Reserve returns the number of size bytes more of this program's memory on this
	// CPU, with undefined content, and Reserved their place. The functions of Turns find
	// them as well.
	Reserve(size int) int
	Reserved(n int) Place
	// Turns repeats turn until it jumps to the block that it gets. turn becomes a
	// function that the verifier looks at once: it finds nothing but reserved memory, by
	// the Lowerer that it gets. Where calls are too deep for that, nothing is done, and
	// the result is false. A loop that reaches the kernel's bound is cut and counted.
	Turns(at source.Span, turn func(l Lowerer, stop ir.Block)) bool
	// Unwalked reports whether a loop of so many turns is better one that the kernel
	// bounds (ir.Builder.MayGoto): such a turn takes half as long again, but the verifier
	// sees one for all, if what changes starts as a number that it does not know
	// (Unknown).
	Unwalked(turns int) bool
	Unknown(v ir.Value) ir.Value
	// Dest returns the memory in which the caller wants the value of the call
	// being lowered, or scratch memory if it does not care. With it str()
	// writes directly into a record or a key, without a copy. It can be used
	// once per call. If clean is set, the bytes after the content must be
	// zeroed as well.
	Dest(size int, name string) (p Place, clean bool)
	// Zero clears size bytes of local memory.
	Zero(p Place, size int)
	// Addr returns the address of a place in a register.
	Addr(p Place) ir.Value
	// Read reads size bytes at a kernel or user address into local memory; a
	// failure zeroes them and is counted. It returns the helper's result.
	Read(dst Place, size ir.Value, addr ir.Value, space types.Space, at source.Span) ir.Value
	// ReadStr reads a NUL-terminated string of at most size bytes with the NUL
	// and returns its length with the NUL, or a negative errno.
	ReadStr(dst Place, size ir.Value, addr ir.Value, space types.Space, at source.Span) ir.Value
	// Fail counts a run-time error at the current point.
	Fail(kind ErrorKind, at source.Span, helper ir.Helper)
	// FailIf counts an error when x cmp y (64 bits) holds, off the hot path.
	FailIf(c ir.Cmp, x, y ir.Value, kind ErrorKind, at source.Span, helper ir.Helper)
	// FailCode counts an error when the result of a helper is not 0, and keeps
	// the result for the message.
	FailCode(result ir.Value, kind ErrorKind, at source.Span, helper ir.Helper)
	// Select returns x cmp y ? a : b; both values are computed already.
	Select(c ir.Cmp, x, y, a, b ir.Value) ir.Value
	// IfElse generates code that runs one of two pieces, and returns the value
	// of the piece that ran.
	IfElse(c ir.Cmp, x, y ir.Value, then, els func() ir.Value) ir.Value
	// Table stores constant bytes in memory and returns their place. Equal data
	// under one name is stored once.
	Table(name string, data []byte) Place
	// HasKey returns 1 if the key is in the map, otherwise 0.
	HasKey(m *hir.Map, key hir.Expr) ir.Value
	// Find copies the value into the variable and returns 1 if the key is in
	// the map, otherwise 0.
	Find(m *hir.Map, key hir.Expr, v *hir.Var) ir.Value
	// Delete removes a key or resets a scalar map. It returns 1 if the key was
	// there, otherwise 0.
	Delete(m *hir.Map, key hir.Expr) ir.Value
	// CountEntries returns len(@m).
	CountEntries(m *hir.Map, at source.Span) ir.Value
	// CPU returns the number of this CPU.
	CPU() ir.Value
	// StartNS returns the boot clock at the start of the run, in nanoseconds.
	StartNS() ir.Value
	// TAIOffset returns the TAI clock minus the boot clock, measured at the
	// start.
	TAIOffset() ir.Value
	// SeriesTime returns the clock of time series in nanoseconds: the boot
	// clock plus TAIOffset.
	SeriesTime() ir.Value
	// NamedType finds a struct, union, enum or typedef.
	NamedType(kind, name string) (*types.Type, bool)
	// Trusted returns a pointer to the object that e names, or that e points to,
	// as the verifier knows and trusts it, for helpers that take no other. It
	// returns false if e does not start at a typed argument of the probe or at
	// the current task, or contains anything but members and dereferences.
	Trusted(e hir.Expr) (ir.Value, bool)
	// Zeroed returns the zero value of a type, for what does not exist at run
	// time.
	Zeroed(t *types.Type) Operand
	// StackBuffer returns memory for the frames of the script's deepest stack.
	StackBuffer() Place
	// KeepStack stores the first size bytes of StackBuffer in the map of stacks
	// under their hash. It returns the hash, and the size as a number that the
	// verifier knows nothing about: it would otherwise follow the program from
	// each end of the loop over the frames.
	KeepStack(size ir.Value, at source.Span) (id, bytes ir.Value)
	// UnwindUser walks the stack of the present process by the table in
	// object.UnwindMap and writes at most most frames to StackBuffer. It returns
	// their size in bytes.
	UnwindUser(most int, at source.Span) ir.Value
	// OfUnwound runs one of two pieces of code, then if tgid is the process of that
	// table, and returns the value of the piece that ran.
	OfUnwound(tgid ir.Value, then, els func() ir.Value) ir.Value
	// Intern returns the number by which user space knows a string, such as a
	// format of strftime, a filter of cgroup_path or a name of sysctl.
	Intern(s string) int
	// Refuse reports that this kernel cannot do what the call asks for.
	Refuse(code string, at source.Span, message, note, help string)
	// Argument reads an argument or the result of a site.
	Argument(a *hir.Arg, at source.Span) Operand
	// Number returns the bits of a scalar in a form that the verifier takes for
	// a number, not a pointer.
	Number(o Operand) ir.Value
	// Member reads a scalar of type t at a byte offset of the struct that p points to.
	Member(p Operand, off int, t *types.Type, at source.Span) Operand
	// Clock returns the current time for measuring durations. Entered and Ended
	// return the times of the entry and of the return, in a program at the
	// return of a function whose entry half has run (hir.Site.Entry).
	Clock() ir.Value
	// PidTgid is tgid<<32 | tid of the current thread, in the tracer's PID
	// namespace; there 0 for threads that it does not see.
	PidTgid() ir.Value
	Entered() ir.Value
	Ended() ir.Value
	Sender
	// Return ends the program.
	Return()
}
