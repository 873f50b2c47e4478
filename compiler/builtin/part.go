package builtin

import (
	"github.com/cilium/ebpf"

	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Part is what a builtin adds to the programs of one probe whose predicate or
// body calls it, when compiling the calls alone is not enough. Functions that
// are nil add nothing.
type Part struct {
	// Programs are programs besides those of the probe.
	Programs []Program
	// Enter is compiled at the end of the program that runs at the entry of the
	// probed function, for sites that have one (hir.Site.Entry).
	Enter func(l Lowerer)
	// Begin is compiled ahead of predicate and body, and End at each place where
	// the program that Begin is part of ends.
	Begin, End func(l Lowerer)
	// Value compiles a call, in place of Func.Lower.
	Value func(l Lowerer, c *hir.Call) Operand
}

// Program is a program that a builtin adds to a probe. Like the entry half of a
// ret: probe it has no predicate and no body of the script.
type Program struct {
	Suffix string // of its name, which begins with the name of the probe's programs
	Site   *hir.Site
	Body   func(l Lowerer)
}

// Unit is what a builtin may ask for while the programs of a probe are planned.
type Unit interface {
	// AddMap adds a kernel map and gives the number that programs know it by.
	AddMap(spec *ebpf.MapSpec) int
}

// Field is a value in a record: where in the record it is.
type Field struct {
	Type *types.Type
	Off  int
}

// Sender is the part of a Lowerer that sends records whose layout the builtin
// itself decides on.
type Sender interface {
	// Record makes a kind of record for a call, which user space hands to fn. It
	// is at most size bytes long and has the fields as arguments; bytes that a
	// shorter record does not have read as zero. The result is the number that
	// the first 4 bytes of each such record hold.
	Record(c *hir.Call, fn *Func, size int, fields []Field) int
	// Send sends size bytes of local memory as a record, without waking the
	// reader. A full ring buffer is counted at the call's place.
	Send(rec Place, size ir.Value, at source.Span)
}
