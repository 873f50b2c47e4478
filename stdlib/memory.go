package stdlib

import (
	"fmt"
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// memory has bytes at addresses, registers and address spaces.
func memory() []*builtin.Func {
	return []*builtin.Func{
		{Sig: &types.Signature{Name: "bswap", Row: "F-BSWAP", Usage: "bswap(n)", Format: -1, Doc: "The number with its bytes reversed.",
			Params: []types.Param{intParam("n")}, Infer: bswapType}, Lower: lowerBswap},
		{Sig: &types.Signature{Name: "buf", Row: "F-BUF", Usage: "buf(data, [length])", Format: -1, Doc: "Bytes at an address, or of an array.",
			Params: []types.Param{param("data", types.BytesParam), opt(intParam("length"))}, Infer: bufType}, Lower: lowerBuf},
		{Sig: spaceSig("kptr", types.Kernel, "The pointer, taken to point into kernel memory."), Lower: lowerSame},
		{Sig: spaceSig("uptr", types.User, "The pointer, taken to point into user memory."), Lower: lowerSame},
		{Sig: &types.Signature{Name: "reg", Row: "F-REG", Usage: `reg("name")`, Format: -1, Context: true, Registers: true, Uses: types.Uses{Reg: true}, Doc: "A register of the probed context.",
			Params: []types.Param{param("name", types.LitString)}, Infer: regType,
			Probes: []string{"kprobe", "kretprobe", "uprobe", "uretprobe", "call", "ret", "profile", "software", "hardware"}}, Lower: lowerReg},
		{Sig: &types.Signature{Name: "ctx", Row: "B-CTX", Usage: "ctx", Bare: true, NoCall: true, Format: -1, Context: true, Registers: true, Fleeting: true, Reserved: true,
			Uses: types.Uses{Reg: true}, NoReplay: "there is no context of a program", Doc: "The raw context: struct pt_regs in kprobes and uprobes, the object in iter.",
			Infer: ctxType, Probes: []string{"kprobe", "kretprobe", "uprobe", "uretprobe", "profile", "software", "hardware", "iter"}}, Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.Ctx())
		}},
		{Sig: &types.Signature{Name: "str", Row: "F-STR", Usage: "str(pointer, [length])", Format: -1, Doc: "The NUL-terminated string at an address.",
			Params: []types.Param{param("pointer", types.BytesParam), opt(intParam("length"))}, Infer: strType, Fold: foldStr}, Lower: lowerStr},
		{Sig: call("unwatch", "F-UNWATCH", "unwatch(address)", types.VoidType, "Does nothing: it ended asynchronous watchpoints, which bpftrace no longer has. Accepted for scripts that call it.", intParam("address")),
			Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
				l.Scalar(c.Args[0])
				return builtin.Operand{T: types.VoidType}
			}},
	}
}

func spaceSig(name string, s types.Space, doc string) *types.Signature {
	return &types.Signature{Name: name, Row: "F-KPTR", Usage: name + "(pointer)", Format: -1, Doc: doc, Params: []types.Param{param("pointer", types.PtrParam)},
		Infer: func(c *types.Call) (*types.Type, *types.Problem) {
			t := c.Args[0].Type
			switch {
			case t == nil:
				return nil, nil
			case t.Kind == types.Pointer || t.IsInt():
				return t.WithSpace(s), nil
			}
			return types.PointerTo(types.VoidType, s), nil
		}}
}

func lowerSame(l builtin.Lowerer, c *hir.Call) builtin.Operand { return scalar(c, l.Scalar(c.Args[0])) }

func bswapType(c *types.Call) (*types.Type, *types.Problem) {
	t := c.Args[0].Type
	if t == nil {
		return nil, nil
	}
	return types.IntType(max(t.Size, 1), false), nil
}

func lowerBswap(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	v := l.Scalar(c.Args[0])
	if c.T.Size == 1 {
		return scalar(c, l.B().Ext(v, 1, false))
	}
	return scalar(c, l.B().BSwap(v, c.T.Size))
}

func bufType(c *types.Call) (*types.Type, *types.Problem) {
	limit := int(c.Env.ConfigInt("max_strlen")) - 4
	if len(c.Args) > 1 {
		n, ok := litInt(c, 1)
		switch {
		case !ok:
			return types.BufferType(limit), nil
		case n < 0:
			return nil, worded(problem("bad-argument", 1, "buf() expects a non-negative length"), fmt.Sprintf("bufcannot use negative length (%d)", n))
		}
		return types.BufferType(min(int(n), limit)), nil
	}
	t := c.Args[0].Type
	switch {
	case t == nil:
		return nil, nil
	case t.Kind == types.Array || t.Kind == types.String:
		return types.BufferType(min(t.Size, limit)), nil
	}
	return nil, worded(problem("bad-argument", 0, "buf() needs a length unless its data is an array"), "buf() expects a length argument for non-array type int")
}

// source returns the place of an argument's bytes: the object itself, or the
// memory at a pointer or integer address.
func source(l builtin.Lowerer, x hir.Expr) (place *builtin.Place, addr ir.Value, space types.Space) {
	t := x.Type()
	if !t.IsScalar() {
		o := l.Operand(x)
		return o.Mem, 0, types.Local
	}
	return nil, l.Scalar(x), addressSpace(l, t)
}

// addressSpace returns the address space that an address of type t points into:
// that of the type, or else that of the probe.
func addressSpace(l builtin.Lowerer, t *types.Type) types.Space {
	if t.Space != types.SpaceNone {
		return t.Space
	}
	return l.Site().Space
}

// capped returns a run-time length limited to n. The verifier must see the
// bound.
func capped(l builtin.Lowerer, v ir.Value, n int) ir.Value {
	limit := l.B().Const(int64(n))
	return l.Select(ir.ULT, v, limit, v, limit)
}

func lowerBuf(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	n := c.T.Len
	place, addr, space := source(l, c.Args[0])
	size := l.B().Const(int64(n))
	fixed := true
	if len(c.Args) > 1 {
		if _, ok := c.Args[1].(*hir.Int); !ok {
			size, fixed = capped(l, l.Scalar(c.Args[1]), n), false
		}
	}
	dst, _ := l.Dest(c.T.Size, "buf")
	if !fixed || place != nil {
		l.Zero(dst, c.T.Size)
	}
	l.B().Store(dst.Base, dst.Off, 4, size)
	switch {
	case place != nil && place.Plain():
		l.Copy(dst.At(4), *place, min(n, c.Args[0].Type().Size), c.At)
	case place != nil:
		l.Copy(dst.At(4), *place, n, c.At)
	default:
		l.Read(dst.At(4), size, addr, space, c.At)
	}
	return builtin.Operand{T: c.T, Mem: &dst}
}

// strType returns string[max_strlen], or string[n+1] for a literal length n
// (T-STR-02).
func strType(c *types.Call) (*types.Type, *types.Problem) {
	limit := c.Env.ConfigInt("max_strlen")
	if len(c.Args) < 2 {
		if t := c.Args[0].Type; t != nil && t.Kind == types.String && c.Args[0].Const == nil {
			s := *types.StringType(max(t.Len, 1))
			s.Whole = t.Whole
			return &s, nil
		}
		return types.StringType(int(limit)), nil
	}
	n, ok := litInt(c, 1)
	switch {
	case !ok:
		return types.StringType(int(limit)), nil
	case n < 0:
		return nil, worded(problem("bad-argument", 1, "str() cannot use a negative length"), fmt.Sprintf("strcannot use negative length (%d)", n))
	case n+1 > limit:
		p := problem("string-shortened", 1, "length param of str() is too long and will be shortened to max_strlen")
		p.Warning = true
		p.Help = "raise it: config = { max_strlen = " + itoa(n+1) + " }"
		return types.StringType(int(limit)), p
	}
	return types.StringType(int(n) + 1), nil
}

// foldStr makes the digits of a literal number a string, as str($1) needs it.
// Other constants, such as the address of a symbol, are addresses.
func foldStr(c *types.Call) (*types.Const, *types.Problem) {
	k := c.Args[0].Const
	if len(c.Args) != 1 || k == nil || k.Type == nil || k.Type.Kind != types.Int || !k.Type.Signed {
		return nil, nil
	}
	return types.StrConst(itoa(int64(k.Int))), nil
}

func lowerStr(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	n := c.T.Len
	place, addr, space := source(l, c.Args[0])
	if place != nil {
		dst, _ := l.Dest(n, "str")
		size := min(c.Args[0].Type().Size, n)
		l.Copy(dst, *place, size, c.At)
		if size < n {
			l.Zero(dst.At(size), n-size)
		}
		if len(c.Args) > 1 {
			cut(l, dst, l.Scalar(c.Args[1]), n)
		}
		return builtin.Operand{T: c.T, Mem: &dst}
	}
	limit := int(l.Config("max_strlen"))
	size := l.B().Const(int64(n))
	read := n
	if len(c.Args) > 1 {
		if lit, ok := c.Args[1].(*hir.Int); ok {
			// A literal n reads n bytes with the NUL into n+1.
			size = l.B().Const(int64(min(int(lit.V), n)))
		} else {
			size = capped(l, l.Scalar(c.Args[1]), n)
		}
	} else if limit < 1024 {
		// Read one byte more to see whether the string was cut (T-STR-04).
		read = n + 1
		size = l.B().Const(int64(read))
	}
	if read > n {
		tmp := l.Scratch(read, "str")
		l.Zero(tmp, read)
		r := l.ReadStr(tmp, size, addr, space, c.At)
		// The text form of such a string has the trailer, whole or not.
		l.FailIf(ir.EQ, r, size, builtin.ErrTruncated, c.At, 0)
		return builtin.Operand{T: c.T, Mem: &tmp}
	}
	dst, clean := l.Dest(n, "str")
	if clean {
		l.Zero(dst, n)
	} else {
		l.B().Store(dst.Base, dst.Off, 1, l.B().Const(0))
	}
	r := l.ReadStr(dst, size, addr, space, c.At)
	if len(c.Args) < 2 {
		countCut(l, c, r, size, addr, space)
	}
	return builtin.Operand{T: c.T, Mem: &dst}
}

// countCut counts a string that filled all of size bytes with its NUL, unless
// it just fitted, which the next byte shows.
func countCut(l builtin.Lowerer, c *hir.Call, r, size, addr ir.Value, space types.Space) {
	b := l.B()
	full, next := b.Cold(b.NewBlock("full")), b.NewBlock("read")
	b.If(ir.EQ, 8, r, size, full, next)
	b.UseSealed(full)
	last := l.Scratch(8, "last")
	l.Read(last, b.Const(1), b.Bin(ir.OpAdd, addr, b.BinI(ir.OpSub, size, 1)), space, c.At)
	l.FailIf(ir.NE, b.Load(last.Base, last.Off, 1), b.Const(0), builtin.ErrTruncated, c.At, 0)
	b.Jump(next)
	b.UseSealed(next)
}

// cut ends a string in local memory after at most n-1 bytes. n is a run-time
// length that includes the NUL; 0 gives an empty string, as 1 does.
func cut(l builtin.Lowerer, p builtin.Place, n ir.Value, size int) {
	b := l.B()
	do, next := b.NewBlock("cut"), b.NewBlock("whole")
	zero := b.Const(0)
	last := l.Select(ir.EQ, n, zero, zero, b.BinI(ir.OpSub, n, 1))
	b.If(ir.ULT, 8, last, b.Const(int64(size)), do, next)
	b.UseSealed(do)
	b.Store(b.Bin(ir.OpAdd, l.Addr(p), last), 0, 1, b.Const(0))
	b.Jump(next)
	b.UseSealed(next)
}

func regType(c *types.Call) (*types.Type, *types.Problem) {
	if a := c.Args[0]; a.Const != nil {
		if _, ok := target.Native().Regs[a.Const.Str]; !ok {
			return nil, worded(problem("unknown-register", 0, "`"+a.Const.Str+"` is not a valid register on this architecture"), "'"+a.Const.Str+"' is not a valid register on this architecture ("+archName()+")")
		}
	}
	return types.Uint64, nil
}

func lowerReg(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	return scalar(c, l.B().Load(l.Ctx(), l.Target().Arch.Regs[c.Args[0].(*hir.Bytes).V], 8))
}

func ctxType(c *types.Call) (*types.Type, *types.Problem) {
	name := "pt_regs"
	switch c.Site.Provider {
	case "profile", "software", "hardware":
		name = "bpf_perf_event_data"
	case "iter":
		name = strings.Replace(c.Site.Func, "bpf_iter_", "bpf_iter__", 1)
	}
	if t, ok := c.Env.NamedType("struct", name); ok {
		return types.PointerTo(t, types.Kernel), nil
	}
	return types.PointerTo(types.VoidType, types.Kernel), nil
}
