package program

import (
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/dwarf"
)

const languageGo = 0x16 // DW_LANG_Go

// passByReference is DW_CC_pass_by_reference: objects that are passed by the
// address of a copy.
const passByReference = 4

// convention hands out the places of the arguments of a function in their
// order.
type convention struct {
	p     *Program
	regs  []string
	used  int // registers
	float int // vector registers
	stack int // bytes above the stack pointer
}

// rule is the place of one argument by the calling convention.
type rule struct {
	loc    hir.Loc
	parts  []hir.Loc
	reason string
}

func (r *rule) fill(p *Param) { p.Loc, p.Parts, p.Unreadable = r.loc, r.parts, r.reason }

func (p *Program) convention(f dwarf.Entry) *convention {
	c := &convention{p: p, regs: p.arch.Args, stack: p.arch.ReturnSlot}
	if f.U.Language() == languageGo {
		c.regs = p.arch.GoArgs
	}
	// The caller of a function that returns a large object passes the place for
	// it.
	if t, ok := plain(f); ok && p.arch.ResultAddressIsArg && isRecord(t.Tag) && (sizeOf(t) > 16 || byReference(t)) {
		c.used++
	}
	return c
}

func isRecord(t dwarf.Tag) bool {
	return t == dwarf.TagStruct || t == dwarf.TagClass || t == dwarf.TagUnion
}

func byReference(t dwarf.Entry) bool {
	n, ok := t.Num(dwarf.AttrCallingConv)
	return ok && n == passByReference
}

func (p *Program) register(name string, size int) hir.Loc {
	return hir.Loc{Kind: hir.LocReg, Off: p.arch.Regs[name], Size: min(max(size, 1), 8)}
}

const inVector = "it is passed in a vector register, which a probe cannot read"

// next returns the place of the next argument.
func (c *convention) next(t *types.Type, e dwarf.Entry) *rule {
	of, ok := plain(e)
	switch {
	case ok && c.p.arch.LargeByAddress && isRecord(of.Tag) && !byReference(of) && t.Size <= 32 && allFloats(of, t.Size):
		return &rule{reason: inVector}
	case ok && isRecord(of.Tag) && (byReference(of) || t.Size > 16 && c.p.arch.LargeByAddress):
		r := c.next(types.Uint64, dwarf.Entry{})
		if r.loc.Kind == hir.LocReg {
			r.loc = hir.Loc{Kind: hir.LocMem, Off: r.loc.Off, Size: t.Size}
		} else {
			r.reason = "the address of it is on the stack"
		}
		return r
	case ok && of.Tag == dwarf.TagBase && isFloat(of):
		if c.float++; c.float > 8 {
			used := c.used // integers still have their registers
			r := c.onStack(t)
			c.used = used
			return r
		}
		return &rule{reason: inVector}
	case t.IsScalar():
		if c.used < len(c.regs) {
			c.used++
			return &rule{loc: c.p.register(c.regs[c.used-1], t.Size)}
		}
		return c.onStack(t)
	case t.Size > 16 || t.Size == 0:
		return c.onStack(t)
	}
	// Each 8 bytes of a small object have a register, on x86-64 a vector register
	// if they hold nothing but floating point.
	words := (t.Size + 7) / 8
	ints := 0
	var vector [2]bool
	for w := range words {
		if vector[w] = ok && !c.p.arch.LargeByAddress && onlyFloats(of, w*8, 0, maxDepth); !vector[w] {
			ints++
		}
	}
	if c.used+ints > len(c.regs) || c.float+words-ints > 8 {
		return c.onStack(t)
	}
	c.float += words - ints
	r := &rule{}
	for w := range words {
		if vector[w] {
			r.reason = "a part of it " + inVector[3:]
			continue
		}
		r.parts = append(r.parts, c.p.register(c.regs[c.used], min(8, t.Size-8*w)))
		c.used++
	}
	return r
}

// onStack returns the place of an argument in the caller's frame.
func (c *convention) onStack(t *types.Type) *rule {
	r := &rule{loc: hir.Loc{Kind: hir.LocStack, Off: c.stack, Size: t.Size}}
	if c.p.arch.NoBackfill {
		c.used = len(c.regs)
	}
	c.stack += (max(t.Size, 1) + 7) / 8 * 8
	return r
}

func isFloat(e dwarf.Entry) bool {
	enc, _ := e.Num(dwarf.AttrEncoding)
	return enc == encFloat && sizeOf(e) <= 8
}

// allFloats reports whether an object of 1 to size bytes holds nothing but
// floating point, which arm64 passes in vector registers, one for each member.
func allFloats(e dwarf.Entry, size int) bool {
	for at := 0; at < size; at += 8 {
		if !onlyFloats(e, at, 0, maxDepth) {
			return false
		}
	}
	return size > 0
}

// onlyFloats reports whether the 8 bytes at an offset of an object hold nothing
// but floating point. base is where the part begins that e describes.
func onlyFloats(e dwarf.Entry, word, base, depth int) bool {
	if depth == 0 {
		return false
	}
	switch {
	case e.Tag == dwarf.TagBase:
		return isFloat(e)
	case e.Tag == dwarf.TagArray:
		of, ok := plain(e)
		return ok && onlyFloats(of, word, word, depth-1)
	case !isRecord(e.Tag):
		return false
	}
	only, any := true, false
	e.Children(func(c dwarf.Entry) bool {
		at, ok := memberAt(c)
		of, has := plain(c)
		if !isMember(c) || !ok || !has {
			return true
		}
		at += base
		if at+max(sizeOf(of), 1) <= word || at >= word+8 {
			return true
		}
		any, only = true, only && onlyFloats(of, word, at, depth-1)
		return only
	})
	return any && only
}
