package lower

import (
	"github.com/cilium/ebpf"

	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/source"
)

// dw_ustack() walks the stack of the process of object.Unwind by a table. A frame
// is one call of a function that the verifier looks at once, so the depth of a stack
// costs it nothing; all that frames pass on is in scratch memory.

// The words of a walk, in scratch memory.
const (
	walkIP     = 8 * iota // of the frame
	walkSP                // before it was called
	walkBP                //
	walkFrames            // frames so far
	walkBack              // 1 if the address is one of a return, which may be that of the next function
	walkLow               // the search: rows before it begin at or below the address
	walkLen               // rows of which that is not known
	walkCFA               // the frame address
	walkNext              // the address of the return
	walkSize
)

// searchTurns is how often a table can be halved: more often than one has rows.
const searchTurns = 25

// unwindMap returns the number of the map with the table.
func (u *Unit) unwindMap() int {
	if u.unwind == 0 {
		// The runtime makes room for the rows there are.
		u.unwind = u.AddMap(&ebpf.MapSpec{Name: object.UnwindMap, Type: ebpf.Array, KeySize: 4, ValueSize: object.UnwindRow, MaxEntries: 2, Flags: mmapable})
	}
	return u.unwind
}

// UnwindUser implements builtin.Lowerer.
func (f *fn) UnwindUser(most int, at source.Span) ir.Value {
	if f.Target().Arch.Name != "amd64" {
		f.Refuse("missing-kernel-feature", at, "dw_ustack() knows the frames of x86-64 only", "this machine is "+f.Target().Arch.Name, "use ustack")
		return f.konst(0)
	}
	if f.deepest() {
		f.Refuse("missing-kernel-feature", at, "dw_ustack() cannot be called so deep in loops", "the kernel allows eight functions that call one another", "call it before the loop")
		return f.konst(0)
	}
	f.StackBuffer() // before the function that writes to it
	off := f.region0(walkSize)
	put := func(word int, v ir.Value) {
		p := f.far(off + word)
		f.b.Store(p.Base, p.Off, 8, v)
	}
	regs := f.b.Call(ir.HelperTaskPtRegs, f.b.Call(ir.HelperTaskBTF))
	for _, r := range [...]struct {
		word int
		name string
	}{{walkIP, "ip"}, {walkSP, "sp"}, {walkBP, "bp"}} {
		put(r.word, f.b.Load(regs, f.Target().Arch.Regs[r.name], 8))
	}
	put(walkFrames, f.konst(0))
	put(walkBack, f.konst(0))
	step := f.outline("frame", 0, func(g *fn) { g.walkFrame(off, most) })
	i := f.b.NewVar(ir.Scalar)
	f.b.Set(i, f.konst(0))
	head, in, on, done := f.b.NewBlock("frames"), f.b.NewBlock("frame"), f.b.NewBlock("next"), f.b.NewBlock("walked")
	f.b.Jump(head)
	f.b.Use(head)
	f.b.If(ir.ULT, 8, f.b.Get(i), f.konst(int64(most)), in, done)
	f.b.UseSealed(in)
	f.b.If(ir.EQ, 4, f.call0(step), f.konst(wentOn), on, done)
	f.b.UseSealed(on)
	f.b.Set(i, f.b.BinI(ir.OpAdd, f.b.Get(i), 1))
	f.b.Jump(head)
	f.b.Seal(head)
	f.b.UseSealed(done)
	p := f.far(off + walkFrames)
	size := f.b.BinI(ir.OpShl, f.b.Load(p.Base, p.Off, 8), 3)
	// The bound that the verifier wants to see.
	return f.Select(ir.UGT, size, f.konst(8*int64(most)), f.konst(0), size)
}

// walkFrame is the function for one frame: it stores its address, that in the call
// where it is a return address, and finds the frame of its caller.
func (f *fn) walkFrame(off, most int) {
	get := func(word int) ir.Value {
		p := f.far(off + word)
		return f.b.Load(p.Base, p.Off, 8)
	}
	put := func(word int, v ir.Value) {
		p := f.far(off + word)
		f.b.Store(p.Base, p.Off, 8, v)
	}
	stop := f.b.NewBlock("stop")
	// require goes on where x c y holds and leaves the walk elsewhere.
	require := func(c ir.Cmp, x, y ir.Value) {
		on := f.b.NewBlock("on")
		f.b.If(c, 8, x, y, on, stop)
		f.b.UseSealed(on)
	}
	n := get(walkFrames)
	require(ir.ULT, n, f.konst(int64(most)))
	buf := f.b.Bin(ir.OpAdd, f.Addr(f.StackBuffer()), f.b.BinI(ir.OpShl, n, 3))
	f.b.Store(buf, 0, 8, f.b.Bin(ir.OpSub, get(walkIP), get(walkBack)))
	put(walkFrames, f.b.BinI(ir.OpAdd, n, 1))

	key := f.Scratch(8, "row")
	row := func(i ir.Value) ir.Value {
		f.b.Store(key.Base, key.Off, 4, i)
		r := f.b.Call(ir.HelperMapLookup, f.b.Map(f.u.unwindMap()), f.Addr(key))
		require(ir.NE, r, f.konst(0))
		return r
	}
	r := row(f.searchRow(get, put, row))
	word := f.b.Load(r, 8, 4)
	cfa := f.b.BinI(ir.OpSar, f.b.Ext(word, 4, true), 8)
	bp := f.b.Ext(f.b.Load(r, 12, 4), 4, true)
	kind := f.b.BinI(ir.OpAnd, word, 0xff)

	framed, signal := f.b.NewBlock("framed"), f.b.NewBlock("signal")
	read := func(word int, addr ir.Value) {
		p := f.far(off + word)
		e := f.b.Call(ir.HelperReadUser, f.Addr(p), f.konst(8), addr)
		on := f.b.NewBlock("read")
		f.b.If(ir.EQ, 4, e, f.konst(0), on, stop)
		f.b.UseSealed(on)
	}
	is := func(k int64, do func()) {
		yes, no := f.b.NewBlock("kind"), f.b.NewBlock("other")
		f.b.If(ir.EQ, 4, kind, f.konst(k), yes, no)
		f.b.UseSealed(yes)
		do()
		f.b.UseSealed(no)
	}
	become := func(v ir.Value) { put(walkCFA, v); f.b.Jump(framed) }
	is(object.UnwindFromSP, func() { become(f.b.Bin(ir.OpAdd, get(walkSP), cfa)) })
	is(object.UnwindFromBP, func() { become(f.b.Bin(ir.OpAdd, get(walkBP), cfa)) })
	is(object.UnwindAtSP, func() { read(walkCFA, f.b.Bin(ir.OpAdd, get(walkSP), cfa)); f.b.Jump(framed) })
	is(object.UnwindAtBP, func() { read(walkCFA, f.b.Bin(ir.OpAdd, get(walkBP), cfa)); f.b.Jump(framed) })
	is(object.UnwindStub, func() {
		low := f.b.BinI(ir.OpAnd, get(walkIP), 15)
		pushed := f.Select(ir.SGE, low, cfa, f.konst(16), f.konst(8))
		become(f.b.Bin(ir.OpAdd, get(walkSP), pushed))
	})
	is(object.UnwindSignal, func() { f.b.Jump(signal) })
	is(object.UnwindUnknown, func() {
		// Code that nothing describes may have frame pointers. One that is no
		// address above the stack pointer is none.
		at := get(walkBP)
		require(ir.UGE, at, get(walkSP))
		require(ir.EQ, f.b.BinI(ir.OpAnd, at, 7), f.konst(0))
		put(walkCFA, f.b.BinI(ir.OpAdd, at, 16))
		read(walkNext, f.b.BinI(ir.OpAdd, at, 8))
		read(walkBP, at)
		f.walkOn(get, put, require)
	})
	f.b.Jump(stop)

	f.b.UseSealed(framed)
	read(walkNext, f.b.BinI(ir.OpSub, get(walkCFA), 8))
	atBP, below, kept, restored := f.b.NewBlock("at bp"), f.b.NewBlock("saved"), f.b.NewBlock("kept"), f.b.NewBlock("restored")
	f.b.If(ir.EQ, 8, bp, f.konst(0), restored, kept)
	f.b.UseSealed(kept)
	f.b.If(ir.EQ, 8, bp, f.konst(object.UnwindBPAtBP), atBP, below)
	f.b.UseSealed(atBP)
	read(walkBP, get(walkBP))
	f.b.Jump(restored)
	f.b.UseSealed(below)
	read(walkBP, f.b.Bin(ir.OpAdd, get(walkCFA), bp))
	f.b.Jump(restored)
	f.b.UseSealed(restored)
	f.walkOn(get, put, require)

	f.b.UseSealed(signal)
	sp := get(walkSP)
	read(walkBP, f.b.BinI(ir.OpAdd, sp, object.UnwindSignalBP))
	read(walkIP, f.b.BinI(ir.OpAdd, sp, object.UnwindSignalPC))
	read(walkSP, f.b.BinI(ir.OpAdd, sp, object.UnwindSignalSP))
	put(walkBack, f.konst(0))
	f.b.Ret(f.konst(wentOn))

	f.b.UseSealed(stop)
	f.b.Ret(f.konst(broke))
}

// walkOn goes on to the caller, whose frame lies above.
func (f *fn) walkOn(get func(int) ir.Value, put func(int, ir.Value), require func(ir.Cmp, ir.Value, ir.Value)) {
	require(ir.UGT, get(walkCFA), get(walkSP))
	next := get(walkNext)
	require(ir.NE, next, f.konst(0))
	put(walkIP, next)
	put(walkSP, get(walkCFA))
	put(walkBack, f.konst(1))
	f.b.Ret(f.konst(wentOn))
}

// searchRow returns the number of the row that is valid at the address of a frame.
// Row 0 says where the table begins and how many rows it has; the first of these is
// below all addresses.
func (f *fn) searchRow(get func(int) ir.Value, put func(int, ir.Value), row func(ir.Value) ir.Value) ir.Value {
	head := row(f.konst(0))
	put(walkLow, f.b.Load(head, 0, 4))
	put(walkLen, f.b.Load(head, 4, 4))
	found := f.b.NewBlock("found")
	f.times(searchTurns, func() {
		n := get(walkLen)
		look := f.b.NewBlock("look")
		f.b.If(ir.NE, 8, n, f.konst(0), look, found)
		f.b.UseSealed(look)
		half := f.b.BinI(ir.OpShr, n, 1)
		mid := f.b.Bin(ir.OpAdd, get(walkLow), half)
		r := row(mid)
		upper, lower, on := f.b.NewBlock("upper"), f.b.NewBlock("lower"), f.b.NewBlock("halved")
		f.b.If(ir.ULE, 8, f.b.Load(r, 0, 8), f.b.Bin(ir.OpSub, get(walkIP), get(walkBack)), upper, lower)
		f.b.UseSealed(upper)
		mid = f.b.Bin(ir.OpAdd, get(walkLow), f.b.BinI(ir.OpShr, get(walkLen), 1))
		put(walkLen, f.b.BinI(ir.OpSub, f.b.Bin(ir.OpSub, get(walkLen), f.b.BinI(ir.OpShr, get(walkLen), 1)), 1))
		put(walkLow, f.b.BinI(ir.OpAdd, mid, 1))
		f.b.Jump(on)
		f.b.UseSealed(lower)
		put(walkLen, f.b.BinI(ir.OpShr, get(walkLen), 1))
		f.b.Jump(on)
		f.b.UseSealed(on)
	})
	f.b.Jump(found)
	f.b.UseSealed(found)
	return f.b.BinI(ir.OpSub, get(walkLow), 1)
}

// OfUnwound implements builtin.Lowerer.
func (f *fn) OfUnwound(tgid ir.Value, then, els func() ir.Value) ir.Value {
	key := f.Scratch(8, "row")
	f.b.Store(key.Base, key.Off, 4, f.konst(0))
	pid := f.region0(8)
	word := func() (ir.Value, int) { p := f.far(pid); return p.Base, p.Off }
	base, at := word()
	f.b.Store(base, at, 8, f.konst(0))
	r := f.b.Call(ir.HelperMapLookup, f.b.Map(f.u.unwindMap()), f.Addr(key))
	have, on := f.b.NewBlock("table"), f.b.NewBlock("on")
	f.b.If(ir.NE, 8, r, f.konst(0), have, on)
	f.b.UseSealed(have)
	base, at = word()
	f.b.Store(base, at, 8, f.b.Load(r, 12, 4))
	f.b.Jump(on)
	f.b.UseSealed(on)
	base, at = word()
	return f.IfElse(ir.EQ, tgid, f.b.Load(base, at, 8), then, els)
}
