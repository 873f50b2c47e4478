package stdlib

import (
	"fmt"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// stacks: captured into the value itself, so that equal stacks are equal keys.
var stacks = []*builtin.Func{
	{Sig: stackSig("kstack", "The kernel stack."), Lower: lowerStack},
	{Sig: stackSig("ustack", "The user stack of the current process."), Lower: lowerStack},
}

var stackModes = map[string]types.StackMode{
	"bpftrace": types.StackBpftrace, "perf": types.StackPerf, "raw": types.StackRaw, "build_id": types.StackBuildID,
}

func stackSig(name, doc string) *types.Signature {
	s := &types.Signature{Name: name, Row: "F-STACK", Usage: name + "([mode], [limit])", Doc: doc, Bare: true, Format: -1, Context: true,
		Params: []types.Param{
			{Name: "stack mode", Kind: types.WordParam, Optional: true, Words: []string{"bpftrace", "perf", "raw", "build_id"}},
			opt(param("limit", types.LitInt)),
		}}
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		mode, limit := c.Env.ConfigString("stack_mode"), int64(127)
		if n := c.Env.ConfigInt("max_stack_frames"); n > 0 {
			limit = min(n, 1024)
		}
		at := -1
		for i, a := range c.Args {
			switch {
			case a.Word != "":
				mode, at = a.Word, i
			case a.Const != nil:
				limit = int64(a.Const.Int)
				if limit > 1024 {
					return nil, problem("stack-limit", i, fmt.Sprintf("%s() limit shouldn't exceed 1024, %d given", name, limit))
				}
				if limit < 1 {
					return nil, problem("stack-limit", i, fmt.Sprintf("%s() limit must be at least 1", name))
				}
			}
		}
		if mode == "build_id" {
			if name == "kstack" {
				return nil, problem("bad-argument", at, "build_id mode can only be used for user stacks")
			}
			return nil, problem("not-supported", at, "not supported yet: stacks in build_id mode")
		}
		return types.StackType(name == "ustack", stackModes[mode], int(limit)), nil
	}
	return s
}

// userStack is BPF_F_USER_STACK (include/uapi/linux/bpf.h).
const userStack = 1 << 8

// lowerStack writes the frames behind a count; the rest of the value is zero,
// since the whole value may become a key.
func lowerStack(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	dst, clean := l.Dest(c.T.Size, "stack")
	if clean || c.T.Kind == types.UStack {
		l.Zero(dst, c.T.Size)
	}
	frames, flags := 8, int64(0)
	if c.T.Kind == types.UStack {
		frames, flags = 16, userStack
		b.Store(dst.Base, dst.Off, 4, b.BinI(ir.OpShr, b.Call(ir.HelperPidTgid), 32))
	}
	n := b.Call(ir.HelperGetStack, l.Ctx(), l.Addr(dst.At(frames)), b.Const(int64(8*c.T.Limit)), b.Const(flags))
	l.FailIf(ir.SLT, n, b.Const(0), builtin.ErrStack, c.At, ir.HelperGetStack)
	count := l.IfElse(ir.SLT, n, b.Const(0), func() ir.Value { return b.Const(0) }, func() ir.Value { return b.BinI(ir.OpShr, n, 3) })
	b.Store(dst.Base, dst.Off+frames-8, 8, count)
	return builtin.Operand{T: c.T, Mem: &dst}
}
