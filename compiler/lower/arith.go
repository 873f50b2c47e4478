package lower

import (
	"fmt"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

var binOps = map[hir.BinOp]ir.Op{
	hir.Add: ir.OpAdd, hir.Sub: ir.OpSub, hir.Mul: ir.OpMul, hir.Div: ir.OpDiv, hir.Mod: ir.OpMod,
	hir.And: ir.OpAnd, hir.Or: ir.OpOr, hir.Xor: ir.OpXor, hir.Shl: ir.OpShl, hir.Shr: ir.OpShr,
}

// arith lowers integer and pointer arithmetic.
func (f *fn) arith(e *hir.Binary) builtin.Operand {
	l, r := f.Operand(e.L), f.Operand(e.R)
	x, y := f.plain(l), f.plain(r)
	if e.Op == hir.Div || e.Op == hir.Mod {
		return builtin.Operand{T: e.T, V: f.divide(e, x, y)}
	}
	return builtin.Operand{T: e.T, V: f.fit(f.b.Bin(binOps[e.Op], x, y), e.T)}
}

// fit extends a result of arithmetic to 64 bits by its type, the form in which
// registers hold scalars.
func (f *fn) fit(v ir.Value, t *types.Type) ir.Value {
	if t.IsInt() && t.Size < 8 {
		return f.b.Ext(v, t.Size, t.Signed)
	}
	return v
}

// divide lowers unsigned division and modulo. A zero divisor gives 1 and is
// counted (T-OP-06).
func (f *fn) divide(e *hir.Binary, x, y ir.Value) ir.Value {
	op := binOps[e.Op]
	if c, ok := f.f.Const(y); ok && c != 0 {
		return f.b.Bin(op, x, y)
	}
	zero, ok, join := f.b.Cold(f.b.NewBlock("zero")), f.b.NewBlock("divide"), f.b.NewBlock("divided")
	v := f.b.NewVar(ir.Scalar)
	f.b.If(ir.NE, 8, y, f.konst(0), ok, zero)
	f.b.UseSealed(zero)
	f.Fail(builtin.ErrDivZero, e.At, 0)
	f.b.Set(v, f.konst(1))
	f.b.Jump(join)
	f.b.UseSealed(ok)
	f.b.Set(v, f.b.Bin(op, x, y))
	f.b.Jump(join)
	f.b.UseSealed(join)
	return f.b.Get(v)
}

func (f *fn) unary(e *hir.Unary) builtin.Operand {
	switch e.Op {
	case hir.Neg:
		return builtin.Operand{T: e.T, V: f.fit(f.b.Neg(f.Scalar(e.Of)), e.T)}
	case hir.BitNot:
		return builtin.Operand{T: e.T, V: f.fit(f.b.BinI(ir.OpXor, f.Scalar(e.Of), -1), e.T)}
	}
	return builtin.Operand{T: e.T, V: f.boolean(e)}
}

// cast converts between the pairs that T-CAST allows.
func (f *fn) cast(e *hir.Cast) builtin.Operand {
	from, to := e.Of.Type(), e.T
	if from.IsAgg() || to.IsScalar() && from.IsScalar() {
		o := f.Operand(e.Of)
		if to.Kind == types.Pointer && o.Direct && (!to.IsPtrToRecord() || from.Elem == nil || to.Elem.Struct != from.Elem.Struct) {
			o = f.scalarize(o)
		}
		if to.Kind != types.Pointer {
			o = f.scalarize(o)
		}
		return builtin.Operand{T: to, V: f.convert(o.V, from, to), Direct: o.Direct}
	}
	switch {
	case to.IsScalar(): // byte array to integer of the same size (T-CAST-06)
		p := f.Local(f.Operand(e.Of), e.At)
		if from.Size != 1 && from.Size != 2 && from.Size != 4 && from.Size != 8 {
			panic(fmt.Sprintf("lower: cast of %s to %s", from, to))
		}
		return builtin.Operand{T: to, V: f.convert(f.b.Load(p.Base, p.Off, from.Size), types.IntType(from.Size, false), to)}
	case from.IsScalar(): // integer to byte array (T-CAST-05): memory order
		p := f.Scratch(max(to.Size, 8), "bytes")
		if to.Size > from.Size {
			f.Zero(p, to.Size)
		}
		f.b.Store(p.Base, p.Off, from.Size, f.Scalar(e.Of))
		return builtin.Operand{T: to, Mem: &p}
	}
	o := f.Operand(e.Of)
	if o.T.Size >= to.Size || o.T.Kind == types.Record {
		if o.T.Kind == types.Record && to.Kind == types.Record && o.T.Struct != to.Struct {
			return f.relayout(o, to, e)
		}
		return builtin.Operand{T: to, Mem: o.Mem}
	}
	p := f.Scratch(to.Size, "widened")
	f.put(p, o, to, e.At)
	return builtin.Operand{T: to, Mem: &p}
}

// relayout copies a tuple or record into a wider layout, element by element
// (T-PROM-08). Records match by name.
func (f *fn) relayout(o builtin.Operand, to *types.Type, e *hir.Cast) builtin.Operand {
	p := f.Scratch(to.Size, "tuple")
	f.Zero(p, to.Size)
	for i, d := range to.Struct.Fields() {
		s := o.T.Struct.Fields()[min(i, len(o.T.Struct.Fields())-1)]
		if d.Name != "" {
			if m, ok := o.T.Struct.Field(d.Name); ok {
				s = *m
			}
		}
		v := f.fromPlace(o.Mem.At(s.Offset), s.Type, e.At)
		if v.Mem == nil {
			f.store(p.At(d.Offset), d.Type, f.convert(f.plain(v), s.Type, d.Type))
			continue
		}
		if d.Type.Kind == types.Record && d.Type.Struct != s.Type.Struct {
			v = f.relayout(v, d.Type, e)
		}
		f.put(p.At(d.Offset), v, d.Type, e.At)
	}
	return builtin.Operand{T: to, Mem: &p}
}

// convert turns the register form of one scalar type into that of another.
func (f *fn) convert(v ir.Value, from, to *types.Type) ir.Value {
	switch {
	case to.Kind == types.Bool && from.Kind != types.Bool:
		return f.Select(ir.NE, v, f.konst(0), f.konst(1), f.konst(0))
	case to.Size >= 8:
		return v
	case from.Size < to.Size && (!from.Signed || to.Signed), from.Size == to.Size && from.Signed == to.Signed:
		return v
	}
	return f.b.Ext(v, to.Size, to.Signed)
}
