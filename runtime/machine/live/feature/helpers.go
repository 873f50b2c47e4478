package feature

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/feature/bpf"
	"probe/runtime/machine/live/rights"
)

// Helper is the number of a BPF helper function, as in enum bpf_func_id.
type Helper int32

// The helpers that not every supported kernel has, or lets every program call.
const (
	ProbeWriteUserFn    Helper = 36
	GetStackFn          Helper = 67
	ProbeReadUserFn     Helper = 112
	ProbeReadKernelFn   Helper = 113
	KtimeGetBootNs      Helper = 125
	CopyFromUser        Helper = 148
	TaskStorageGet      Helper = 156
	GetCurrentTaskBTF   Helper = 158
	ForEachMapElemFn    Helper = 164
	GetFuncIP           Helper = 173
	GetAttachCookie     Helper = 174
	LoopFn              Helper = 181
	StrncmpFn           Helper = 182
	GetFuncArg          Helper = 183
	GetFuncRet          Helper = 184
	MapLookupPerCPUElem Helper = 195
	KtimeGetTaiNs       Helper = 208
)

// ProgType is a type of program that tracing uses.
type ProgType uint8

// The program types.
const (
	kprobeProg ProgType = iota
	tracepointProg
	perfEventProg
	rawTracepointProg
	fentryProg
	progTypes
)

// The program types, for callers.
const (
	KprobeProg        = kprobeProg        // kprobes and uprobes
	TracepointProg    = tracepointProg    // tracepoints
	PerfEventProg     = perfEventProg     // profile, interval, hardware and software events
	RawTracepointProg = rawTracepointProg // raw tracepoints
	FentryProg        = fentryProg        // fentry and fexit
)

var progTypeNames = [progTypes]string{"kprobe", "tracepoint", "perf_event", "raw_tracepoint", "fentry"}

// String returns the name of the type.
func (p ProgType) String() string {
	if p < progTypes {
		return progTypeNames[p]
	}
	return fmt.Sprintf("ProgType(%d)", uint8(p))
}

// tracingTypes lists the types that must have a helper for it to count as one
// of every tracing program. fentry programs are not among them: they get their
// helpers from the same function of the kernel where both have them.
var tracingTypes = []ProgType{kprobeProg, tracepointProg, perfEventProg, rawTracepointProg}

type helperKey struct {
	helper Helper
	prog   ProgType
}

// helperFeature maps a helper to the feature that represents it in a Fake.
var helperFeature = map[Helper]Feature{
	GetStackFn: GetStack, ProbeReadUserFn: ProbeReadKernel, ProbeReadKernelFn: ProbeReadKernel,
	KtimeGetBootNs: BootTime, KtimeGetTaiNs: TaiTime, TaskStorageGet: TaskStorage,
	GetCurrentTaskBTF: TaskBTF, ForEachMapElemFn: ForEachMapElem, GetFuncIP: FuncIP,
	GetAttachCookie: AttachCookie, LoopFn: Loop, StrncmpFn: Strncmp,
	GetFuncArg: FuncArgs, GetFuncRet: FuncArgs, MapLookupPerCPUElem: PerCPULookup,
}

// Helper reports whether programs of a type may call a helper.
func (s *Set) Helper(prog ProgType, helper Helper) bool { return s.helper(prog, helper) == nil }

func (s *Set) helper(prog ProgType, helper Helper) error {
	if s.fake != nil {
		if f, ok := helperFeature[helper]; ok && s.fake[f] {
			return nil
		}
		return errFake
	}
	if prog >= progTypes {
		return fmt.Errorf("%v is no type of program", prog)
	}
	v, _ := s.helpers.LoadOrStore(helperKey{helper, prog}, new(answer))
	a := v.(*answer)
	a.once.Do(func() { a.err = s.askHelper(prog, helper) })
	return a.err
}

// helperIn returns the test for a helper in all of some program types.
func helperIn(helper Helper, progs ...ProgType) func(*Set) error {
	return func(s *Set) error {
		for _, prog := range progs {
			if err := s.helper(prog, helper); err != nil {
				return err
			}
		}
		return nil
	}
}

// HelperInTracing reports whether all types of programs that tracing uses may
// call a helper.
func (s *Set) HelperInTracing(helper Helper) bool { return helperIn(helper, tracingTypes...)(s) == nil }

func haveFuncArgs(s *Set) error {
	return errors.Join(s.helper(fentryProg, GetFuncArg), s.helper(fentryProg, GetFuncRet))
}

// logs is a pool of buffers for the verifier's log.
var logs = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// askHelper loads a program that does nothing but call the helper, mostly
// without the arguments it needs. The verifier looks the helper up first, so a
// complaint about the arguments proves that it knows the helper.
func (s *Set) askHelper(prog ProgType, helper Helper) error {
	p := bpf.Program{Insns: []bpf.Insn{bpf.Call(int32(helper)), bpf.Mov(0, 0), bpf.Exit}}
	switch prog {
	case kprobeProg:
		p.Type = bpf.Kprobe
	case tracepointProg:
		p.Type = bpf.Tracepoint
	case perfEventProg:
		p.Type = bpf.PerfEvent
	case rawTracepointProg:
		p.Type = bpf.RawTracepoint
	case fentryProg:
		id, err := s.testFunction()
		if err != nil {
			return err
		}
		p.Type, p.AttachType, p.AttachID = bpf.Tracing, bpf.AttachFentry, uint32(id)
		if helper == GetFuncRet {
			p.AttachType = bpf.AttachFexit // at the entry there is no result
		}
	}
	buf := logs.Get().(*[]byte)
	defer logs.Put(buf)
	log := *buf
	clear(log)
	fd, err := p.Load(&log)
	if err == nil {
		unix.Close(fd)
		return nil
	}
	for _, refusal := range []string{"unknown func ", "invalid func ", "cannot use helper "} {
		if bytes.Contains(log, []byte(refusal)) {
			if helper == ProbeReadKernelFn && rights.Lockdown() == "confidentiality" {
				return fmt.Errorf("%v %w: %w is in mode confidentiality", prog, errNoHelper, ErrLockdown)
			}
			return fmt.Errorf("%v %w", prog, errNoHelper)
		}
	}
	if len(log) == 0 {
		// The program was not verified at all: there is no such program type,
		// or no permission.
		return explain(fmt.Sprintf("load a %v program", prog), err)
	}
	return nil
}

// errNoHelper is wrapped where the kernel does not offer a helper to a type of programs.
var errNoHelper = errors.New("programs may not call it")

// testFunction returns a function that the kernel has for testing trampolines
// (net/bpf/test_run.c). Only tests call it.
func (s *Set) testFunction() (btf.ID, error) {
	spec, err := s.btf.Kernel()
	if err != nil {
		return 0, err
	}
	id, ok := spec.First("bpf_fentry_test1", btf.KindFunc)
	if !ok {
		return 0, errors.New("the kernel has no function bpf_fentry_test1 to try it on")
	}
	return id, nil
}

// haveKfunc looks a function up in the kernel's BTF, which lists it where the
// kernel was built with it.
func haveKfunc(name string) func(*Set) error {
	return func(s *Set) error {
		if _, ok := s.Kfunc(name); ok {
			return nil
		}
		if _, err := s.btf.Kernel(); err != nil {
			return err
		}
		return fmt.Errorf("the kernel's BTF has no function %s", name)
	}
}

// haveRdonlyCast also needs a struct to cast to.
func haveRdonlyCast(s *Set) error {
	if err := haveKfunc("bpf_rdonly_cast")(s); err != nil {
		return err
	}
	spec, err := s.btf.Kernel()
	if err != nil {
		return err
	}
	task, ok := spec.First("task_struct", btf.KindStruct)
	if !ok {
		return errors.New("the kernel's BTF has no struct task_struct")
	}
	id, _ := s.Kfunc("bpf_rdonly_cast")
	p := bpf.Program{Type: bpf.Kprobe, Insns: []bpf.Insn{
		bpf.Mov(1, 0), bpf.Mov(2, int32(task)), bpf.CallKfunc(int32(id)), bpf.Mov(0, 0), bpf.Exit,
	}}
	return explain("load a kprobe program that calls it", p.Try())
}

func haveIterNum(s *Set) error {
	var ids [3]int32
	for i, name := range []string{"bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy"} {
		if err := haveKfunc(name)(s); err != nil {
			return err
		}
		id, _ := s.Kfunc(name)
		ids[i] = int32(id)
	}
	iter := []bpf.Insn{bpf.MovReg(1, 10), bpf.Add(1, -8)} // r1 = the iterator on the stack
	p := bpf.Program{Type: bpf.Kprobe}
	p.Insns = append(p.Insns, iter...)
	p.Insns = append(p.Insns, bpf.Mov(2, 0), bpf.Mov(3, 1), bpf.CallKfunc(ids[0]))
	p.Insns = append(append(p.Insns, iter...), bpf.CallKfunc(ids[1]))
	p.Insns = append(append(p.Insns, iter...), bpf.CallKfunc(ids[2]))
	p.Insns = append(p.Insns, bpf.Return0()...)
	return explain("load a kprobe program that calls them", p.Try())
}
