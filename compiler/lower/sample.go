package lower

import (
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// sampleable reports whether a probe can look at a part of its events only:
// whether all that it does is to count, so that its counts can be scaled. A value
// that is set or printed for some events would say nothing about the others.
func (u *Unit) sampleable(pr *hir.Probe) bool {
	ok := true
	expr := func(e hir.Expr) {
		switch e := e.(type) {
		case *hir.Call:
			ok = ok && !e.Sig.Async && !e.Sig.Ends && !e.Sig.Unsafe && e.Sig.Effects&^types.Loops == 0
		case *hir.IncDec:
			ok = ok && e.Map == nil
		}
	}
	counts := 0
	hir.WalkExpr(pr.Pred, expr, nil)
	hir.WalkBlock(pr.Body, expr, func(s hir.Stmt) {
		switch s := s.(type) {
		case *hir.SetMap, *hir.ForMap:
			ok = false
		case *hir.Aggregate:
			fn := u.cfg.Builtins[s.Fn.Name]
			ok = ok && fn.Agg.Slot == nil
			counts++
		}
	})
	return ok && counts > 0
}

// sample lets only a part of the events into the program, once user space has
// written how many: one of n, where the word in p_data holds n-1 and n is a power
// of two. 0 means all.
func (f *fn) sample() {
	mask := f.b.Load(f.b.MapValue(mapData, f.sampleOff), 0, 8)
	some, go1, out := f.b.NewBlock("sample"), f.b.NewBlock("sampled"), f.b.NewBlock("passed")
	f.b.If(ir.EQ, 8, mask, f.konst(0), go1, some)
	f.b.UseSealed(some)
	dice := f.b.Bin(ir.OpAnd, f.b.Call(ir.HelperPrandom), mask)
	f.b.If(ir.EQ, 8, dice, f.konst(0), go1, out)
	f.b.UseSealed(out)
	f.b.Ret(f.result())
	f.b.UseSealed(go1)
}

// Weight returns the number of events that the present one stands for; ok is
// false in a program that always looks at all.
func (f *fn) Weight() (n ir.Value, ok bool) {
	if f.sampleOff == 0 {
		return n, false
	}
	return f.b.BinI(ir.OpAdd, f.b.Load(f.b.MapValue(mapData, f.sampleOff), 0, 8), 1), true
}
