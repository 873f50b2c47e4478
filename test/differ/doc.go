// Package differ compares probe with bpftrace: it generates statements that have
// results, runs them with both, and compares what they print.
//
// A statement is one begin probe on one line, so the messages of both tools say
// by their line which statement they refuse. Many statements make one program,
// since bpftrace takes seconds to start in a guest. What differs is made smaller
// in the same way: all statements that are one step smaller make the next
// program, until none of them differs.
//
// The comparison is run by hand (see TestDiffer); testdata/known.txt has the
// differences that are on purpose or bpftrace's faults.
package differ
