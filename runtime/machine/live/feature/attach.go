package feature

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/feature/bpf"
	"probe/runtime/watchdog"
)

// Loading a program for one of the newer attach types proves nothing: older
// kernels load the program, too, and reject only the link. Creating the link
// would work, but removing it waits for a grace period of some 60 ms. So the
// tests here request a link whose arguments are at an address that no process
// can have. A kernel with the feature tries to read them and returns EFAULT;
// one without it fails earlier, with EINVAL for an unknown attach type or
// EOPNOTSUPP where the code was not compiled in.

// badPointer is an address in the first page, which is never mapped
// (vm.mmap_min_addr).
const badPointer = 8

func haveKprobeMulti(*Set) error {
	if err := ftraceOff(); err != nil {
		return err
	}
	return kprobeMulti(bpf.AttachKprobeMulti)
}

func haveKprobeSession(*Set) error {
	if err := ftraceOff(); err != nil {
		return err
	}
	return kprobeMulti(bpf.AttachKprobeSession)
}

func kprobeMulti(attach uint32) error {
	// struct { u32 flags, cnt; u64 syms, addrs, cookies; }
	p := bpf.Program{Type: bpf.Kprobe, AttachType: attach, Insns: bpf.Return0()}
	return refusedFor(unix.EFAULT, p, bpf.Link{AttachType: attach, Rest: [6]uint64{0: 1 << 32, 2: badPointer}}, "CONFIG_FPROBE")
}

func haveUprobeMulti(*Set) error   { return uprobeMulti(bpf.AttachUprobeMulti) }
func haveUprobeSession(*Set) error { return uprobeMulti(bpf.AttachUprobeSession) }

func uprobeMulti(attach uint32) error {
	// struct { u64 path, offsets, ref_ctr_offsets, cookies; u32 cnt, flags, pid; }
	p := bpf.Program{Type: bpf.Kprobe, AttachType: attach, Insns: bpf.Return0()}
	return refusedFor(unix.EFAULT, p, bpf.Link{AttachType: attach, Rest: [6]uint64{0: badPointer, 1: badPointer, 4: 1}}, "CONFIG_UPROBES")
}

// haveUprobeMultiPID names the process by one of its threads. Kernels before 6.10
// take that for the only thread whose calls run the program, and go on to read the
// places; later ones want a process, and find none.
func haveUprobeMultiPID(s *Set) error {
	if err := s.ask(UprobeMulti); err != nil {
		return err
	}
	tid, done := otherThread()
	defer done()
	path := []byte("/proc/self/exe\x00")
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&path[0])
	p := bpf.Program{Type: bpf.Kprobe, AttachType: bpf.AttachUprobeMulti, Insns: bpf.Return0()}
	return refusedFor(unix.ESRCH, p, bpf.Link{AttachType: bpf.AttachUprobeMulti, Rest: [6]uint64{0: uint64(uintptr(unsafe.Pointer(&path[0]))), 1: badPointer, 4: 1, 5: uint64(tid)}}, "CONFIG_UPROBES")
}

// otherThread returns a thread of this process that is not its first, and a
// function that lets it go.
func otherThread() (tid int, done func()) {
	found, end := make(chan int), make(chan struct{})
	var look func()
	look = func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if id := unix.Gettid(); id != unix.Getpid() {
			found <- id
			<-end
			return
		}
		// The first thread is held here, so the next goroutine runs on another.
		go func() { defer watchdog.Report(); look() }()
		<-end
	}
	go func() { defer watchdog.Report(); look() }()
	return <-found, func() { close(end) }
}

func haveFentryMulti(s *Set) error {
	return errors.Join(tracingMulti(s, bpf.AttachFentryMulti), tracingMulti(s, bpf.AttachFexitMulti))
}

func haveFsessionMulti(s *Set) error { return tracingMulti(s, bpf.AttachFsessionMulti) }

// tracingMulti tests a trampoline link to many functions. Its program is loaded
// for no function in particular; the link names the functions by their BTF
// numbers.
func tracingMulti(s *Set, attach uint32) error {
	if err := s.ask(Fentry); err != nil {
		return err
	}
	// struct { u64 ids, cookies; u32 cnt; }
	p := bpf.Program{Type: bpf.Tracing, AttachType: attach, Insns: bpf.Return0()}
	return refusedFor(unix.EFAULT, p, bpf.Link{AttachType: attach, Rest: [6]uint64{0: badPointer, 2: 1}}, "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS")
}

// havePerfLink requests a link to a perf event that does not exist: a kernel
// with such links returns EBADF.
func havePerfLink(*Set) error {
	p := bpf.Program{Type: bpf.Kprobe, Insns: bpf.Return0()}
	return refusedFor(unix.EBADF, p, bpf.Link{Target: ^uint32(0), AttachType: bpf.AttachPerfEvent}, "CONFIG_PERF_EVENTS")
}

// refusedFor requests a link and reports whether it is refused with the error
// that a kernel with the feature gives.
func refusedFor(want unix.Errno, p bpf.Program, link bpf.Link, config string) error {
	fd, err := p.Load(nil)
	if err != nil {
		return explain("load a program for it", err)
	}
	defer unix.Close(fd)
	link.Prog = uint32(fd)
	err = link.Try()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, want):
		return nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("attach a program: the kernel says %w; it has to be built with %s", unix.EOPNOTSUPP, config)
	case errors.Is(err, unix.EINVAL):
		return errors.New("attach a program: the kernel does not know this way of attaching")
	}
	return explain("attach a program", err)
}

// haveFentry loads a program for a trampoline. Whether the kernel can patch
// functions to call it would show only on attaching; instead haveFentry looks
// for the direct calls of the function tracer, which attaching needs.
func haveFentry(s *Set) error {
	if err := ftraceOff(); err != nil {
		return err
	}
	if err := s.tryTracing(bpf.AttachFentry); err != nil {
		return err
	}
	spec, err := s.btf.Kernel()
	if err != nil {
		return err
	}
	// The function had another name from 5.15 to 6.2. In 5.10 the BTF leaves
	// out functions that cannot be traced, but has a type only they use.
	for _, name := range []string{"register_ftrace_direct", "register_ftrace_direct_multi"} {
		if _, ok := spec.First(name, btf.KindFunc); ok {
			return nil
		}
	}
	if _, ok := spec.First("ftrace_direct_func", btf.KindStruct); ok {
		return nil
	}
	return errors.New("functions cannot be patched; the kernel has to be built with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS")
}

// haveFsession is haveFentry with another attach type.
func haveFsession(s *Set) error {
	if err := s.ask(Fentry); err != nil {
		return err
	}
	return s.tryTracing(bpf.AttachFsession)
}

func (s *Set) tryTracing(attach uint32) error {
	id, err := s.testFunction()
	if err != nil {
		return err
	}
	p := bpf.Program{Type: bpf.Tracing, AttachType: attach, AttachID: uint32(id), Insns: bpf.Return0()}
	return explain("load a program for it", p.Try())
}

// haveIntPointers loads a program that reads the fourth argument of vfs_read, a
// pointer to an integer (kernel/bpf/btf.c, btf_ctx_access).
func haveIntPointers(s *Set) error {
	if err := s.ask(Fentry); err != nil {
		return err
	}
	spec, err := s.btf.Kernel()
	if err != nil {
		return err
	}
	id, ok := spec.First("vfs_read", btf.KindFunc)
	if !ok {
		return errors.New("the kernel's BTF has no function vfs_read to try it on")
	}
	// r0 = *(u64 *)(r1 + 24); r0 = 0; exit
	load := bpf.Insn{Op: 0x79, Reg: bpf.Regs(0, 1), Off: 24}
	p := bpf.Program{Type: bpf.Tracing, AttachType: bpf.AttachFentry, AttachID: uint32(id), Insns: []bpf.Insn{load, bpf.Mov(0, 0), bpf.Exit}}
	return explain("load a program with it", p.Try())
}

// haveByValue loads a program for the first of some functions that this kernel
// has, which all take a struct, or all a union, by value.
func haveByValue(functions ...string) func(*Set) error {
	return func(s *Set) error {
		if err := s.ask(Fentry); err != nil {
			return err
		}
		spec, err := s.btf.Kernel()
		if err != nil {
			return err
		}
		for _, name := range functions {
			if id, ok := spec.First(name, btf.KindFunc); ok {
				p := bpf.Program{Type: bpf.Tracing, AttachType: bpf.AttachFentry, AttachID: uint32(id), Insns: bpf.Return0()}
				return explain("load a program for "+name, p.Try())
			}
		}
		return fmt.Errorf("the kernel's BTF has no function %s to try it on", functions[0])
	}
}

// haveWideArgs reports whether trampolines save arguments from the stack. To try
// it would mean to patch a function, since only attaching fails without it. It
// came to x86-64 in the release that has the signed instructions, 6.6.
func haveWideArgs(s *Set) error {
	if err := s.ask(Fentry); err != nil {
		return err
	}
	if err := s.ask(SignedMove); err != nil {
		return errors.New("trampolines save six arguments (more since 6.6)")
	}
	return nil
}

// haveTpBTF loads a program for a tracepoint that every kernel has, by the
// type of its handler.
func haveTpBTF(s *Set) error {
	spec, err := s.btf.Kernel()
	if err != nil {
		return err
	}
	id, ok := spec.First("btf_trace_sched_switch", btf.KindTypedef)
	if !ok {
		return errors.New("the kernel's BTF has no type for tracepoint sched_switch")
	}
	p := bpf.Program{Type: bpf.Tracing, AttachType: bpf.AttachRawTracepoint, AttachID: uint32(id), Insns: bpf.Return0()}
	return explain("load a program for it", p.Try())
}

// haveUprobeSleep loads a program for uprobes that may sleep. The kernel runs the others in
// the same way since it knows such programs: they can be preempted
// (bpf_prog_run_array_sleepable in include/linux/bpf.h).
func haveUprobeSleep(*Set) error {
	p := bpf.Program{Type: bpf.Kprobe, Flags: bpf.Sleepable, Insns: bpf.Return0()}
	return explain("load a program for uprobes that may sleep", p.Try())
}

func haveRawTPRun(*Set) error {
	return runs(bpf.Program{Type: bpf.RawTracepoint, Insns: bpf.Return0()})
}

func haveSyscallRun(*Set) error {
	return runs(bpf.Program{Type: bpf.Syscall, Flags: bpf.Sleepable, Insns: bpf.Return0()})
}

// runs loads a program and makes the kernel run it once.
func runs(p bpf.Program) error {
	fd, err := p.Load(nil)
	if err != nil {
		return explain("load a program", err)
	}
	defer unix.Close(fd)
	_, err = bpf.Run(fd)
	return explain("run a program", err)
}
