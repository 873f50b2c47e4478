package compilertest

import (
	"encoding/binary"

	"probe/compiler/ir"
	"probe/lang/types"
)

// slots is the number of slots of a node of the table of processes.
const slots = 64

// record returns a struct of the fake kernel with some members.
func record(name string, size int, btf uint32, members ...types.Field) *types.Type {
	return types.RecordType(&types.Struct{Flavour: types.CStruct, Name: name, Size: size, Align: 8, BTF: btf, Members: members})
}

func field(name string, off int, t *types.Type) types.Field {
	return types.Field{Name: name, Type: t, Offset: off}
}

// NewKernelWithProcesses returns a new Kernel that also has the structs of the kernel's
// table of processes. Its task_struct is longer.
func NewKernelWithProcesses() *Kernel {
	k := NewKernel()
	k.tables = tables(k.task.Struct)
	return k
}

// tables returns the structs of the kernel's table of processes, and adds the members
// of task_struct that belong to it behind its 64 bytes.
func tables(task *types.Struct) map[string]*types.Type {
	void := types.PointerTo(types.VoidType, types.Kernel)
	node := record("hlist_node", 16, 80, field("next", 0, void), field("pprev", 8, void))
	head := record("hlist_head", 8, 81, field("first", 0, types.PointerTo(node, types.Kernel)))
	ns := record("pid_namespace", 16, 84, field("idr", 0, record("idr", 16, 82, field("idr_rt", 0, record("xarray", 16, 83, field("xa_head", 8, void))))))
	upid := record("upid", 16, 85, field("nr", 0, types.Int32), field("ns", 8, types.PointerTo(ns, types.Kernel)))
	pid := record("pid", 56, 86, field("level", 0, types.Uint32), field("tasks", 8, types.ArrayOf(head, 4)), field("numbers", 40, types.ArrayOf(upid, 1)))
	task.Members = append(task.Members, field("thread_pid", 64, types.PointerTo(pid, types.Kernel)), field("pid_links", 72, types.ArrayOf(node, 4)))
	task.Size = 136
	return map[string]*types.Type{
		"pid_namespace": ns, "upid": upid, "pid": pid,
		"xa_node": record("xa_node", 8+8*slots, 87, field("shift", 0, types.Uint8), field("slots", 8, types.ArrayOf(void, slots))),
	}
}

// AddProcesses makes the table of processes of NewKernelWithProcesses, a tree of two
// levels with the current task and its parent. The number 900 is in it without a task.
func (w *World) AddProcesses() {
	mem := &w.Env.Mem
	put := binary.LittleEndian.PutUint64
	ns := mem.Add("a namespace", make([]byte, 16))
	node := func(shift byte) *ir.Region {
		r := mem.Add("a node", make([]byte, 8+8*slots))
		r.Data[0] = shift
		return r
	}
	root := node(6)
	put(ns.Data[8:], root.Base+2)
	leaves := map[uint32]*ir.Region{}
	enter := func(nr uint32) *ir.Region {
		pid := mem.Add("a pid", make([]byte, 56))
		binary.LittleEndian.PutUint32(pid.Data[40:], nr)
		put(pid.Data[48:], ns.Base)
		at := nr / slots % slots
		if leaves[at] == nil {
			leaves[at] = node(0)
			put(root.Data[8+8*at:], leaves[at].Base+2)
		}
		put(leaves[at].Data[8+8*(nr%slots):], pid.Base)
		return pid
	}
	for nr, task := range map[uint32]*ir.Region{1: w.parent, 100: w.memoryOf["task"]} {
		task.Data = append(task.Data, make([]byte, 72)...)
		pid := enter(nr)
		put(pid.Data[8:], task.Base+72)
		put(task.Data[64:], pid.Base)
	}
	enter(900)
}
