package feature

import (
	"bytes"
	"crypto/rand"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
)

// Helpers that read the current task.
const (
	helperCurrentTask     = 35
	helperProbeReadKernel = 113
)

// The memory searched for the name: a task_struct has some 10 KB. It is read in
// parts, since reading a part fails completely if any byte of it is not mapped.
const (
	taskPart  = 4096
	taskParts = 4
	nameLen   = 16 // TASK_COMM_LEN
)

// CommOffset returns the byte offset of the thread's name in struct
// task_struct, found without type information, which takes 100 times as long to
// read: CommOffset changes the name of this thread for a moment and searches
// its task_struct for it. ok is false if that is not possible, if programs
// could not load the name as two words, and on kernels that leave the rest of
// an older name after the NUL (before 5.17).
func (s *Set) CommOffset() (off int, ok bool) {
	off = s.comm()
	return off, off > 0
}

func findComm() int {
	const size = taskPart * taskParts
	shared, err := bpf.Map{Type: bpf.Array, KeySize: 4, ValueSize: size, MaxEntries: 1, Flags: bpf.Mmapable}.Create()
	if err != nil {
		return 0
	}
	defer unix.Close(shared)
	mem, err := unix.Mmap(shared, 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0
	}
	defer unix.Munmap(mem)
	insns := []bpf.Insn{bpf.Call(helperCurrentTask), bpf.MovReg(6, 0)}
	for i := range int32(taskParts) {
		insns = append(insns, bpf.LoadValue(1, shared, i*taskPart)...)
		insns = append(insns, bpf.Mov(2, taskPart), bpf.MovReg(3, 6), bpf.Add(3, i*taskPart), bpf.Call(helperProbeReadKernel))
	}
	p := bpf.Program{Type: bpf.RawTracepoint, Insns: append(insns, bpf.Return0()...)}
	prog, err := p.Load(nil)
	if err != nil {
		return 0
	}
	defer unix.Close(prog)

	// The kernel runs the program in the calling thread, so stay on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old [nameLen]byte
	if prctlName(unix.PR_GET_NAME, &old) != nil {
		return 0
	}
	defer prctlName(unix.PR_SET_NAME, &old)
	var long [nameLen]byte
	copy(long[:], rand.Text())
	long[nameLen-1] = 0
	if prctlName(unix.PR_SET_NAME, &long) != nil {
		return 0
	}
	if _, err := bpf.Run(prog); err != nil {
		return 0
	}
	off := bytes.Index(mem, long[:])
	if off <= 0 || off%8 != 0 || bytes.Contains(mem[off+1:], long[:]) {
		return 0
	}
	short := [nameLen]byte{'p'}
	if prctlName(unix.PR_SET_NAME, &short) != nil {
		return 0
	}
	if _, err := bpf.Run(prog); err != nil || !bytes.Equal(mem[off:off+nameLen], short[:]) {
		return 0
	}
	return off
}

// prctlName reads or sets the name of this thread.
func prctlName(op int, name *[nameLen]byte) error {
	return unix.Prctl(op, uintptr(unsafe.Pointer(name)), 0, 0, 0)
}
