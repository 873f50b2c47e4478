package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Loads of kernel memory whose type the verifier knows.
//
// The verifier allows a plain load through a pointer to a kernel struct if it finds a
// member at the offset and of the size of the load, and the load gives 0 where the
// memory cannot be read. Its rules have changed from version to version, so walk accepts
// only what all of them accept; every other access goes through the read helper. A load
// that gives 0 is tried again by the helper, which counts it if it fails: so errors are
// counted as if all reads were made by the helper.
//
// A pointer that was loaded has the type of the member, but on kernels with
// bpf_rdonly_cast it can have flags as well, such as "may be null", with which the
// verifier refuses loads. So on these kernels a pointer that was reached from an argument
// or from the current task is cast before it is followed. The result of a cast has no
// such flags, nor have the pointers that are reached from it. Older kernels do not set
// flags, except for members with type tags (types.Field.Untyped).

// walked is what the verifier finds at an offset of a struct.
type walked struct {
	// elem is the struct that a pointer there points to, nil if the verifier takes the
	// bytes for a number.
	elem    *types.Struct
	untyped bool // the pointer cannot be followed without a cast
}

// walk returns what a load of size bytes at offset off of s gives, and whether all
// kernels allow it.
func walk(s *types.Struct, off, size int) (walked, bool) {
	if off < 0 || off+size > s.Size {
		return walked{}, false
	}
	fields := s.Fields()
	for i := range fields {
		fd := &fields[i]
		if fd.Promoted {
			continue // its container is in the list as well
		}
		start := fd.Offset + fd.BitOff/8
		if off+size <= start {
			return walked{}, false
		}
		if fd.BitSize > 0 {
			end := 8*fd.Offset + fd.BitOff + fd.BitSize
			if off <= start && (end+7)/8 <= off+size {
				return walked{}, true
			}
			continue
		}
		if off < start {
			return walked{}, false
		}
		end := start + fd.Type.Size
		if off >= end {
			continue
		}
		return walkMember(fd, off, size, start, end)
	}
	return walked{}, false
}

// walkMember continues walk in the member from start to end that holds the offset.
func walkMember(fd *types.Field, off, size, start, end int) (walked, bool) {
	t := fd.Type
	for t.Kind == types.Array {
		t = t.Elem
		if t.Size == 0 {
			return walked{}, false
		}
	}
	if t != fd.Type {
		start += (off - start) / t.Size * t.Size
	}
	switch t.Kind {
	case types.Record:
		return walk(t.Struct, off-start, size)
	case types.Pointer:
		if off != start || size != 8 {
			return walked{}, false
		}
		if t.IsPtrToRecord() {
			return walked{elem: t.Elem.Struct, untyped: fd.Untyped}, true
		}
		return walked{}, true
	}
	return walked{}, off+size <= end
}

// typed reports whether the verifier can know what a pointer of a space to elem points to.
func typed(space types.Space, elem *types.Type) bool {
	return space != types.User && space != types.Local && elem.Kind == types.Record && elem.Struct.BTF != 0
}

// canCast reports whether the kernel gives any number the type of a struct.
func (f *fn) canCast() bool { return f.Target().ID(target.RdonlyCast) != 0 }

// derefPlace returns the place a pointer points to. Kernel structs in BTF are
// read with plain loads if the verifier knows their type, or can be made to know it
// (bpf_rdonly_cast).
func (f *fn) derefPlace(p builtin.Operand, elem *types.Type) builtin.Place {
	space := types.Kernel
	if p.T.Kind == types.Pointer {
		space = p.T.Space
	}
	switch {
	case !typed(space, elem), !p.Direct && !f.canCast():
		return builtin.Place{Base: f.launder(p.V), Space: space}
	case p.Direct:
		return builtin.Place{Base: p.V, Space: space, Direct: true, Of: elem.Struct, Trusted: p.Trusted}
	}
	return builtin.Place{Base: f.typeAs(p.V, elem.Struct), Space: space, Direct: true, Of: elem.Struct}
}

// typeAs returns v as a pointer to s.
func (f *fn) typeAs(v ir.Value, s *types.Struct) ir.Value {
	return f.b.Kfunc("bpf_rdonly_cast", f.Target().ID(target.RdonlyCast), ir.PtrBTF, v, f.konst(int64(s.BTF)))
}

// loadTyped reads a scalar from a Direct place.
func (f *fn) loadTyped(p builtin.Place, t *types.Type, at source.Span) builtin.Operand {
	w, ok := walk(p.Of, p.Off, t.Size)
	if !ok && !f.Target().NoKernelReads {
		p.Direct = false
		return f.load(p, t, at)
	}
	if w.elem == nil && t.Kind != types.Pointer {
		v := f.b.Load(p.Base, p.Off, t.Size)
		f.readAgain(v, f.Scratch(8, "load"), p, t.Size, at)
		return builtin.Operand{T: t, V: f.extend(v, t)}
	}
	v := f.b.LoadPtr(p.Base, p.Off, ir.PtrBTF)
	direct := t.IsPtrToRecord() && typed(t.Space, t.Elem) && w.elem == t.Elem.Struct && !w.untyped
	switch {
	case !direct:
		// The verifier may track a type that is not needed here, such as a pointer to an
		// int or a function: only the bits are used.
		v = f.launder(v)
	case p.Trusted && f.canCast():
		v = f.typeAs(v, t.Elem.Struct)
	}
	f.readAgain(v, f.Scratch(8, "load"), p, t.Size, at)
	return builtin.Operand{T: t, V: v, Direct: direct}
}

// readAgain counts an error if v, which was loaded from p, is 0 because the memory there
// cannot be read. It reads size bytes at p to dst. The current task can always be read.
func (f *fn) readAgain(v ir.Value, dst, p builtin.Place, size int, at source.Span) {
	if base := f.f.Ins(p.Base); f.Target().NoKernelReads || base.Op == ir.OpCall && ir.Helper(base.Imm) == ir.HelperTaskBTF {
		return
	}
	zero, next := f.b.Cold(f.b.NewBlock("zero")), f.b.NewBlock("read")
	// A pointer is compared as a number: otherwise it would become the number 0 in the
	// cold block, and the verifier refuses loads through numbers. Nor may the verifier
	// learn what v is: the paths would stay apart where v decides something later.
	n := f.b.Num(v)
	if n == v {
		n = f.forget(v)
	}
	f.b.If(ir.EQ, 8, n, f.konst(0), zero, next)
	f.b.UseSealed(zero)
	f.Read(dst, f.konst(int64(size)), f.Addr(p), p.Space, at)
	f.b.Jump(next)
	f.b.UseSealed(next)
}

// maxLoads is how many loads copy an object of a Direct place or of the context: what a
// read helper costs.
const maxLoads = 16

// loads returns the widths of the aligned loads and stores that copy size bytes.
func loads(dst, src builtin.Place, size int) []int {
	var out []int
	for off := 0; off < size; off += out[len(out)-1] {
		w := 8
		for w > size-off || (src.Off+off)%w != 0 || (dst.Off+off)%w != 0 {
			w /= 2
		}
		out = append(out, w)
	}
	return out
}

// copyable reports whether loads of the widths can copy what is at a Direct place.
func (f *fn) copyable(p builtin.Place, widths []int) bool {
	for _, w := range widths {
		if m, ok := walk(p.Of, p.Off, w); !ok || m.elem != nil {
			return f.Target().NoKernelReads
		}
		p.Off += w
	}
	return true
}

// Trusted returns a pointer to the object that e names, or that e points to, with the
// type and the trust that the verifier gives to it when it is reached from an argument
// of the probe or from the current task by members alone, without a cast. It returns
// false if e is reached in another way, or starts where the verifier knows no types.
func (f *fn) Trusted(e hir.Expr) (ir.Value, bool) {
	if t := e.Type(); t.Kind == types.Pointer {
		o, ok := f.trustedPtr(e)
		return o.V, ok && typed(t.Space, t.Elem)
	}
	p, ok := f.trustedPlace(e)
	if !ok {
		return 0, false
	}
	return f.Addr(p), true
}

func (f *fn) trustedPtr(e hir.Expr) (builtin.Operand, bool) {
	if m, ok := e.(*hir.Member); ok {
		if f.isObject(m) {
			v := f.b.LoadPtr(f.Ctx(), m.Field.Offset, ir.PtrBTF)
			f.require(ir.NE, v, f.konst(0))
			return builtin.Operand{T: m.T, V: v, Direct: true, Trusted: true}, true
		}
		p, ok := f.trustedPlace(m.Of)
		if !ok || !m.T.IsPtrToRecord() {
			return builtin.Operand{}, false
		}
		if w, ok := walk(p.Of, p.Off+m.Field.Offset, 8); !ok || w.elem != m.T.Elem.Struct {
			return builtin.Operand{}, false
		}
		return builtin.Operand{T: m.T, V: f.b.LoadPtr(p.Base, p.Off+m.Field.Offset, ir.PtrBTF), Direct: true, Trusted: true}, true
	}
	switch e.(type) {
	case *hir.ArgRef, *hir.Retval, *hir.Call:
		o := f.Operand(e)
		return o, o.Trusted
	}
	return builtin.Operand{}, false
}

// isObject reports whether m is ctx.MEMBER of an iterator: one of the objects that the
// program is given, or null.
func (f *fn) isObject(m *hir.Member) bool {
	d, ok := m.Of.(*hir.Deref)
	if !ok || f.site.Prog != hir.ProgIter || !m.T.IsPtrToRecord() {
		return false
	}
	c, ok := d.Of.(*hir.Call)
	return ok && c.Sig.Fleeting
}

func (f *fn) trustedPlace(e hir.Expr) (builtin.Place, bool) {
	switch e := e.(type) {
	case *hir.Deref:
		o, ok := f.trustedPtr(e.Of)
		if !ok || !typed(o.T.Space, e.T) {
			return builtin.Place{}, false
		}
		return builtin.Place{Base: o.V, Space: types.Kernel, Direct: true, Of: e.T.Struct, Trusted: true}, true
	case *hir.Member:
		p, ok := f.trustedPlace(e.Of)
		return p.At(e.Field.Offset), ok && e.T.Kind == types.Record
	}
	return builtin.Place{}, false
}
