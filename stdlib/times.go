package stdlib

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// times has clocks and their texts.
func times() []*builtin.Func {
	return []*builtin.Func{
		{Sig: bare("elapsed", "B-ELAPSED", types.Uint64, "Nanoseconds since just before the begin probes ran."), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().Bin(ir.OpSub, l.B().Call(ir.HelperKtimeBootNS), l.StartNS()))
		}},
		{Sig: bare("jiffies", "B-JIFFIES", types.Uint64, "The 64-bit jiffies counter."), Lower: helper(ir.HelperJiffies64)},
		{Sig: reserved(nsecsSig()), Prefers: []target.Feature{target.TaiTime}, Lower: lowerNsecs},
		{Sig: &types.Signature{Name: "strftime", Row: "F-STRFTIME", Usage: `strftime("format", nsecs)`, Format: -1, Doc: "A clock reading as local time, formatted when printed.",
			Params: []types.Param{param("format", types.LitString), intParam("nsecs")}, Result: types.TimeType}, Lower: lowerStrftime},
		{Sig: async("time", "F-TIME", `time(["format"])`, "Prints the wall clock.", opt(param("format", types.LitString))), UserHalf: &builtin.UserHalf{
			Handle: func(env builtin.Env, r *builtin.Record) error {
				format := "%H:%M:%S\n"
				if len(r.Call.Consts) > 0 && r.Call.Consts[0] != nil {
					format = r.Call.Consts[0].Str
				}
				text, err := value.TimeText(format, env.Now())
				if err != nil {
					return err
				}
				env.Text("time", []byte(text))
				return nil
			}}},
	}
}

func nsecsSig() *types.Signature {
	s := bare("nsecs", "B-NSECS", types.Uint64, "Nanoseconds of a clock: boot (default), monotonic, tai or sw_tai.")
	s.Usage = "nsecs([clock])"
	s.Params = []types.Param{{Name: "timestamp mode", Kind: types.WordParam, Optional: true, Words: []string{"boot", "monotonic", "tai", "sw_tai"}}}
	s.NoReplayWord = map[string]string{"sw_tai": ir.Helpers[ir.HelperKtimeTaiNS].NoReplay}
	return s
}

func clockOf(c *hir.Call) string {
	if len(c.Args) > 0 {
		if w, ok := c.Args[0].(*hir.WordArg); ok {
			return w.Word
		}
	}
	return "boot"
}

func lowerNsecs(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	switch clockOf(c) {
	case "monotonic":
		return scalar(c, b.Call(ir.HelperKtimeGetNS))
	case "tai":
		if l.Target().Has(target.TaiTime) {
			return scalar(c, b.Call(ir.HelperKtimeTaiNS))
		}
		l.Refuse("missing-kernel-feature", c.At, "this kernel cannot read the tai clock in a program", "the helper ktime_get_tai_ns exists since Linux 6.1", "use nsecs(sw_tai)")
		return scalar(c, b.Const(0))
	case "sw_tai":
		return scalar(c, b.Bin(ir.OpAdd, b.Call(ir.HelperKtimeBootNS), l.TAIOffset()))
	}
	return scalar(c, b.Call(ir.HelperKtimeBootNS))
}

// lowerStrftime builds a timestamp: format id, clock and reading.
func lowerStrftime(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	clock := value.ClockBoot
	if n, ok := c.Args[1].(*hir.Call); ok && n.Sig.Name == "nsecs" {
		switch clockOf(n) {
		case "monotonic":
			l.Refuse("monotonic-time", c.At, "strftime() can not take a monotonic timestamp", "a monotonic clock has no fixed distance to the wall clock", "use nsecs() or nsecs(boot)")
		case "tai":
			clock = value.ClockTAI
		case "sw_tai":
			clock = value.ClockSoftwareTAI
		}
	}
	ns := l.Scalar(c.Args[1])
	p, _ := l.Dest(16, "time")
	b.Store(p.Base, p.Off, 4, b.Const(int64(l.Intern(c.Args[0].(*hir.Bytes).V))))
	b.Store(p.Base, p.Off+4, 4, b.Const(int64(clock)))
	b.Store(p.Base, p.Off+8, 8, ns)
	return builtin.Operand{T: c.T, Mem: &p}
}
