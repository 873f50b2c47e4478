package stdlib

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// process has the ids of the running thread and CPU.
func process() []*builtin.Func {
	return []*builtin.Func{
		{Sig: known(types.KnownAtEntry, bare("cgroup", "B-CGROUP", types.Uint64, "Cgroup v2 id of the current task.")), Lower: helper(ir.HelperCgroupID)},
		{Sig: known(types.KnownAtEntry, commSig()), Prefers: []target.Feature{target.TaskBTF, target.CommOffset}, Lower: lowerComm},
		{Sig: folded(bare("cpid", "B-CPID", types.Uint64, "Process id of the command started with -c, 0 without one."), func(c *types.Call) *types.Const {
			return typedConst(types.Uint64, uint64(c.Env.ChildPID()))
		})},
		{Sig: folded(bare("has_cpid", "B-HASCPID", types.BoolType, "Whether there is a command started with -c."), func(c *types.Call) *types.Const {
			return types.BoolConst(c.Env.ChildPID() != 0)
		})},
		{Sig: bare("cpu", "B-CPU", types.Uint64, "Number of the processor the event happened on."), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.CPU())
		}},
		{Sig: curtaskSig, Prefers: []target.Feature{target.TaskBTF}, Lower: lowerCurtask},
		{Sig: folded(bare("filter_comm", "X-RUN", nil, "The thread name given with --comm, empty without one; for scripts with task_filter = script."), func(c *types.Call) *types.Const {
			_, comm := filter(c.Env)
			return types.StrConst(comm)
		})},
		{Sig: folded(bare("filter_pid", "X-RUN", types.Uint32, "The process id given with -p, 0 without one; for scripts with task_filter = script."), func(c *types.Call) *types.Const {
			pid, _ := filter(c.Env)
			return typedConst(types.Uint32, uint64(pid))
		})},
		{Sig: known(types.KnownAtEntry, bare("gid", "B-GID", types.Uint64, "Real group id in the initial namespace.")), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().BinI(ir.OpShr, l.B().Call(ir.HelperUidGid), 32))
		}},
		{Sig: folded(bare("ncpus", "B-NCPUS", types.Uint64, "Number of possible CPUs."), func(c *types.Call) *types.Const {
			return typedConst(types.Uint64, uint64(c.Env.NCPU()))
		})},
		{Sig: bare("numaid", "B-NUMAID", types.Uint64, "NUMA node of the CPU."), Lower: helper(ir.HelperNUMANode)},
		{Sig: uses(types.Uses{PID: true}, known(types.KnownAlways, reserved(pidSig("pid", "B-PID", "Process id (thread group id) of the current task.")))), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().BinI(ir.OpShr, pidTgid(l, c), 32))
		}},
		{Sig: known(types.KnownAlways, reserved(pidSig("tid", "B-TID", "Thread id of the current task."))), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().Ext(pidTgid(l, c), 4, false))
		}},
		{Sig: taskOfSig(), Prefers: []target.Feature{target.TaskBTF, target.RdonlyCast}, Lower: lowerTask},
		{Sig: taskSig("ppid", "B-PPID", types.Int32, "Process id of the parent."), Prefers: []target.Feature{target.TaskBTF, target.RdonlyCast}, Lower: taskField("real_parent", "pid")},
		{Sig: taskSig("pcomm", "B-PPID", types.StringType(16), "Name of the parent process."), Prefers: []target.Feature{target.TaskBTF, target.RdonlyCast}, Lower: taskField("real_parent", "comm")},
		{Sig: taskSig("leader_tid", "B-LEADER", types.Int32, "Thread id of the group leader."), Prefers: []target.Feature{target.TaskBTF, target.RdonlyCast}, Lower: taskField("group_leader", "pid")},
		{Sig: taskSig("leader_comm", "B-LEADER", types.StringType(16), "Name of the group leader."), Prefers: []target.Feature{target.TaskBTF, target.RdonlyCast}, Lower: taskField("group_leader", "comm")},
		{Sig: bare("rand", "B-RAND", types.Uint64, "A pseudo-random 32-bit number."), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().Ext(l.B().Call(ir.HelperPrandom), 4, false))
		}},
		{Sig: known(types.KnownAtEntry, bare("uid", "B-UID", types.Uint64, "Real user id in the initial namespace.")), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().Ext(l.B().Call(ir.HelperUidGid), 4, false))
		}},
		{Sig: bare("username", "B-USERNAME", types.UserType, "Login name of the real user id; empty if unknown."), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().Ext(l.B().Call(ir.HelperUidGid), 4, false))
		}},
		{Sig: bare("usermode", "B-USERMODE", types.Uint8, "1 if the CPU was in user mode; 0 in probes without registers."), ReadsContext: true, Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			switch {
			case !l.Site().Regs && l.Site().Prog == hir.ProgRawTP && l.Site().Attach.Kind != hir.AttachRawTracepoint:
				return scalar(c, l.B().Const(1))
			case !l.Site().Regs:
				return scalar(c, l.B().Const(0))
			}
			arch := l.Target().Arch
			mode := l.B().Load(l.Ctx(), arch.Regs[arch.Mode], 8)
			return scalar(c, l.Select(ir.EQ, l.B().BinI(ir.OpAnd, mode, arch.ModeMask), l.B().Const(arch.User), l.B().Const(1), l.B().Const(0)))
		}},
		{Sig: folded(bare("probe", "B-PROBE", nil, "Full name of the probe."), func(c *types.Call) *types.Const { return types.StrConst(c.Site.Name) })},
		{Sig: folded(bare("probetype", "B-PROBETYPE", nil, "Type of the probe."), func(c *types.Call) *types.Const {
			return types.StrConst(c.Site.Type)
		})},
		later("container", "X-FN"), later("pod", "X-FN"),
	}
}

func scalar(c *hir.Call, v ir.Value) builtin.Operand { return builtin.Operand{T: c.T, V: v} }

// helper calls a helper without arguments.
func helper(h ir.Helper) func(builtin.Lowerer, *hir.Call) builtin.Operand {
	return func(l builtin.Lowerer, c *hir.Call) builtin.Operand { return scalar(c, l.B().Call(h)) }
}

// folded makes s a builtin value that is known at compile time.
func folded(s *types.Signature, f func(c *types.Call) *types.Const) *types.Signature {
	s.Fold = func(c *types.Call) (*types.Const, *types.Problem) { return f(c), nil }
	if s.Result == nil {
		s.Infer = func(c *types.Call) (*types.Type, *types.Problem) { return f(c).Type, nil }
	}
	return s
}

func typedConst(t *types.Type, v uint64) *types.Const { return &types.Const{Type: t, Int: v} }

func pidSig(name, row, doc string) *types.Signature {
	s := bare(name, row, types.Uint32, doc)
	s.Usage = name + "([init | curr_ns])"
	s.Params = []types.Param{{Name: "PID namespace mode", Kind: types.WordParam, Optional: true, Words: []string{"init", "curr_ns"}}}
	return s
}

// pidTgid returns tgid<<32 | tid, in the tracer's pid namespace if that is not
// the initial one.
func pidTgid(l builtin.Lowerer, c *hir.Call) ir.Value {
	initial := false
	if len(c.Args) > 0 {
		if w, ok := c.Args[0].(*hir.WordArg); ok {
			initial = w.Word == "init"
		}
	}
	if initial {
		return l.B().Call(ir.HelperPidTgid)
	}
	return l.PidTgid()
}

func commSig() *types.Signature {
	s := shapes(bare("comm", "B-COMM", types.StringType(16), "Name of the current thread."), "$", "e", "")
	s.Uses.Comm = true
	return s
}

// lowerComm writes the name directly to its destination. If the verifier allows
// it, two loads do so at a fifth of the helper's cost. The helper does not pad
// the name with zeros on every kernel (6.1 leaves the bytes after the NUL
// unchanged), so the bytes are cleared first: equal names must be equal keys.
func lowerComm(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	p, _ := l.Dest(16, "comm")
	if t := l.Target(); t.Has(target.TaskBTF) && t.Has(target.CommOffset) {
		task := l.B().Call(ir.HelperTaskBTF)
		// In a tuple the name can be at any offset, and the verifier requires
		// aligned stores to the stack.
		w := 8
		for p.Off%w != 0 || t.CommOff%w != 0 {
			w /= 2
		}
		for i := 0; i < 16; i += w {
			l.B().Store(p.Base, p.Off+i, w, l.B().Load(task, t.CommOff+i, w))
		}
		return builtin.Operand{T: c.T, Mem: &p}
	}
	l.Zero(p, 16)
	l.B().Call(ir.HelperComm, l.Addr(p), l.B().Const(16))
	return builtin.Operand{T: c.T, Mem: &p}
}

var curtaskSig = &types.Signature{
	Name: "curtask", Row: "B-CURTASK", Usage: "curtask", Bare: true, Format: -1, KernelTypes: true,
	Doc: "Pointer to the task_struct of the current task.",
	Infer: func(c *types.Call) (*types.Type, *types.Problem) {
		if t, ok := c.Env.NamedType("struct", "task_struct"); ok {
			return types.PointerTo(t, types.Kernel), nil
		}
		return types.PointerTo(types.VoidType, types.Kernel), nil
	},
}

// lowerCurtask prefers the helper whose result has a BTF type: its members can
// be read with plain loads.
func lowerCurtask(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	if l.Target().Has(target.TaskBTF) && c.T.IsPtrToRecord() && c.T.Elem.Struct.BTF != 0 {
		return builtin.Operand{T: c.T, V: l.B().Call(ir.HelperTaskBTF), Direct: true, Trusted: true}
	}
	return scalar(c, l.B().Call(ir.HelperCurrentTask))
}

// taskSig returns a value of the current task, or of a task given as argument.
func taskSig(name, row string, t *types.Type, doc string) *types.Signature {
	s := bare(name, row, t, doc)
	s.Usage = name + "([task])"
	s.KernelTypes = true
	s.Params = []types.Param{opt(param("task", types.PtrParam))}
	return s
}

// taskField reads a chain of task_struct members.
func taskField(path ...string) func(builtin.Lowerer, *hir.Call) builtin.Operand {
	return func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
		task, ok := l.NamedType("struct", "task_struct")
		if !ok {
			return l.Zeroed(c.T)
		}
		pt := types.PointerTo(task, types.Kernel)
		var x hir.Expr = &hir.Call{X: hir.X{T: pt, At: c.At}, Sig: curtaskSig}
		if len(c.Args) > 0 {
			x = &hir.Cast{X: hir.X{T: pt, At: c.At}, Of: c.Args[0]}
		}
		for _, name := range path {
			rec := x.Type().Elem
			fd, ok := rec.Struct.Field(name)
			if !ok {
				return l.Zeroed(c.T)
			}
			x = &hir.Member{X: hir.X{T: fd.Type, At: c.At}, Of: &hir.Deref{X: hir.X{T: rec, At: c.At}, Of: x}, Field: fd}
		}
		return l.Operand(x)
	}
}

// filter returns the process and thread name that the command line filters by.
func filter(e types.Env) (int, string) {
	if f, ok := e.(types.Filtered); ok {
		return f.Filter()
	}
	return 0, ""
}
