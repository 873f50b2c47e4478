package fgraph

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// The layout of a slot: who it belongs to, then the record.
const (
	slotOwner   = 0  // the thread's number with bit 32 set, 0 when free
	slotClaimed = 8  // when
	slotRoots   = 16 // calls of the function itself that are open
	slotDepth   = 24 // open calls below it
	slotStack   = 32 // the thread's stack, 0 when the root does not run on it
	slotRecord  = 40

	slotBits  = 15
	slotSize  = 1 << slotBits
	slotCount = 128
	dataMax   = slotSize - slotRecord - recData - 2*maxEvent
	// After this time another thread can claim the slot of a function that has
	// not returned: its return was missed, or it sleeps. In nanoseconds.
	slotStale = 1e9
	// rootsMax is the maximum recursion depth of the function.
	rootsMax = 8
)

// threadSize is at least the size of a thread's stack on x86-64: 16 KiB, or 32
// KiB with KASAN. Interrupts, and softirqs at their end, run on separate
// stacks.
const threadSize = 32 << 10

// stackPointer returns an address on the current stack, as a number.
func (f *coder) stackPointer() ir.Value {
	if f.Site().Regs {
		return f.B().Load(f.Ctx(), f.Target().Arch.Regs[f.Target().Arch.SP], 8)
	}
	// Trampolines have no saved registers, but the context points to the
	// arguments, which are on the current stack. The program's own stack can be
	// elsewhere since 6.13.
	return f.Number(builtin.Operand{V: f.Ctx()})
}

// threadStack returns the stack pointer if the thread's own stack is in use,
// otherwise 0.
func (f *coder) threadStack() ir.Value {
	task, ok := f.NamedType("struct", "task_struct")
	if !ok || task.Struct == nil {
		return f.konst(0)
	}
	field, ok := task.Struct.Field("stack")
	if !ok {
		return f.konst(0)
	}
	at := f.Scratch(8, "stack")
	f.Read(at, f.konst(8), f.B().BinI(ir.OpAdd, f.B().Call(ir.HelperCurrentTask), int64(field.Offset)), types.Kernel, f.pr.At)
	base := f.B().Load(at.Base, at.Off, 8)
	return f.Select(ir.ULT, f.B().Bin(ir.OpSub, f.stackPointer(), base), f.konst(threadSize), base, f.konst(0))
}

// context returns kindIRQ if an interrupt has begun since the root was entered,
// otherwise 0.
func (f *coder) context(slot ir.Value) ir.Value {
	stack := f.B().Load(slot, slotStack, 8)
	return f.IfElse(ir.EQ, stack, f.konst(0), func() ir.Value { return f.konst(0) }, func() ir.Value {
		return f.Select(ir.ULT, f.B().Bin(ir.OpSub, f.stackPointer(), stack), f.konst(threadSize), f.konst(0), f.konst(kindIRQ))
	})
}

// threadNumber returns a number that identifies the thread: its id, or a
// negative number for the idle tasks, which all have the id 0.
func (f *coder) threadNumber() ir.Value {
	tid := f.B().Ext(f.B().Call(ir.HelperPidTgid), 4, false)
	return f.IfElse(ir.NE, tid, f.konst(0), func() ir.Value { return tid }, func() ir.Value {
		return f.B().Ext(f.B().BinI(ir.OpXor, f.CPU(), -1), 4, false)
	})
}

// findSlot returns the slot of this thread and the owner word that marks it as
// owned by this thread.
func (f *coder) findSlot() (slot, owner ir.Value) {
	n := f.threadNumber()
	at := f.B().BinI(ir.OpShl, f.B().BinI(ir.OpAnd, n, slotCount-1), slotBits)
	owner = f.B().Bin(ir.OpOr, n, f.konst(1<<32))
	return f.B().Bin(ir.OpAdd, f.B().MapValue(f.slots, 0), at), owner
}

// half emits the program at the entry or return of a function below the root.
func (f *coder) half(part *Part, n int, site *hir.Site, kind int64) {
	slot, owner := f.findSlot()
	mine, out := f.B().NewBlock("below"), f.B().NewBlock("elsewhere")
	f.B().If(ir.EQ, 8, f.B().Load(slot, slotOwner, 8), owner, mine, out)
	f.B().UseSealed(mine)
	f.call(part, n, site, kind, slot, owner, out)
	f.B().UseSealed(out)
}

// session emits the program that runs at both entry and return. If it returns 1
// at the entry of a kprobe.session, the kernel does not run it at the return,
// which saves most returns. An fsession has no such rule and must return 0.
func (f *coder) session(part *Part, n int) {
	slot, owner := f.findSlot()
	mine, elsewhere, out := f.B().NewBlock("below"), f.B().NewBlock("elsewhere"), f.B().NewBlock("out")
	f.B().If(ir.EQ, 8, f.B().Load(slot, slotOwner, 8), owner, mine, elsewhere)
	f.B().UseSealed(elsewhere)
	if part.Enter.Attach.Kind == hir.AttachKprobeSession {
		f.B().Ret(f.konst(1))
	} else {
		f.B().Ret(f.konst(0))
	}
	f.B().UseSealed(mine)
	enter, exit := f.B().NewBlock("enter"), f.B().NewBlock("exit")
	// Since 7.0 it takes the context; before, it takes no argument and ignores
	// r1.
	ret := f.B().Ext(f.B().Kfunc("bpf_session_is_return", f.Target().ID(target.SessionReturn), ir.Scalar, f.Ctx()), 1, false)
	f.B().If(ir.NE, 8, ret, f.konst(0), exit, enter)
	f.B().UseSealed(enter)
	f.call(part, n, part.Enter, kindEnter, slot, owner, out)
	f.B().UseSealed(exit)
	f.call(part, n, part.Enter, kindExit, slot, owner, out)
	f.B().UseSealed(out)
}

// call records an entry or return in the slot of this thread and jumps to out.
func (f *coder) call(part *Part, n int, site *hir.Site, kind int64, slot, owner ir.Value, out ir.Block) {
	depth := f.B().Load(slot, slotDepth, 8)
	write := f.B().NewBlock("write")
	if kind == kindEnter {
		f.B().Store(slot, slotDepth, 8, f.B().BinI(ir.OpAdd, depth, 1))
	} else {
		// Ignore the return of a call that began before the root.
		open := f.B().NewBlock("open")
		f.B().If(ir.NE, 8, depth, f.konst(0), open, out)
		f.B().UseSealed(open)
		depth = f.B().BinI(ir.OpSub, depth, 1)
		f.B().Store(slot, slotDepth, 8, depth)
	}
	f.B().If(ir.ULT, 8, depth, f.konst(int64(f.plan.Depth)), write, out)
	f.B().UseSealed(write)
	addr := f.konst(int64(n) + 1)
	if part.Func == "" {
		addr = f.B().Call(ir.HelperFuncIP, f.Ctx())
	}
	context := f.konst(0)
	if kind == kindEnter {
		context = f.context(slot)
	}
	f.event(slot, owner, kind, context, addr, f.eventData(site, part.Deep, kind), 0)
	f.B().Jump(out)
}

// event adds an event to a slot: time, function, a word with kind, number of
// words, CPU and thread, and the words. An event that does not fit is counted.
// Room at the end is reserved for the return of the root.
func (f *coder) event(slot, owner ir.Value, kind int64, context, addr ir.Value, d *eventData, extra int64) {
	used := f.B().Load(slot, slotRecord+recUsed, 4)
	fits, full, done := f.B().NewBlock("fits"), f.B().Cold(f.B().NewBlock("full")), f.B().NewBlock("noted")
	f.B().If(ir.ULE, 8, used, f.konst(dataMax+extra), fits, full)
	f.B().UseSealed(full)
	lost := f.B().Load(slot, slotRecord+recLost, 8)
	f.B().Store(slot, slotRecord+recLost, 8, f.B().BinI(ir.OpAdd, lost, 1))
	f.B().Jump(done)
	f.B().UseSealed(fits)
	at := f.B().Bin(ir.OpAdd, slot, used)
	const data = slotRecord + recData
	f.B().Store(at, data+evTime, 8, f.Clock())
	f.B().Store(at, data+evAddr, 8, addr)
	f.B().Store(at, data+evKind, 2, f.B().Bin(ir.OpOr, context, f.konst(kind|int64(d.count())<<8)))
	f.B().Store(at, data+evCPU, 2, f.CPU())
	f.B().Store(at, data+evTID, 4, owner) // the thread's number
	d.store(f, at, data+evWords)
	f.B().Store(slot, slotRecord+recUsed, 4, f.B().BinI(ir.OpAdd, used, int64(evWords+8*d.count())))
	f.B().Jump(done)
	f.B().UseSealed(done)
}
