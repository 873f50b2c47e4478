package engine

import (
	"os"
	"runtime/debug"
)

// compileGC is the growth of the heap, in percent of what is in use, after which garbage
// is collected while a script is compiled or probes are listed. The default of 100 collects
// every 4 MB, which takes a third of the time of a long script; what is in use is small.
const compileGC = 400

// CollectLater makes the garbage collector wait longer until the function that it returns
// is called. A value of the environment stays as it is.
func CollectLater() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	old := debug.SetGCPercent(compileGC)
	return func() { debug.SetGCPercent(old) }
}
