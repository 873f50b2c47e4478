package session

import (
	"bytes"
	"context"
	"os"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"probe/compiler/object"
	"probe/runtime/machine/live/bpf"
)

// follow begins to keep the map of the descendants of a process (object.Follow). A
// program on the raw tracepoint of forks, which runs before the new process does,
// sets the byte of each new process to that of the one that forks: so a number that
// is used again is right without anything being done when processes end. What has
// been forked before is looked for in /proc.
func (s *Session) follow(ctx context.Context, c *Clause) error {
	f := c.obj.Follow
	if f == nil {
		return nil
	}
	fail := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := machineError("follow the descendants of a process", err).(*LoadError)
		e.Diag.WithHelp("--no-follow traces the process alone")
		return e
	}
	id, pidOff, err := s.opts.Machine.Forks()
	if err != nil {
		return fail(err)
	}
	spec := &ebpf.ProgramSpec{Name: "p_fork", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, License: "GPL", Instructions: onFork(f, pidOff)}
	if c.forks, err = bpf.Load(ctx, spec, c.maps, bpf.LoadOptions{AttachBTF: id}); err != nil {
		return fail(err)
	}
	if c.forkLink, err = bpf.AttachTracing(c.forks); err != nil {
		return fail(err)
	}
	// The child of -c waits and has no children yet. In another PID namespace the
	// numbers in /proc are not those of the map.
	if s.opts.Child != nil || f.Ino != 0 {
		return nil
	}
	table, err := bpf.Memory(c.maps[object.FollowMap])
	if err != nil {
		return fail(err)
	}
	defer c.host.unmap(table)
	// A process that is not marked yet may fork during the search: the search is
	// repeated until it finds nobody new.
	for mark(table, f.PID, parents()) {
	}
	return nil
}

// onFork is the program for object.FollowMap.
func onFork(f *object.Follow, pidOff int) asm.Instructions {
	table := func(reg asm.Register) asm.Instruction {
		return asm.LoadMapValue(reg, 0, 0).WithReference(object.FollowMap)
	}
	const mask = object.FollowSize - 1
	out := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 8, asm.DWord), // the new task
		asm.LoadMem(asm.R6, asm.R6, int16(pidOff), asm.Word),
		asm.And.Imm(asm.R6, mask),
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32),
		asm.Mov.Reg(asm.R7, asm.R0),
	}
	if f.Ino != 0 {
		out = append(out,
			asm.Mov.Imm(asm.R1, 0),
			asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord), // struct bpf_pidns_info { u32 pid, tgid; }
			asm.LoadImm(asm.R1, int64(f.Dev), asm.DWord),
			asm.LoadImm(asm.R2, int64(f.Ino), asm.DWord),
			asm.Mov.Reg(asm.R3, asm.RFP),
			asm.Add.Imm(asm.R3, -8),
			asm.Mov.Imm(asm.R4, 8),
			asm.FnGetNsCurrentPidTgid.Call(),
			asm.LoadMem(asm.R0, asm.RFP, -4, asm.Word),
		)
	}
	return append(out,
		asm.Mov.Imm(asm.R1, 1),
		skip(asm.JEq.Imm(asm.R0, int32(f.PID), ""), 5),
		asm.And.Imm(asm.R7, mask),
		table(asm.R1),
		asm.Add.Reg(asm.R1, asm.R7),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.Byte),
		table(asm.R2),
		asm.Add.Reg(asm.R2, asm.R6),
		asm.StoreMem(asm.R2, 0, asm.R1, asm.Byte),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	)
}

// skip returns a jump over n slots of 8 bytes.
func skip(jump asm.Instruction, n int16) asm.Instruction {
	jump.Offset = n
	return jump
}

// parents returns the parent of each running process.
func parents() map[int]int {
	out := map[int]int{}
	for _, pid := range processes() {
		if pp, ok := parent(pid); ok {
			out[pid] = pp
		}
	}
	return out
}

// Descendants returns the descendants that a process has now, in any order, without
// the process except and its own descendants.
func Descendants(root, except int) []int {
	of := parents()
	var out []int
	for pid := range of {
		for p, n := pid, 0; p > 0 && p != except && n <= len(of); p, n = of[p], n+1 {
			if p == root && pid != root {
				out = append(out, pid)
				break
			}
		}
	}
	return out
}

// parent reads the parent of a process; false if it has ended.
func parent(pid int) (int, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	// The name may hold anything: "7 (a) b) S 1 …".
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	n, err := strconv.Atoi(string(fields[1]))
	return n, err == nil
}

// mark marks the descendants of root in a table and reports whether there were any
// that had no mark.
func mark(table []byte, root int, parents map[int]int) (found bool) {
	for pid := range parents {
		for p, n := parents[pid], 0; p > 0 && n < len(parents); p, n = parents[p], n+1 {
			if p != root && (p >= len(table) || table[p] == 0) {
				continue
			}
			if pid < len(table) && pid != root && table[pid] == 0 {
				table[pid], found = 1, true
			}
			break
		}
	}
	return found
}

// unseenForks is the number of forks that the program of follow has missed: the
// kernel runs no program twice at once on a CPU, and since 7.0 other threads run
// while it does.
func (c *Clause) unseenForks() uint64 {
	if c.forks == nil {
		return 0
	}
	st, err := c.forks.Stats()
	if err != nil {
		return 0
	}
	return st.Recursion
}
