package lower

import (
	"fmt"
	"strconv"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Scalar evaluates an expression of a scalar type to a number.
func (f *fn) Scalar(e hir.Expr) ir.Value { return f.plain(f.Operand(e)) }

// into evaluates an expression into local memory of its type's size, padding
// included. If clean is set, the bytes after the content are zeroed too.
func (f *fn) into(e hir.Expr, dst builtin.Place, clean bool) {
	t := e.Type()
	if t.IsScalar() {
		f.store(dst, t, f.Scalar(e))
		return
	}
	defer f.b.At(e.Span())()
	switch e := e.(type) {
	case *hir.Tuple:
		f.tupleInto(e, dst, clean)
		return
	case *hir.Call:
		old := f.dest
		d := &dest{p: dst, clean: clean}
		f.dest = d
		o := f.call(e)
		f.dest = old
		if o.Mem != nil && o.Mem.Base == dst.Base && o.Mem.Off == dst.Off {
			return
		}
		f.put(dst, o, t, e.Span())
		return
	case *hir.Cast:
		if e.Of.Type().Kind == t.Kind && e.Of.Type().Size < t.Size && !isAgg(e.Of) {
			f.into(e.Of, dst, clean)
			f.Zero(dst.At(e.Of.Type().Size), t.Size-e.Of.Type().Size)
			return
		}
	case *hir.Bytes:
		f.bytesInto(dst, e.V, t.Size)
		return
	case *hir.BlockX:
		f.enterBlock(e.Block, func() { f.into(e.Block.Value, dst, clean) })
		return
	case *hir.Cond:
		f.branch(e, func(x hir.Expr) { f.into(x, dst, clean) })
		return
	}
	f.put(dst, f.Operand(e), t, e.Span())
}

func isAgg(e hir.Expr) bool { return e.Type().IsAgg() }

// bytesInto writes constant bytes, zero-padded to size: by immediate stores
// when short, from a table otherwise.
func (f *fn) bytesInto(dst builtin.Place, s string, size int) {
	data := make([]byte, size)
	copy(data, s)
	if size > 64 {
		f.Copy(dst, f.Table("bytes", data), size, source.Span{})
		return
	}
	for off := 0; off < size; {
		w := 8
		for w > size-off || (dst.Off+off)%w != 0 {
			w /= 2
		}
		var v uint64
		for i := w - 1; i >= 0; i-- {
			v = v<<8 | uint64(data[off+i])
		}
		f.b.Store(dst.Base, dst.Off+off, w, f.konst(int64(v)))
		off += w
	}
}

// tupleInto builds a tuple in memory. With clean the padding is zeroed too:
// keys are compared byte by byte, padding included.
func (f *fn) tupleInto(e *hir.Tuple, dst builtin.Place, clean bool) {
	fields := e.T.Struct.Fields()
	end := 0
	for i, x := range e.Elems {
		fd := fields[i]
		if clean && fd.Offset > end {
			f.Zero(dst.At(end), fd.Offset-end)
		}
		f.into(x, dst.At(fd.Offset), clean)
		end = fd.Offset + fd.Type.Size
	}
	if clean && end < e.T.Size {
		f.Zero(dst.At(end), e.T.Size-end)
	}
}

// Operand evaluates an expression; byte kinds are not copied.
func (f *fn) Operand(e hir.Expr) builtin.Operand {
	defer f.b.At(e.Span())()
	if f.dest != nil {
		// A destination hint is for the outermost call only, not for calls
		// among its arguments.
		old := f.dest
		f.dest = nil
		defer func() { f.dest = old }()
	}
	t := e.Type()
	switch e := e.(type) {
	case *hir.Int:
		return builtin.Operand{T: t, V: f.konst(int64(e.V))}
	case *hir.Bytes:
		data := make([]byte, t.Size)
		copy(data, e.V)
		p := f.Table("bytes", data)
		return builtin.Operand{T: t, Mem: &p}
	case *hir.VarRef:
		return f.readVar(e.Var, t)
	case *hir.VarAddr:
		return f.varAddr(e)
	case *hir.MapArg:
		return builtin.Operand{T: t, V: f.launder(f.mapAddr(e.Map))}
	case *hir.MapGet:
		return f.mapGet(e)
	case *hir.Unary:
		return f.unary(e)
	case *hir.Binary:
		if e.Op >= hir.Eq {
			return builtin.Operand{T: t, V: f.boolean(e)}
		}
		return f.arith(e)
	case *hir.Logical:
		return builtin.Operand{T: t, V: f.boolean(e)}
	case *hir.Cond:
		return f.condValue(e)
	case *hir.Elvis:
		return f.elvis(e)
	case *hir.BlockX:
		var o builtin.Operand
		f.enterBlock(e.Block, func() {
			if e.Block.Value != nil {
				o = f.Operand(e.Block.Value)
			}
		})
		return o
	case *hir.Member:
		return f.member(e)
	case *hir.Deref:
		return f.fromPlace(f.derefPlace(f.Operand(e.Of), t), t, e.At)
	case *hir.Index:
		return f.index(e)
	case *hir.Cast:
		return f.cast(e)
	case *hir.Tuple:
		p := f.Scratch(t.Size, "tuple")
		f.tupleInto(e, p, true)
		return builtin.Operand{T: t, Mem: &p}
	case *hir.Call:
		return f.call(e)
	case *hir.ArgRef:
		return f.Argument(&f.site.Args[e.N], e.At)
	case *hir.Retval:
		return f.Argument(f.site.Ret, e.At)
	case *hir.ArgsRecord:
		return f.argsRecord(e)
	case *hir.Duration:
		return builtin.Operand{T: t, V: f.b.Bin(ir.OpSub, f.Ended(), f.Entered())}
	case *hir.IncDec:
		return f.incDec(e)
	}
	panic(fmt.Sprintf("lower: expression %T", e))
}

// fromPlace returns the value at a place. Scalars are loaded; objects stay in
// memory.
func (f *fn) fromPlace(p builtin.Place, t *types.Type, at source.Span) builtin.Operand {
	if t.IsScalar() {
		return f.load(p, t, at)
	}
	return builtin.Operand{T: t, Mem: &p}
}

// member returns x.f.
func (f *fn) member(e *hir.Member) builtin.Operand {
	if v, ok := e.Of.(*hir.VarRef); ok {
		if b := f.vars[v.Var]; b != nil && b.pair {
			if e.Field.Offset == 0 {
				return b.key
			}
			return b.value
		}
	}
	var p builtin.Place
	o := f.Operand(e.Of)
	if o.Mem != nil {
		p = *o.Mem
	} else {
		p = f.derefPlace(o, e.Of.Type())
	}
	return f.field(p, e.Field, e.T, e.At)
}

// field reads one member at a place, bit-fields and relocated data included.
func (f *fn) field(p builtin.Place, fd *types.Field, t *types.Type, at source.Span) builtin.Operand {
	p = p.At(fd.Offset)
	if fd.BitSize > 0 {
		unit := *types.IntType(t.Size, false)
		v := f.load(p, &unit, at).V
		bits := int64(64)
		v = f.b.BinI(ir.OpShl, v, bits-int64(fd.BitOff+fd.BitSize))
		op := ir.OpShr
		if t.Signed {
			op = ir.OpSar
		}
		return builtin.Operand{T: t, V: f.b.BinI(op, v, bits-int64(fd.BitSize))}
	}
	return f.fromPlace(p, t, at)
}

// ctxField reads a tracepoint field from the context.
func (f *fn) ctxField(a *hir.Arg, at source.Span) builtin.Operand {
	p := builtin.Place{Base: f.Ctx(), Off: a.Loc.Off, Space: types.Kernel, Ctx: true}
	if fd := a.Field; fd != nil && (fd.DataLoc || fd.RelLoc) {
		// The word's low half is the offset of the data, from the start of the
		// record or (rel) from the end of the word itself.
		off := f.b.BinI(ir.OpAnd, f.b.Load(p.Base, p.Off, 4), 0xffff)
		if fd.RelLoc {
			off = f.b.BinI(ir.OpAdd, off, int64(a.Loc.Off+4))
		}
		return builtin.Operand{T: a.Type, V: f.b.Bin(ir.OpAdd, f.launder(f.Ctx()), off)}
	}
	if a.Type.IsScalar() && a.Loc.Off%max(a.Type.Size, 1) != 0 {
		p.Ctx = false // the verifier rejects misaligned loads from the context
	}
	return f.fromPlace(p, a.Type, at)
}

// argsRecord copies all arguments into one record.
func (f *fn) argsRecord(e *hir.ArgsRecord) builtin.Operand {
	p := f.Scratch(e.T.Size, "args")
	f.Zero(p, e.T.Size)
	for i, fd := range e.T.Struct.Fields() {
		for n := range f.site.Args {
			if a := &f.site.Args[n]; a.Name == fd.Name {
				f.put(p.At(e.T.Struct.Members[i].Offset), f.scalarize(f.Argument(a, e.At)), fd.Type, e.At)
				break
			}
		}
	}
	return builtin.Operand{T: e.T, Mem: &p}
}

func (f *fn) scalarize(o builtin.Operand) builtin.Operand {
	if o.Mem == nil {
		o.V, o.Direct = f.plain(o), false
	}
	return o
}

// index returns a[i].
func (f *fn) index(e *hir.Index) builtin.Operand {
	of, t := e.Of.Type(), e.T
	size := t.Size
	var p builtin.Place
	o := f.Operand(e.Of)
	if o.Mem != nil {
		p = *o.Mem
	} else {
		p = f.derefPlace(o, of)
	}
	if c, ok := e.I.(*hir.Int); ok {
		return f.fromPlace(p.At(int(c.V)*size), t, e.At)
	}
	i := f.Scalar(e.I)
	if of.Len == 0 {
		p.Direct = false
		p.Base = f.b.Bin(ir.OpAdd, f.launder(f.Addr(p)), f.b.BinI(ir.OpMul, i, int64(size)))
		p.Off = 0
		return f.fromPlace(p, t, e.At)
	}
	// A read out of range gives zero and is counted (T-ARR-02).
	in, out, join := f.b.NewBlock("inside"), f.b.Cold(f.b.NewBlock("outside")), f.b.NewBlock("indexed")
	f.b.If(ir.ULT, 8, i, f.konst(int64(of.Len)), in, out)
	if t.IsScalar() {
		v := f.b.NewVar(ir.Scalar)
		f.b.UseSealed(in)
		f.b.Set(v, f.plain(f.fromPlace(f.elemPlace(p, i, size, of.Len), t, e.At)))
		f.b.Jump(join)
		f.b.UseSealed(out)
		f.Fail(builtin.ErrBounds, e.At, 0)
		f.b.Set(v, f.konst(0))
		f.b.Jump(join)
		f.b.UseSealed(join)
		return builtin.Operand{T: t, V: f.b.Get(v)}
	}
	dst := f.Scratch(size, "element")
	f.b.UseSealed(in)
	f.Copy(dst, f.elemPlace(p, i, size, of.Len), size, e.At)
	f.b.Jump(join)
	f.b.UseSealed(out)
	f.Fail(builtin.ErrBounds, e.At, 0)
	f.Zero(dst, size)
	f.b.Jump(join)
	f.b.UseSealed(join)
	return builtin.Operand{T: t, Mem: &dst}
}

// elemPlace returns the place of element i of an array; i is already checked.
// The verifier rejects variable offsets into typed kernel memory and the
// context, so these are read through the read helper.
func (f *fn) elemPlace(p builtin.Place, i ir.Value, size, n int) builtin.Place {
	off := f.b.BinI(ir.OpMul, i, int64(size))
	if p.Space == types.Local {
		p.Base = f.b.Bin(ir.OpAdd, f.Addr(p), off)
		p.Off = 0
		return p
	}
	p.Base = f.b.Bin(ir.OpAdd, f.launder(f.Addr(p)), off)
	return builtin.Place{Base: p.Base, Space: p.Space}
}
