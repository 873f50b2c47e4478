package lower

import (
	"github.com/cilium/ebpf"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// Call graphs (dialect X-FGRAPH). The body of an fgraph: probe runs when its
// function returns. `graph` is a value of 16 bytes that says which call is
// meant; evaluating it for the first time in a run sends the graph record, by
// which user space keeps the tree. A call whose body never comes there leaves
// nothing behind.
//
// Of a tracer's tree with args=deep the root's arguments are kept in the same
// way.
//
// Where programs record the tree themselves (hir.GraphBPF), the calls of a
// thread that is below the function are written into a slot of memory. The slot
// is found by the thread's number and nothing else, since the programs run at
// each call of functions that are mostly called elsewhere: a thread that the
// slot does not belong to goes away after one load. Two threads may want one
// slot; the second is not recorded, and counted. The record that goes to user
// space is the slot itself, so a tree costs one write into the ring buffer,
// when it is wanted, and none when it is not.

// The layout of a slot: who it belongs to, then the record.
const (
	slotOwner   = 0  // the thread's number with bit 32 set, 0 when free
	slotClaimed = 8  // when
	slotRoots   = 16 // calls of the function itself that are open
	slotDepth   = 24 // open calls below it
	slotStack   = 32 // the thread's stack, 0 when the root does not run on it
	slotRecord  = 40

	recUsed  = 4 // bytes of data
	recTime  = 8
	recTID   = 16
	recProbe = 20
	recRet   = 24
	recPID   = 32
	recComm  = 40
	recLost  = 56
	recStart = 64
	recData  = 72

	slotBits   = 15
	slotSize   = 1 << slotBits
	graphSlots = 128
	// eventMost is the largest event: its head and its words.
	eventMost = 24 + hir.GraphWords*8
	dataMost  = slotSize - slotRecord - recData - 2*eventMost
	// After this time a slot whose function did not return is up for others:
	// the return was missed, or the function sleeps.
	slotStale = 1e9
	// rootsMost bounds how deep the function may call itself.
	rootsMost = 8
)

// The kinds of events in the data (builtin.GraphRecord).
const (
	eventEnter = 0
	eventExit  = 1
	// eventIRQ is added to what runs in an interrupt that came in between.
	eventIRQ = builtin.GraphIRQ
)

// threadSize is more than the stack of a thread on x86-64, 16 KiB, or 32 with
// KASAN. Interrupts, and softirqs on their way out, run on stacks of their own.
const threadSize = 32 << 10

// stackPointer is where the stack is now, as a number.
func (f *fn) stackPointer() ir.Value {
	if f.site.Regs {
		return f.b.Load(f.Ctx(), f.Target().PtRegs["sp"], 8)
	}
	// Trampolines have no registers, but keep the arguments, which the context
	// points to, on the stack they are on. A program's own stack may lie elsewhere
	// since 6.13.
	return f.launder(f.Ctx())
}

// threadStack is the stack of this thread if it is in use, else 0.
func (f *fn) threadStack() ir.Value {
	task, ok := f.NamedType("struct", "task_struct")
	if !ok || task.Struct == nil {
		return f.konst(0)
	}
	field, ok := task.Struct.Field("stack")
	if !ok {
		return f.konst(0)
	}
	at := f.Scratch(8, "stack")
	f.Read(at, f.konst(8), f.b.BinI(ir.OpAdd, f.b.Call(ir.HelperCurrentTask), int64(field.Offset)), types.Kernel, f.probe.At)
	base := f.b.Load(at.Base, at.Off, 8)
	return f.Select(ir.ULT, f.b.Bin(ir.OpSub, f.stackPointer(), base), f.konst(threadSize), base, f.konst(0))
}

// context is eventIRQ when an interrupt has come in since the root was entered.
func (f *fn) context(slot ir.Value) ir.Value {
	stack := f.b.Load(slot, slotStack, 8)
	return f.IfElse(ir.EQ, stack, f.konst(0), func() ir.Value { return f.konst(0) }, func() ir.Value {
		return f.Select(ir.ULT, f.b.Bin(ir.OpSub, f.stackPointer(), stack), f.konst(threadSize), f.konst(0), f.konst(eventIRQ))
	})
}

// graphState is what the programs of one fgraph: probe share.
type graphState struct {
	spec   *hir.Graph
	number int  // of the probe
	slots  int  // ir map index of the slots, 0 for none: GraphFtrace without Deep
	used   bool // the body evaluates `graph`
}

// graphUse is `graph` in the program of the body.
type graphUse struct {
	value builtin.Place // the 16 bytes of the value, then a word: the record was sent
	slot  ir.Value      // GraphBPF: 0 when this call was not recorded
	own   ir.Var        // GraphBPF: whether the slot is this thread's
}

// graphOf notes an fgraph: probe.
func (u *Unit) graphOf(i int, pr *hir.Probe) *graphState {
	g := &graphState{spec: pr.Site.Graph, number: i, used: usesGraph(pr)}
	if (g.spec.Source == hir.GraphBPF || g.spec.Deep) && g.used {
		g.slots = u.addMap(&ebpf.MapSpec{Name: "p_graph" + itoa(i), Type: ebpf.Array, KeySize: 4, ValueSize: graphSlots * slotSize, MaxEntries: 1})
	}
	return g
}

// usesGraph reports whether predicate or body ask for the graph.
func usesGraph(pr *hir.Probe) bool {
	used := false
	see := func(e hir.Expr) {
		c, ok := e.(*hir.Call)
		used = used || ok && c.Sig.Uses.Graph
	}
	hir.WalkExpr(pr.Pred, see, nil)
	hir.WalkBlock(pr.Body, see, nil)
	return used
}

// graphParts makes the programs of the functions below the root.
func (u *Unit) graphParts(i int, pr *hir.Probe) {
	g := u.graphs[pr]
	if g == nil || g.slots == 0 {
		return
	}
	for n := range g.spec.Parts {
		part := &g.spec.Parts[n]
		name := "p" + itoa(i) + "g" + itoa(n)
		if part.Exit == nil {
			u.program(name+"s", object.Entry, pr, part.Enter, func(f *fn) { f.graphSession(g, part, n) })
			continue
		}
		u.program(name+"e", object.Entry, pr, part.Enter, func(f *fn) { f.graphPart(g, part, n, part.Enter, eventEnter) })
		u.program(name+"x", object.Entry, pr, part.Exit, func(f *fn) { f.graphPart(g, part, n, part.Exit, eventExit) })
	}
}

// threadNumber tells threads apart: their ids, and negative numbers for the
// idle tasks, which all have the id 0.
func (f *fn) threadNumber() ir.Value {
	tid := f.b.Ext(f.b.Call(ir.HelperPidTgid), 4, false)
	return f.IfElse(ir.NE, tid, f.konst(0), func() ir.Value { return tid }, func() ir.Value {
		return f.b.Ext(f.b.BinI(ir.OpXor, f.CPU(), -1), 4, false)
	})
}

// graphSlot is the slot that a thread may use, and what its owner word is when
// it does.
func (f *fn) graphSlot(g *graphState) (slot, owner ir.Value) {
	n := f.threadNumber()
	at := f.b.BinI(ir.OpShl, f.b.BinI(ir.OpAnd, n, graphSlots-1), slotBits)
	owner = f.b.Bin(ir.OpOr, n, f.konst(1<<32))
	return f.b.Bin(ir.OpAdd, f.b.MapValue(g.slots, 0), at), owner
}

// graphPart is the program at the entry or return of a function below the
// root.
func (f *fn) graphPart(g *graphState, part *hir.GraphPart, n int, site *hir.Site, kind int64) {
	slot, owner := f.graphSlot(g)
	mine, out := f.b.NewBlock("below"), f.b.NewBlock("elsewhere")
	f.b.If(ir.EQ, 8, f.b.Load(slot, slotOwner, 8), owner, mine, out)
	f.b.UseSealed(mine)
	f.graphCall(g, part, n, site, kind, slot, owner, out)
	f.b.UseSealed(out)
}

// graphSession is the program at both. When it returns 1 at the entry of a
// kprobe.session the kernel does not run it at the return, which most calls are
// spared that way; an fsession knows nothing of the kind and wants 0.
func (f *fn) graphSession(g *graphState, part *hir.GraphPart, n int) {
	slot, owner := f.graphSlot(g)
	mine, elsewhere, out := f.b.NewBlock("below"), f.b.NewBlock("elsewhere"), f.b.NewBlock("out")
	f.b.If(ir.EQ, 8, f.b.Load(slot, slotOwner, 8), owner, mine, elsewhere)
	f.b.UseSealed(elsewhere)
	if part.Enter.Attach.Kind == hir.AttachKprobeSession {
		f.b.Ret(f.konst(1))
	} else {
		f.b.Ret(f.konst(0))
	}
	f.b.UseSealed(mine)
	enter, exit := f.b.NewBlock("enter"), f.b.NewBlock("exit")
	// Since 7.0 it takes the context; before, it takes nothing.
	ret := f.b.Ext(f.b.Kfunc("bpf_session_is_return", f.Target().ID(target.SessionReturn), ir.Scalar, f.Ctx()), 1, false)
	f.b.If(ir.NE, 8, ret, f.konst(0), exit, enter)
	f.b.UseSealed(enter)
	f.graphCall(g, part, n, part.Enter, eventEnter, slot, owner, out)
	f.b.UseSealed(exit)
	f.graphCall(g, part, n, part.Enter, eventExit, slot, owner, out)
	f.b.UseSealed(out)
}

// graphCall notes an entry or return in the slot of this thread and goes to
// out.
func (f *fn) graphCall(g *graphState, part *hir.GraphPart, n int, site *hir.Site, kind int64, slot, owner ir.Value, out ir.Block) {
	depth := f.b.Load(slot, slotDepth, 8)
	write := f.b.NewBlock("write")
	if kind == eventEnter {
		f.b.Store(slot, slotDepth, 8, f.b.BinI(ir.OpAdd, depth, 1))
	} else {
		// A call that began before the root is none of its.
		open := f.b.NewBlock("open")
		f.b.If(ir.NE, 8, depth, f.konst(0), open, out)
		f.b.UseSealed(open)
		depth = f.b.BinI(ir.OpSub, depth, 1)
		f.b.Store(slot, slotDepth, 8, depth)
	}
	f.b.If(ir.ULT, 8, depth, f.konst(int64(g.spec.Depth)), write, out)
	f.b.UseSealed(write)
	addr := f.konst(int64(n) + 1)
	if part.Func == "" {
		addr = f.b.Call(ir.HelperFuncIP, f.Ctx())
	}
	context := f.konst(0)
	if kind == eventEnter {
		context = f.context(slot)
	}
	f.graphEvent(slot, owner, kind, context, addr, f.eventData(g, site, kind), 0)
	f.b.Jump(out)
}

// graphEvent adds an event to a slot: time, function, a word with kind, number
// of words, CPU and thread, and the words. What does not fit is counted; the
// root may use what others leave free at the end.
func (f *fn) graphEvent(slot, owner ir.Value, kind int64, context, addr ir.Value, d *eventData, extra int64) {
	used := f.b.Load(slot, slotRecord+recUsed, 4)
	fits, full, done := f.b.NewBlock("fits"), f.b.Cold(f.b.NewBlock("full")), f.b.NewBlock("noted")
	f.b.If(ir.ULE, 8, used, f.konst(dataMost+extra), fits, full)
	f.b.UseSealed(full)
	lost := f.b.Load(slot, slotRecord+recLost, 8)
	f.b.Store(slot, slotRecord+recLost, 8, f.b.BinI(ir.OpAdd, lost, 1))
	f.b.Jump(done)
	f.b.UseSealed(fits)
	at := f.b.Bin(ir.OpAdd, slot, used)
	const data = slotRecord + recData
	f.b.Store(at, data, 8, f.now())
	f.b.Store(at, data+8, 8, addr)
	f.b.Store(at, data+16, 2, f.b.Bin(ir.OpOr, context, f.konst(kind|int64(d.count())<<8)))
	f.b.Store(at, data+18, 2, f.CPU())
	f.b.Store(at, data+20, 4, owner) // the thread's number
	d.store(f, at, data+24)
	f.b.Store(slot, slotRecord+recUsed, 4, f.b.BinI(ir.OpAdd, used, int64(24+8*d.count())))
	f.b.Jump(done)
	f.b.UseSealed(done)
}

// rootAddr stands for the root in events.
const rootAddr = 0

// graphEnter is the entry of the root: it takes the slot, unless another
// thread has it.
func (f *fn) graphEnter(g *graphState) {
	if g == nil || g.slots == 0 {
		return
	}
	slot, owner := f.graphSlot(g)
	now := f.now()
	stack := f.threadStack()
	held, claim, note, out := f.b.NewBlock("held"), f.b.NewBlock("claim"), f.b.NewBlock("note"), f.b.NewBlock("entered")
	f.b.If(ir.NE, 8, f.b.Load(slot, slotOwner, 8), f.konst(0), held, claim)
	f.b.UseSealed(held)
	fresh := f.b.NewBlock("fresh")
	age := f.b.Bin(ir.OpSub, now, f.b.Load(slot, slotClaimed, 8))
	f.b.If(ir.SLT, 8, age, f.konst(slotStale), fresh, claim)
	f.b.UseSealed(fresh)
	again := f.b.NewBlock("again")
	f.b.If(ir.EQ, 8, f.b.Load(slot, slotOwner, 8), owner, again, out) // counted if it is asked for
	f.b.UseSealed(again)
	roots := f.b.Load(slot, slotRoots, 8)
	inside := f.b.NewBlock("inside")
	f.b.If(ir.ULT, 8, roots, f.konst(rootsMost), inside, claim)
	f.b.UseSealed(inside)
	f.b.Store(slot, slotRoots, 8, f.b.BinI(ir.OpAdd, roots, 1))
	f.b.Jump(note)
	f.b.UseSealed(claim)
	f.b.Store(slot, slotOwner, 8, f.konst(0))
	f.b.Store(slot, slotClaimed, 8, now)
	f.b.Store(slot, slotRoots, 8, f.konst(1))
	f.b.Store(slot, slotDepth, 8, f.konst(0))
	f.b.Store(slot, slotStack, 8, stack)
	f.b.Store(slot, slotRecord+recUsed, 4, f.konst(0))
	f.b.Store(slot, slotRecord+recLost, 8, f.konst(0))
	f.b.Jump(note)
	f.b.UseSealed(note)
	f.graphEvent(slot, owner, eventEnter, f.context(slot), f.konst(rootAddr), f.eventData(g, f.site, eventEnter), eventMost)
	// Only now: an interrupt in between must not write ahead of the root.
	f.b.Store(slot, slotOwner, 8, owner)
	f.b.Jump(out)
	f.b.UseSealed(out)
}

// graphReturn is the start of the body's program.
func (f *fn) graphReturn(g *graphState) {
	if g == nil || !g.used {
		return
	}
	use := &graphUse{value: f.Scratch(24, "graph")}
	f.use = use
	f.b.Store(use.value.Base, use.value.Off, 8, f.ended())
	n := f.threadNumber()
	f.b.Store(use.value.Base, use.value.Off+8, 4, n)
	f.b.Store(use.value.Base, use.value.Off+12, 4, f.konst(int64(g.number)))
	f.b.Store(use.value.Base, use.value.Off+16, 8, f.konst(0))
	if g.slots == 0 {
		return
	}
	slot, owner := f.graphSlot(g)
	use.slot, use.own = slot, f.b.NewVar(ir.Scalar)
	f.b.Set(use.own, f.konst(0))
	mine, out := f.b.NewBlock("mine"), f.b.NewBlock("returned")
	f.b.If(ir.EQ, 8, f.b.Load(slot, slotOwner, 8), owner, mine, out)
	f.b.UseSealed(mine)
	f.graphEvent(slot, owner, eventExit, f.konst(0), f.konst(rootAddr), f.eventData(g, f.site, eventExit), eventMost)
	f.b.Set(use.own, f.konst(1))
	f.b.Jump(out)
	f.b.UseSealed(out)
}

// leaveProgram ends the program: the slot is given back when the outermost call
// of the root returns.
func (f *fn) leaveProgram(result ir.Value) {
	if f.use != nil && f.use.slot != 0 {
		slot := f.use.slot
		free, last, out := f.b.NewBlock("free"), f.b.NewBlock("last"), f.b.NewBlock("out")
		f.b.If(ir.NE, 8, f.b.Get(f.use.own), f.konst(0), free, out)
		f.b.UseSealed(free)
		roots := f.b.BinI(ir.OpSub, f.b.Load(slot, slotRoots, 8), 1)
		f.b.Store(slot, slotRoots, 8, roots)
		f.b.If(ir.SLE, 8, roots, f.konst(0), last, out)
		f.b.UseSealed(last)
		f.b.Store(slot, slotOwner, 8, f.konst(0))
		f.b.Jump(out)
		f.b.UseSealed(out)
	}
	f.b.Ret(result)
}

// Graph is the value of `graph`. keep is the record that is sent with it.
func (f *fn) Graph(c *hir.Call, keep *builtin.Func) builtin.Operand {
	use, g := f.use, f.u.graphs[f.probe]
	v := use.value
	send, have := f.b.NewBlock("send"), f.b.NewBlock("sent")
	f.b.If(ir.EQ, 8, f.b.Load(v.Base, v.Off+16, 8), f.konst(0), send, have)
	f.b.UseSealed(send)
	f.b.Store(v.Base, v.Off+16, 8, f.konst(1))
	ev := f.graphRecord(c, keep, g)
	if g.slots == 0 {
		f.sendGraph(c, ev)
	} else {
		mine, none, done := f.b.NewBlock("mine"), f.b.Cold(f.b.NewBlock("none")), f.b.NewBlock("done")
		f.b.If(ir.NE, 8, f.b.Get(use.own), f.konst(0), mine, none)
		f.b.UseSealed(none)
		if g.spec.Source == hir.GraphFtrace {
			f.sendGraph(c, ev) // the tracer has the tree all the same
		} else {
			f.Fail(builtin.ErrGraphLost, c.At, 0)
		}
		f.b.Jump(done)
		f.b.UseSealed(mine)
		f.sendSlot(c, ev)
		f.b.Jump(done)
		f.b.UseSealed(done)
	}
	f.b.Jump(have)
	f.b.UseSealed(have)
	return builtin.Operand{T: c.T, Mem: &v}
}

// graphRecord is the layout of the record.
func (f *fn) graphRecord(c *hir.Call, keep *builtin.Func, g *graphState) *object.Event {
	ev := &object.Event{ID: f.u.cfg.FirstID + len(f.u.Obj.Events), Fn: keep, Call: callInfo(c, f.site.Name), Size: recData}
	ev.Args = []object.EventArg{
		{Type: types.Uint64, Off: recTime}, {Type: types.Uint32, Off: recTID}, {Type: types.Uint32, Off: recProbe},
		{Type: types.Uint64, Off: recRet}, {Type: types.Uint64, Off: recPID}, {Type: types.StringType(16), Off: recComm}, {Type: types.Uint64, Off: recStart},
	}
	if g.slots != 0 {
		ev.Args = append(ev.Args, object.EventArg{Type: types.Uint32, Off: recUsed}, object.EventArg{Type: types.Uint64, Off: recLost},
			object.EventArg{Type: types.ArrayOf(types.Uint8, slotSize-slotRecord-recData), Off: recData})
		ev.Size = slotSize - slotRecord
	}
	f.u.Obj.Events = append(f.u.Obj.Events, ev)
	return ev
}

// graphHead writes what both records have in front.
func (f *fn) graphHead(rec builtin.Place, ev *object.Event) {
	v := f.use.value
	st := func(off, w int, x ir.Value) { f.b.Store(rec.Base, rec.Off+off, w, x) }
	st(0, 4, f.konst(int64(ev.ID)))
	st(recTime, 8, f.b.Load(v.Base, v.Off, 8))
	st(recTID, 8, f.b.Load(v.Base, v.Off+8, 8)) // the probe's number too
	ret := f.konst(0)
	if r := f.site.Ret; r != nil && r.Type.IsScalar() {
		ret = f.plain(f.argument(r, f.probe.At))
	}
	st(recRet, 8, ret)
	st(recStart, 8, f.entered())
	st(recPID, 8, f.b.Call(ir.HelperPidTgid))
	comm := rec.At(recComm)
	f.Zero(comm, 16)
	f.b.Call(ir.HelperComm, f.Addr(comm), f.konst(16))
}

// sendGraph sends the record without calls.
func (f *fn) sendGraph(c *hir.Call, ev *object.Event) {
	rec := f.Scratch(recData, "record")
	f.graphHead(rec, ev)
	f.b.Store(rec.Base, rec.Off+recUsed, 4, f.konst(0))
	f.b.Store(rec.Base, rec.Off+recLost, 8, f.konst(0))
	r := f.b.Call(ir.HelperRingOutput, f.b.Map(mapRing), f.Addr(rec), f.konst(recData), f.konst(noWakeup))
	f.FailIf(ir.NE, r, f.konst(0), builtin.ErrLost, c.At, ir.HelperRingOutput)
}

// sendSlot sends the slot's record.
func (f *fn) sendSlot(c *hir.Call, ev *object.Event) {
	slot := f.use.slot
	f.graphHead(f.local(slot).At(slotRecord), ev)
	// The size is bounded for the verifier; it never is larger.
	used := f.b.BinI(ir.OpAnd, f.b.Load(slot, slotRecord+recUsed, 4), slotSize-1)
	fits, over, done := f.b.NewBlock("size"), f.b.Cold(f.b.NewBlock("over")), f.b.NewBlock("output")
	f.b.If(ir.ULE, 8, used, f.konst(dataMost+2*eventMost), fits, over)
	f.b.UseSealed(over)
	f.Fail(builtin.ErrLost, c.At, ir.HelperRingOutput)
	f.b.Jump(done)
	f.b.UseSealed(fits)
	size := f.b.BinI(ir.OpAdd, used, recData)
	r := f.b.Call(ir.HelperRingOutput, f.b.Map(mapRing), f.b.BinI(ir.OpAdd, slot, slotRecord), size, f.konst(noWakeup))
	f.FailIf(ir.NE, r, f.konst(0), builtin.ErrLost, c.At, ir.HelperRingOutput)
	f.b.Jump(done)
	f.b.UseSealed(done)
}
