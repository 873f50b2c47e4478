// Package hir defines the typed form of a script, which the checker passes to
// the compiler. Names are resolved, macros and wildcards expanded, constants
// folded and conversions explicit. There is one Probe per site that a body is
// compiled for, since args and probe differ between sites.
//
// The type of every Expr is final. Integer operands of arithmetic have been
// converted to the operation's own type (64 bits wide), so the compiler never
// promotes.
package hir

import (
	"probe/lang/source"
	"probe/lang/types"
)

// Script is a whole checked script.
type Script struct {
	Probes []*Probe
	Maps   []*Map            // sorted by name
	Config map[string]string // canonical key -> value, defaults left out
	Source *source.File
	// Options are the named parameters that the script reads with getopt,
	// sorted by name.
	Options []Option
}

// Option is one named parameter: --name=value after "--".
type Option struct {
	Name    string
	Type    *types.Type // bool, int64, uint64, or a string
	Default string      // its text form
	Doc     string
}

// Map is one map of the script.
type Map struct {
	Name          string      // without '@'
	Key           *types.Type // nil for a scalar map; a tuple for several keys
	Value         *types.Type
	Kind          string      // declared kind (hash, lruhash, percpuhash, percpulruhash), "" if not declared
	Entries       int         // declared or configured maximum; 1 for plain scalar maps
	At            source.Span // first use
	Written, Read bool
	Index         int // position in Script.Maps
}

// Probe is one body compiled for one site.
type Probe struct {
	Site *Site
	Pred Expr // nil if none; bool
	Body *Block
	Vars []*Var      // every scratch variable of the body
	At   source.Span // the attach point in the script

	UsesRetval, UsesDuration bool
}

// Var is a scratch variable.
type Var struct {
	Name string
	Type *types.Type
	At   source.Span
	// Captured is set when a loop body that may become a callback uses it.
	Captured bool
	// AddrTaken is set by &$v.
	AddrTaken bool
}

// Block is a statement list with an optional value.
type Block struct {
	Stmts []Stmt
	Value Expr // nil if the block has no value
}

// Expr is a typed expression.
type Expr interface {
	Type() *types.Type
	Span() source.Span
}

// X carries type and place; embed it.
type X struct {
	T  *types.Type
	At source.Span
}

// Type returns the final type.
func (x *X) Type() *types.Type { return x.T }

// Span returns the place in the script.
func (x *X) Span() source.Span { return x.At }

// BinOp is a binary operator on equal types.
type BinOp uint8

// The operators. Comparisons are signed when the operands' type is.
const (
	Add BinOp = iota
	Sub
	Mul
	Div // unsigned 64-bit; a zero divisor gives 1 and counts an error (T-OP-05, T-OP-06)
	Mod
	And
	Or
	Xor
	Shl
	Shr // logical
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
)

// UnOp is a prefix operator.
type UnOp uint8

// The operators.
const (
	Neg UnOp = iota
	BitNot
	LogNot // of bool, integer or pointer; gives bool
)

// The expressions.
type (
	// Int is an integer, bool, enum or pointer constant; V holds its bits,
	// sign-extended to 64 bits when the type is signed.
	Int struct {
		X
		V uint64
	}
	// Bytes is a constant of a byte-array kind: string, array, buffer, tuple.
	// V is at most Type().Size long; the rest is zero.
	Bytes struct {
		X
		V string
	}
	// VarRef reads a scratch variable.
	VarRef struct {
		X
		Var *Var
	}
	// MapGet reads @m or @m[key]; Key is nil for a scalar map, otherwise it has
	// exactly the map's key type. For an aggregation the value is the integer
	// reduced over all CPUs (T-AGG-02).
	MapGet struct {
		X
		Map *Map
		Key Expr
		Agg bool // the map's value is an aggregation, which is reduced
	}
	// MapArg is a whole map passed to a function.
	MapArg struct {
		X
		Map *Map
	}
	// MapElem is @m[key] passed to a function by reference (delete).
	MapElem struct {
		X
		Map *Map
		Key Expr
	}
	// VarAddr is a scratch variable passed to a function by reference (find).
	VarAddr struct {
		X
		Var *Var
	}
	// WordArg is a bare word passed to a function.
	WordArg struct {
		X
		Word string
	}
	// Unary is op x.
	Unary struct {
		X
		Op UnOp
		Of Expr
	}
	// Binary is x op y: integers of one type, pointers, or (Eq, Ne only) two
	// strings, arrays, buffers, tuples … Pointer arithmetic arrives scaled:
	// Add of a pointer and an int64 byte count.
	Binary struct {
		X
		Op   BinOp
		L, R Expr
	}
	// Logical is x && y or x || y with operands of type bool; short circuit.
	Logical struct {
		X
		Or   bool
		L, R Expr
	}
	// Cond is c ? a : b and if as an expression or statement. Then and Else
	// have Cond's own type, or are blocks without value when it is void; Else
	// may be nil then.
	Cond struct {
		X
		C          Expr
		Then, Else Expr
	}
	// Elvis is c ?: b: c if it is non-zero (evaluated once), else b.
	Elvis struct {
		X
		C, Else Expr
	}
	// BlockX is a block in expression position.
	BlockX struct {
		X
		Block *Block
	}
	// Member is x.f. Of is a record value (a place: nothing is copied until a
	// value is needed) and Field one of its members.
	Member struct {
		X
		Of    Expr
		Field *types.Field
	}
	// Deref is *p with the pointee as type; of a record it is a place.
	Deref struct {
		X
		Of Expr
	}
	// Index is a[i] on an array or string value; I is an integer. A dynamic
	// index is checked against Len (T-ARR-02) unless Len is 0.
	Index struct {
		X
		Of Expr
		I  Expr
	}
	// Cast converts; the pair (Of.Type(), T) is one that T-CAST allows.
	Cast struct {
		X
		Of Expr
	}
	// Tuple builds a tuple or record literal; Elems have exactly the types of
	// the members of T in order.
	Tuple struct {
		X
		Elems []Expr
	}
	// Call calls a builtin function or reads a builtin value. Args are the
	// arguments in the order of the script, literal ones included (the format
	// string too, as Bytes at Sig.Format). Maps, words and variables by
	// reference arrive as MapArg, MapElem, WordArg, VarAddr.
	Call struct {
		X
		Sig  *types.Signature
		Args []Expr
		// Format is the format string of printf-like calls, "" otherwise.
		Format string
		// Facts are numbers about the machine (types.Call.Facts).
		Facts []uint64
	}
	// ArgRef is args.NAME or argN: the index in Site.Args.
	ArgRef struct {
		X
		N int
	}
	// ArgsRecord is args as a whole: a record of flavour Args whose members are
	// the named arguments of Site.Args in their order.
	ArgsRecord struct{ X }
	// Retval is the return value.
	Retval struct{ X }
	// Duration is the time between entry and return, uint64 nanoseconds.
	Duration struct{ X }
	// IncDec is ++/-- on a variable or map element.
	IncDec struct {
		X
		Var  *Var
		Map  *Map // when Var is nil
		Key  Expr
		Dec  bool
		Post bool  // yields the old value
		Step int64 // 1, or the pointee size for pointers
	}
)

// Stmt is a statement.
type Stmt interface {
	Span() source.Span
}

// S carries the place of a statement; embed it.
type S struct{ At source.Span }

// Span returns the place in the script.
func (s *S) Span() source.Span { return s.At }

// The statements.
type (
	// SetVar is $v = x (x has the variable's type); X nil zeroes it (let $v;).
	SetVar struct {
		S
		Var *Var
		X   Expr
	}
	// SetMap is @m[k] = x with exact types.
	SetMap struct {
		S
		Map *Map
		Key Expr
		X   Expr
	}
	// Aggregate is @m[k] = count() or another aggregation.
	Aggregate struct {
		S
		Map *Map
		Key Expr
		Fn  *types.Signature
		// Call is the place of the call, for messages about its updates.
		Call source.Span
		// Args are the run-time arguments (the value); literal parameters are
		// in the map's value type.
		Args []Expr
	}
	// Eval evaluates an expression for its effect.
	Eval struct {
		S
		X Expr
		// Discarded is set when the script ignores the result of a call such as
		// delete(). A failure is then worth a warning, since the script does
		// not handle it.
		Discarded bool
	}
	// ForRange is for $v : from..to; both ends have the variable's type.
	ForRange struct {
		S
		Var      *Var
		From, To Expr
		Body     *Block
	}
	// ForMap is for $kv : @m; the variable is the tuple (key, value).
	ForMap struct {
		S
		Var  *Var
		Map  *Map
		Body *Block
	}
	// While is while (c) { }.
	While struct {
		S
		C    Expr // bool
		Body *Block
	}
	// Unroll repeats the body N times.
	Unroll struct {
		S
		N    int
		Body *Block
	}
	// Break leaves the loop, Continue the iteration, and Return the probe.
	Break    struct{ S }
	Continue struct{ S }
	Return   struct {
		S
		X Expr // integer or nil
	}
	// BlockS is a nested block.
	BlockS struct {
		S
		Block *Block
	}
)
