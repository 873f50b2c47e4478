package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/source"
	"probe/lang/types"
)

// readHelper picks the read helper of a space. Pointers without a space use the
// old helper, which tries the kernel first (T-AS-07).
func readHelper(s types.Space, str bool) ir.Helper {
	switch {
	case s == types.User && str:
		return ir.HelperReadUserStr
	case s == types.User:
		return ir.HelperReadUser
	case str:
		return ir.HelperReadKernelStr
	}
	return ir.HelperReadKernel
}

func readError(s types.Space) builtin.ErrorKind {
	if s == types.User {
		return builtin.ErrReadUser
	}
	return builtin.ErrReadKernel
}

// Read reads size bytes at an address into local memory. The kernel zeroes the
// destination when it fails.
func (f *fn) Read(dst builtin.Place, size, addr ir.Value, space types.Space, at source.Span) ir.Value {
	h := readHelper(space, false)
	r := f.b.Call(h, f.Addr(dst), size, addr)
	f.FailIf(ir.NE, r, f.konst(0), readError(space), at, h)
	return r
}

// ReadStr reads a NUL-terminated string and returns its length with the NUL, or
// a negative errno.
func (f *fn) ReadStr(dst builtin.Place, size, addr ir.Value, space types.Space, at source.Span) ir.Value {
	h := readHelper(space, true)
	r := f.b.Call(h, f.Addr(dst), size, addr)
	f.FailIf(ir.SLT, r, f.konst(0), readError(space), at, h)
	return r
}

// extend widens a loaded value by the sign of its type.
func (f *fn) extend(v ir.Value, t *types.Type) ir.Value {
	if t.Size < 8 && t.Signed {
		return f.b.Ext(v, t.Size, true)
	}
	return v
}

// load reads a scalar from a place.
func (f *fn) load(p builtin.Place, t *types.Type, at source.Span) builtin.Operand {
	if p.Direct {
		return f.loadTyped(p, t, at)
	}
	size := t.Size
	if p.Plain() {
		return builtin.Operand{T: t, V: f.extend(f.b.Load(p.Base, p.Off, size), t)}
	}
	tmp := f.Scratch(8, "load")
	f.Read(tmp, f.konst(int64(size)), f.Addr(p), p.Space, at)
	return builtin.Operand{T: t, V: f.extend(f.b.Load(tmp.Base, tmp.Off, size), t)}
}

// launder turns a pointer whose type the verifier tracks into a plain number:
// the verifier rejects arithmetic on such pointers other than adding constants.
func (f *fn) launder(v ir.Value) ir.Value { return f.b.Num(v) }

// unbounded returns a number of up to 32 bits of which the verifier does not know what
// it was made of. It tracks numbers through registers and its stack, but not through
// maps. A load of the whole number would be replaced by the number.
func (f *fn) unbounded(v ir.Value) ir.Value {
	hold := f.far(f.region0(8))
	f.b.Store(hold.Base, hold.Off, 8, v)
	return f.b.Load(hold.Base, hold.Off, 4)
}

// plain returns the bits of a scalar operand as a number.
func (f *fn) plain(o builtin.Operand) ir.Value {
	if f.f.Ins(o.V).Kind == ir.PtrBTF {
		return f.launder(o.V)
	}
	return o.V
}

// store writes a scalar to local memory.
func (f *fn) store(p builtin.Place, t *types.Type, v ir.Value) {
	f.b.Store(p.Base, p.Off, max(t.Size, 1), v)
}

// maxUnrolledCopy is how many bytes are copied by loads and stores where no helper may:
// 1024 instructions.
const maxUnrolledCopy = 4096

// Copy moves size bytes from a place of any space to local memory.
func (f *fn) Copy(dst, src builtin.Place, size int, at source.Span) {
	if size == 0 {
		return
	}
	if src.Base == dst.Base && src.Off == dst.Off {
		return
	}
	pieces := loads(dst, src, min(size, maxUnrolledCopy))
	switch {
	case src.Space == types.Local && size <= 128,
		src.Space == types.Local && size <= maxUnrolledCopy && f.Target().NoKernelReads,
		src.Ctx && size <= 64 && 8*len(pieces) == size,
		src.Direct && len(pieces) <= maxLoads && size <= 8*maxLoads && f.copyable(src, pieces):
		first := f.copyBy(dst, src, pieces)
		if src.Direct {
			f.readAgain(first, dst, src, size, at)
		}
	case src.Space == types.Local || src.Ctx:
		// Both places are in kernel memory, so one helper call copies the
		// bytes.
		f.b.Call(ir.HelperReadKernel, f.Addr(dst), f.konst(int64(size)), f.Addr(src))
	default:
		f.Read(dst, f.konst(int64(size)), f.Addr(src), src.Space, at)
	}
}

// copyBy copies by loads and stores of the given widths and returns what it has loaded
// first.
func (f *fn) copyBy(dst, src builtin.Place, widths []int) ir.Value {
	var first ir.Value
	off := 0
	for _, w := range widths {
		v := f.b.Load(src.Base, src.Off+off, w)
		if off == 0 {
			first = v
		}
		f.b.Store(dst.Base, dst.Off+off, w, v)
		off += w
	}
	return first
}

// Local returns a place whose bytes can be read with plain loads and passed to
// helpers.
func (f *fn) Local(o builtin.Operand, at source.Span) builtin.Place {
	if o.Mem == nil {
		p := f.Scratch(8, "value")
		f.b.Store(p.Base, p.Off, 8, o.V)
		return p
	}
	if o.Mem.Space == types.Local {
		return *o.Mem
	}
	p := f.Scratch(o.T.Size, "copy")
	f.Copy(p, *o.Mem, o.T.Size, at)
	return p
}

// put writes an operand of type t to local memory: exactly t.Size bytes.
func (f *fn) put(dst builtin.Place, o builtin.Operand, t *types.Type, at source.Span) {
	if o.Mem == nil {
		f.store(dst, t, o.V)
		return
	}
	n := min(o.T.Size, t.Size)
	f.Copy(dst, *o.Mem, n, at)
	if n < t.Size {
		f.Zero(dst.At(n), t.Size-n)
	}
}
