// Package regalloc maps the values of a function in SSA form to the ten
// registers of BPF. Allocate takes a Code, which describes the function in the
// allocator's own terms, and returns an Allocation of registers and moves. Of
// the machine it only knows the calling convention: r0 is the result, r1 to r5
// are arguments and clobbered by every call, r6 to r9 are preserved.
//
// # The algorithm
//
// Linear scan on SSA form with lifetime holes and interval splitting, after
// Wimmer and Mössenböck ("Optimized Interval Splitting in a Linear Scan
// Register Allocator", 2005) and Wimmer and Franz ("Linear Scan Register
// Allocation on SSA Form", 2010), with three changes that fit BPF.
//
// Positions. Every instruction has two: an even one, where it reads, and the
// odd one after it, where it writes. Every block has a header with its own
// position, where its parameters are defined. Moves happen at even positions,
// before the instruction reads.
//
// Liveness (live.go). In SSA form the blocks where a value is alive are found
// by walking from each use back to the definition, which costs no more than
// the size of the answer. The result is a list of ranges; between two ranges
// is a hole, in which the register can serve others.
//
// The scan (scan.go) takes the intervals by their start. A register's free
// time is the time until the first range of another interval in it (book.go
// keeps those ranges sorted by register), or until the next call within the
// interval for r0 to r5. A register that is free throughout is taken, hinted
// ones first. Otherwise the register that is free longest is taken and the
// interval split before that ends. If all are taken now, the interval whose
// next use is furthest away loses its register: it is split, lives in memory
// until just before that next use, and queues again from there. Uses by call
// arguments, edges and returns can be served from memory.
//
// Split points move out of loops: between the last use before and the latest
// possible position, the last block boundary at the least loop depth wins. A
// value that is alive through a loop without being used there therefore leaves
// its register before the loop. A value that is used in a loop counts as used
// at the loop's end, because the next iteration needs it again.
//
// First change: calls are not fixed intervals but a sorted list of positions.
// An interval crosses a call if one of its ranges contains the position. Call
// arguments do not need registers of their own: the argument registers are the
// targets of a parallel move before the call, together with the moves of
// values that must leave r0 to r5 there.
//
// Second: values that can be rematerialized (constants, addresses of maps and
// of stack slots) are never stored. When they lose their register they are
// rematerialized before the next use. A call argument or an edge rematerializes
// them directly in place, so such uses do not even keep them alive.
//
// Third: a value is stored to its slot where it leaves its register or right
// after its definition, whichever is executed less often. In SSA form the value
// never changes, so the slot stays valid.
//
// Copies. A value that is born in r0 or an argument register but has to survive
// a call stays there up to the block of that call, so that a test before the
// call runs without the copy (lazy). A value that a call would drive into a
// kept register anyway takes that register at birth (displace). Hints (hint.go)
// follow a value through the instructions that overwrite it and the parameters
// it is passed to, to the register in which it is wanted in the end.
//
// After the scan (resolve.go) the pieces of split values are connected: inside
// a block where one piece follows the other, on edges where the piece at the
// end of the predecessor is not the piece at the start of the successor. Block
// parameters are moves on edges as well. All moves of one place form a parallel
// move (moves.go), put in order so that nothing is overwritten before it is
// read; a cycle goes through a free register or, if there is none, through a
// slot. Exclusive-or swaps are not possible: the kernel's verifier rejects
// arithmetic on pointers.
//
// The allocator knows one thing about the verifier: Precious values should not
// go to memory. They are numbers bounded by a comparison, and verifiers before
// 6.3 do not apply the bound to a copy that was stored before the comparison.
package regalloc
