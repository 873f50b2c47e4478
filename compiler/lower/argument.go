package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Argument reads one argument of the site.
func (f *fn) Argument(a *hir.Arg, at source.Span) builtin.Operand {
	t := a.Type
	if f.ctx == 0 {
		if off, ok := f.kept[a]; ok {
			p := f.far(off)
			return builtin.Operand{T: t, V: f.b.Load(p.Base, p.Off, 8)}
		}
	}
	if len(a.Parts) > 0 {
		return f.gather(a, at)
	}
	switch a.Loc.Kind {
	case hir.LocSaved:
		return builtin.Operand{T: t, V: f.narrow(f.b.Load(f.saved.place.Base, f.saved.place.Off+f.saved.off[a.Loc.Off], 8), t)}
	case hir.LocCtx:
		return f.ctxField(a, at)
	case hir.LocSlot:
		if a.Trusted && t.IsPtrToRecord() {
			// Kernels with casts may expect a test for null of a tracepoint's arguments.
			direct := f.site.Attach.Kind != hir.AttachRawTP || !f.canCast()
			return builtin.Operand{T: t, V: f.b.LoadPtr(f.Ctx(), 8*a.Loc.Off, ir.PtrBTF), Direct: direct, Trusted: true}
		}
		if f.hiddenSlot(t) {
			p := f.Scratch(8, "argument")
			f.b.Call(ir.HelperReadKernel, f.Addr(p), f.konst(8), f.b.BinI(ir.OpAdd, f.Ctx(), int64(8*a.Loc.Off)))
			return builtin.Operand{T: t, V: f.b.Load(p.Base, p.Off, 8)}
		}
		v := f.b.LoadPtr(f.Ctx(), 8*a.Loc.Off, slotKind(t))
		return builtin.Operand{T: t, V: f.narrow(f.launder(v), t)}
	case hir.LocFuncArg:
		return builtin.Operand{T: t, V: f.narrow(f.ask(ir.HelperGetFuncArg, f.Ctx(), f.konst(int64(a.Loc.Off))), t)}
	case hir.LocFuncRet:
		return builtin.Operand{T: t, V: f.narrow(f.ask(ir.HelperGetFuncRet, f.Ctx()), t)}
	case hir.LocReg:
		return builtin.Operand{T: t, V: f.narrow(f.register(a.Loc), t)}
	case hir.LocConst:
		return builtin.Operand{T: t, V: f.narrow(f.sized(f.konst(a.Loc.Disp), a.Loc), t)}
	case hir.LocMem:
		p := builtin.Place{Base: f.address(a.Loc), Space: types.User}
		if !t.IsScalar() {
			return builtin.Operand{T: t, Mem: &p}
		}
		o := f.load(p, types.IntType(a.Loc.Size, a.Loc.Signed), at)
		return builtin.Operand{T: t, V: f.narrow(o.V, t)}
	case hir.LocStack:
		sp := f.b.Load(f.Ctx(), f.Target().Arch.Regs[f.Target().Arch.SP], 8)
		p := builtin.Place{Base: sp, Off: a.Loc.Off, Space: types.Kernel}
		if f.site.Space == types.User {
			p.Space = types.User
		}
		if !t.IsScalar() {
			return builtin.Operand{T: t, Mem: &p}
		}
		o := f.load(p, types.Uint64, at)
		return builtin.Operand{T: t, V: f.narrow(o.V, t)}
	}
	panic("lower: argument location")
}

// register returns the value of a register.
func (f *fn) register(l hir.Loc) ir.Value {
	v := f.b.Load(f.Ctx(), l.Off, 8)
	if l.Disp != 0 {
		v = f.b.BinI(ir.OpAdd, v, l.Disp)
	}
	return f.sized(v, l)
}

// address returns the address that a place in memory has.
func (f *fn) address(l hir.Loc) ir.Value {
	base := f.b.Load(f.Ctx(), l.Off, 8)
	if l.Scale != 0 {
		base = f.b.Bin(ir.OpAdd, base, f.b.BinI(ir.OpMul, f.b.Load(f.Ctx(), l.Index, 8), int64(l.Scale)))
	}
	if l.Disp != 0 {
		base = f.b.BinI(ir.OpAdd, base, l.Disp)
	}
	return base
}

// gather puts an object together whose bytes are in several places.
func (f *fn) gather(a *hir.Arg, at source.Span) builtin.Operand {
	total := 0
	for _, l := range a.Parts {
		total += l.Size
	}
	p := f.Scratch(max(total, a.Type.Size), "parts")
	f.Zero(p, max(total, a.Type.Size))
	off := 0
	for _, l := range a.Parts {
		switch l.Kind {
		case hir.LocMem:
			f.Copy(p.At(off), builtin.Place{Base: f.address(l), Space: types.User}, l.Size, at)
		case hir.LocConst:
			f.scatter(p.At(off), f.konst(l.Disp), l.Size)
		default:
			f.scatter(p.At(off), f.register(l), l.Size)
		}
		off += l.Size
	}
	return builtin.Operand{T: a.Type, Mem: &p}
}

// scatter stores the low bytes of a number, whose count need not be a power of
// two.
func (f *fn) scatter(p builtin.Place, v ir.Value, size int) {
	for size > 0 {
		n := 8
		for n > size {
			n /= 2
		}
		f.b.Store(p.Base, p.Off, n, v)
		p, size = p.At(n), size-n
		if size > 0 {
			v = f.b.BinI(ir.OpShr, v, int64(8*n))
		}
	}
}

// sized extends a value read from a location to 64 bits.
func (f *fn) sized(v ir.Value, l hir.Loc) ir.Value {
	if l.Size > 0 && l.Size < 8 {
		return f.b.Ext(v, l.Size, l.Signed)
	}
	return v
}

// ask calls a helper that writes 8 bytes to the address in its last argument,
// and returns them. They are 0 if the helper fails, for example for an argument
// that the function does not have.
func (f *fn) ask(h ir.Helper, args ...ir.Value) ir.Value {
	p := f.b.Frame(f.b.Slot(8, "answer"), 0)
	f.b.Store(p, 0, 8, f.konst(0))
	f.b.Call(h, append(args, p)...)
	return f.b.Load(p, 0, 8)
}

// slotKind returns the kind that the verifier gives to a context slot. A
// pointer argument of a tracing program has its BTF type even if the program
// does not use it.
func slotKind(t *types.Type) ir.Kind {
	if t.Kind == types.Pointer {
		return ir.PtrBTF
	}
	return ir.Scalar
}

// hiddenSlot reports whether the verifier refuses to load an argument of a type.
// Kernels before 5.17, where bpf_get_func_arg came as well, know no other
// pointers than those to structs, to bytes and to nothing (btf_ctx_access). The
// argument itself can be copied by a helper.
func (f *fn) hiddenSlot(t *types.Type) bool {
	tg := f.Target()
	if t.Kind != types.Pointer || t.IsPtrToRecord() || tg.Has(target.GetFuncArg) || tg.NoKernelReads {
		return false
	}
	e := t.Elem
	return e != nil && e.Kind != types.Void && (e.Kind != types.Int || e.Size > 1)
}

// narrow reduces a 64-bit register to the type's width: the calling
// convention leaves the upper bits undefined.
func (f *fn) narrow(v ir.Value, t *types.Type) ir.Value {
	if t.Size > 0 && t.Size < 8 && t.IsScalar() {
		return f.b.Ext(v, t.Size, t.Signed)
	}
	return v
}
