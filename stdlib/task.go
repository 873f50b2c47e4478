package stdlib

import (
	"math/bits"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// maxPid is more than the kernel's largest process id (PID_MAX_LIMIT).
const maxPid = 1 << 22

func taskOfSig() *types.Signature {
	return &types.Signature{Name: "task", Row: "X-FN", Usage: "task(pid)", Format: -1, KernelTypes: true,
		Doc:      "Pointer to the task_struct of the process or thread with this number, 0 if there is none.",
		Params:   []types.Param{intParam("pid")},
		NoReplay: "the kernel's table of processes is not in it",
		Infer:    curtaskSig.Infer,
	}
}

// lowerTask reads the kernel's own table of processes, since its function that finds
// one (bpf_task_from_pid) may not be called by every type of program, nor before
// Linux 6.2. The table is the radix tree of a PID namespace, from numbers to struct
// pid; what it gives is checked against the number, since it is read without a lock.
func lowerTask(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	w := taskWalk{l: l, b: l.B(), c: c}
	if !w.find() {
		l.Refuse("missing-kernel-feature", c.At, "task() does not know this kernel's table of processes",
			"its type information lacks what the table is made of: "+w.missing, "find the process by its name or number in an `iter:task` clause")
		return l.Zeroed(c.T)
	}
	own := l.Site().Attach.Kind.ByUser()
	if l.Target().NsPid && !own {
		l.Refuse("missing-kernel-feature", c.At, "task() is not possible in "+l.Site().Name+" here",
			"probe runs in a PID namespace, and the kernel counts processes differently for other programs", "use it in begin, end or interval, or run probe in the first PID namespace")
		return l.Zeroed(c.T)
	}
	pid := l.B().Ext(l.Scalar(c.Args[0]), 4, false)
	none := l.B().Const(0)
	self := builtin.Operand{T: c.T, V: l.B().Call(ir.HelperCurrentTask)}
	if l.Target().Has(target.TaskBTF) && c.T.Elem.Struct.BTF != 0 {
		self = builtin.Operand{T: c.T, V: l.B().Call(ir.HelperTaskBTF), Direct: true, Trusted: true}
	}
	// A thread that has ended has no struct pid any more.
	mine := w.number(self, w.threadPid)
	task := w.ifSet(mine, func() ir.Value {
		at := w.numberAt(mine)
		ns := w.number(w.upid(mine, at), w.ns)
		return w.ifSet(ns, func() ir.Value {
			found := w.lookup(w.number(w.ptr(ns, w.nsType), w.root), pid)
			return w.ifSet(found, func() ir.Value {
				nr := l.B().Ext(w.load(w.upid(found, at), w.nr).V, 4, false)
				return l.IfElse(ir.EQ, nr, pid, func() ir.Value {
					first := w.number(w.ptr(found, w.pidType), w.first)
					return w.ifSet(first, func() ir.Value { return l.B().BinI(ir.OpSub, first, int64(w.link)) })
				}, func() ir.Value { return none })
			})
		})
	})
	return builtin.Operand{T: c.T, V: task}
}

// taskWalk is the code that walks the table, with the places of the members that it
// reads.
type taskWalk struct {
	l                        builtin.Lowerer
	b                        *ir.Builder
	c                        *hir.Call
	missing                  string // the member that the kernel's types lack
	pidType, nsType, nodeTyp *types.Type
	upidType                 *types.Type

	threadPid place // task_struct.thread_pid
	level     place // pid.level
	first     place // pid.tasks[PIDTYPE_PID].first
	ns, nr    place // upid.ns, upid.nr
	root      place // pid_namespace.idr.idr_rt.xa_head
	shift     place // xa_node.shift
	slot      place // xa_node.slots[0]
	slotBits  int   // log2 of the number of slots
	numbers   int   // byte offset of pid.numbers
	link      int   // byte offset of task_struct.pid_links[PIDTYPE_PID]
}

// place is a member at a byte offset of a struct.
type place struct {
	off int
	t   *types.Type
}

// find looks the members up. It returns false if the kernel has them not.
func (w *taskWalk) find() bool {
	member := func(of string, path ...string) place {
		t, ok := w.l.NamedType("struct", of)
		p := place{t: t}
		for _, name := range path {
			for ok && p.t.Kind == types.Array {
				p.t = p.t.Elem // the first element
			}
			var fd *types.Field
			if ok = ok && p.t.Kind == types.Record; ok {
				fd, ok = p.t.Struct.Field(name)
			}
			if !ok {
				w.missing = "struct " + of
				for _, m := range path {
					w.missing += "." + m
				}
				return place{}
			}
			p = place{p.off + fd.Offset, fd.Type}
		}
		return p
	}
	w.threadPid = member("task_struct", "thread_pid")
	w.link = member("task_struct", "pid_links").off
	w.level = member("pid", "level")
	w.first = member("pid", "tasks", "first")
	w.numbers = member("pid", "numbers").off
	w.ns, w.nr = member("upid", "ns"), member("upid", "nr")
	w.root = member("pid_namespace", "idr", "idr_rt", "xa_head")
	w.shift = member("xa_node", "shift")
	w.slot = member("xa_node", "slots")
	if w.missing != "" {
		return false
	}
	if w.slot.t.Kind != types.Array || w.slot.t.Len == 0 {
		w.missing = "struct xa_node.slots"
		return false
	}
	w.slotBits = bits.Len(uint(w.slot.t.Len)) - 1
	w.slot.t = w.slot.t.Elem
	w.pidType, _ = w.l.NamedType("struct", "pid")
	w.nsType, _ = w.l.NamedType("struct", "pid_namespace")
	w.nodeTyp, _ = w.l.NamedType("struct", "xa_node")
	w.upidType, _ = w.l.NamedType("struct", "upid")
	return true
}

// ptr returns a number as a pointer to a struct.
func (w *taskWalk) ptr(v ir.Value, to *types.Type) builtin.Operand {
	return builtin.Operand{T: types.PointerTo(to, types.Kernel), V: v}
}

// load reads a member of the struct that o points to.
func (w *taskWalk) load(o builtin.Operand, p place) builtin.Operand {
	return w.l.Member(o, p.off, p.t, w.c.At)
}

// number is like load, and returns a pointer as a number.
func (w *taskWalk) number(o builtin.Operand, p place) ir.Value { return w.l.Number(w.load(o, p)) }

// ifSet returns what then returns, or 0 if v is 0.
func (w *taskWalk) ifSet(v ir.Value, then func() ir.Value) ir.Value {
	return w.l.IfElse(ir.NE, v, w.b.Const(0), then, func() ir.Value { return w.b.Const(0) })
}

// numberAt returns at which byte of struct pid the number is by which a script knows
// processes: that of the first namespace, or where probe runs in another one, the last
// number of the present process, which is probe.
func (w *taskWalk) numberAt(pid ir.Value) ir.Value {
	if !w.l.Target().NsPid {
		return w.b.Const(int64(w.numbers))
	}
	level := w.b.BinI(ir.OpAnd, w.load(w.ptr(pid, w.pidType), w.level).V, 31) // MAX_PID_NS_LEVEL is 32
	return w.b.BinI(ir.OpAdd, w.b.BinI(ir.OpMul, level, int64(w.upidType.Size)), int64(w.numbers))
}

// upid returns a pointer to the number of a struct pid at a byte offset.
func (w *taskWalk) upid(pid, at ir.Value) builtin.Operand {
	return w.ptr(w.b.Bin(ir.OpAdd, pid, at), w.upidType)
}

// lookup returns what the tree has under a number, 0 if nothing. An entry whose last
// two bits are 2 is a node; the shift of a node says which bits of the number choose
// its slot.
func (w *taskWalk) lookup(entry, n ir.Value) ir.Value {
	for covered := 1; covered < maxPid; covered <<= w.slotBits {
		here := entry
		entry = w.l.IfElse(ir.EQ, w.b.BinI(ir.OpAnd, here, 3), w.b.Const(2), func() ir.Value {
			node := w.b.BinI(ir.OpSub, here, 2)
			shift := w.b.BinI(ir.OpAnd, w.load(w.ptr(node, w.nodeTyp), w.shift).V, 31)
			slot := w.b.BinI(ir.OpAnd, w.b.Bin(ir.OpShr, n, shift), int64(1<<w.slotBits-1))
			return w.number(w.ptr(w.b.Bin(ir.OpAdd, node, w.b.BinI(ir.OpMul, slot, 8)), w.nodeTyp), w.slot)
		}, func() ir.Value { return here })
	}
	// What is still a node, or another mark of the tree, is no struct pid.
	return w.l.IfElse(ir.EQ, w.b.BinI(ir.OpAnd, entry, 3), w.b.Const(0), func() ir.Value { return entry }, func() ir.Value { return w.b.Const(0) })
}
