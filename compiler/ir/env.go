package ir

import (
	"errors"
	"fmt"
)

// Env is the environment of an interpreted program: its context, maps, ring
// buffer and the results of helpers. It serves the interpreter of the IR and
// the simulator of instructions alike, so that their results can be compared.
type Env struct {
	Mem  Memory
	Ctx  *Region
	Maps []*EnvMap
	Ring [][]byte // records in the order of their submission
	Log  []string // effects other than on maps and the ring

	PidTgid, UidGid, CPU, Clock, Random, CgroupID, Cookie uint64
	Comm                                                  string
	Task                                                  uint64        // address of the current task
	FuncIP                                                uint64        // address of the traced function
	FuncArgs                                              []uint64      // arguments of the traced function
	FuncRet                                               uint64        // what it returned
	SessionReturn                                         uint64        // 1 where the program of a session runs at the return
	Boot                                                  uint64        // boot clock minus Clock
	Rand                                                  func() uint64 // in place of Random, if set

	RingFull bool // reservations fail
	// NoKernel makes reads of kernel memory fail.
	NoKernel bool
	Budget   int // turns that may_goto allows in all
	Steps    int // instructions left before the run counts as endless

	records map[uint64]*Region // reserved ring records
	objs    map[uint64]*EnvMap // by the address that stands for the map
	deleted []*Region          // values whose keys are gone, which a program may still hold
}

// NewEnv returns an environment with a context of the given bytes.
func NewEnv(ctx []byte) *Env {
	e := &Env{PidTgid: 1234<<32 | 5678, UidGid: 1000<<32 | 1001, CPU: 1, Clock: 1_000_000_007, Random: 0x1234abcd,
		CgroupID: 77, Cookie: 99, Comm: "comm", Task: KernelBase + 0x1000, FuncIP: KernelBase + 0x100, Budget: 1 << 16, Steps: 1 << 20,
		records: map[uint64]*Region{}, objs: map[uint64]*EnvMap{}}
	e.Ctx = e.Mem.Add("the context", ctx)
	e.Ctx.ReadOnly = true
	return e
}

// Callback runs function number fn of the program.
type Callback func(fn uint64, args ...uint64) (uint64, error)

const (
	eNoEnt = ^uint64(1)  // -ENOENT
	eExist = ^uint64(16) // -EEXIST
	e2Big  = ^uint64(6)  // -E2BIG
	eFault = ^uint64(13) // -EFAULT
	eInval = ^uint64(21) // -EINVAL
)

// Call runs a helper.
func (e *Env) Call(h Helper, a [5]uint64, cb Callback) (uint64, error) {
	switch h {
	case HelperMapLookup, HelperMapUpdate, HelperMapDelete, HelperPerCPULookup:
		return e.mapHelper(h, a)
	case HelperKtimeGetNS, HelperKtimeTaiNS, HelperJiffies64:
		return e.Clock, nil
	case HelperKtimeBootNS:
		return e.Clock + e.Boot, nil
	case HelperPrandom:
		if e.Rand != nil {
			return e.Rand(), nil
		}
		return e.Random, nil
	case HelperSMPProcessorID:
		return e.CPU, nil
	case HelperNUMANode:
		return 0, nil
	case HelperPidTgid:
		return e.PidTgid, nil
	case HelperUidGid:
		return e.UidGid, nil
	case HelperCgroupID:
		return e.CgroupID, nil
	case HelperAttachCookie:
		return e.Cookie, nil
	case HelperFuncIP:
		return e.FuncIP, nil
	case HelperGetFuncArg:
		if a[1] >= uint64(len(e.FuncArgs)) {
			return eInval, nil
		}
		return 0, e.Mem.Store(a[2], 8, e.FuncArgs[a[1]])
	case HelperGetFuncRet:
		return 0, e.Mem.Store(a[1], 8, e.FuncRet)
	case HelperNsPidTgid: // every namespace is the initial one
		return 0, errors.Join(e.Mem.Store(a[2], 4, e.PidTgid), e.Mem.Store(a[2]+4, 4, e.PidTgid>>32))
	case HelperCurrentTask, HelperTaskBTF:
		return e.Task, nil
	case HelperComm:
		b, err := e.Mem.Window(a[0], int(uint32(a[1])))
		if err == nil {
			clear(b)
			copy(b[:max(len(b)-1, 0)], e.Comm)
		}
		return 0, err
	case HelperReadKernel, HelperReadUser, HelperReadKernelStr, HelperReadUserStr:
		return e.probeRead(h, a)
	case HelperRingReserve, HelperRingSubmit, HelperRingDiscard, HelperRingOutput, HelperRingQuery:
		return e.ring(h, a)
	case HelperLoop:
		return e.loop(a, cb)
	case HelperForEachMapElem:
		return e.forEach(a, cb)
	case HelperGetStackID:
		return 42, nil
	case HelperGetStack:
		b, err := e.Mem.Window(a[1], int(uint32(a[2])))
		if err != nil {
			return 0, err
		}
		copy(b, kernelBytes(KernelBase+0x2000, len(b)))
		return uint64(len(b)), nil
	}
	if info := Helpers[h]; info.Effect == Emits {
		// The effect is outside the program, so it only goes to the log.
		e.Log = append(e.Log, fmt.Sprintf("%s %d", info.Name, a[:info.Args]))
		return 0, nil
	}
	return 0, fmt.Errorf("helper %d cannot be interpreted", h)
}

// probeRead runs the helpers that read memory. Like the kernel, they clear the
// destination if the read fails, and the string forms return the length with
// the NUL.
func (e *Env) probeRead(h Helper, a [5]uint64) (uint64, error) {
	n := int(uint32(a[1]))
	dst, err := e.Mem.Window(a[0], n)
	if err != nil {
		return 0, err
	}
	clear(dst)
	var src []byte
	switch r, off, err := e.Mem.find(a[2], n, false); {
	case a[2] >= KernelBase && !e.NoKernel:
		src = kernelBytes(a[2], n)
	case err != nil:
		return eFault, nil
	default:
		src = r.Data[off : off+n]
	}
	if h == HelperReadKernel || h == HelperReadUser {
		copy(dst, src)
		return 0, nil
	}
	for i := range dst {
		if i == n-1 || src[i] == 0 {
			dst[i] = 0
			return uint64(i + 1), nil
		}
		dst[i] = src[i]
	}
	return 0, nil
}

// ring runs the helpers of the ring buffer. A submitted record is dropped from
// memory, so that later accesses to it are detected.
func (e *Env) ring(h Helper, a [5]uint64) (uint64, error) {
	switch h {
	case HelperRingReserve:
		if e.RingFull {
			return 0, nil
		}
		r := e.Mem.Add("a ring record", make([]byte, int(uint32(a[1]))))
		e.records[r.Base] = r
		return r.Base, nil
	case HelperRingSubmit, HelperRingDiscard:
		r := e.records[a[0]]
		if r == nil {
			return 0, fmt.Errorf("%#x is no reserved record", a[0])
		}
		delete(e.records, a[0])
		if h == HelperRingSubmit {
			e.Ring = append(e.Ring, r.Data)
		}
		e.Mem.Drop(r)
		return 0, nil
	case HelperRingOutput:
		b, err := e.Mem.Bytes(a[1], int(uint32(a[2])))
		if err == nil {
			e.Ring = append(e.Ring, append([]byte(nil), b...))
		}
		return 0, err
	}
	return 0, nil
}

// loop runs bpf_loop: it calls the callback until that returns non-zero, and
// returns the number of calls.
func (e *Env) loop(a [5]uint64, cb Callback) (uint64, error) {
	n := uint64(uint32(a[0]))
	for i := range n {
		r, err := cb(a[1], i, a[2])
		if err != nil {
			return 0, err
		}
		if r != 0 {
			return i + 1, nil
		}
	}
	return n, nil
}

// Kfunc runs a kernel function.
func (e *Env) Kfunc(name string, a [5]uint64) (uint64, error) {
	switch name {
	case "bpf_rdonly_cast":
		return a[0], nil
	case "bpf_session_is_return":
		return e.SessionReturn, nil
	}
	return 0, fmt.Errorf("kernel function %s cannot be interpreted", name)
}

// Open returns how many reserved records were never released.
func (e *Env) Open() int { return len(e.records) }
