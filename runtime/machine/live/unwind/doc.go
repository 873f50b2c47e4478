// Package unwind makes tables by which BPF programs walk the stacks of a process
// without frame pointers.
//
// What compilers write about the frames of functions (.eh_frame, .debug_frame) are
// small programs. They are run here, once for each file, and become rows: from this
// address on the caller's stack pointer is found in this way, and the caller's rbp in
// that. A table has the rows of all files that a process has mapped, by address, so
// that a program needs one binary search for each frame.
//
// The forms are those of the DWARF standard, section 6.4, and of the Linux Standard
// Base for .eh_frame. Only x86-64 is known.
package unwind

// Row is valid from PC on, up to the next row.
type Row struct {
	PC   uint64
	Rule uint32 // kind of the frame address in the low byte, signed offset above
	// BP is where the caller's rbp is: 0 in rbp, BPAtBP at the address in rbp, else at
	// this offset from the frame address.
	BP int32
}

// RowSize is the size of a row in memory: its fields in their order.
const RowSize = 16

// BPAtBP is a value of Row.BP.
const BPAtBP = -1 << 31

// The kinds of frame addresses: the stack pointer of the caller before its call.
// The return address is below it.
const (
	// Unknown is code without a description; such code may have frame pointers.
	Unknown = iota
	// FromSP and FromBP are rsp and rbp plus the offset.
	FromSP
	FromBP
	// AtSP and AtBP are what is in memory at rsp and rbp plus the offset.
	AtSP
	AtBP
	// Stub is an entry of a procedure linkage table of 16 bytes: rsp plus 8, and plus
	// 16 from the byte of the offset on, behind a push.
	Stub
	// Signal is the frame of a signal handler's return: the registers are in memory
	// at the offset from rsp, as the kernel has put them there.
	Signal
	// Last is a function without a caller.
	Last
)

// Places of registers in the frame of a signal, from rsp at the return of the
// handler: struct rt_sigframe without the return address, up to sc_bp, sc_sp and
// sc_ip (arch/x86/include/asm/sigframe.h).
const (
	SignalBP = 120
	SignalSP = 160
	SignalPC = 168
)

func rule(kind int, off int64) uint32 { return uint32(kind) | uint32(int32(off))<<8 }

// Kind returns the kind of the frame address.
func (r Row) Kind() int { return int(r.Rule & 0xff) }

// Offset returns the offset of the frame address.
func (r Row) Offset() int64 { return int64(int32(r.Rule) >> 8) }
