// Package insn finds where machine instructions begin, so that no breakpoint is
// put in the middle of one. It knows the lengths of instructions and nothing
// else of them.
package insn

import "debug/elf"

// A Place is what is known of an offset in a function.
type Place int

// The places that an offset can be at.
const (
	Unknown Place = iota // the instructions before it cannot be read, or not on this processor
	Start                // an instruction begins here
	Middle               // inside of an instruction
)

// At reports what is at an offset in code, which begins with the first
// instruction of a function.
func At(machine elf.Machine, code []byte, offset int) Place {
	switch machine {
	case elf.EM_AARCH64:
		if offset%4 != 0 {
			return Middle
		}
		return Start
	case elf.EM_X86_64:
	default:
		return Unknown
	}
	at := 0
	for at < offset {
		n := x86Length(code[min(at, len(code)):])
		if n == 0 {
			return Unknown
		}
		at += n
	}
	if at > offset {
		return Middle
	}
	return Start
}
