package guest

import (
	"math"
	"sync"
	"time"
)

func rdtsc() uint64

// tscKHz returns the frequency in kHz of the time-stamp counter, which the emulated
// processor shows as it is unless it counts instructions. The first call takes
// tscSpan.
var tscKHz = sync.OnceValue(func() uint64 {
	t0, n0 := readTSC()
	time.Sleep(tscSpan)
	t1, n1 := readTSC()
	return uint64(float64(n1-n0) * 1e6 / float64(t1.Sub(t0)))
})

// tscSpan is the time over which the counter is watched.
const tscSpan = 100 * time.Millisecond

// readTSC returns a time and the counter at that time. A reading that was
// interrupted takes longer than others.
func readTSC() (at time.Time, count uint64) {
	best := time.Duration(math.MaxInt64)
	for range 50 {
		before := time.Now()
		n := rdtsc()
		after := time.Now()
		if took := after.Sub(before); took < best {
			best, at, count = took, before.Add(took/2), n
		}
	}
	return at, count
}
