// Package emit turns the intermediate form of a program into BPF instructions.
// It takes an ir.Prog that passes ir.Verify and returns a Code, the library's
// instructions with a script place for each raw slot. It knows neither scripts
// nor kernels, and emits only instructions that every kernel from 5.8 on
// accepts: no sign-extending loads, no signed division, no byte swap newer than
// the endianness conversions.
//
// The stages, each in its file:
//
//	layout.go    the order of the blocks: hot before cold, loops in one piece
//	select.go    instructions on virtual registers (inst.go)
//	regalloc     registers and moves, by package regalloc
//	stack.go     places for stack slots, shared where lifetimes allow
//	assemble.go  instructions on registers (raw.go), then jumps
//	peephole.go  what a register or the stack holds already is not made again
//	sweep.go     what nobody reads is not made at all
//
// Jumps get numeric distances instead of labels, since the 16-bit range has to
// be checked anyway; Code.Text shows the targets. Functions refer to each other
// by symbol, maps by name.
package emit
