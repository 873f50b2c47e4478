package types

import "probe/lang/source"

// Signature describes a function, a builtin value or an aggregation to the
// checker, to completion and to the help texts. How it is compiled is in the
// record of package compiler/builtin that holds the Signature.
type Signature struct {
	Name  string
	Row   string // row id of the language reference
	Usage string // "str(p, [len])"
	Doc   string // reference text, first sentence is the summary

	Bare   bool // usable without parentheses (a builtin value)
	NoCall bool // not usable with parentheses
	Params []Param
	// Variadic allows any number of arguments for the last Param.
	Variadic bool

	Result *Type // nil means VoidType when Infer is nil too
	// Infer gives the result type when it depends on the call, and checks what
	// Params cannot say. It returns nil, nil while an argument's type is not
	// known yet. It runs in every round of type inference, so it must not have
	// side effects.
	Infer func(c *Call) (*Type, *Problem)
	// Fold evaluates the call while compiling; the literal replaces it. A nil
	// Const with no Problem means that the call is not constant after all.
	Fold func(c *Call) (*Const, *Problem)

	Agg    bool // aggregation: only as @m[k] = f(…)
	Async  bool // runs in user space when its record is drained
	Unsafe bool // needs --unsafe
	// Unstable names the feature in the configuration variable unstable_NAME
	// that decides whether scripts can use it; "" for stable functions.
	Unstable string
	// UnstableWords is what bpftrace calls the feature, if not the same.
	UnstableWords string
	Ends          bool // ends the probe like return (exit)
	// Context is set if it reads the probe's context, which loop bodies that
	// become callbacks do not have (E-FOR-03).
	Context bool
	// Format is the index of the printf-like format parameter, -1 if none is.
	Format int
	// Probes lists the probe kinds (canonical names) it can be used in; nil
	// means all.
	Probes []string
	// Registers reports whether it needs the registers that the probed context
	// was saved with, which trampolines do not have.
	Registers bool
	// Fleeting reports whether the value is valid only while the probe runs, so
	// that it cannot be part of a map key.
	Fleeting bool
	// ShowsMap reports whether a map given to it is read when the record is
	// drained, not when the call runs.
	ShowsMap bool
	// Shapes are argument lists that take a map or variable as such (appendix
	// L): a user's macro of plain words does not hide them. Each character
	// stands for one argument: '@' a whole map, '$' a variable, 'e' any
	// expression.
	Shapes []string
	// Reserved names cannot be redefined by a macro (L-LEX-10).
	Reserved bool
	// KernelTypes reports whether checking or compiling it asks for the kernel's
	// types, which are worth reading ahead.
	KernelTypes bool
	// Missing marks a function of the language that is not implemented yet.
	// Only Name and Row are set.
	Missing bool

	Effects Effect
	Known   Known
	Uses    Uses
	// NoReplay is the reason why a recording has no answer; it completes "a
	// recording cannot answer this: "; "" when it can, or when the kernel
	// features that the programs need decide it already.
	NoReplay string
	// NoReplayWord is like NoReplay, for bare words among the arguments.
	NoReplayWord map[string]string
	// Says has the words of bpftrace for wrong calls, where they differ from
	// those for other functions.
	Says Says
}

// Says has bpftrace's words for wrong calls of a function, "" where they are
// those for every function.
type Says struct {
	Probe   string // not available in a probe; %s stands for its kind
	Typed   string // the same in a tracepoint
	Takes   string // the types that it takes: "int"
	Type    string // an argument has another type; %s stands for it
	Literal string // an argument is no literal; %s stands for the parameter, %t for the kind of its type
	Word    string // an argument is none of the words; %s stands for it
	Keyed   string // the name of a call with a key
}

// ParamKind is the kind of argument a parameter accepts.
type ParamKind uint8

// The parameter kinds.
const (
	AnyParam     ParamKind = iota // any value
	IntParam                      // integer, bool, enum, castable aggregation; Cast applies
	PtrParam                      // pointer or integer address
	StringParam                   // string, or pointer/integer address when Addr is set
	LitInt                        // integer literal after folding
	LitString                     // string literal after folding
	LitBool                       // bool literal
	LitAny                        // any literal
	WordParam                     // a bare word out of Words
	MapParam                      // a whole map: @m
	KeyParam                      // a key of the map in the first parameter
	LValueParam                   // a scratch variable that receives a value
	TypeParam                     // typeof(T)
	FieldParam                    // a field path word
	BytesParam                    // string, array, buffer or pointer: something with bytes
	MapElemParam                  // @m or @m[key] written directly (delete, len, print)
)

// Param is one parameter.
type Param struct {
	Name     string
	Kind     ParamKind
	Optional bool
	Cast     *Type    // integers are converted to it before the call
	Words    []string // for WordParam
}

// Call is one call as the checker sees it.
type Call struct {
	Sig  *Signature
	At   source.Span
	Args []Arg
	Env  Env
	Site SiteInfo
	// Facts are numbers about the machine that Infer has found and the compiled
	// code contains (hir.Call.Facts).
	Facts []uint64
}

// Arg is one argument.
type Arg struct {
	At    source.Span
	Type  *Type  // nil while unknown
	Const *Const // set when it folded to a literal
	Word  string // the bare word, if it is one
	Map   *MapInfo
	Keyed bool // the argument is @m[key]
}

// MapInfo is what inference knows about a map.
type MapInfo struct {
	Name       string
	Key, Value *Type // nil while unknown; Key is nil for scalar maps
	Scalar     bool
}

// Const is a literal: an integer with its type, a string, or bytes.
type Const struct {
	Type *Type
	Int  uint64 // bits, sign-extended when negative
	Str  string // String and byte-array constants
}

// StrConst makes a string literal.
func StrConst(s string) *Const { return &Const{Type: StringType(len(s) + 1), Str: s} }

// BoolConst makes true or false.
func BoolConst(b bool) *Const {
	c := &Const{Type: BoolType}
	if b {
		c.Int = 1
	}
	return c
}

// Problem is an error or warning of a signature about a call. Arg is the index
// of the argument to point at, -1 for the whole call.
type Problem struct {
	Code    string // diag code, "" for bad-argument
	Arg     int
	Message string
	Help    string
	Warning bool
	Compat  string // the message in bpftrace's words, "" if they are the same
}

// Env answers the questions of signatures during checking.
type Env interface {
	// ConfigInt and ConfigString read config variables ("max_strlen").
	ConfigInt(name string) int64
	ConfigString(name string) string
	// Symbol returns the address of a kernel symbol.
	Symbol(name string) (uint64, bool)
	// KernelFunc reports whether BTF has a function of that name.
	KernelFunc(name string) bool
	// EnumOf returns the enum, named or not, that has an enumerator of that
	// name.
	EnumOf(enumerator string) (*EnumTable, bool)
	// CgroupID returns the id of a cgroup v2 directory.
	CgroupID(path string) (uint64, error)
	// NamedType finds a struct, union, enum or typedef ("struct", "sock").
	NamedType(kind, name string) (*Type, bool)
	// Option returns the value given for a named parameter (getopt) and whether
	// it was given.
	Option(name string) (string, bool)
	// NCPU returns the number of possible CPUs.
	NCPU() int
	// ChildPID returns the pid of the -c child, 0 if none.
	ChildPID() int
}

// SiteInfo is what a signature can see of the probe site.
type SiteInfo struct {
	Provider string // canonical probe type
	Type     string // the value of `probetype`
	Name     string // full probe name
	Space    Space  // default address space
	Retval   *Type  // nil where there is none
	Func     string
	// Path and Offset are the file of a probe in a program and the place there.
	Path   string
	Offset uint64
}

// Filtered is an optional extension of Env. It knows the filters of the command
// line (-p, --comm), for scripts that apply them themselves.
type Filtered interface {
	Filter() (pid int, comm string)
}

// Variables is an Env that knows the variables of the kernel and of programs.
type Variables interface {
	// PerCPU returns the address of a per-CPU variable of the kernel, to which the
	// offset of a CPU is to be added, and the address of the table of these
	// offsets, 8 bytes for each CPU. The error is a *NoVariableError if BTF has no
	// such variable.
	PerCPU(name string) (addr, offsets uint64, err error)
	// UserVariable finds a symbol of a program or library for a probe at a file
	// offset. The error is a *NoVariableError if there is none.
	UserVariable(path string, offset uint64, name string) (UserVariable, error)
}

// UserVariable is a symbol of a program or library.
type UserVariable struct {
	Addr     uint64 // that it is linked for
	Distance uint64 // Addr less the address of a probe, modulo 2^64
	Size     uint64 // in bytes, 0 if the file does not say
	Moves    bool   // the file can be loaded at any address
}

// NoVariableError reports that there is no variable of a name.
type NoVariableError struct{ Name, Where string }

func (e *NoVariableError) Error() string { return e.Where + " has no variable " + e.Name }

// Unwinding is an optional extension of Env. It knows the process whose stacks are
// walked by the descriptions of its frames (--dwarf-pid), 0 if none was named.
type Unwinding interface {
	UnwindPID() int
}

// Hiding is an Env of a kernel that may hide the addresses of its symbols.
type Hiding interface {
	// SymbolsHidden returns why this process is not shown addresses, nil if it
	// is.
	SymbolsHidden() error
}
