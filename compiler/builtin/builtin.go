// Package builtin holds the records that describe the functions, builtin
// values and aggregations of the language to the compiler and to the runtime.
// Package stdlib fills them in, one row each; the checker, the lowering, the
// reference page, completion and the similar-name hints all read the same row.
package builtin

import (
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
	// Needs are features that a call cannot do without: the lowering refuses it
	// where the kernel lacks one. Prefers are those that Lower asks the target
	// for and has another way for, or refuses in its own words.
	Needs, Prefers []target.Feature
	// Loops tells that the code of a call goes through the bytes of an
	// argument, one turn for each, which the verifier does as well.
	Loops bool
	// ReadsContext tells that the code reads the context of the probe where
	// there is one, though a call is allowed where there is none
	// (Signature.Context).
	ReadsContext bool
	// Lower compiles a call into the program and gives its value; for void
	// functions the zero Operand.
	Lower func(l Lowerer, c *hir.Call) Operand
	// Part plans what a builtin adds to the programs of a probe that calls it,
	// number n of the script.
	Part func(u Unit, n int, pr *hir.Probe) Part
	// PartNeeds is what these programs may ask the target for, and their sites.
	PartNeeds func(pr *hir.Probe) (sites []*hir.Site, features []target.Feature)
	// InIter is set if programs of iterators write the formatted text themselves.
	InIter bool
	// UserHalf makes the call a record that user space acts on.
	UserHalf *UserHalf
	// Agg makes it an aggregation.
	Agg *Agg
}

// UserHalf is the user-space half of an asynchronous function. The record holds
// the run-time arguments by value; literals and maps never cross.
type UserHalf struct {
	// Handle acts on one drained record.
	Handle func(env Env, r *Record) error
	// Wake asks for the record to be seen at once (exit).
	Wake bool
	// Prepare, if set, replaces the default of storing every argument that is
	// not a literal, a word or a map.
	Prepare func(l Lowerer, c *hir.Call) []Operand
	// After compiles what follows the emission (exit returns).
	After func(l Lowerer, c *hir.Call)
}

// Record is one drained record.
type Record struct {
	Fn     *Func
	Format []value.Spec  // parsed format string, nil if there is none
	Args   []value.Value // run-time arguments in order
	Call   *CallInfo
}

// CallInfo is what is known of the call while compiling.
type CallInfo struct {
	At     source.Span
	Consts []*types.Const // literal arguments by position, nil elsewhere
	Words  []string       // bare words by position
	Map    int            // index of the map argument in Object.Maps, -1 if none
	Probe  string         // full probe name
}

// Env is what user-space halves may do. The runtime implements it.
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
	// Message is errorf or warnf: severity "error" or "warning".
	Message(severity string, at source.Span, specs []value.Spec, args []value.Value)
	// Now is the wall clock.
	Now() time.Time
	// Config reads a config variable.
	Config(name string) int64
	// Keep hands a record to what keeps the values of its builtin while the
	// script runs. The record is valid during the call only.
	Keep(r *Record)
}

// Agg is the kernel half of an aggregation. The cell is size bytes of memory
// that belongs to this CPU.
type Agg struct {
	// Kind is the kind of the map's values.
	Kind types.Kind
	// Value is the type of the map's values for one call.
	Value func(c *types.Call) (*types.Type, *types.Problem)
	// Update adds to the cell at base+off. atomic is set when two tasks may
	// interleave on one CPU.
	Update func(l Lowerer, base ir.Value, off int, t *types.Type, args []ir.Value, atomic bool)
	// Bucket computes the bucket index of multi-bucket kinds (nil otherwise);
	// the cell is then an 8-byte counter for that bucket.
	Bucket func(l Lowerer, t *types.Type, args []ir.Value) ir.Value
	// Slot is Bucket for kinds whose buckets are more than counters: update
	// changes the cell of the bucket, value.CellSize bytes at base+off.
	Slot func(l Lowerer, t *types.Type, args []ir.Value) (bucket ir.Value, update func(base ir.Value, off int, atomic bool))
	// Buckets is how many buckets a type has.
	Buckets func(t *types.Type) int
}

// Operand is a value at run time: a scalar in V, extended to 64 bits by the
// sign of its type, or an object in memory.
type Operand struct {
	T *types.Type
	V ir.Value
	// Mem is where an object of a byte kind lies; nil for scalars.
	Mem *Place
	// Direct tells that V is a pointer whose struct type the verifier knows.
	Direct bool
}

// Place is an object in memory: at Base+Off in a space. Local memory, Direct
// kernel memory and the context are read with plain loads; everything else
// through a read helper.
type Place struct {
	Base  ir.Value
	Off   int
	Space types.Space
	// Direct: typed kernel memory, loads cannot fault.
	Direct bool
	// Ctx: the program's context, only aligned loads at constant offsets.
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
	ErrReadKernel ErrorKind = iota // failing probe read
	ErrReadUser
	ErrMapFull   // update refused
	ErrMapUpdate // other update failure
	ErrDelete    // discarded failing delete
	ErrLookup    // missing key on read
	ErrDivZero
	ErrBounds     // dynamic array index
	ErrLost       // ring buffer full
	ErrStack      // stack capture failed
	ErrStackFull  // no room for a stack's frames
	ErrLoopCut    // a loop hit its bound
	ErrTruncated  // a string did not fit
	ErrNested     // the saved entry of a ret: probe was missing
	ErrUnrecorded // a value was used that had not been recorded
	ErrCPU        // CPU number beyond the per-CPU slots
	ErrHelper     // a helper that the script asked for failed
)

// Lowerer is what the records may ask of the lowering.
type Lowerer interface {
	B() *ir.Builder
	Target() *target.Target
	Site() *hir.Site
	// Config reads an integer config variable ("max_strlen").
	Config(name string) int64
	// Ctx is the program's context pointer.
	Ctx() ir.Value
	// Scalar evaluates an expression of a scalar type.
	Scalar(e hir.Expr) ir.Value
	// Operand evaluates any expression; byte kinds come as a place and are not
	// copied.
	Operand(e hir.Expr) Operand
	// Copy moves size bytes from a place of any space to local memory.
	Copy(dst, src Place, size int, at source.Span)
	// Local returns a place whose bytes can be read with plain loads and given
	// to helpers, copying if it has to.
	Local(o Operand, at source.Span) Place
	// Scratch is local memory of this program on this CPU with undefined
	// content; small objects lie on the stack.
	Scratch(size int, name string) Place
	// Dest is the memory the value of the call being lowered is wanted in, or
	// scratch: str() and its like write straight into a record or a key. The
	// caller may ask only once. clean tells that the bytes after the content
	// have to be zeroed as well.
	Dest(size int, name string) (p Place, clean bool)
	// Zero clears size bytes of local memory.
	Zero(p Place, size int)
	// Addr is the address of a place in a register.
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
	// Select is x cmp y ? a : b; both values are computed already.
	Select(c ir.Cmp, x, y, a, b ir.Value) ir.Value
	// IfElse runs one of two pieces of code, each giving a value, and joins.
	IfElse(c ir.Cmp, x, y ir.Value, then, els func() ir.Value) ir.Value
	// Table places constant bytes in memory and gives their place; equal data
	// under one name is stored once.
	Table(name string, data []byte) Place
	// HasKey is 1 if the key is in the map.
	HasKey(m *hir.Map, key hir.Expr) ir.Value
	// Find copies the value into the variable if the key is there; 1 if so.
	Find(m *hir.Map, key hir.Expr, v *hir.Var) ir.Value
	// Delete removes a key or resets a scalar map; 1 if it was there.
	Delete(m *hir.Map, key hir.Expr) ir.Value
	// CountEntries is len(@m).
	CountEntries(m *hir.Map, at source.Span) ir.Value
	// CPU is the number of this CPU.
	CPU() ir.Value
	// StartNS is the boot clock at the start of the run.
	StartNS() ir.Value
	// TAIOffset is the TAI clock minus the boot clock, measured at the start.
	TAIOffset() ir.Value
	// SeriesTime is the clock of time series in nanoseconds: TAI as TAIOffset
	// has it.
	SeriesTime() ir.Value
	// NamedType finds a struct, union, enum or typedef.
	NamedType(kind, name string) (*types.Type, bool)
	// Zeroed is the zero value of a type, where something does not exist.
	Zeroed(t *types.Type) Operand
	// StackBuffer is memory for the frames of the script's deepest stack.
	StackBuffer() Place
	// KeepStack keeps the frames in StackBuffer, size bytes of them, where user
	// space finds them (value.Resolver), and gives the id to find them by.
	KeepStack(size ir.Value, at source.Span) ir.Value
	// Intern gives a string a number by which user space knows it: formats of
	// strftime, filters of cgroup_path, names of sysctl.
	Intern(s string) int
	// Refuse reports that this kernel cannot do what the call asks for.
	Refuse(code string, at source.Span, message, note, help string)
	// Argument reads an argument or the result of a site.
	Argument(a *hir.Arg, at source.Span) Operand
	// Number is the bits of a scalar, which the verifier takes for a number and
	// no pointer.
	Number(o Operand) ir.Value
	// Clock is the time that durations are measured with. Entered and Ended are
	// the times of the entry and of the return in a program that runs at the
	// return of a function whose entry half has run (hir.Site.Entry).
	Clock() ir.Value
	Entered() ir.Value
	Ended() ir.Value
	Sender
	// Return ends the program.
	Return()
}
