package lower

import (
	"math/bits"
	"slices"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// Tables in front of the hashes of aggregations.
//
// A keyed aggregation that the script does nothing with but update, print, clear and zero
// has, in the memory of each CPU, a table with a slot for each hash of a key. A key whose slot is free
// when it is found in the kernel's hash gets the slot, for the rest of the run: from then
// on this CPU compares the key in place and updates a cell behind it, without a helper.
// All other keys take the way through the kernel's hash. Each key in a table is in the hash
// as well, so the limit of its entries holds as ever, and user space adds the cells of the
// tables to those of the hash. The hash then has the rare keys only, and the CPUs share one
// cell of each if the aggregation can be made of atomic additions: an entry with a value
// for each CPU costs ten times as much to insert.
//
// A slot begins with two numbers of 4 bytes. Programs can interrupt each other between any
// two instructions, so a program that wants the slot adds 1 to the first number atomically
// and owns the slot if it then reads 1. Two that add before either reads both read 2, and
// the slot stays free for ever. The owner writes the key and then 1 to the second number,
// from when on the key never changes and the slot is looked at. Only programs of its CPU
// write to a slot, so atomic additions to the cell are needed just where such programs can
// interrupt each other.
//
// clear() and zero() run in user space, which first retires the slots in use, so that
// programs pass over them, and frees them once all programs that had looked before have
// ended (runtime/session). What the programs add meanwhile goes to the hash.

const (
	frontSlots   = 512
	maxFrontKey  = 64        // larger keys are not worth the comparisons
	maxFrontSize = 256 << 10 // bytes of all tables on one CPU
	maxFronts    = 16 << 20  // bytes of all tables on all CPUs
	frontReady   = 4         // offset of the second number, object.FrontReady if the slot is in use
	frontKey     = 8         // offset of the key
	frontFactor  = -0x61c88647
)

// findFronts finds the maps that have tables: those with nothing but updates, and calls
// that show or reset the whole map. It also finds those whose cells need atomic additions:
// where programs can interrupt each other, and where user space sets cells to zero, which
// an addition in two steps would undo.
func (u *Unit) findFronts() {
	alone := !u.cfg.HashOnly && len(u.cfg.Live) == 0 // nobody else uses the maps
	writers := map[*hir.Map]int{}
	free := map[*hir.Map]bool{}
	zeroed := map[*hir.Map]bool{}
	other := map[*hir.Map]bool{}
	whole := map[hir.Expr]types.Reset{} // arguments of calls that show or reset the map
	for _, pr := range u.hir.Probes {
		here := map[*hir.Map]bool{}
		ex := func(e hir.Expr) {
			switch e := e.(type) {
			case *hir.Call:
				if e.Sig.ShowsMap || e.Sig.Resets != types.ResetsNothing {
					for _, a := range e.Args {
						whole[a] = e.Sig.Resets
					}
				}
			case *hir.MapArg:
				reset, ok := whole[e]
				other[e.Map] = other[e.Map] || !ok
				u.resets[e.Map] = u.resets[e.Map] || reset != types.ResetsNothing
				zeroed[e.Map] = zeroed[e.Map] || reset == types.ZeroesValues || reset == types.DeletesKeys && e.Map.Key == nil
			case *hir.MapGet:
				other[e.Map] = true
			case *hir.MapElem:
				other[e.Map] = true
			case *hir.IncDec:
				other[e.Map] = true
			}
		}
		st := func(s hir.Stmt) {
			switch s := s.(type) {
			case *hir.Aggregate:
				here[s.Map] = true
			case *hir.SetMap:
				other[s.Map] = true
			case *hir.ForMap:
				other[s.Map] = true
			}
		}
		hir.WalkExpr(pr.Pred, ex, st)
		hir.WalkBlock(pr.Body, ex, st)
		for m := range here {
			writers[m]++
			free[m] = free[m] || !oneAtATime(pr.Site)
		}
	}
	for m, n := range writers {
		u.fronted[m] = alone && !other[m]
		u.nested[m] = n > 1 && free[m] || zeroed[m]
	}
}

// oneAtATime reports whether the kernel runs the programs of a site only while no other
// such program runs on the CPU (bpf_prog_active): those of kprobes, tracepoints and perf
// events. All others can run between two instructions of these. So can, since Linux 7.2,
// the programs of system calls (trace_call_bpf_faultable): a task can be preempted in
// them, and only the same program does not run then.
func oneAtATime(s *hir.Site) bool {
	switch s.Prog {
	case hir.ProgTracepoint:
		return s.Attach.Group != "syscalls"
	case hir.ProgKprobe, hir.ProgPerf:
		return s.Space != types.User
	}
	return false
}

// front gives a map its table, if it can have one.
func (u *Unit) front(m *hir.Map, om *object.Map) {
	if !u.fronted[m] || om.Storage != object.StorePerCPUHash || m.Kind != "" || m.Value.Kind == types.TSeries || value.HasGraph(m.Key) {
		return
	}
	key := om.KeySize
	if om.BucketInKey {
		key = (key+7)/8*8 + 8
	}
	cell := frontKey + (key+7)/8*8
	size := cell + (om.ValueSize+7)/8*8
	all := u.fronts + frontSlots*size // of one CPU
	if key > maxFrontKey || all > min(maxFrontSize, maxFronts/(u.cfg.Target.CPUMask()+1)) {
		return
	}
	u.fronts = all
	om.Front = &object.Front{Off: u.allocPerCPU(frontSlots * size), Slots: frontSlots, Size: size, Ready: frontReady, Key: frontKey, KeySize: key, Cell: cell, Resets: u.resets[m]}
}

// keyWords returns the offsets and widths of the loads that read n bytes of a key.
func keyWords(n int) (offs, widths []int) {
	for off := 0; off < n; {
		w := 8
		for w > n-off {
			w /= 2
		}
		offs, widths = append(offs, off), append(widths, w)
		off += w
	}
	return offs, widths
}

// slot is a slot of a table and the key that is looked for.
type slot struct {
	f     *fn
	at    ir.Value
	front *object.Front
	words []ir.Value
}

// steady reports whether the verifier knows the same of a key on all paths: nothing if
// a helper writes it or it is read from the context, or the one number that it is.
// A choice, or a variable that may hold one, is a different number on each path.
func steady(key hir.Expr) bool {
	switch t := key.Type(); t.Kind {
	case types.String, types.KStack, types.UStack:
		return true
	}
	switch e := key.(type) {
	case *hir.Int, *hir.Bytes, *hir.ArgRef, *hir.Retval, *hir.Duration:
		return true
	case *hir.Call:
		return e.Sig.Bare && len(e.Args) == 0
	case *hir.Cast:
		return steady(e.Of)
	case *hir.Member:
		_, ok := e.Of.(*hir.ArgsRecord)
		return ok
	case *hir.Tuple:
		return !slices.ContainsFunc(e.Elems, func(x hir.Expr) bool { return !steady(x) })
	}
	return false
}

// slotOf finds the slot of a key on this CPU.
func (f *fn) slotOf(t *object.Front, same bool, key builtin.Place) *slot {
	s := &slot{f: f, front: t}
	offs, widths := keyWords(t.KeySize)
	var h ir.Value
	for i, off := range offs {
		w := f.b.Load(key.Base, key.Off+off, widths[i])
		s.words = append(s.words, w)
		if i == 0 {
			h = w
			continue
		}
		h = f.b.Bin(ir.OpAdd, f.b.BinI(ir.OpMul, h, frontFactor), w)
	}
	h = f.b.BinI(ir.OpMul, h, frontFactor)
	n := f.b.BinI(ir.OpShr, h, int64(64-bits.Len(uint(t.Slots-1))))
	if !same {
		// A number that is added to a pointer is precise for the verifier, and so is
		// all that it was made of: each constant of a condition would be a state of its
		// own.
		n = f.unbounded(n)
		n = f.b.BinI(ir.OpAnd, n, int64(t.Slots-1))
	}
	block := f.cpuBlock(mapPerCPU, &f.u.stride)
	s.at = f.b.Bin(ir.OpAdd, f.b.BinI(ir.OpAdd, block, int64(t.Off)), f.b.BinI(ir.OpMul, n, int64(t.Size)))
	return s
}

// match continues in hit if the slot has the key, otherwise in miss.
func (s *slot) match(hit, miss ir.Block) {
	b := s.f.b
	next := b.NewBlock("ready")
	b.If(ir.EQ, 8, b.Load(s.at, s.front.Ready, 4), b.Const(object.FrontReady), next, miss)
	b.UseSealed(next)
	offs, widths := keyWords(s.front.KeySize)
	for i, off := range offs {
		next := hit
		if i < len(offs)-1 {
			next = b.NewBlock("word")
		}
		b.If(ir.EQ, 8, b.Load(s.at, s.front.Key+off, widths[i]), s.words[i], next, miss)
		if next != hit {
			b.UseSealed(next)
		}
	}
}

// claim gives the key the slot if it is free. The key must be in the hash.
func (s *slot) claim() {
	b := s.f.b
	free, own, done := b.Cold(b.NewBlock("free")), b.Cold(b.NewBlock("own")), b.Cold(b.NewBlock("claimed"))
	b.If(ir.EQ, 8, b.Load(s.at, 0, 8), b.Const(0), free, done)
	b.UseSealed(free)
	b.AtomicAdd(s.at, 0, 4, b.Const(1))
	b.If(ir.EQ, 8, b.Load(s.at, 0, 4), b.Const(1), own, done)
	b.UseSealed(own)
	offs, widths := keyWords(s.front.KeySize)
	for i, off := range offs {
		b.Store(s.at, s.front.Key+off, widths[i], s.words[i])
	}
	b.Store(s.at, s.front.Ready, 4, b.Const(object.FrontReady))
	b.Jump(done)
	b.UseSealed(done)
}
