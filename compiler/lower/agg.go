package lower

import (
	"math/bits"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// atomicCells reports whether two tasks may interleave on one CPU inside this
// program, so that per-CPU cells need atomic updates. Programs on kprobes and perf
// events run with preemption off, and so do those on tracepoints, except where the
// kernel does not run the program twice at once (oneAtATime); trampolines only with
// migration off.
func (f *fn) atomicCells() bool {
	return f.site.Prog == hir.ProgTracing || f.site.Prog == hir.ProgIter || f.site.Space == types.User
}

// aggregate lowers @m[k] = count() and other aggregations.
func (f *fn) aggregate(s *hir.Aggregate) {
	fn := f.u.cfg.Builtins[s.Fn.Name]
	om := f.om(s.Map)
	t := s.Map.Value
	atomic := f.atomicCells() || f.u.nested[s.Map]
	if om.Storage == object.StorePerCPU {
		args := f.scalars(s.Args)
		if om.Buckets > 0 {
			b, update := f.bucket(fn.Agg, t, args)
			// The verifier must see the bound of the index. Old verifiers also
			// follow contradictory paths, whose bounds no number satisfies, and
			// reject the index there. A mask gives the index bounds on every
			// path.
			b = f.b.BinI(ir.OpAnd, b, int64(1)<<bits.Len(uint(om.Buckets))-1)
			b = f.Select(ir.ULT, b, f.konst(int64(om.Buckets)), b, f.konst(0))
			base := f.Addr(f.perCPU(om.Off))
			at := f.b.BinI(ir.OpShl, b, 3)
			if size := value.CellSize(t); size != 8 {
				at = f.b.BinI(ir.OpMul, b, int64(size))
			}
			update(f.b.Bin(ir.OpAdd, base, at), atomic)
			return
		}
		cell := f.perCPU(om.Off)
		fn.Agg.Update(f, cell.Base, cell.Off, t, args, atomic)
		if om.SetOff >= 0 {
			p := f.perCPU(om.SetOff)
			f.b.Store(p.Base, p.Off, 8, f.konst(1))
		}
		return
	}
	key := f.key(s.Map, s.Key)
	args := f.scalars(s.Args)
	if om.BucketInKey {
		b, update := f.bucket(fn.Agg, t, args)
		f.b.Store(key.Base, key.Off+(om.KeySize+7)/8*8, 8, b)
		f.inCell(s, key, atomic, update)
		return
	}
	f.inCell(s, key, atomic, func(cell ir.Value, atomic bool) { fn.Agg.Update(f, cell, 0, t, args, atomic) })
}

// update changes the cell of an aggregation, with atomic additions if atomic is set.
type update func(cell ir.Value, atomic bool)

// bucket returns the bucket that a value belongs to and the update of its cell.
func (f *fn) bucket(agg *builtin.Agg, t *types.Type, args []ir.Value) (bucket ir.Value, up update) {
	if agg.Slot == nil {
		return agg.Bucket(f, t, args), func(cell ir.Value, atomic bool) { f.increment(cell, 0, atomic) }
	}
	bucket, slot := agg.Slot(f, t, args)
	return bucket, func(cell ir.Value, atomic bool) { slot(cell, 0, atomic) }
}

func (f *fn) scalars(xs []hir.Expr) []ir.Value {
	var out []ir.Value
	for _, x := range xs {
		out = append(out, f.Scalar(x))
	}
	return out
}

func (f *fn) increment(base ir.Value, off int, atomic bool) {
	if n, ok := f.Weight(); ok && atomic {
		f.b.AtomicAdd(base, off, 8, n)
		return
	} else if ok {
		f.b.Store(base, off, 8, f.b.Bin(ir.OpAdd, f.b.Load(base, off, 8), n))
		return
	}
	if atomic {
		f.b.AtomicAdd(base, off, 8, f.konst(1))
		return
	}
	f.b.Store(base, off, 8, f.b.BinI(ir.OpAdd, f.b.Load(base, off, 8), 1))
}

// inCell updates the cell of a key in place. A missing key is inserted with the first
// value (BPF_NOEXIST), which in a hash of per-CPU values is this CPU's; those of the
// others are zero (pcpu_init_value in kernel/bpf/hashtab.c). If another CPU inserts the
// key at the same time, the second lookup finds that entry, so no update is lost. The table in front of the hash
// comes first, if there is one. atomic says how cells of this CPU are updated; those that
// the CPUs share always are atomically.
func (f *fn) inCell(s *hir.Aggregate, key builtin.Place, atomic bool, up update) {
	m, om := s.Map, f.om(s.Map)
	shared := om.Storage == object.StoreHash
	cell := f.b.NewVar(ir.PtrMapValue)
	upd, miss, done := f.b.NewBlock("cell"), f.b.Cold(f.b.NewBlock("insert")), f.b.NewBlock("done")
	found := upd
	var front *slot
	if om.Front != nil {
		front = f.slotOf(om.Front, steady(s.Key), key)
		hit, none := f.b.NewBlock("front"), f.b.Cold(f.b.NewBlock("behind"))
		front.match(hit, none)
		f.b.UseSealed(hit)
		f.b.Set(cell, f.b.BinI(ir.OpAdd, front.at, int64(om.Front.Cell)))
		f.b.Jump(upd)
		f.b.UseSealed(none)
		found = f.b.Cold(f.b.NewBlock("found"))
	}
	p := f.lookup(m, key)
	f.b.Set(cell, p)
	f.b.If(ir.NE, 8, p, f.konst(0), found, miss)
	f.b.UseSealed(miss)
	first := f.Scratch(om.ValueSize, "first")
	f.Zero(first, om.ValueSize)
	up(f.Addr(first), false)
	r := f.b.Call(ir.HelperMapUpdate, f.mapPtr(m), f.Addr(key), f.Addr(first), f.konst(updateNoExist))
	again := f.b.Cold(f.b.NewBlock("again"))
	f.b.If(ir.EQ, 8, r, f.konst(0), done, again)
	f.b.UseSealed(again)
	q := f.lookup(m, key)
	f.b.Set(cell, q)
	none := f.b.Cold(f.b.NewBlock("refused"))
	f.b.If(ir.NE, 8, q, f.konst(0), found, none)
	f.b.UseSealed(none)
	f.countUpdate(r, m, s.Call)
	f.b.Jump(done)
	if front != nil {
		f.b.UseSealed(found)
		front.claim()
		if shared && !atomic {
			up(f.b.Get(cell), true)
			f.b.Jump(done)
		} else {
			f.b.Jump(upd)
		}
	}
	f.b.UseSealed(upd)
	up(f.b.Get(cell), atomic || shared && front == nil)
	f.b.Jump(done)
	f.b.UseSealed(done)
}

// reduceKeyless sums, or otherwise merges, the cells of all CPUs of a keyless
// aggregation (T-AGG-02).
func (f *fn) reduceKeyless(m *hir.Map) ir.Value {
	om := f.om(m)
	a := f.newReduction(m.Value)
	f.eachCPU(func(block builtin.Place) { a.add(block.At(om.Off)) })
	return a.result()
}

// reduceKey merges the cells of all CPUs under a key. It returns 0 if the key
// is missing.
func (f *fn) reduceKey(m *hir.Map, key ir.Value) ir.Value {
	if !f.Target().Has(target.PerCPULookup) {
		f.u.Diag.Errorf("missing-kernel-feature", m.At, "reading an aggregation as a number needs a kernel that can read other CPUs' values").
			WithLabel("@%s is kept for each CPU apart", m.Name).
			WithNote("the helper map_lookup_percpu_elem exists since Linux 5.19").
			WithHelp("print the map instead: print(@%s)", m.Name).WithRow("T-AGG-02")
		return f.konst(0)
	}
	a := f.newReduction(m.Value)
	i := f.b.NewVar(ir.Scalar)
	f.b.Set(i, f.konst(0))
	f.turn(plainLoop, 0, func(in, done ir.Block) {
		f.b.If(ir.ULT, 8, f.b.Get(i), f.konst(int64(f.u.Obj.NCPU)), in, done)
	}, func() {
		p := f.b.Call(ir.HelperPerCPULookup, f.mapPtr(m), key, f.b.Get(i))
		have, next := f.b.NewBlock("cell"), f.b.NewBlock("none")
		f.b.If(ir.NE, 8, p, f.konst(0), have, next)
		f.b.UseSealed(have)
		a.add(f.local(p))
		f.b.Jump(next)
		f.b.UseSealed(next)
	}, func() {
		f.b.Set(i, f.b.BinI(ir.OpAdd, f.b.Get(i), 1))
	})
	return a.result()
}

// reduction merges cells of one kind (layouts: reference A-LY-05 to A-LY-07).
type reduction struct {
	f        *fn
	t        *types.Type
	acc, set ir.Var
}

func (f *fn) newReduction(t *types.Type) *reduction {
	r := &reduction{f: f, t: t, acc: f.b.NewVar(ir.Scalar), set: f.b.NewVar(ir.Scalar)}
	f.b.Set(r.acc, f.konst(0))
	f.b.Set(r.set, f.konst(0))
	return r
}

func (r *reduction) add(cell builtin.Place) {
	f := r.f
	v := f.b.Load(cell.Base, cell.Off, 8)
	sum := func(dst ir.Var, v ir.Value) { f.b.Set(dst, f.b.Bin(ir.OpAdd, f.b.Get(dst), v)) }
	switch r.t.Kind {
	case types.Count, types.Sum:
		sum(r.acc, v)
	case types.Avg:
		sum(r.acc, v)
		sum(r.set, f.b.Load(cell.Base, cell.Off+8, 8))
	case types.Min, types.Max:
		r.extreme(v, f.b.Load(cell.Base, cell.Off+8, 8))
	}
}

// extreme replaces the result by v if v is set and more extreme.
func (r *reduction) extreme(v, set ir.Value) {
	f := r.f
	c := map[bool]ir.Cmp{true: ir.SLT, false: ir.ULT}[r.t.Signed]
	if r.t.Kind == types.Max {
		c = map[bool]ir.Cmp{true: ir.SGT, false: ir.UGT}[r.t.Signed]
	}
	isSet, better, take, next := f.b.NewBlock("set"), f.b.NewBlock("compare"), f.b.NewBlock("take"), f.b.NewBlock("next")
	f.b.If(ir.NE, 8, set, f.konst(0), isSet, next)
	f.b.UseSealed(isSet)
	f.b.If(ir.EQ, 8, f.b.Get(r.set), f.konst(0), take, better)
	f.b.UseSealed(better)
	f.b.If(c, 8, v, f.b.Get(r.acc), take, next)
	f.b.UseSealed(take)
	f.b.Set(r.acc, v)
	f.b.Set(r.set, f.konst(1))
	f.b.Jump(next)
	f.b.UseSealed(next)
}

// result returns the merged value. An average without values is 0.
func (r *reduction) result() ir.Value {
	f := r.f
	acc := f.b.Get(r.acc)
	if r.t.Kind != types.Avg {
		return acc
	}
	n := f.b.Get(r.set)
	div := func(x ir.Value) ir.Value {
		return f.IfElse(ir.NE, n, f.konst(0), func() ir.Value { return f.b.Bin(ir.OpDiv, x, n) }, func() ir.Value { return f.konst(0) })
	}
	if !r.t.Signed {
		return div(acc)
	}
	// BPF before 6.6 has no signed division: divide the magnitude and restore
	// the sign.
	return f.IfElse(ir.SLT, acc, f.konst(0),
		func() ir.Value { return f.b.Neg(div(f.b.Neg(acc))) },
		func() ir.Value { return div(acc) })
}
