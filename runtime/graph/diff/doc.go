// Package diff compares two sets of call trees and finds where they part.
//
// Trees are first reduced to a form without the details that differ from run to
// run: times, CPUs, addresses, interruptions, functions to be ignored, and the
// suffixes that compilers and kernel builds add to names. Return values are
// reduced to classes: errors by name, NULL or not, true or false, small
// numbers. A run of equal calls becomes one with a count.
//
// Every subtree has two hashes, one of its shape and one that includes the
// results. Trees with equal hashes are one variant; a side is represented by
// its most frequent one. Two variants are walked in step from the root: the
// children of two calls of the same function are aligned (align.go), what has
// no partner is a difference in shape, a partner with another result is a
// difference in results. The first difference in shape is the first in the
// order of entry; that in results is the first in the order of return, since a
// caller's result follows from those of its callees.
package diff
