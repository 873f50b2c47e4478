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
		{Sig: dwarfStackSig(), Prefers: []target.Feature{target.NoPrealloc}, Needs: []target.Feature{target.TaskBTF, target.TaskPtRegs}, Lower: lowerDwarfStack},
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

// dwarfStackSig is the signature of dw_ustack, which takes what ustack takes. It
// needs the process whose table is made before its stacks are walked.
func dwarfStackSig() *types.Signature {
	s := stackSig("dw_ustack", "The user stack of a process, by the descriptions of its frames (.eh_frame) in place of frame pointers. It needs -p, -c or --dwarf-pid; of other processes it is ustack.")
	s.Row, s.Unstable, s.UnstableWords = "F-DWUSTACK", "dw_ustack", "dw_ustack (DWARF stack unwinding)"
	infer := s.Infer
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		pid := c.Env.ChildPID()
		if f, ok := c.Env.(types.Filtered); ok && pid == 0 {
			pid, _ = f.Filter()
		}
		if u, ok := c.Env.(types.Unwinding); ok && pid == 0 {
			pid = u.UnwindPID()
		}
		if pid == 0 {
			return nil, worded(problem("missing-process", -1, "dw_ustack() needs the process whose stacks it walks: -p, -c or --dwarf-pid"),
				"dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.")
		}
		for i, a := range c.Args {
			if a.Word == "build_id" {
				return nil, problem("bad-argument", i, "dw_ustack() has no build ids: use ustack(build_id)")
			}
		}
		t, p := infer(c)
		if p != nil {
			return nil, p
		}
		return types.StackType(true, t.Mode, t.Limit), nil
	}
	return s
}

// Flags of the helper: BPF_F_USER_STACK and BPF_F_USER_BUILD_ID
// (include/uapi/linux/bpf.h).
const (
	userStack   = 1 << 8
	userBuildID = 1 << 11
)

// lowerStack stores the frames and builds the value.
func lowerStack(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	return stackValue(l, c, takeStack(l, c))
}

// lowerDwarfStack is lowerStack for dw_ustack.
func lowerDwarfStack(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	tgid := l.B().BinI(ir.OpShr, l.PidTgid(), 32)
	return stackValue(l, c, l.OfUnwound(tgid,
		func() ir.Value { return l.UnwindUser(c.T.Limit, c.At) },
		func() ir.Value { return takeStack(l, c) }))
}

// takeStack writes the frames to the stack buffer and returns their size.
func takeStack(l builtin.Lowerer, c *hir.Call) ir.Value {
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
	return l.Select(ir.UGT, n, most, b.Const(0), n)
}

// stackValue keeps the frames in the stack buffer and builds the value: for user
// stacks the process, then the id and the number of frames.
func stackValue(l builtin.Lowerer, c *hir.Call, size ir.Value) builtin.Operand {
	b := l.B()
	user := c.T.Kind == types.UStack
	frame := int64(8 * c.T.FrameWords())
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
