package ir

// helperMem describes an argument of a helper that points to memory. Memory
// that the helper reads must have been written; memory that it writes counts as
// written afterwards.
type helperMem struct {
	arg   int
	size  int  // constant size in bytes, or
	sizeA int  // argument that holds the size, or
	key   bool // the size of a key of the map in argument 0, or
	value bool // of a value
	write bool
}

var helperMems = map[Helper][]helperMem{
	HelperMapLookup:       {{arg: 1, key: true}},
	HelperPerCPULookup:    {{arg: 1, key: true}},
	HelperMapDelete:       {{arg: 1, key: true}},
	HelperMapUpdate:       {{arg: 1, key: true}, {arg: 2, value: true}},
	HelperComm:            {{arg: 0, sizeA: 1, write: true}},
	HelperReadKernel:      {{arg: 0, sizeA: 1, write: true}},
	HelperReadUser:        {{arg: 0, sizeA: 1, write: true}},
	HelperReadKernelStr:   {{arg: 0, sizeA: 1, write: true}},
	HelperReadUserStr:     {{arg: 0, sizeA: 1, write: true}},
	HelperGetStack:        {{arg: 1, sizeA: 2, write: true}},
	HelperNsPidTgid:       {{arg: 2, sizeA: 3, write: true}},
	HelperDPath:           {{arg: 1, sizeA: 2, write: true}},
	HelperGetFuncArg:      {{arg: 2, size: 8, write: true}},
	HelperGetFuncRet:      {{arg: 1, size: 8, write: true}},
	HelperWriteUser:       {{arg: 1, sizeA: 2}},
	HelperRingOutput:      {{arg: 1, sizeA: 2}},
	HelperTracePrintk:     {{arg: 0, sizeA: 1}},
	HelperSeqPrintf:       {{arg: 1, sizeA: 2}, {arg: 3, sizeA: 4}},
	HelperPerfEventOutput: {{arg: 3, sizeA: 4}},
}

// SizeArg returns the argument of a helper that holds the size of another one,
// or -1.
func SizeArg(h Helper) int {
	for _, m := range helperMems[h] {
		if m.sizeA > 0 {
			return m.sizeA
		}
	}
	return -1
}

// call checks the arguments of a call.
func (r *rules) call(v Value, in *Ins, s *flow) {
	for _, a := range in.Args {
		p := &r.ptrs[a]
		if p.root != 0 && p.maybe && !s.nonNull(r.rootNum[p.root]) {
			r.bad(in, "argument %%%d may be null here", a)
		}
		if p.kind == ringPtr && p.root != 0 && s.ring[r.rootNum[p.root]] != ringHeld {
			r.bad(in, "the record %%%d is not held here", p.root)
		}
	}
	if in.Op != OpCall {
		return
	}
	h := Helper(in.Imm)
	switch h {
	case HelperRingSubmit, HelperRingDiscard:
		p := &r.ptrs[in.Args[0]]
		if p.kind != ringPtr || p.root == 0 || p.off != 0 {
			r.bad(in, "%%%d is not the start of a record", in.Args[0])
			return
		}
		s.ring[r.rootNum[p.root]] = ringNone
		return
	case HelperRingReserve:
		if _, ok := r.f.Const(in.Args[1]); !ok {
			r.bad(in, "the size of a record must be a constant")
		}
		if n := r.rootNum[v]; s.ring[n]&(ringHeld|ringMaybe) != 0 {
			r.bad(in, "the record of the last turn was not released")
		}
	}
	for _, m := range helperMems[h] {
		r.memory(in, &m, s)
	}
}

// memory checks one argument that points to memory.
func (r *rules) memory(in *Ins, m *helperMem, s *flow) {
	v := in.Args[m.arg]
	p := &r.ptrs[v]
	size := uint64(m.size)
	write := m.write
	switch {
	case m.key || m.value:
		info := MapInfo{}
		if mp := &r.ptrs[in.Args[0]]; mp.kind == mapPtr {
			info = r.mapInfo(mp.num)
		} else {
			r.bad(in, "%%%d is not a map", in.Args[0])
		}
		size = uint64(info.KeySize)
		if m.value {
			size = uint64(info.ValueSize)
		}
	case m.sizeA > 0:
		n := r.number(in.Args[m.sizeA], in.Blk)
		if n.Max >= maxVarOff {
			r.bad(in, "the size %%%d is not bounded: mask or compare it first", in.Args[m.sizeA])
			return
		}
		size = n.Max
		if n.Min != n.Max {
			// The helper may write fewer bytes, so all of them must be written
			// before.
			write = false
		}
	}
	switch p.kind {
	case slotPtr, valuePtr, ringPtr, outerPtr:
		r.bounds(in, p, p.off, size, s, write)
	case btfPtr, scalarPtr, ctxPtr, mapPtr, funcPtr:
		r.bad(in, "argument %%%d is not memory that a helper may use", v)
	}
}
