package ir

// ptrKind is the kind of object a pointer points to.
type ptrKind uint8

const (
	scalarPtr ptrKind = iota // not a pointer
	ctxPtr
	slotPtr
	outerPtr // the stack of the function that called a callback
	mapPtr   // a map itself
	valuePtr
	ringPtr
	btfPtr
	funcPtr
)

// pointer is what is known about a pointer.
type pointer struct {
	kind  ptrKind
	maybe bool   // may be null until root was compared
	root  Value  // the lookup or reservation it comes from, 0 for others
	num   int32  // slot or map; -1 for unknown
	size  int64  // bytes of the object, -1 for unknown
	off   int64  // constant part of the offset
	span  uint64 // largest variable part of the offset
}

// pointers classifies all values. Parameters of loops are settled in a second
// round: in the first round the arguments of back edges are not known and count
// as equal.
func (r *rules) pointers() {
	r.ptrs = make([]pointer, len(r.f.Vals))
	r.rootNum = make([]int32, len(r.f.Vals))
	for i := range r.rootNum {
		r.rootNum[i] = -1
	}
	have := make([]bool, len(r.f.Vals))
	for range 2 {
		for _, b := range r.cfg.Order {
			d := &r.f.Blocks[b]
			for i, p := range d.Params {
				r.ptrs[p], have[p] = r.joined(b, i, p, have), true
			}
			for _, v := range d.Ins {
				r.ptrs[v], have[v] = r.pointerOf(v), true
			}
		}
	}
	for _, b := range r.cfg.Order {
		for _, list := range [...][]Value{r.f.Blocks[b].Params, r.f.Blocks[b].Ins} {
			for _, v := range list {
				if p := &r.ptrs[v]; p.root == v {
					r.rootNum[v] = int32(len(r.roots))
					r.roots = append(r.roots, v)
				}
			}
		}
	}
}

// joined returns what is known about a parameter: what all its arguments agree
// on.
func (r *rules) joined(b Block, i int, p Value, have []bool) pointer {
	out, first := pointer{}, true
	for _, q := range r.cfg.Preds[b] {
		t := &r.f.Blocks[q].Term
		for k := range t.NumSuccs() {
			e := t.Succ(k)
			if e.To != b || !have[e.Args[i]] {
				continue
			}
			x := r.ptrs[e.Args[i]]
			switch {
			case first:
				out, first = x, false
			case x == out:
			case x.kind != out.kind:
				return pointer{}
			default:
				// The arguments are different objects of one kind. Either a
				// null check happened before the edge, or the parameter has a
				// kind that may be null.
				if x.num != out.num {
					out.num, out.size = -1, -1
				}
				if x.off != out.off || x.span != out.span {
					out.size = -1
				}
				out.root, out.maybe = 0, false
			}
		}
	}
	if k := r.f.Ins(p).Kind; out.root == 0 && (k == PtrMapMaybe || k == PtrRingMaybe) {
		out.root, out.maybe = p, true // it needs its own null check
	}
	return out
}

func (r *rules) mapInfo(n int32) MapInfo {
	if r.maps != nil && n >= 0 {
		if m, ok := r.maps(int(n)); ok {
			return m
		}
	}
	return MapInfo{}
}

// unknownIfZero converts a size of MapInfo to one of pointer, where 0 is a
// valid size.
func unknownIfZero(n int) int64 {
	if n == 0 {
		return -1
	}
	return int64(n)
}

// pointerOf returns what is known about v from its own instruction.
func (r *rules) pointerOf(v Value) pointer {
	in := r.f.Ins(v)
	switch in.Op {
	case OpArg:
		return argument(in.Kind)
	case OpMapPtr:
		return pointer{kind: mapPtr, num: int32(in.Imm), size: -1}
	case OpMapValue:
		return pointer{kind: valuePtr, num: in.Aux, size: unknownIfZero(r.mapInfo(in.Aux).ValueSize), off: in.Imm}
	case OpFrame:
		return pointer{kind: slotPtr, num: in.Aux, size: int64(r.f.Slots[in.Aux].Size), off: in.Imm}
	case OpFuncAddr:
		return pointer{kind: funcPtr, num: in.Aux}
	case OpAdd, OpSub:
		if in.W == 8 {
			return r.moved(in)
		}
	case OpCall:
		switch Helper(in.Imm) {
		case HelperMapLookup, HelperPerCPULookup:
			m := int32(-1)
			if p := &r.ptrs[in.Args[0]]; p.kind == mapPtr {
				m = p.num
			}
			return pointer{kind: valuePtr, maybe: true, root: v, num: m, size: unknownIfZero(r.mapInfo(m).ValueSize)}
		case HelperRingReserve:
			size := int64(-1)
			if c, ok := r.f.Const(in.Args[1]); ok {
				size = c
			}
			return pointer{kind: ringPtr, maybe: true, root: v, num: -1, size: size}
		}
	}
	if in.Kind == PtrBTF {
		return pointer{kind: btfPtr, num: -1, size: -1}
	}
	return pointer{}
}

// argument returns what is known about an argument of the function.
func argument(k Kind) pointer {
	p := pointer{num: -1, size: -1}
	switch k {
	case PtrCtx:
		p.kind = ctxPtr
	case PtrStack:
		p.kind = outerPtr
	case PtrMap:
		p.kind = mapPtr
	case PtrMapValue:
		p.kind = valuePtr
	case PtrBTF:
		p.kind = btfPtr
	default:
		return pointer{}
	}
	return p
}

// moved returns what is known about the result of an addition to or subtraction
// from a pointer.
func (r *rules) moved(in *Ins) pointer {
	p, x := r.ptrs[in.A], in.B
	if p.kind == scalarPtr && in.Op == OpAdd {
		p, x = r.ptrs[in.B], in.A
	}
	if p.kind == scalarPtr || r.ptrs[x].kind != scalarPtr {
		return pointer{}
	}
	if c, ok := r.f.Const(x); ok {
		if in.Op == OpSub {
			c = -c
		}
		p.off += c
		return p
	}
	if in.Op == OpSub {
		p.size = -1
		return p
	}
	p.span += min(r.number(x, in.Blk).Max, maxVarOff)
	return p
}

// access checks a read or write of w bytes at off from pointer v.
func (r *rules) access(in *Ins, v Value, off int64, w int, write bool, s *flow) {
	p := &r.ptrs[v]
	at := p.off + off
	switch p.kind {
	case scalarPtr, mapPtr, funcPtr:
		r.bad(in, "%%%d is not a pointer to memory", v)
		return
	case ctxPtr:
		switch {
		case write:
			r.bad(in, "the context is read only")
		case at < 0 || at%int64(w) != 0:
			r.bad(in, "offset %d of the context is negative or not aligned", at)
		}
		return
	case btfPtr:
		if write {
			r.bad(in, "kernel memory is read only")
		}
		return
	}
	if n := r.rootNum[max(p.root, 0)]; p.root != 0 && p.maybe && !s.nonNull(n) {
		r.bad(in, "%%%d may be null here", p.root)
	}
	r.bounds(in, p, at, uint64(w), s, write)
}

// bounds checks that size bytes at offset at are inside the object, and that
// stack is written before it is read.
func (r *rules) bounds(in *Ins, p *pointer, at int64, size uint64, s *flow, write bool) {
	if p.kind == ringPtr && p.root != 0 && s.ring[r.rootNum[p.root]] != ringHeld {
		r.bad(in, "the record %%%d is not held here", p.root)
	}
	if p.size >= 0 && (at < 0 || uint64(at)+p.span+size > uint64(p.size)) {
		r.bad(in, "bytes %d to %d of a %s of %d bytes", at, uint64(at)+p.span+size-1, p, p.size)
		return
	}
	if p.kind != slotPtr || at < 0 {
		return
	}
	first := int(r.slotBit[p.num]) + int(at)
	if write {
		if p.span == 0 {
			for i := range int(size) {
				s.init.set(first + i)
			}
		}
		return
	}
	for i := range int(size + p.span) {
		if !s.init.has(first + i) {
			r.bad(in, "byte %d of stack slot %d was not written on every path", int(at)+i, p.num)
			return
		}
	}
}
