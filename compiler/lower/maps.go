package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
)

// Flags of map_update_elem (include/uapi/linux/bpf.h).
const (
	updateAny     = 0
	updateNoExist = 1
	updateExist   = 2
)

// The errno values that updates distinguish.
const (
	eexist = -17
	e2big  = -7
)

func (f *fn) om(m *hir.Map) *object.Map { return f.u.Obj.Maps[m.Index] }

func (f *fn) mapPtr(m *hir.Map) ir.Value { return f.b.Map(f.u.mapIndex[m.Index]) }

// mapAddr returns the address of a map, or of the value that is all there is of one.
func (f *fn) mapAddr(m *hir.Map) ir.Value {
	if om := f.om(m); om.Storage == object.StoreGlobal {
		return f.b.MapValue(mapData, om.Off)
	}
	if n := f.u.mapIndex[m.Index]; n >= 0 {
		return f.b.Map(n)
	}
	return f.b.MapValue(mapData, 0)
}

// global returns the place of a keyless value and of its "was written" word.
func (f *fn) global(m *hir.Map) (val, set builtin.Place) {
	om := f.om(m)
	return f.local(f.b.MapValue(mapData, om.Off)), f.local(f.b.MapValue(mapData, om.SetOff))
}

// key stores a key in memory, with room for a bucket number after it.
func (f *fn) key(m *hir.Map, k hir.Expr) builtin.Place {
	om := f.om(m)
	size := om.KeySize
	if om.BucketInKey {
		size = (size+7)/8*8 + 8
	}
	// Use a value that is already in local memory as the key, without a copy.
	if !hir.IsNil(k) && !k.Type().IsScalar() && !om.BucketInKey {
		switch k.(type) {
		case *hir.VarRef, *hir.Member:
			if o := f.Operand(k); o.Mem != nil && o.Mem.Space == types.Local {
				return *o.Mem
			}
		}
	}
	p := f.Scratch(size, "key")
	if hir.IsNil(k) {
		f.b.Store(p.Base, p.Off, 8, f.konst(0))
		return p
	}
	f.into(k, p, true)
	if pad := (om.KeySize+7)/8*8 - om.KeySize; om.BucketInKey && pad > 0 {
		f.Zero(p.At(om.KeySize), pad)
	}
	return p
}

func (f *fn) lookup(m *hir.Map, key builtin.Place) ir.Value {
	return f.b.Call(ir.HelperMapLookup, f.mapPtr(m), f.Addr(key))
}

// updateFailed counts a failed update. A full map is counted separately from
// other errors.
func (f *fn) updateFailed(r ir.Value, m *hir.Map, at source.Span) {
	bad, next := f.b.Cold(f.b.NewBlock("refused")), f.b.NewBlock("updated")
	f.b.If(ir.EQ, 8, r, f.konst(0), next, bad)
	f.b.UseSealed(bad)
	f.countUpdate(r, m, at)
	f.b.Jump(next)
	f.b.UseSealed(next)
}

// countUpdate counts a failed update by its error: a full map has its own
// message, since the user can raise max_map_keys.
func (f *fn) countUpdate(r ir.Value, m *hir.Map, at source.Span) {
	other, count := f.b.Cold(f.b.NewBlock("error")), f.b.Cold(f.b.NewBlock("count"))
	site := func(kind builtin.ErrorKind) ir.Value {
		return f.b.MapValue(mapData, f.u.errorSite(siteKey{kind, at, f.site.Name, m.Name, ir.HelperMapUpdate}, true))
	}
	// Only the place differs, so that a script with a thousand updates stays short.
	place := f.b.NewVar(ir.PtrMapValue)
	f.b.Set(place, site(builtin.ErrMapFull))
	// Before 6.4 map operations return an int. If the verifier has turned the
	// helper call into a direct call, the upper half of r0 is undefined, so
	// compare 4 bytes.
	f.b.If(ir.EQ, 4, r, f.konst(e2big), count, other)
	f.b.UseSealed(other)
	f.b.Set(place, site(builtin.ErrMapUpdate))
	f.b.Jump(count)
	f.b.UseSealed(count)
	f.failAt(f.b.Get(place), r)
}

// mapGet reads @m or @m[key]; a missing key gives zero (T-MAP-04).
func (f *fn) mapGet(e *hir.MapGet) builtin.Operand {
	om := f.om(e.Map)
	if e.Map.Value.IsAgg() {
		if om.Storage == object.StorePerCPU {
			return builtin.Operand{T: e.T, V: f.reduceKeyless(e.Map)}
		}
		key := f.key(e.Map, e.Key)
		return builtin.Operand{T: e.T, V: f.reduceKey(e.Map, f.Addr(key))}
	}
	if om.Storage == object.StoreGlobal {
		val, _ := f.global(e.Map)
		return f.fromPlace(val, e.T, e.At)
	}
	key := f.key(e.Map, e.Key)
	p := f.lookup(e.Map, key)
	if e.T.IsScalar() {
		v := f.IfElse(ir.NE, p, f.konst(0),
			func() ir.Value { return f.plain(f.load(f.local(p), e.T, e.At)) },
			func() ir.Value { f.missing(e.Map, e.At); return f.konst(0) })
		return builtin.Operand{T: e.T, V: f.forget(v)}
	}
	dst := f.Scratch(e.T.Size, "value")
	have, none, join := f.b.NewBlock("found"), f.b.NewBlock("missing"), f.b.NewBlock("read")
	f.b.If(ir.NE, 8, p, f.konst(0), have, none)
	f.b.UseSealed(have)
	f.Copy(dst, f.local(p), e.T.Size, e.At)
	f.b.Jump(join)
	f.b.UseSealed(none)
	f.missing(e.Map, e.At)
	f.Zero(dst, e.T.Size)
	f.b.Jump(join)
	f.b.UseSealed(join)
	return builtin.Operand{T: e.T, Mem: &dst}
}

// missing counts the read of a missing key, if the configuration asks for it
// (R-ERR-04).
func (f *fn) missing(m *hir.Map, at source.Span) {
	if f.u.cfg.Lookups {
		f.failMap(builtin.ErrLookup, at, ir.HelperMapLookup, m.Name)
	}
}

// setMap lowers @m[k] = x.
func (f *fn) setMap(s *hir.SetMap) {
	om := f.om(s.Map)
	t := s.Map.Value
	if om.Storage == object.StoreGlobal {
		val, set := f.global(s.Map)
		if t.IsScalar() {
			f.store(val, t, f.Scalar(s.X))
		} else {
			f.put2(val, s.X, t)
		}
		f.b.Store(set.Base, set.Off, 8, f.konst(1))
		return
	}
	// Key before value (E-PRIM-09).
	key := f.key(s.Map, s.Key)
	if t.IsScalar() {
		v := f.Scalar(s.X)
		if !f.u.deleted[s.Map] {
			f.storeInPlace(s, key, v)
			return
		}
		p := f.Scratch(8, "value")
		f.store(p, t, v)
		f.update(s.Map, key, p, s.At)
		return
	}
	var p builtin.Place
	if o, ok := s.X.(*hir.VarRef); ok {
		p = f.Local(f.Operand(o), s.At)
	} else {
		p = f.Scratch(t.Size, "value")
		f.into(s.X, p, true)
	}
	f.update(s.Map, key, p, s.At)
}

func (f *fn) update(m *hir.Map, key, val builtin.Place, at source.Span) {
	r := f.b.Call(ir.HelperMapUpdate, f.mapPtr(m), f.Addr(key), f.Addr(val), f.konst(updateAny))
	f.updateFailed(r, m, at)
}

// storeInPlace writes a value of at most 8 bytes. If the key exists, it writes
// directly into the entry, which is far cheaper than an update.
func (f *fn) storeInPlace(s *hir.SetMap, key builtin.Place, v ir.Value) {
	p := f.lookup(s.Map, key)
	have, none, join := f.b.NewBlock("found"), f.b.Cold(f.b.NewBlock("missing")), f.b.NewBlock("stored")
	f.b.If(ir.NE, 8, p, f.konst(0), have, none)
	f.b.UseSealed(have)
	f.store(f.local(p), s.Map.Value, v)
	f.b.Jump(join)
	f.b.UseSealed(none)
	tmp := f.Scratch(8, "value")
	f.store(tmp, s.Map.Value, v)
	f.update(s.Map, key, tmp, s.At)
	f.b.Jump(join)
	f.b.UseSealed(join)
}

// updateMap replaces a scalar value by change of it and returns the old value.
// It is not atomic, as the language specifies (T-MAP-10).
func (f *fn) updateMap(m *hir.Map, k hir.Expr, change func(ir.Value) ir.Value, at source.Span) ir.Value {
	om := f.om(m)
	if om.Storage == object.StoreGlobal {
		val, set := f.global(m)
		old := f.load(val, m.Value, at).V
		f.store(val, m.Value, change(old))
		f.b.Store(set.Base, set.Off, 8, f.konst(1))
		return old
	}
	key := f.key(m, k)
	p := f.lookup(m, key)
	return f.IfElse(ir.NE, p, f.konst(0), func() ir.Value {
		old := f.load(f.local(p), m.Value, at).V
		f.store(f.local(p), m.Value, change(old))
		return old
	}, func() ir.Value {
		f.missing(m, at)
		tmp := f.Scratch(8, "value")
		f.store(tmp, m.Value, change(f.konst(0)))
		f.update(m, key, tmp, at)
		return f.konst(0)
	})
}

// HasKey returns 1 if the key is in the map, otherwise 0.
func (f *fn) HasKey(m *hir.Map, key hir.Expr) ir.Value {
	p := f.lookup(m, f.hashKey(m, key))
	return f.Select(ir.NE, p, f.konst(0), f.konst(1), f.konst(0))
}

// hashKey returns the key in the form of the hash: histograms have a bucket
// number, here 0, after it.
func (f *fn) hashKey(m *hir.Map, key hir.Expr) builtin.Place {
	p := f.key(m, key)
	if om := f.om(m); om.BucketInKey {
		f.b.Store(p.Base, p.Off+(om.KeySize+7)/8*8, 8, f.konst(0))
	}
	return p
}

// Find copies the value into the variable if the key is there.
func (f *fn) Find(m *hir.Map, key hir.Expr, v *hir.Var) ir.Value {
	p := f.lookup(m, f.hashKey(m, key))
	have, none, join := f.b.NewBlock("found"), f.b.NewBlock("missing"), f.b.NewBlock("find")
	r := f.b.NewVar(ir.Scalar)
	f.b.If(ir.NE, 8, p, f.konst(0), have, none)
	f.b.UseSealed(have)
	f.SetVar(v, f.fromPlace(f.local(p), m.Value, v.At))
	f.b.Set(r, f.konst(1))
	f.b.Jump(join)
	f.b.UseSealed(none)
	f.b.Set(r, f.konst(0))
	f.b.Jump(join)
	f.b.UseSealed(join)
	return f.b.Get(r)
}

// Delete removes a key or resets a keyless map. It returns 1 if the key was
// there.
func (f *fn) Delete(m *hir.Map, key hir.Expr) ir.Value {
	om := f.om(m)
	switch om.Storage {
	case object.StoreGlobal:
		val, set := f.global(m)
		was := f.b.Load(set.Base, set.Off, 8)
		f.Zero(val, om.ValueSize)
		f.b.Store(set.Base, set.Off, 8, f.konst(0))
		return was
	case object.StorePerCPU:
		f.eachCPU(func(block builtin.Place) {
			size := om.ValueSize
			if om.Buckets > 0 {
				size = om.Buckets * value.CellSize(m.Value)
			}
			f.Zero(block.At(om.Off), size)
			if om.SetOff >= 0 {
				f.Zero(block.At(om.SetOff), 8)
			}
		})
		return f.konst(1)
	}
	r := f.b.Call(ir.HelperMapDelete, f.mapPtr(m), f.Addr(f.hashKey(m, key)))
	return f.Select(ir.EQ, r, f.konst(0), f.konst(1), f.konst(0))
}

// eachCPU generates a loop over the blocks of aggregation cells of all possible
// CPUs.
func (f *fn) eachCPU(body func(block builtin.Place)) {
	i := f.b.NewVar(ir.Scalar)
	f.b.Set(i, f.konst(0))
	form := plainLoop
	n := int64(f.Target().CPUMask() + 1)
	f.turn(form, 0, func(in, done ir.Block) {
		f.b.If(ir.ULT, 8, f.b.Get(i), f.konst(min(n, int64(f.u.Obj.NCPU))), in, done)
	}, func() {
		st := f.konst(0)
		f.u.stride = append(f.u.stride, patch{f.f, st})
		cpu := f.b.BinI(ir.OpAnd, f.b.Get(i), n-1)
		body(f.local(f.b.Bin(ir.OpAdd, f.b.MapValue(mapPerCPU, 0), f.b.Bin(ir.OpMul, cpu, st))))
	}, func() {
		f.b.Set(i, f.b.BinI(ir.OpAdd, f.b.Get(i), 1))
	})
}
