package regalloc

// parallel orders the moves of one group so that nothing is overwritten before
// it is read.
func (a *allocator) parallel(g []pmove) {
	pending := a.pending[:0]
	made := a.made[:0] // rematerialised: they read nothing, so they come last
	for _, m := range g {
		if m.src == Remat {
			made = append(made, m)
		} else {
			pending = append(pending, m)
		}
	}
	a.pending, a.made = pending, made
	for len(pending) > 0 {
		progress := false
		for i := 0; i < len(pending); {
			if a.reads(pending, pending[i].dst, i) {
				i++
				continue
			}
			m := pending[i]
			pending = append(pending[:i], pending[i+1:]...)
			a.emit(g, pending, made, m)
			progress = true
		}
		if progress {
			continue
		}
		// Only cycles are left. Save one value elsewhere to break a cycle.
		m := &pending[0]
		tmp := a.spare(g, pending, made)
		if tmp == NoLoc {
			tmp = a.tempSlot(0)
		}
		a.emit(g, pending, made, pmove{at: m.at, dst: tmp, src: m.src, v: m.v})
		m.src = tmp
	}
	for i, m := range made {
		a.emit(g, nil, made[i+1:], m)
	}
}

// reads reports whether a pending move other than number skip reads from l.
func (a *allocator) reads(pending []pmove, l Loc, skip int) bool {
	for i := range pending {
		if i != skip && pending[i].src == l {
			return true
		}
	}
	return false
}

// emit appends one move; a move between two slots goes through a register.
func (a *allocator) emit(g, pending, made []pmove, m pmove) {
	_, from := m.src.Slot()
	_, to := m.dst.Slot()
	if !to || !from && m.src != Remat || m.src == Remat && a.code.Storable(m.v) {
		a.put(m)
		return
	}
	if tmp := a.spare(g, pending, made); tmp != NoLoc {
		a.put(pmove{at: m.at, dst: tmp, src: m.src, v: m.v})
		a.put(pmove{at: m.at, dst: m.dst, src: tmp, v: m.v})
		return
	}
	// Every register is in use: save r0 and borrow it.
	save := a.tempSlot(1)
	r0 := InReg(Result)
	a.put(pmove{at: m.at, dst: save, src: r0, v: m.v})
	a.put(pmove{at: m.at, dst: r0, src: m.src, v: m.v})
	a.put(pmove{at: m.at, dst: m.dst, src: r0, v: m.v})
	a.put(pmove{at: m.at, dst: r0, src: save, v: m.v})
}

// put appends a move to the result and counts it.
func (a *allocator) put(m pmove) {
	s := &a.out.Stats
	_, from := m.src.Slot()
	_, to := m.dst.Slot()
	switch {
	case m.src == Remat:
		s.Remats++
	case from:
		s.Reloads++
	case to:
		s.Spills++
	default:
		s.Copies++
	}
	a.out.Moves = append(a.out.Moves, Move{At: m.at, Dst: m.dst, Src: m.src, V: m.v})
}

// spare returns a register that is free now, or NoLoc; pending and made are the
// moves of g that are still to come.
func (a *allocator) spare(g, pending, made []pmove) Loc {
	for _, later := range [...][]pmove{pending, made} {
		for _, m := range later {
			// A register that is written later in the group is free until then.
			if r, ok := m.dst.Reg(); ok && !a.reads(pending, InReg(r), -1) {
				return InReg(r)
			}
		}
	}
	at, class := g[0].at, g[0].class
	b := int32(0)
	for lo, hi := 0, len(a.blocks); lo < hi; {
		m := (lo + hi) / 2
		if a.blocks[m].First <= at {
			b, lo = int32(m), m+1
		} else {
			hi = m
		}
	}
	p := 2 * a.unitOf(int(b), at)
	s, e := p-1, p+1
	switch class {
	case classIn:
		s, e = a.start[b], a.start[b]+1
	case classOut:
		to := a.blocks[b].Succs[0].To
		s, e = a.start[to], a.start[to]+1
	}
next:
	for _, r := range lostFirst {
		if !a.books[r].free(s, e) {
			continue
		}
		for _, m := range g {
			if m.dst == InReg(r) || m.src == InReg(r) {
				continue next
			}
		}
		for _, m := range pending {
			if m.src == InReg(r) {
				continue next
			}
		}
		return InReg(r)
	}
	return NoLoc
}

// tempSlot returns a temporary slot: number 0 for breaking cycles, 1 for the
// register that moves between slots borrow.
func (a *allocator) tempSlot(n int) Loc {
	for len(a.temps) <= n {
		a.temps = append(a.temps, a.out.Slots)
		a.out.Slots++
	}
	return InSlot(a.temps[n])
}
