package stdlib

import (
	"fmt"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/types"
)

// maxIntervals is the maximum number of intervals of a time series (A-LIM-13).
const maxIntervals = 1_000_000

// reductions are the ways to combine the values of one interval; the empty one
// keeps the last value.
var reductions = map[string]bool{"": true, "avg": true, "max": true, "min": true, "sum": true}

// tseries returns the aggregation over intervals of the TAI clock. The
// intervals form a ring: interval number n is in bucket n mod count, and the
// bucket's cell (A-LY-08) holds n.
func tseries() *builtin.Func {
	sig := aggSig("tseries", "M-TSERIES", `tseries(n, interval, count, ["avg" | "max" | "min" | "sum"])`,
		"Values of n over time: the last one of each interval, or their average, maximum, minimum or sum, for the newest count intervals.", tseriesType,
		intParam("n"), param("interval", types.LitInt), param("count", types.LitInt), opt(param("reduction", types.LitString)))
	sig.Unstable = "tseries"
	return &builtin.Func{Sig: sig, Agg: &builtin.Agg{
		Kind: types.TSeries, Slot: tseriesSlot, Buckets: func(t *types.Type) int { return t.Buckets },
	}}
}

func tseriesType(c *types.Call) (*types.Type, *types.Problem) {
	for _, a := range c.Args[1:] {
		if a.Const == nil {
			return nil, nil
		}
	}
	if c.Args[0].Type == nil {
		return nil, nil
	}
	interval, _ := litInt(c, 1)
	count, _ := litInt(c, 2)
	reduce := ""
	if len(c.Args) > 3 {
		reduce = c.Args[3].Const.Str
	}
	bad := func(arg int, compat, format string, args ...any) (*types.Type, *types.Problem) {
		return nil, worded(problem("tseries-parameters", arg, fmt.Sprintf(format, args...)), compat)
	}
	switch {
	case interval < 1:
		return bad(1, fmt.Sprintf("tseries() interval_ns must be >= 1 (%d provided)", interval), "the interval of tseries() must be at least 1 ns (%d provided)", interval)
	case count < 1:
		return bad(2, fmt.Sprintf("tseries() num_intervals must be >= 1 (%d provided)", count), "tseries() needs at least 1 interval (%d provided)", count)
	case count > maxIntervals:
		return bad(2, fmt.Sprintf("tseries() num_intervals must be < %d (%d provided)", maxIntervals, count), "tseries() keeps at most %d intervals (%d provided)", maxIntervals, count)
	case !reductions[reduce]:
		return bad(3, fmt.Sprintf("tseries() expects one of the following aggregation functions: avg, max, min, sum (%q provided)", reduce), "tseries() can take avg, max, min or sum of an interval, not %q", reduce)
	}
	return &types.Type{Kind: types.TSeries, Size: 24, Signed: c.Args[0].Type.Signed, Interval: interval, Buckets: int(count), Reduce: reduce}, nil
}

// tseriesSlot returns the bucket of the current interval and its update. The
// first value of an interval replaces what the cell held of an older one. If
// two tasks interleave on one CPU just when an interval begins, one of their
// values can be lost.
func tseriesSlot(l builtin.Lowerer, t *types.Type, args []ir.Value) (ir.Value, func(base ir.Value, off int, atomic bool)) {
	const value, meta, epoch = 0, 8, 16 // offsets in the cell
	b, n := l.B(), args[0]
	now := l.SeriesTime()
	number := b.BinI(ir.OpDiv, now, t.Interval)
	bucket := b.BinI(ir.OpMod, number, int64(t.Buckets))
	mark := b.BinI(ir.OpAdd, number, 1) // 0 marks a cell that was never written
	return bucket, func(base ir.Value, off int, atomic bool) {
		first, more, done := b.NewBlock("first"), b.NewBlock("more"), b.NewBlock("kept")
		put := func(m ir.Value) {
			b.Store(base, off+value, 8, n)
			b.Store(base, off+meta, 8, m)
		}
		b.If(ir.EQ, 8, b.Load(base, off+epoch, 8), mark, more, first)
		b.UseSealed(first)
		if t.Reduce == "" {
			put(now)
		} else {
			put(b.Const(1))
		}
		b.Store(base, off+epoch, 8, mark)
		b.Jump(done)
		b.UseSealed(more)
		switch t.Reduce {
		case "":
			put(now)
		case "sum":
			addTo(l, base, off+value, n, atomic)
		case "avg":
			addTo(l, base, off+value, n, atomic)
			addTo(l, base, off+meta, b.Const(1), atomic)
		default:
			better := b.NewBlock("better")
			b.If(seriesOrder(t), 8, n, b.Load(base, off+value, 8), better, done)
			b.UseSealed(better)
			b.Store(base, off+value, 8, n)
		}
		b.Jump(done)
		b.UseSealed(done)
	}
}

// seriesOrder returns the comparison of a value with those that it replaces.
func seriesOrder(t *types.Type) ir.Cmp {
	switch {
	case t.Reduce == "min" && t.Signed:
		return ir.SLT
	case t.Reduce == "min":
		return ir.ULT
	case t.Signed:
		return ir.SGT
	}
	return ir.UGT
}
