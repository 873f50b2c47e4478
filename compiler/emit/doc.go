// Package emit turns the intermediate form of a program into BPF instructions:
// block layout, instruction selection, register allocation (package regalloc),
// the 512 bytes of stack, and the library's instruction type. In: an ir.Prog
// that passes ir.Verify. Out: Code, instructions with a script place for each.
// It knows neither scripts nor kernels, and emits only what every kernel from
// 5.8 on accepts: no sign-extending loads, no signed division, no byte swap
// instruction newer than the endianness conversions.
package emit
