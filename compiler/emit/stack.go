package emit

import "math"

// frame is the layout of a function's stack: spill slots next to the frame
// pointer, the slots of the IR below.
type frame struct {
	spills int
	offs   []int16 // by slot of the IR, relative to r10
	size   int
}

// newFrame places the slots.
func newFrame(m *mach, spills int, opt Options) *frame {
	fr := &frame{spills: spills, size: 8 * spills, offs: make([]int16, len(m.f.Slots))}
	for i, s := range m.f.Slots {
		fr.size += (s.Size + 7) / 8 * 8
		fr.offs[i] = int16(max(-fr.size, math.MinInt16))
	}
	return fr
}

// spill is the offset of a spill slot.
func (fr *frame) spill(n int) int16 { return int16(max(-8*(n+1), math.MinInt16)) }

// slot is the offset of a slot of the IR.
func (fr *frame) slot(n int32) int16 { return fr.offs[n] }
