// Package soak lets probe run for a long time in a guest, and looks for what
// grows: descriptors, goroutines, maps, memory. TestSoak says how long.
//
// The driver (package drive) runs one script all the time, whose maps are filled,
// printed and cleared again and again, and beside it short runs of other scripts,
// one after the other. It writes a Sample in regular intervals.
package soak

import "slices"

// Sample is what the driver's process has at one time.
type Sample struct {
	Seconds    float64 // since the start
	Runs       int     // short runs that have ended
	Bytes      int64   // of output
	RSS        int64   // resident memory in bytes
	Heap       int64   // bytes in use after a collection
	Files      int     // descriptors
	Goroutines int
	Mappings   int // of memory of maps
	Maps       int // in the kernel
	Programs   int // in the kernel
	// Names are what the descriptors lead to, and the programs in the kernel.
	Names []string
	// Last is set in the sample after the end of all runs, First in that before
	// the first one.
	First, Last bool
	Error       string // what went wrong, "" for nothing
}

// growth returns by how many bytes a quantity is larger at the end than in the
// middle: the median of the last quarter against that of the second quarter.
func growth(list []Sample, of func(Sample) int64) int64 {
	median := func(part []Sample) int64 {
		var all []int64
		for _, s := range part {
			all = append(all, of(s))
		}
		if len(all) == 0 {
			return 0
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	n := len(list)
	return median(list[3*n/4:]) - median(list[n/4:n/2])
}
