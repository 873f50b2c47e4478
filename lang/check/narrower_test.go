package check

import (
	"fmt"
	"testing"
)

// BenchmarkNarrower has as many names as `kprobe:*` has functions.
func BenchmarkNarrower(b *testing.B) {
	var good, bad []string
	for i := range 60000 {
		name := fmt.Sprintf("kprobe:subsystem_%d_function", i)
		if i%7 == 0 {
			good = append(good, name)
		} else {
			bad = append(bad, name)
		}
	}
	for b.Loop() {
		narrower(good, bad)
	}
}
