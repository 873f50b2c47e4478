//go:build !amd64

package main

// call is written for x86-64 only, as the guests are.
func call(f function, args *[8]uint64) uint64 {
	fail("functions to probe exist on x86-64 only")
	return 0
}
