package stdlib

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// bytes_ has functions on whole values and strings, byte by byte.
func bytes_() []*builtin.Func {
	return []*builtin.Func{
		{Sig: memcmpSig(), Loops: true, Prefers: turns, Lower: lowerMemcmp},
		{Sig: call("str_concat", "F-STRCONCAT", "str_concat(a, b)", types.StringType(concatSize), "Two strings joined, cut at 1023 bytes.",
			param("a", types.BytesParam), param("b", types.BytesParam)), Lower: lowerConcat},
		{Sig: strcapSig(), Loops: true, Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			if t := c.Args[0].Type(); !t.IsScalar() {
				return scalar(c, l.B().Const(int64(t.Size)))
			}
			return lowerStrlen(l, c)
		}},
	}
}

// inMemory reports whether values of a type are bytes in memory.
func inMemory(t *types.Type) bool {
	switch t.Kind {
	case types.String, types.Array, types.Buffer, types.Record: // tuples are records
		return true
	}
	return false
}

func memcmpSig() *types.Signature {
	s := call("memcmp", "F-MEMCMP", "memcmp(a, b, n)", nil, "Compares the first n bytes of two values, or of what pointers point to: 0 if they are equal, else the difference of the first two bytes that differ.",
		param("a", types.AnyParam), param("b", types.AnyParam), param("n", types.LitInt))
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		for i := range 2 {
			switch t := c.Args[i].Type; {
			case t == nil:
				return nil, nil
			case !inMemory(t) && t.Kind != types.Pointer:
				return nil, problem("bad-argument", i, "memcmp() compares strings, arrays, tuples, structs and what pointers point to (`"+t.Plain()+"` provided)")
			}
		}
		if c.Args[2].Const == nil {
			return nil, nil
		}
		if n, ok := litInt(c, 2); !ok || n < 0 || n > concatSize {
			return nil, problem("bad-argument", 2, "memcmp() compares 0 to 1024 bytes")
		}
		return types.Int32, nil
	}
	return s
}

// comparand returns the place of the first n bytes of a value or of the memory
// at a pointer, and the number of bytes there.
func comparand(l builtin.Lowerer, x hir.Expr, n int) (builtin.Place, int) {
	if t := x.Type(); !t.IsScalar() {
		return l.Local(l.Operand(x), x.Span()), min(n, t.Size)
	}
	_, addr, space := source(l, x)
	p := l.Scratch(max(n, 1), "bytes")
	l.Read(p, l.B().Const(int64(n)), addr, space, x.Span())
	return p, n
}

func lowerMemcmp(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	n := int(c.Args[2].(*hir.Int).V)
	x, nx := comparand(l, c.Args[0], n)
	y, ny := comparand(l, c.Args[1], n)
	r := newIndex(l)
	r.set(b.Const(0))
	xa, ya := l.Addr(x), l.Addr(y)
	done, differ := b.NewBlock("done"), b.NewBlock("differ")
	at := b.NewVar(ir.Scalar)
	loop(l, c, min(nx, ny), func(i ir.Value, next ir.Block) {
		b.Set(at, b.Bin(ir.OpSub, b.Load(b.Bin(ir.OpAdd, xa, i), 0, 1), b.Load(b.Bin(ir.OpAdd, ya, i), 0, 1)))
		b.If(ir.EQ, 8, b.Get(at), b.Const(0), next, differ)
	}, done)
	b.UseSealed(differ)
	r.set(b.Get(at))
	b.Jump(done)
	b.UseSealed(done)
	return scalar(c, r.get())
}

// concatSize is the capacity of joined strings, whatever max_strlen is.
const concatSize = 1024

// lowerConcat reads the second string after the first one, into a buffer of
// twice the capacity: the verifier does not relate the room left to the length
// read.
func lowerConcat(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	p := l.Scratch(2*concatSize, "joined")
	l.Zero(p, concatSize)
	size := b.Const(concatSize)
	read := func(dst builtin.Place, x hir.Expr) ir.Value {
		if t := x.Type(); t.IsScalar() {
			_, addr, space := source(l, x)
			return l.ReadStr(dst, size, addr, space, c.At)
		}
		from := l.Local(l.Operand(x), x.Span())
		return l.ReadStr(dst, b.Const(int64(min(x.Type().Size, concatSize))), l.Addr(from), types.Kernel, c.At)
	}
	n := read(p, c.Args[0])
	// The length counts the NUL; a failed read gives a negative number.
	end := l.IfElse(ir.SGT, n, b.Const(0), func() ir.Value { return b.BinI(ir.OpSub, n, 1) }, func() ir.Value { return b.Const(0) })
	end = b.BinI(ir.OpAnd, end, concatSize-1)
	read(builtin.Place{Base: b.Bin(ir.OpAdd, l.Addr(p), end), Space: types.Local}, c.Args[1])
	b.Store(p.Base, p.Off+concatSize-1, 1, b.Const(0))
	return builtin.Operand{T: c.T, Mem: &p}
}

func strcapSig() *types.Signature {
	s := call("strcap", "F-STRCAP", "strcap(s)", nil, "The capacity of a string or an array in bytes, the NUL included; for a pointer the length of the string there.", param("s", types.BytesParam))
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		switch t := c.Args[0].Type; {
		case t == nil:
			return nil, nil
		case t.Kind == types.String || t.Kind == types.Array || t.Kind == types.Pointer:
			return types.Int64, nil
		default:
			return nil, problem("bad-argument", 0, "strcap() takes a string, an array or a pointer (`"+t.Plain()+"` provided)")
		}
	}
	return s
}
