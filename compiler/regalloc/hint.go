package regalloc

// hintList is a list of registers that would save a copy, best first.
type hintList struct {
	regs [12]Reg
	n    int
}

func (h *hintList) add(r Reg) {
	if r != NoReg && h.n < len(h.regs) {
		h.regs[h.n] = r
		h.n++
	}
}

func (h *hintList) list() []Reg { return h.regs[:h.n] }

func (h *hintList) has(r Reg) bool {
	for _, x := range h.list() {
		if x == r {
			return true
		}
	}
	return false
}

// hintsFor looks at both ends: where the value comes from, and where it will
// be wanted. A register that serves both is best. Otherwise the copy may as
// well be made later, when fewer paths need it.
func (a *allocator) hintsFor(iv int32) hintList {
	var from hintList
	it := &a.ivs[iv]
	val := &a.vals[it.v]
	if iv != val.first {
		for p := val.first; p >= 0 && p != iv; p = a.ivs[p].next {
			if a.ivs[p].next == iv {
				from.add(a.ivs[p].reg)
			}
		}
	}
	from.add(val.fixed)
	for _, t := range [...]VReg{val.tied, val.tied2} {
		if t != 0 {
			if r, ok := a.locAt(t, val.def-1).Reg(); ok {
				from.add(r)
			}
		}
	}
	to, kept := a.destination(it.v)
	var h hintList
	if to != NoReg && from.has(to) {
		h.add(to)
	}
	if kept != 0 && (from.n == 0 || !val.isDef && val.fixed == NoReg) {
		// The value becomes one that survives calls. Choose such a register
		// from the start, if one is free for both.
		target := &a.ivs[a.vals[kept].first]
		for r := FirstKept; r < NumRegs; r++ {
			if a.books[r].first(target) >= target.end {
				h.add(r)
			}
		}
	}
	for _, r := range from.list() {
		h.add(r)
	}
	h.add(to)
	h.add(val.want)
	return h
}

// maxHops is the maximum length of the chain of copies that a hint follows.
// Chains through loop parameters can be cyclic.
const maxHops = 8

// destination follows v through the instructions that overwrite it and the
// parameters it is passed to: the register in which it is wanted in the end,
// or the value on the way that has to survive a call.
func (a *allocator) destination(v VReg) (r Reg, kept VReg) {
	for hop := range maxHops {
		val := &a.vals[v]
		if hop > 0 && val.cross && val.first >= 0 {
			return val.want, v
		}
		if a.served(v, val.into) {
			return NoReg, 0
		}
		if next := val.into; next != 0 && a.vals[next].cross {
			return a.vals[next].want, next
		}
		if val.fwd != NoReg && !val.cross {
			return val.fwd, 0
		}
		switch {
		case val.param != 0:
			v = val.param
			if w := a.vals[v].want; w != NoReg {
				return w, 0
			}
		case val.into != 0:
			v = val.into
		default:
			return NoReg, 0
		}
	}
	return NoReg, 0
}

// served reports whether the other operand of the instruction that makes d from
// v is already in a register that survives calls: d will take that register.
func (a *allocator) served(v, d VReg) bool {
	if d == 0 {
		return false
	}
	o := a.vals[d].tied
	if o == v {
		o = a.vals[d].tied2
	}
	if o == 0 || o == v {
		return false
	}
	r, ok := a.locAt(o, a.vals[d].def-1).Reg()
	return ok && r >= FirstKept
}
