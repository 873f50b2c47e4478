package program

import (
	"fmt"

	"probe/lang/hir"
	"probe/runtime/machine/live/dwarf"
)

// The operations of location expressions that occur at the entry of functions.
const (
	opAddr       = 0x03
	opDeref      = 0x06
	opConst1u    = 0x08
	opConst1s    = 0x09
	opConst2u    = 0x0a
	opConst2s    = 0x0b
	opConst4u    = 0x0c
	opConst4s    = 0x0d
	opConst8u    = 0x0e
	opConst8s    = 0x0f
	opConstu     = 0x10
	opConsts     = 0x11
	opPlusConst  = 0x23
	opLit0       = 0x30
	opReg0       = 0x50
	opBreg0      = 0x70
	opRegx       = 0x90
	opFbreg      = 0x91
	opBregx      = 0x92
	opPiece      = 0x93
	opFrameCFA   = 0x9c
	opStackValue = 0x9f
	opEntryValue = 0xa3
	opGNUEntry   = 0xf3
)

// stored reports whether the place of a variable is a slot of the function's own
// frame: it has no value there before the function has stored it. Slots above
// the frame are those of arguments on the stack.
func stored(expr []byte) bool {
	r := dwarf.NewExpr(expr)
	switch op := r.Op(); {
	case op == opFbreg:
		return r.Signed() < 0 || r.More()
	case op >= opBreg0 && op < opBreg0+32, op == opBregx:
		return true
	}
	return false
}

// plus returns the number that an expression adds to the address of an object:
// how compilers of old gave the place of a member.
func plus(expr []byte) (int, bool) {
	r := dwarf.NewExpr(expr)
	if r.Op() != opPlusConst {
		return 0, false
	}
	n := r.Unsigned()
	return int(min(n, 1<<30)), !r.More()
}

// locate sets the place of a parameter from an expression that holds at the
// entry of the function.
func (p *Program) locate(out *Param, g dwarf.Func, expr []byte) {
	size := out.Type.Size
	r := dwarf.NewExpr(expr)
	var parts []hir.Loc
	total := 0
	for {
		loc, piece, why := p.one(r, g, min(max(size, 1), 1<<20))
		if why != "" {
			out.Unreadable = why
			return
		}
		if piece == 0 {
			if len(parts) > 0 {
				out.Unreadable = "the description of its place is damaged"
				return
			}
			out.Loc = loc
			if loc.Kind == hir.LocReg && !out.Type.IsScalar() {
				loc.Size = min(size, 8)
				out.Parts = []hir.Loc{loc}
				if size > 8 {
					out.Unreadable = "only a part of it has a place"
				}
			}
			return
		}
		loc.Size = piece
		parts = append(parts, loc)
		total += piece
		if !r.More() {
			break
		}
	}
	if total < size || len(parts) > 16 {
		out.Unreadable = "only a part of it has a place"
		return
	}
	if out.Type.IsScalar() {
		if len(parts) > 1 {
			out.Unreadable = "it is split over several places"
			return
		}
		out.Loc = parts[0]
		return
	}
	out.Parts = parts
}

// one decodes an expression up to its end or to the size of a piece.
func (p *Program) one(r *dwarf.Expr, g dwarf.Func, size int) (loc hir.Loc, piece int, why string) {
	const (
		nothing = iota
		inRegister
		address // base register + number
		number
	)
	state := nothing
	for r.More() {
		op := r.Op()
		switch {
		case op == opPiece:
			piece = int(min(r.Unsigned(), 1<<20))
			if state == nothing || piece == 0 {
				return loc, 0, "a part of it is optimised out here"
			}
			if state == address {
				loc.Kind = hir.LocMem
			}
			return loc, piece, ""
		case op >= opReg0 && op < opReg0+32, op == opRegx:
			n := uint64(op - opReg0)
			if op == opRegx {
				n = r.Unsigned()
			}
			if loc, why = p.registerAt(n, min(size, 8)); why != "" {
				return loc, 0, why
			}
			state = inRegister
		case op >= opBreg0 && op < opBreg0+32, op == opBregx:
			n := uint64(op - opBreg0)
			if op == opBregx {
				n = r.Unsigned()
			}
			if loc, why = p.registerAt(n, size); why != "" {
				return loc, 0, why
			}
			loc.Disp = r.Signed()
			state = address
		case op == opFbreg:
			off := r.Signed()
			if loc, why = p.frame(g); why != "" {
				return loc, 0, why
			}
			loc.Disp += off
			loc.Size = size
			state = address
		case op == opFrameCFA:
			loc = p.cfa(size)
			state = address
		case op == opPlusConst && (state == address || state == number):
			loc.Disp += int64(min(r.Unsigned(), 1<<31))
		case op >= opLit0 && op < opLit0+32:
			loc, state = hir.Loc{Kind: hir.LocConst, Disp: int64(op - opLit0), Size: 8}, number
		case op >= opConst1u && op <= opConsts:
			loc, state = hir.Loc{Kind: hir.LocConst, Disp: r.Const(op), Size: 8}, number
		case op == opEntryValue || op == opGNUEntry:
			// At the entry it is the value itself.
			inner := dwarf.NewExpr(r.Block())
			n := inner.Op()
			if n < opReg0 || n >= opReg0+32 || inner.More() {
				return loc, 0, unknownOp(op)
			}
			if loc, why = p.registerAt(uint64(n-opReg0), size); why != "" {
				return loc, 0, why
			}
			state = address // the value is what the register holds
		case op == opStackValue && state == address:
			loc.Kind, loc.Size = hir.LocReg, min(size, 8)
			state = inRegister
		case op == opStackValue && state == number:
		default:
			return loc, 0, unknownOp(op)
		}
		if r.Bad() {
			return loc, 0, "the description of its place is damaged"
		}
	}
	switch state {
	case nothing:
		return loc, 0, removed
	case address:
		loc.Kind = hir.LocMem
	}
	return loc, 0, ""
}

func unknownOp(op uint8) string {
	if op == opDeref {
		return "it lies behind a pointer in memory, which would need more than one read"
	}
	return fmt.Sprintf("its place is the result of a computation (operation %#x) that is not supported", op)
}

func (p *Program) registerAt(n uint64, size int) (hir.Loc, string) {
	switch {
	case n < uint64(len(p.arch.DWARF)):
		return p.register(p.arch.DWARF[n], min(size, 8)), ""
	case n >= p.arch.FirstVector && n <= p.arch.LastVector:
		return hir.Loc{}, inVector
	}
	return hir.Loc{}, fmt.Sprintf("it is in register %d, which a probe cannot read", n)
}

// frame returns the address that the slots of a function count from, at its
// entry.
func (p *Program) frame(g dwarf.Func) (hir.Loc, string) {
	var expr []byte
	g.Entry.Origin(func(e dwarf.Entry) bool {
		b, ok := e.Block(dwarf.AttrFrameBase)
		expr = b
		return !ok
	})
	if len(expr) == 1 && expr[0] == opFrameCFA {
		return p.cfa(8), ""
	}
	return hir.Loc{}, "it is in the frame of the function, which is not set up at its entry"
}

// cfa returns the canonical frame address at the entry of a function: the stack
// pointer of its caller before the call.
func (p *Program) cfa(size int) hir.Loc {
	loc := p.register(p.arch.SP, size)
	loc.Disp = int64(p.arch.ReturnSlot)
	return loc
}
