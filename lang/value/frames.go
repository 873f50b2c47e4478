package value

import (
	"math"

	"probe/lang/types"
)

// Addresses returns the addresses of a captured stack, the innermost first, up to
// where unwinding failed. ok is false if the stack was not kept. The value must
// be a stack, and not one in build_id mode.
func (v Value) Addresses(r Resolver) (addrs []uint64, ok bool) {
	off, _ := stackAt(v.T)
	n := v.StackLen()
	if n == 0 {
		return nil, true
	}
	words := r.Stack(load(v.B, off, 8), n)
	if len(words) < n {
		return nil, false
	}
	for i, w := range words {
		if w == math.MaxUint64 {
			return words[:i], true
		}
	}
	return words, true
}

// Process returns the process of a user stack or a user address, and the probe
// that leads to its binary, as Resolver.USym takes them.
func (v Value) Process() (pid, probe uint32) {
	switch v.T.Kind {
	case types.UStack:
		return uint32(load(v.B, 0, 4)), uint32(load(v.B, 4, 4))
	case types.USym:
		return uint32(load(v.B, 8, 4)), uint32(load(v.B, 12, 4))
	}
	return 0, 0
}

// VisibleAddr returns an address of the kernel as users may see it: 0 where the
// kernel hides its addresses.
func VisibleAddr(addr uint64, r Resolver) uint64 { return visibleAddr(addr, r) }
