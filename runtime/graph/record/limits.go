package record

import (
	"fmt"

	"probe/runtime/graph"
)

// A recording may come from anybody, so what a reader spends on one has limits, and what
// goes beyond them is damage: what comes before it is shown. Recordings that probe makes
// stay far below them but for MaxMemory, which is 9 million calls.
const (
	// MaxMemory bounds what a recording takes in memory once it is read, in bytes, as
	// its parts are counted here; the garbage of reading may double it.
	MaxMemory = 512 << 20
	// MaxDepth bounds the depth of a call, 0 for the root.
	MaxDepth = graph.MaxDepth
	// MaxTreeCalls bounds the calls of one tree.
	MaxTreeCalls = 4 << 20
	// maxLine bounds a line, in bytes, that is an event (a large map is one) or the
	// header, which has the script; maxSmallLine any other. Parsing a line of
	// maxSmallLine may take some 20 times of it.
	maxLine      = 64 << 20
	maxSmallLine = 8 << 20
	// maxName bounds a name: of a function (the kernel's have up to 512 bytes), a
	// module, a parameter, an enumerator, a thread, a symbol. Each is shown many times.
	maxName = 1 << 10
	// maxParams bounds the parameters of a function.
	maxParams = 32
	// maxWindow bounds the memory for the window of zstd, in bytes. zstd itself needs
	// an option to unpack what needs more than 128 MB.
	maxWindow = 128 << 20
)

// What parts of a recording take in memory, roughly, with the maps that find them.
const (
	callCost  = 56
	treeCost  = 256
	funcCost  = 256
	paramCost = 48
	eventCost = 192
	entryCost = 96 // of a map or a list of names
)

// spend counts memory of the recording. The error says that there is too much.
func (p *parser) spend(bytes int) error {
	if p.used += bytes; p.used > p.limit {
		return fmt.Errorf("it takes more than %d MB of memory: record less at a time, or with fewer functions", p.limit>>20)
	}
	return nil
}

// checkName bounds a name.
func checkName(what, name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%s has a name of %d bytes; at most %d are read", what, len(name), maxName)
	}
	return nil
}
