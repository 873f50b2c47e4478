package regalloc

import (
	"cmp"
	"slices"
)

// splitPoint returns the best even position p with after < p ≤ last: last
// itself, unless a block boundary before it lies in fewer loops.
func (a *allocator) splitPoint(after, last pos) pos {
	last &^= 1
	b := a.blockOf[last/2]
	depth := a.blocks[b].Depth
	best := last
	for ; depth > 0 && a.start[b] > after; b-- {
		// Moves at a boundary are on the edges into the block, so the side with
		// fewer loops counts.
		d := a.blocks[b].Depth
		if b > 0 {
			d = min(d, a.blocks[b-1].Depth)
		}
		if d < depth {
			depth, best = d, a.start[b]
		}
	}
	return best
}

// split cuts iv at p and returns the new piece, which starts at p or, if p is
// in a hole, after the hole.
func (a *allocator) split(iv int32, p pos) int32 {
	it := &a.ivs[iv]
	k := 0
	for it.rs[k].end <= p {
		k++
	}
	tail := interval{v: it.v, start: max(p, it.rs[k].start), end: it.end, rs: it.rs[k:], reg: NoReg, next: it.next}
	if it.rs[k].start >= p {
		it.rs = it.rs[:k]
		it.end = it.rs[k-1].end
	} else {
		it.rs = it.rs[:k+1]
		it.end = p
	}
	u, _ := slices.BinarySearchFunc(it.us, p, func(u use, p pos) int { return cmp.Compare(u.at, p) })
	tail.us, it.us = it.us[u:], it.us[:u]
	n := int32(len(a.ivs))
	it.next = n
	a.ivs = append(a.ivs, tail)
	a.out.Stats.Splits++
	return n
}

// piece returns the piece of v that is alive at p, or -1.
func (a *allocator) piece(v VReg, p pos) int32 {
	val := &a.vals[v]
	iv := val.first
	// Most queries go forward through the code, so start at the piece found
	// last.
	if val.asked > 0 && a.ivs[val.asked].start <= p {
		iv = val.asked
	}
	for ; iv >= 0; iv = a.ivs[iv].next {
		it := &a.ivs[iv]
		if it.start <= p && p < it.end {
			val.asked = iv
			return iv
		}
		if it.start > p {
			break
		}
	}
	return -1
}

// locAt returns where v is at position p. For a rematerializable value that is
// not in a register it is Remat.
func (a *allocator) locAt(v VReg, p pos) Loc {
	val := &a.vals[v]
	if iv := a.piece(v, p); iv >= 0 {
		it := &a.ivs[iv]
		switch {
		case it.reg == NoReg:
		case val.remat == 0 || it.covers(p):
			return InReg(it.reg)
		}
	}
	if val.remat > 0 {
		return Remat
	}
	if val.slot >= 0 {
		return InSlot(int(val.slot))
	}
	return NoLoc
}

// covers reports whether p is in a range, not in a hole.
func (it *interval) covers(p pos) bool {
	for _, r := range it.rs {
		if r.start <= p && p < r.end {
			return true
		}
	}
	return false
}
