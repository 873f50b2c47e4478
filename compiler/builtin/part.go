package builtin

import (
	"github.com/cilium/ebpf"

	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Part is what a builtin adds to the programs of one probe that calls it, when
// compiling the calls alone is not enough. A nil function adds nothing.
type Part struct {
	// Programs are programs besides those of the probe.
	Programs []Program
	// Enter is compiled at the end of the program that runs at the entry of the
	// probed function, for sites that have one (hir.Site.Entry).
	Enter func(l Lowerer)
	// Begin is compiled before predicate and body, and End at each exit of the
	// program with Begin.
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

// Unit is what a builtin can use while the programs of a probe are planned.
type Unit interface {
	// AddMap adds a kernel map and returns its number for the programs.
	AddMap(spec *ebpf.MapSpec) int
}

// Field is a value in a record: where in the record it is.
type Field struct {
	Type *types.Type
	Off  int
}

// Sender is the part of a Lowerer that sends records whose layout the builtin
// decides.
type Sender interface {
	// Record declares a kind of record for a call, which user space passes to
	// fn. A record is at most size bytes long and has the fields as arguments;
	// bytes missing in a shorter record read as zero. The result is the id that
	// each such record must have in its first 4 bytes.
	Record(c *hir.Call, fn *Func, size int, fields []Field) int
	// Send sends size bytes of local memory as a record, without waking the
	// reader. A full ring buffer is counted at the call's place.
	Send(rec Place, size ir.Value, at source.Span)
}
