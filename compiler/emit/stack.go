package emit

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"probe/compiler/ir"
)

// frame is the layout of a function's stack: spill slots next to the frame
// pointer, the slots of the IR below.
type frame struct {
	spills int
	offs   []int32 // by slot of the IR, relative to r10
	size   int
}

// newFrame places the slots. Slots that are never in use at the same time can
// share a place, since the stack has only 512 bytes.
func newFrame(m *mach, spills int, opt Options) *frame {
	fr := &frame{spills: spills, size: 8 * spills, offs: make([]int32, len(m.f.Slots))}
	if len(fr.offs) == 0 {
		return fr
	}
	if opt.NoOpt {
		for i, s := range m.f.Slots {
			fr.size += round8(s.Size)
			fr.offs[i] = int32(-fr.size)
		}
		return fr
	}
	fr.share(m.f, &m.mem.cfg)
	return fr
}

func round8(n int) int { return (n + 7) / 8 * 8 }

// spill returns the offset of a spill slot. Offsets beyond 16 bits belong to
// frames that are refused for their size.
func (fr *frame) spill(n int) int16 { return int16(max(-8*(n+1), math.MinInt16)) }

// slot returns the offset of a byte of a slot of the IR.
func (fr *frame) slot(n, off int32) int16 { return int16(max(fr.offs[n]+off, math.MinInt16)) }

// share places the slots, large ones first. Each gets the place nearest to the
// frame pointer that is not taken by a slot in use at the same time.
func (fr *frame) share(f *ir.Func, cfg *ir.CFG) {
	u := slotUse(f, cfg)
	order := make([]int, 0, len(f.Slots))
	for i := range f.Slots {
		if u.used.has(i) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(f.Slots[y].Size, f.Slots[x].Size) })
	low := 8 * fr.spills
	for k, i := range order {
		at := low // distance from the frame pointer to the upper end
		size := round8(f.Slots[i].Size)
		for again := true; again; {
			again = false
			for _, j := range order[:k] {
				end := int(-fr.offs[j])
				start := end - round8(f.Slots[j].Size)
				if u.conflict[i].has(j) && at < end && start < at+size {
					at, again = end, true
				}
			}
		}
		fr.offs[i] = int32(-(at + size))
		fr.size = max(fr.size, at+size)
	}
}

// bitset is a set of slots.
type bitset []uint64

func newBitset(n int) bitset    { return make(bitset, (n+63)/64) }
func (s bitset) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }
func (s bitset) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s bitset) or(t bitset) bool {
	changed := false
	for i := range s {
		n := s[i] | t[i]
		changed = changed || n != s[i]
		s[i] = n
	}
	return changed
}

// usage records which slots are accessed at all, and which are in use at the
// same time.
type usage struct {
	used     bitset
	conflict []bitset
}

// slotUse computes where each slot is in use: between any access to it and any
// later one, on every path that has both. A slot whose address is used other
// than for an access or as the argument of a call is in use everywhere. Calls
// only use addresses until they return.
func slotUse(f *ir.Func, cfg *ir.CFG) *usage {
	n := len(f.Slots)
	u := &usage{used: newBitset(n), conflict: bitsets(n, n)}
	access, always := slotAccess(f, cfg)
	nb := len(f.Blocks)
	inBlock, before, behind := bitsets(nb, n), bitsets(nb, n), bitsets(nb, n)
	for b, list := range access {
		for _, a := range list {
			inBlock[b].add(a)
			u.used.add(a)
		}
	}
	u.used.or(always)
	if n == 1 {
		return u // nothing to share
	}
	// before[b] are the slots accessed on a path to b, behind[b] those accessed
	// on a path from its end.
	for changed := true; changed; {
		changed = false
		for _, b := range cfg.Order {
			for _, p := range cfg.Preds[b] {
				changed = before[b].or(before[p]) || changed
				changed = before[b].or(inBlock[p]) || changed
			}
		}
		changed = changed && cfg.Cyclic()
	}
	for changed := true; changed; {
		changed = false
		for _, b := range slices.Backward(cfg.Order) {
			for _, p := range cfg.Preds[b] {
				changed = behind[p].or(behind[b]) || changed
				changed = behind[p].or(inBlock[b]) || changed
			}
		}
		changed = changed && cfg.Cyclic()
	}
	live := newBitset(n)
	last := make([]int, n)
	for _, b := range cfg.Order {
		// A slot is in use from each access on if it is accessed again: to the
		// end of the block if it is accessed after the block, otherwise to its
		// last access in the block.
		for i, a := range access[b] {
			last[a] = i
		}
		for w := range live {
			live[w] = before[b][w]&(behind[b][w]|inBlock[b][w]) | always[w]
		}
		u.together(live)
		for i, a := range access[b] {
			live.add(a)
			u.together(live)
			if last[a] == i && !behind[b].has(a) && !always.has(a) {
				live[a/64] &^= 1 << (a % 64)
			}
		}
	}
	return u
}

func bitsets(k, n int) []bitset {
	all := make([]bitset, k)
	flat := make(bitset, k*((n+63)/64))
	for i := range all {
		w := (n + 63) / 64
		all[i], flat = flat[:w:w], flat[w:]
	}
	return all
}

func (u *usage) together(live bitset) {
	for w, x := range live {
		for ; x != 0; x &= x - 1 {
			u.conflict[64*w+bits.TrailingZeros64(x)].or(live)
		}
	}
}

// slotAccess lists the accesses of each block in order, and the slots whose
// address escapes.
func slotAccess(f *ir.Func, cfg *ir.CFG) (access [][]int, always bitset) {
	access = make([][]int, len(f.Blocks))
	always = newBitset(len(f.Slots))
	root := make([]int32, len(f.Vals)) // slot + 1
	for _, b := range cfg.Order {
		for _, v := range f.Blocks[b].Ins {
			in := f.Ins(v)
			if in.Op == ir.OpFrame {
				root[v] = in.Aux + 1
			}
			if (in.Op == ir.OpAdd || in.Op == ir.OpSub) && in.Kind == ir.PtrStack && root[in.A] > 0 {
				root[v] = root[in.A]
			}
		}
	}
	for _, b := range cfg.Order {
		escape := func(p *ir.Value) {
			if root[*p] > 0 {
				always.add(int(root[*p] - 1))
			}
		}
		touch := func(v ir.Value) {
			if root[v] > 0 {
				access[b] = append(access[b], int(root[v]-1))
			}
		}
		for _, v := range f.Blocks[b].Ins {
			in := f.Ins(v)
			switch {
			case in.Op.IsCall():
				for _, a := range in.Args {
					touch(a)
				}
				// Arguments of one call are in use together: the first slot
				// must not be free before the last is accessed.
				for _, a := range in.Args {
					touch(a)
				}
			case in.Op == ir.OpLoad:
				touch(in.A)
			case in.Op == ir.OpStore, in.Op.IsAtomic():
				touch(in.A)
				escape(&in.B)
			case root[v] > 0: // an address, not an access
				if in.B != 0 {
					escape(&in.B)
				}
			default:
				in.Operands(escape)
			}
		}
		f.Blocks[b].Term.Operands(escape)
	}
	return access, always
}
