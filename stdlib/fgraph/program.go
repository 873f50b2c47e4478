package fgraph

import (
	"strconv"

	"github.com/cilium/ebpf"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// graph is the state shared by the programs of one probe.
type graph struct {
	plan   *Plan
	pr     *hir.Probe
	number int // of the probe
	slots  int // number of the map of slots, 0 for none: Ftrace without Deep

	// State of the body's program:
	value builtin.Place // the 16 bytes of the value, then a word that is set once the record was sent
	slot  ir.Value      // where programs record calls: 0 if this call was not recorded
	own   ir.Var        // whether this thread owns the slot
}

// coder compiles a piece of one program.
type coder struct {
	builtin.Lowerer
	*graph
}

func (f *coder) konst(v int64) ir.Value { return f.B().Const(v) }

// Programs plans the programs of probe number n, which uses `graph`. It is a
// builtin.Func.Part.
func Programs(u builtin.Unit, n int, pr *hir.Probe) builtin.Part {
	g := &graph{plan: Of(pr.Site), pr: pr, number: n}
	if g.plan.Source == BPF || g.plan.Source == Ftrace && g.plan.Deep {
		g.slots = u.AddMap(&ebpf.MapSpec{Name: "p_graph" + strconv.Itoa(n), Type: ebpf.Array, KeySize: 4, ValueSize: slotCount * slotSize, MaxEntries: 1})
	}
	with := func(do func(f *coder)) func(builtin.Lowerer) {
		return func(l builtin.Lowerer) { do(&coder{l, g}) }
	}
	part := builtin.Part{
		Enter: with((*coder).enter), Begin: with((*coder).begin), End: with((*coder).end),
		Value: func(l builtin.Lowerer, c *hir.Call) builtin.Operand { return (&coder{l, g}).get(c) },
	}
	for i := range g.plan.Parts {
		p := &g.plan.Parts[i]
		name := "g" + strconv.Itoa(i)
		if p.Exit == nil {
			part.Programs = append(part.Programs, builtin.Program{Suffix: name + "s", Site: p.Enter, Body: with(func(f *coder) { f.session(p, i) })})
			continue
		}
		part.Programs = append(part.Programs,
			builtin.Program{Suffix: name + "e", Site: p.Enter, Body: with(func(f *coder) { f.half(p, i, p.Enter, kindEnter) })},
			builtin.Program{Suffix: name + "x", Site: p.Exit, Body: with(func(f *coder) { f.half(p, i, p.Exit, kindExit) })})
	}
	return part
}

// enter emits the entry of the root: it claims the slot unless another thread
// owns it.
func (f *coder) enter() {
	if f.slots == 0 {
		return
	}
	slot, owner := f.findSlot()
	now := f.Clock()
	stack := f.threadStack()
	held, claim, note, out := f.B().NewBlock("held"), f.B().NewBlock("claim"), f.B().NewBlock("note"), f.B().NewBlock("entered")
	f.B().If(ir.NE, 8, f.B().Load(slot, slotOwner, 8), f.konst(0), held, claim)
	f.B().UseSealed(held)
	fresh := f.B().NewBlock("fresh")
	age := f.B().Bin(ir.OpSub, now, f.B().Load(slot, slotClaimed, 8))
	f.B().If(ir.SLT, 8, age, f.konst(slotStale), fresh, claim)
	f.B().UseSealed(fresh)
	again := f.B().NewBlock("again")
	f.B().If(ir.EQ, 8, f.B().Load(slot, slotOwner, 8), owner, again, out) // counted if it is asked for
	f.B().UseSealed(again)
	roots := f.B().Load(slot, slotRoots, 8)
	inside := f.B().NewBlock("inside")
	f.B().If(ir.ULT, 8, roots, f.konst(rootsMax), inside, claim)
	f.B().UseSealed(inside)
	f.B().Store(slot, slotRoots, 8, f.B().BinI(ir.OpAdd, roots, 1))
	f.B().Jump(note)
	f.B().UseSealed(claim)
	f.B().Store(slot, slotOwner, 8, f.konst(0))
	f.B().Store(slot, slotClaimed, 8, now)
	f.B().Store(slot, slotRoots, 8, f.konst(1))
	f.B().Store(slot, slotDepth, 8, f.konst(0))
	f.B().Store(slot, slotStack, 8, stack)
	f.B().Store(slot, slotRecord+recUsed, 4, f.konst(0))
	f.B().Store(slot, slotRecord+recLost, 8, f.konst(0))
	f.B().Jump(note)
	f.B().UseSealed(note)
	f.event(slot, owner, kindEnter, f.context(slot), f.konst(rootAddr), f.eventData(f.Site(), f.plan.EnterDeep, kindEnter), maxEvent)
	// Set the owner last: an interrupt before this must not write its calls
	// before the root's.
	f.B().Store(slot, slotOwner, 8, owner)
	f.B().Jump(out)
	f.B().UseSealed(out)
}

// begin emits the start of the body's program.
func (f *coder) begin() {
	f.value = f.Scratch(24, "graph")
	f.B().Store(f.value.Base, f.value.Off, 8, f.Ended())
	n := f.threadNumber()
	f.B().Store(f.value.Base, f.value.Off+8, 4, n)
	f.B().Store(f.value.Base, f.value.Off+12, 4, f.konst(int64(f.number)))
	f.B().Store(f.value.Base, f.value.Off+16, 8, f.konst(0))
	if f.slots == 0 {
		return
	}
	slot, owner := f.findSlot()
	f.slot, f.own = slot, f.B().NewVar(ir.Scalar)
	f.B().Set(f.own, f.konst(0))
	mine, out := f.B().NewBlock("mine"), f.B().NewBlock("returned")
	f.B().If(ir.EQ, 8, f.B().Load(slot, slotOwner, 8), owner, mine, out)
	f.B().UseSealed(mine)
	f.event(slot, owner, kindExit, f.konst(0), f.konst(rootAddr), f.eventData(f.Site(), nil, kindExit), maxEvent)
	f.B().Set(f.own, f.konst(1))
	f.B().Jump(out)
	f.B().UseSealed(out)
}

// end releases the slot when the outermost call of the root returns.
func (f *coder) end() {
	if f.slot == 0 {
		return
	}
	slot := f.slot
	free, last, out := f.B().NewBlock("free"), f.B().NewBlock("last"), f.B().NewBlock("out")
	f.B().If(ir.NE, 8, f.B().Get(f.own), f.konst(0), free, out)
	f.B().UseSealed(free)
	roots := f.B().BinI(ir.OpSub, f.B().Load(slot, slotRoots, 8), 1)
	f.B().Store(slot, slotRoots, 8, roots)
	f.B().If(ir.SLE, 8, roots, f.konst(0), last, out)
	f.B().UseSealed(last)
	f.B().Store(slot, slotOwner, 8, f.konst(0))
	f.B().Jump(out)
	f.B().UseSealed(out)
}

// Kept is the builtin whose records pass a call to user space
// (builtin.Env.Keep).
var Kept = &builtin.Func{
	Sig:      &types.Signature{Name: "graph", Row: "X-FGRAPH", Format: -1, Async: true},
	UserHalf: &builtin.UserHalf{Handle: func(env builtin.Env, r *builtin.Record) error { env.Keep(r); return nil }},
}

// get returns the value of `graph`. The first use sends the record.
func (f *coder) get(c *hir.Call) builtin.Operand {
	v := f.value
	send, have := f.B().NewBlock("send"), f.B().NewBlock("sent")
	f.B().If(ir.EQ, 8, f.B().Load(v.Base, v.Off+16, 8), f.konst(0), send, have)
	f.B().UseSealed(send)
	f.B().Store(v.Base, v.Off+16, 8, f.konst(1))
	if f.slots == 0 {
		f.sendCall(c, f.Record(c, Kept, recData, fields[:argUsed]))
	} else {
		id := f.Record(c, Kept, slotSize-slotRecord, fields)
		mine, none, done := f.B().NewBlock("mine"), f.B().Cold(f.B().NewBlock("none")), f.B().NewBlock("done")
		f.B().If(ir.NE, 8, f.B().Get(f.own), f.konst(0), mine, none)
		f.B().UseSealed(none)
		if f.plan.Source != BPF {
			f.sendCall(c, id) // the tracer has the tree anyway
		} else {
			f.Fail(builtin.ErrUnrecorded, c.At, 0)
		}
		f.B().Jump(done)
		f.B().UseSealed(mine)
		f.sendSlot(c, id)
		f.B().Jump(done)
		f.B().UseSealed(done)
	}
	f.B().Jump(have)
	f.B().UseSealed(have)
	return builtin.Operand{T: c.T, Mem: &v}
}

// head writes the head that both kinds of records share.
func (f *coder) head(rec builtin.Place, id int) {
	v := f.value
	st := func(off, w int, x ir.Value) { f.B().Store(rec.Base, rec.Off+off, w, x) }
	st(0, 4, f.konst(int64(id)))
	st(recTime, 8, f.B().Load(v.Base, v.Off, 8))
	st(recTID, 8, f.B().Load(v.Base, v.Off+8, 8)) // with the probe's number in the upper half
	ret := f.konst(0)
	if r := f.Site().Ret; r != nil && r.Type.IsScalar() {
		ret = f.Number(f.Argument(r, f.pr.At))
	}
	st(recRet, 8, ret)
	st(recStart, 8, f.Entered())
	st(recPID, 8, f.B().Call(ir.HelperPidTgid))
	comm := rec.At(recComm)
	f.Zero(comm, commSize)
	f.B().Call(ir.HelperComm, f.Addr(comm), f.konst(commSize))
}

// sendCall sends the record without calls.
func (f *coder) sendCall(c *hir.Call, id int) {
	rec := f.Scratch(recData, "record")
	f.head(rec, id)
	f.B().Store(rec.Base, rec.Off+recUsed, 4, f.konst(0))
	f.B().Store(rec.Base, rec.Off+recLost, 8, f.konst(0))
	f.Send(rec, f.konst(recData), c.At)
}

// sendSlot sends the slot's record.
func (f *coder) sendSlot(c *hir.Call, id int) {
	slot := f.slot
	rec := builtin.Place{Base: slot, Off: slotRecord, Space: types.Local}
	f.head(rec, id)
	// The mask bounds the size for the verifier; the actual size is never
	// larger.
	used := f.B().BinI(ir.OpAnd, f.B().Load(slot, slotRecord+recUsed, 4), slotSize-1)
	fits, over, done := f.B().NewBlock("size"), f.B().Cold(f.B().NewBlock("over")), f.B().NewBlock("output")
	f.B().If(ir.ULE, 8, used, f.konst(dataMax+2*maxEvent), fits, over)
	f.B().UseSealed(over)
	f.Fail(builtin.ErrLost, c.At, ir.HelperRingOutput)
	f.B().Jump(done)
	f.B().UseSealed(fits)
	size := f.B().BinI(ir.OpAdd, used, recData)
	f.Send(rec, size, c.At)
	f.B().Jump(done)
	f.B().UseSealed(done)
}
