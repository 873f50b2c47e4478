// Package graph is the model of kernel call trees, whatever recorded them: it
// turns events of functions entered and left (Event) into trees of calls (Tree)
// and prints them, and has the helpers that comparing and exporting share.
//
// A Tree is one call of a requested function, with everything that ran below it
// in the same thread. Its calls lie in one flat slice in the order they were
// entered, so a parent comes before its children and a subtree is a range: a
// million calls are one allocation of 56 MB, and walking them follows no
// pointers.
//
// The package knows neither ftrace nor eBPF. Sub-packages do: ftrace records,
// record writes and reads files, diff compares, export converts, and store
// keeps the trees that a script asks for. The programs of scripts are in
// stdlib/fgraph.
//
// # Values
//
// Arguments and results are registers with a class (Result) and, where BTF says
// more, a Notation. They are not values of package lang/value with types of
// lang/types, for three reasons. A class has a name in recording files, which
// are read without the recorded kernel's types. A types.Type describes a memory
// layout, which a register does not have, and is always known, while many
// functions have no type information (Unknown). And the text differs: a signed
// number that can be an errno is shown by its name here, and as a number in a
// script, which calls errname for the name. Where both agree they share code:
// the names of errors are those of lang/value, and a script over a recording
// gets types made of the classes (runtime/machine/recording).
package graph

import (
	"maps"
	"slices"
)

// Flags of a Call.
type Flags uint8

// Flags that say what is known of a call and what is missing.
const (
	// HasRet: Ret holds the return value.
	HasRet Flags = 1 << iota
	// NoExit: the end of the call was not seen; T1 is the time of the last
	// event seen in it.
	NoExit
	// NoEntry: the start of the call was not seen. Its arguments and its
	// earlier callees are unknown; the function is, too, unless the end was
	// seen.
	NoEntry
	// Gap: this is no call, but the place where events were lost. Ret is their
	// number, 0 where that is not known.
	Gap
	// IRQ: the call was not made by its parent. It is the outermost call of an
	// interrupt, or of a preemption by the scheduler, that interrupted the
	// parent.
	IRQ
)

// Call is one call of a function.
type Call struct {
	// T0 and T1 are the times of entry and return in nanoseconds of
	// CLOCK_MONOTONIC.
	T0, T1 int64
	// Ret is the return register, valid with HasRet. The function's Result says
	// what its bits mean.
	Ret uint64
	// Fn is an index into Funcs; -1 where the function is not known.
	Fn int32
	// Parent is the index of the caller in Tree.Calls, -1 for the root.
	Parent int32
	// End is the index after the last call below this one: the calls of the
	// subtree are Calls[i:End], and the next sibling, if any, is at End.
	End int32
	// Args is the index of the first argument in Tree.Args, and NArgs their
	// number: raw registers, valid up to the number of parameters of the
	// function.
	Args  int32
	NArgs uint8
	Flags Flags
	// CPU is the number of the CPU on which the call was entered, Depth the
	// distance from the root.
	CPU, Depth uint16
}

// Duration returns the time from entry to return in nanoseconds.
func (c *Call) Duration() int64 { return c.T1 - c.T0 }

// Thread is the thread that made the calls of a tree.
type Thread struct {
	TID int32
	// PID is the process, 0 where it is not known.
	PID  int32
	Comm string
}

// Tree is one call of a function with all calls below it.
type Tree struct {
	Thread Thread
	// Calls has the root first, then all calls in the order of their entry.
	Calls []Call
	// Args are the raw arguments that calls refer to.
	Args []uint64
	// Texts holds the text of what arguments point to, by their index in Args,
	// as far as it was recorded.
	Texts map[int32]string
	// Lost is the number of events that were lost while the tree was recorded.
	// A gap of unknown size counts as one.
	Lost uint64
	// Folded counts what Fold has removed.
	Folded Folded
}

// Root returns the outermost call.
func (t *Tree) Root() *Call { return &t.Calls[0] }

// Children calls yield with the index of each call made directly by call i.
func (t *Tree) Children(i int32, yield func(child int32) bool) {
	for c := i + 1; c < t.Calls[i].End; c = t.Calls[c].End {
		if !yield(c) {
			return
		}
	}
}

// flags returns the union of the flags of all calls.
func (t *Tree) flags() (all Flags) {
	for i := range t.Calls {
		all |= t.Calls[i].Flags
	}
	return all
}

// Incomplete reports whether anything of the tree is missing.
func (t *Tree) Incomplete() bool {
	return t.Lost > 0 || t.flags()&(Gap|NoExit|NoEntry) != 0
}

// Clone returns a copy that shares nothing with the tree.
func (t *Tree) Clone() *Tree {
	u := *t
	u.Calls, u.Args, u.Texts = slices.Clone(t.Calls), slices.Clone(t.Args), maps.Clone(t.Texts)
	return &u
}

// Result is a class of C types; it says what the bits of a return value mean.
type Result uint8

// The classes of C types that functions return.
const (
	// Unknown: the type is not known; the whole register is shown in hex, or as
	// an errno if it looks like one.
	Unknown Result = iota
	Void
	Bool
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Pointer
)

// results holds the names of the classes. They are part of the format of
// recordings.
var results = [...]string{"", "void", "bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "ptr"}

// String returns the name of the class, "" for Unknown.
func (r Result) String() string { return results[r] }

// ResultNamed is the inverse of String; names it does not know are Unknown.
func ResultNamed(name string) Result { return Result(max(slices.Index(results[:], name), 0)) }

// Param is a parameter of a function.
type Param struct {
	Name string
	// Type is the class of the bits; bits of class Unknown are shown in hex.
	Type Result
	// Notation refines Type, for example with the names of an enum; nil if the
	// class says everything.
	Notation *Notation
}

// Func is a function that occurs in trees.
type Func struct {
	Name string
	// Module is empty for the kernel itself.
	Module string
	// Addr is the function's address, 0 if it is not known. With KASLR two
	// recordings have different addresses for the same function.
	Addr   uint64
	Result Result
	// Notation is the notation of the result; nil if the class says everything.
	Notation *Notation
	// Params are nil where the prototype is not known.
	Params []Param
}

// Funcs is the table of functions that the trees of one run share. The zero
// value is empty. It is not safe for concurrent use.
type Funcs struct {
	List []Func
	// Symbols are the names of addresses in the kernel that values point to;
	// "" for one that has none.
	Symbols map[uint64]string
	addr    map[uint64]int32
	// name is an index by name and module. It includes functions without an
	// address.
	name map[[2]string]int32
	irq  []int8 // by index: 0 not looked at, 1 interrupts, -1 does not
	// recent caches results of At, by a hash of the address.
	recent [1 << recentBits]struct {
		addr uint64
		id   int32
	}
}

// recentBits makes the cache large enough for a graph of a few hundred
// functions.
const recentBits = 9

// At returns the index of the function that an address belongs to. resolve is
// called once for each new address. If it sets Addr to the function's start,
// all addresses in one function get the same index.
func (f *Funcs) At(addr uint64, resolve func(addr uint64) Func) int32 {
	// Functions begin at multiples of 16, so the low bits of their addresses
	// are equal; the multiplication spreads the others.
	r := &f.recent[addr*0x9e3779b97f4a7c15>>(64-recentBits)]
	if r.addr != addr || addr == 0 {
		r.addr, r.id = addr, f.find(addr, resolve)
	}
	return r.id
}

// find is At without the recent answers.
func (f *Funcs) find(addr uint64, resolve func(addr uint64) Func) int32 {
	if id, ok := f.addr[addr]; ok {
		return id
	}
	if f.addr == nil {
		f.addr = map[uint64]int32{}
	}
	fn := resolve(addr)
	if fn.Addr == 0 {
		fn.Addr = addr
	}
	id, ok := f.addr[fn.Addr]
	if !ok {
		id = int32(len(f.List))
		f.List = append(f.List, fn)
		f.addr[fn.Addr] = id
	}
	f.addr[addr] = id
	return id
}

// Named returns the index of the function with the name and module of fn. It
// adds the function if it is new.
func (f *Funcs) Named(fn Func) int32 {
	key := [2]string{fn.Name, fn.Module}
	if id, ok := f.name[key]; ok {
		return id
	}
	if f.name == nil {
		f.name = map[[2]string]int32{}
	}
	id := int32(len(f.List))
	f.List = append(f.List, fn)
	f.name[key] = id
	return id
}

// Name returns the name of a function by its index, "?" for one that is not
// known.
func (f *Funcs) Name(id int32) string {
	if id < 0 || int(id) >= len(f.List) {
		return "?"
	}
	return f.List[id].Name
}

// Func returns the function by its index; the zero Func for one that is not
// known.
func (f *Funcs) Func(id int32) Func {
	if id < 0 || int(id) >= len(f.List) {
		return Func{Name: "?"}
	}
	return f.List[id]
}
