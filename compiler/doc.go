// Package compiler turns a checked script into an Object: programs, maps and
// the schema that the runtime needs to understand what comes out of them. It
// opens no file and makes no system call, so the same input always gives the
// same object.
//
// The pipeline, with the dump stage that shows each step:
//
//	hir.Script   typed tree from lang/check             --stage hir
//	lower         typed tree to SSA, one ir.Prog a probe  --stage ir-lowered
//	pass          rewrites, in the order of pass.Table    --stage ir
//	regalloc      ten registers, spill slots
//	emit          eBPF instructions, line table           --stage bpf
package compiler
