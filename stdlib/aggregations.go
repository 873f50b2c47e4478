package stdlib

import (
	"fmt"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/types"
)

// aggregations are kept in one cell per CPU and merged when printed, so that
// CPUs do not contend.
func aggregations() []*builtin.Func {
	return []*builtin.Func{
		agg("avg", "M-AVG", "avg(n)", "Average of n, with integer division.", types.Avg, 16, true, updateAvg),
		{
			Sig: aggSig("count", "M-COUNT", "count()", "How often it was called.", plainAgg(types.Count, 8)),
			Agg: &builtin.Agg{Kind: types.Count, Adds: true, Update: func(l builtin.Lowerer, base ir.Value, off int, _ *types.Type, _ []ir.Value, atomic bool) {
				addTo(l, base, off, weight(l), atomic)
			}},
		},
		{
			Sig: aggSig("hist", "M-HIST", "hist(n, [bits])", "Histogram of n by powers of two, each divided into 2^bits parts (0 to 5).", histType, intParam("n"), opt(param("bits", types.LitInt))),
			Agg: &builtin.Agg{Kind: types.Hist, Adds: true, Bucket: histBucket, Buckets: func(t *types.Type) int { return (64-t.Bits)<<t.Bits + 1<<t.Bits + 2 }},
		},
		{
			Sig: aggSig("lhist", "M-LHIST", "lhist(n, min, max, step)", "Linear histogram of n from min to max.", lhistType,
				intParam("n"), param("min", types.LitInt), param("max", types.LitInt), param("step", types.LitInt)),
			Agg: &builtin.Agg{Kind: types.LHist, Adds: true, Bucket: lhistBucket, Buckets: func(t *types.Type) int { return int((t.Hi-t.Lo)/t.Step) + 2 }},
		},
		agg("max", "M-MAX", "max(n)", "Greatest n.", types.Max, 16, false, updateExtreme(ir.SGT, ir.UGT)),
		agg("min", "M-MIN", "min(n)", "Least n.", types.Min, 16, false, updateExtreme(ir.SLT, ir.ULT)),
		agg("stats", "M-STATS", "stats(n)", "Count, average and total of n.", types.Stats, 16, true, updateAvg),
		agg("sum", "M-SUM", "sum(n)", "Sum of n.", types.Sum, 8, true, func(l builtin.Lowerer, base ir.Value, off int, _ *types.Type, args []ir.Value, atomic bool) {
			addTo(l, base, off, weighed(l, args[0]), atomic)
		}),
		tseries(),
	}
}

type updateFunc func(l builtin.Lowerer, base ir.Value, off int, t *types.Type, args []ir.Value, atomic bool)

// agg returns an aggregation over one number whose result has the number's
// sign. adds is Agg.Adds.
func agg(name, row, usage, doc string, k types.Kind, size int, adds bool, up updateFunc) *builtin.Func {
	infer := func(c *types.Call) (*types.Type, *types.Problem) {
		t := c.Args[0].Type
		if t == nil {
			return nil, nil
		}
		return &types.Type{Kind: k, Size: size, Signed: t.Signed}, nil
	}
	return &builtin.Func{Sig: aggSig(name, row, usage, doc, infer, intParam("n")), Agg: &builtin.Agg{Kind: k, Adds: adds, Update: up}}
}

func aggSig(name, row, usage, doc string, infer func(*types.Call) (*types.Type, *types.Problem), params ...types.Param) *types.Signature {
	return &types.Signature{Name: name, Row: row, Usage: usage, Doc: doc, Params: params, Infer: infer, Agg: true, Format: -1}
}

func plainAgg(k types.Kind, size int) func(*types.Call) (*types.Type, *types.Problem) {
	t := &types.Type{Kind: k, Size: size}
	return func(*types.Call) (*types.Type, *types.Problem) { return t, nil }
}

func addTo(l builtin.Lowerer, base ir.Value, off int, v ir.Value, atomic bool) {
	if atomic {
		l.B().AtomicAdd(base, off, 8, v)
		return
	}
	l.B().Store(base, off, 8, l.B().Bin(ir.OpAdd, l.B().Load(base, off, 8), v))
}

// updateAvg updates total and count (A-LY-07).
func updateAvg(l builtin.Lowerer, base ir.Value, off int, _ *types.Type, args []ir.Value, atomic bool) {
	addTo(l, base, off, weighed(l, args[0]), atomic)
	addTo(l, base, off+8, weight(l), atomic)
}

// weight returns the number of events that the present one counts for.
func weight(l builtin.Lowerer) ir.Value {
	if n, ok := l.Weight(); ok {
		return n
	}
	return l.B().Const(1)
}

// weighed returns a value times its weight.
func weighed(l builtin.Lowerer, v ir.Value) ir.Value {
	if n, ok := l.Weight(); ok {
		return l.B().Bin(ir.OpMul, v, n)
	}
	return v
}

// updateExtreme updates the value and a flag that is set once there is one
// (A-LY-06). If two tasks interleave on one CPU and both store, the less
// extreme value can win. BPF has no atomic minimum to avoid that.
func updateExtreme(signed, unsigned ir.Cmp) updateFunc {
	return func(l builtin.Lowerer, base ir.Value, off int, t *types.Type, args []ir.Value, _ bool) {
		b := l.B()
		c := unsigned
		if t.Signed {
			c = signed
		}
		compare, store, done := b.NewBlock("compare"), b.NewBlock("store"), b.NewBlock("kept")
		b.If(ir.EQ, 8, b.Load(base, off+8, 8), b.Const(0), store, compare)
		b.UseSealed(compare)
		b.If(c, 8, args[0], b.Load(base, off, 8), store, done)
		b.UseSealed(store)
		b.Store(base, off, 8, args[0])
		b.Store(base, off+8, 8, b.Const(1))
		b.Jump(done)
		b.UseSealed(done)
	}
}

func histType(c *types.Call) (*types.Type, *types.Problem) {
	bits := int64(0)
	if len(c.Args) > 1 {
		if c.Args[1].Const == nil {
			return nil, nil
		}
		bits, _ = litInt(c, 1)
	}
	if bits < 0 || bits > 5 {
		return nil, worded(problem("hist-bits", 1, fmt.Sprintf("hist() bits %d must be 0..5", bits)), fmt.Sprintf("hist: bits %d must be 0..5", bits))
	}
	return &types.Type{Kind: types.Hist, Size: 8, Bits: int(bits)}, nil
}

func lhistType(c *types.Call) (*types.Type, *types.Problem) {
	for i := 1; i <= 3; i++ {
		if c.Args[i].Const == nil {
			return nil, nil
		}
	}
	lo, _ := litInt(c, 1)
	hi, _ := litInt(c, 2)
	step, _ := litInt(c, 3)
	switch {
	case step < 1:
		return nil, problem("lhist-parameters", 3, fmt.Sprintf("lhist() step must be >= 1 (%d provided)", step))
	case lo > hi:
		return nil, problem("lhist-parameters", 1, fmt.Sprintf("lhist() min must be less than max (provided min %d and max %d)", lo, hi))
	case hi-lo < step:
		return nil, worded(problem("lhist-parameters", 3, fmt.Sprintf("lhist() step is larger than the range (provided %d for the range %d)", step, hi-lo)), fmt.Sprintf("lhist() step is too large for the given range (provided step %d for range %d)", step, hi-lo))
	case (hi-lo)/step > 1000:
		return nil, problem("lhist-parameters", 3, fmt.Sprintf("lhist() too many buckets, must be <= 1000 (would need %d)", (hi-lo)/step))
	}
	return &types.Type{Kind: types.LHist, Size: 8, Lo: lo, Hi: hi, Step: step}, nil
}

// log2Table is floor(log2(n)) of every byte.
var log2Table = func() []byte {
	t := make([]byte, 256)
	for i := 2; i < 256; i++ {
		t[i] = t[i/2] + 1
	}
	return t
}()

// log2 computes floor(log2(n)) of a positive number with three halvings and a
// table, so without a loop.
func log2(l builtin.Lowerer, n ir.Value) ir.Value {
	b := l.B()
	x, r := b.NewVar(ir.Scalar), b.NewVar(ir.Scalar)
	b.Set(x, n)
	b.Set(r, b.Const(0))
	for _, k := range []int64{32, 16, 8} {
		big, next := b.NewBlock("high"), b.NewBlock("low")
		b.If(ir.UGE, 8, b.Get(x), b.Const(1<<k), big, next)
		b.UseSealed(big)
		b.Set(x, b.BinI(ir.OpShr, b.Get(x), k))
		b.Set(r, b.BinI(ir.OpAdd, b.Get(r), k))
		b.Jump(next)
		b.UseSealed(next)
	}
	t := l.Table("log2", log2Table)
	at := b.Bin(ir.OpAdd, l.Addr(t), b.BinI(ir.OpAnd, b.Get(x), 255))
	return b.Bin(ir.OpAdd, b.Get(r), b.Load(at, 0, 1))
}

// histBucket returns the bucket of n: 0 below zero, n+1 below 2^k, otherwise by
// the leading one and the k bits after it (M-HIST).
func histBucket(l builtin.Lowerer, t *types.Type, args []ir.Value) ir.Value {
	b, n, k := l.B(), args[0], int64(t.Bits)
	return l.IfElse(ir.SLT, n, b.Const(1<<k), func() ir.Value {
		return l.IfElse(ir.SLT, n, b.Const(0),
			func() ir.Value { return b.Const(0) },
			func() ir.Value { return b.BinI(ir.OpAdd, n, 1) })
	}, func() ir.Value {
		if k == 0 {
			return b.BinI(ir.OpAdd, log2(l, n), 2)
		}
		lead := b.BinI(ir.OpSub, log2(l, n), k)
		part := b.BinI(ir.OpAnd, b.Bin(ir.OpShr, n, lead), 1<<k-1)
		high := b.BinI(ir.OpShl, b.BinI(ir.OpAdd, lead, 1), k)
		return b.BinI(ir.OpAdd, b.Bin(ir.OpAdd, high, part), 1)
	})
}

// lhistBucket returns the bucket of n: 0 below min, the last one from max on,
// otherwise linear.
func lhistBucket(l builtin.Lowerer, t *types.Type, args []ir.Value) ir.Value {
	b, n := l.B(), args[0]
	last := (t.Hi-t.Lo)/t.Step + 1
	return l.IfElse(ir.SLT, n, b.Const(t.Lo), func() ir.Value { return b.Const(0) }, func() ir.Value {
		return l.IfElse(ir.SGT, n, b.Const(t.Hi), func() ir.Value { return b.Const(last) }, func() ir.Value {
			return b.BinI(ir.OpAdd, b.BinI(ir.OpDiv, b.BinI(ir.OpSub, n, t.Lo), t.Step), 1)
		})
	})
}
