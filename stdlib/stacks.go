package stdlib

import (
	"fmt"
	"math/bits"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// stacks have the id of their frames as value, so that equal stacks are equal
// keys and keys stay small.
func stacks() []*builtin.Func {
	return []*builtin.Func{
		{Sig: stackSig("kstack", "The kernel stack."), Prefers: []target.Feature{target.NoPrealloc}, Lower: lowerStack},
		{Sig: stackSig("ustack", "The user stack of the current process."), Prefers: []target.Feature{target.NoPrealloc}, Lower: lowerStack},
		later("dw_ustack", "F-DWUSTACK"),
	}
}

var stackModes = map[string]types.StackMode{
	"bpftrace": types.StackBpftrace, "perf": types.StackPerf, "raw": types.StackRaw, "build_id": types.StackBuildID,
}

func stackSig(name, doc string) *types.Signature {
	s := &types.Signature{Name: name, Row: "F-STACK", Usage: name + "([mode], [limit])", Doc: doc, Bare: true, Format: -1, Context: true, Reserved: true, Effects: types.Loops, Uses: types.Uses{Stack: true},
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
					return nil, worded(problem("stack-limit", i, fmt.Sprintf("%s() limit shouldn't exceed 1024, %d given", name, limit)), fmt.Sprintf("%s([int limit]): limit shouldn't exceed 1024, %d given", name, limit))
				}
				if limit < 1 {
					return nil, problem("stack-limit", i, fmt.Sprintf("%s() limit must be at least 1", name))
				}
			}
		}
		if mode == "build_id" && name == "kstack" {
			return nil, worded(problem("bad-argument", at, "build_id mode can only be used for user stacks"), "'build_id' stack mode can only be used for ustack")
		}
		return types.StackType(name == "ustack", stackModes[mode], int(limit)), nil
	}
	return s
}

// Flags of the helper: BPF_F_USER_STACK and BPF_F_USER_BUILD_ID
// (include/uapi/linux/bpf.h).
const (
	userStack   = 1 << 8
	userBuildID = 1 << 11
)

// lowerStack stores the frames and builds the value: for user stacks the
// process, then the id and the number of frames.
func lowerStack(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	user := c.T.Kind == types.UStack
	flags := int64(0)
	if user {
		flags = userStack
	}
	frame := int64(8 * c.T.FrameWords())
	if c.T.Mode == types.StackBuildID {
		flags |= userBuildID
	}
	most := b.Const(frame * int64(c.T.Limit))
	n := b.Call(ir.HelperGetStack, l.Ctx(), l.Addr(l.StackBuffer()), most, b.Const(flags))
	// Errors are negative, and so beyond the limit as unsigned numbers. The
	// comparison also bounds the result for verifiers before 5.11, which do not
	// know the maximum that the helper returns.
	l.FailIf(ir.UGT, n, most, builtin.ErrStack, c.At, ir.HelperGetStack)
	size := l.Select(ir.UGT, n, most, b.Const(0), n)
	id, bytes := l.KeepStack(size, c.At)
	dst, _ := l.Dest(c.T.Size, "stack")
	off := dst.Off
	if user {
		b.Store(dst.Base, off, 4, b.BinI(ir.OpShr, b.Call(ir.HelperPidTgid), 32))
		b.Store(dst.Base, off+4, 4, b.Const(0))
		off += 8
	}
	b.Store(dst.Base, off, 8, id)
	b.Store(dst.Base, off+8, 8, b.BinI(ir.OpShr, bytes, int64(bits.TrailingZeros64(uint64(frame)))))
	return builtin.Operand{T: c.T, Mem: &dst}
}
