package feature

import "probe/runtime/machine/live/feature/bpf"

// The features, in the order of All.
const (
	// Features that depend on how the system is set up.
	BTF Feature = iota
	JIT
	Unprivileged
	Kprobes
	Uprobes
	FunctionGraph
	FuncgraphArgs
	FuncgraphRetval

	// Maps.
	RingBuf
	MmapArray
	NoPrealloc
	TaskStorage
	BatchHash
	BatchPerCPUArray

	// Ways to attach and to run.
	Fentry
	TpBTF
	IntPointers
	StructArgs
	UnionArgs
	WideArgs
	Fsession
	FentryMulti
	FsessionMulti
	PerfLink
	KprobeMulti
	KprobeSession
	UprobeMulti
	UprobeMultiPID
	UprobeSession
	UprobeSleep
	RawTPRun
	SyscallRun

	// Helper functions, in every program type of tracing.
	ProbeReadKernel
	BootTime
	TaiTime
	TaskBTF
	AttachCookie
	FuncIP
	FuncArgs
	ForEachMapElem
	Loop
	Strncmp
	PerCPULookup
	GetStack

	// Instructions.
	JumpLess
	Jump32
	AtomicFetch
	AtomicCmpxchg
	AtomicLogic
	SignedDiv
	SignedLoad
	SignedMove
	ByteSwap
	LongJump
	MayGoto

	// Kernel functions that programs may call.
	RdonlyCast
	IterNum
	SessionCookie
	SessionReturn
	StringKfuncs

	featureCount
)

// row describes a feature. probe tests it; its error is the reason why the
// kernel lacks it.
type row struct {
	name  string
	about string
	since string
	probe func(*Set) error
}

var rows = [featureCount]row{
	BTF:             {"btf", "type information of its own (BTF)", "5.2", haveBTF},
	JIT:             {"jit", "a just-in-time compiler for BPF that is switched on", "", haveJIT},
	Unprivileged:    {"unprivileged", "BPF for users without privileges", "", haveUnprivileged},
	Kprobes:         {"kprobe", "kprobes", "", haveKprobes},
	Uprobes:         {"uprobe", "uprobes", "", haveUprobes},
	FunctionGraph:   {"function_graph", "the function_graph tracer", "", haveFunctionGraph},
	FuncgraphArgs:   {"funcgraph_args", "arguments in function_graph", "6.15", traceOption("funcgraph-args")},
	FuncgraphRetval: {"funcgraph_retval", "return values in function_graph", "6.5", traceOption("funcgraph-retval")},

	RingBuf:          {"ringbuf", "BPF ring buffers", "5.8", haveRingBuf},
	MmapArray:        {"mmap_array", "array maps that user space can map", "5.5", haveMmapArray},
	NoPrealloc:       {"no_prealloc", "hash maps without preallocation in every program type", "6.1", haveNoPrealloc},
	TaskStorage:      {"task_storage", "task-local storage in kprobe programs", "5.11", helperIn(TaskStorageGet, kprobeProg)},
	BatchHash:        {"batch_hash", "batch operations on hash maps", "5.6", haveBatch(bpf.Hash)},
	BatchPerCPUArray: {"batch_percpu_array", "batch operations on per-CPU arrays", "5.13", haveBatch(bpf.PerCPUArray)},

	Fentry:         {"fentry", "fentry and fexit", "5.5", haveFentry},
	TpBTF:          {"tp_btf", "raw tracepoints with typed arguments", "5.5", haveTpBTF},
	IntPointers:    {"int_pointers", "pointers to integers as arguments of fentry", "5.17", haveIntPointers},
	StructArgs:     {"struct_args", "fentry at functions that take structs by value", "6.1", haveByValue("in_group_p", "alloc_uid")},
	UnionArgs:      {"union_args", "fentry at functions that take unions by value", "", haveByValue("kill_pid_usb_asyncio")},
	WideArgs:       {"wide_args", "fentry at functions with more than six arguments", "6.6", haveWideArgs},
	Fsession:       {"fsession", "fentry and fexit in one program", "7.0", haveFsession},
	FentryMulti:    {"fentry_multi", "fentry and fexit on many functions at once", "7.1", haveFentryMulti},
	FsessionMulti:  {"fsession_multi", "entry and return of many functions in one fentry program", "7.1", haveFsessionMulti},
	PerfLink:       {"perf_link", "links of programs to perf events", "5.15", havePerfLink},
	KprobeMulti:    {"kprobe_multi", "kprobes on many functions at once", "5.18", haveKprobeMulti},
	KprobeSession:  {"kprobe_session", "entry and return of many functions in one program", "6.10", haveKprobeSession},
	UprobeMulti:    {"uprobe_multi", "uprobes on many functions at once", "6.6", haveUprobeMulti},
	UprobeMultiPID: {"uprobe_multi_pid", "uprobes on many functions of all threads of a process", "6.10", haveUprobeMultiPID},
	UprobeSession:  {"uprobe_session", "entry and return of user functions in one program", "6.13", haveUprobeSession},
	UprobeSleep:    {"uprobe_sleep", "uprobes whose programs may sleep, and all of them be preempted", "6.0", haveUprobeSleep},
	RawTPRun:       {"raw_tp_run", "raw tracepoint programs run on request", "5.10", haveRawTPRun},
	SyscallRun:     {"syscall_run", "programs run on request that may sleep", "5.14", haveSyscallRun},

	ProbeReadKernel: {"probe_read_kernel", "the helper probe_read_kernel", "5.5", helperIn(ProbeReadKernelFn, tracingTypes...)},
	BootTime:        {"boot_time", "the helper ktime_get_boot_ns", "5.8", helperIn(KtimeGetBootNs, tracingTypes...)},
	TaiTime:         {"tai_time", "the helper ktime_get_tai_ns", "6.1", helperIn(KtimeGetTaiNs, tracingTypes...)},
	TaskBTF:         {"task_btf", "the helper get_current_task_btf", "5.11", helperIn(GetCurrentTaskBTF, tracingTypes...)},
	AttachCookie:    {"attach_cookie", "the helper get_attach_cookie", "5.15", helperIn(GetAttachCookie, kprobeProg, tracepointProg, perfEventProg)},
	FuncIP:          {"func_ip", "the helper get_func_ip in kprobe programs", "5.15", helperIn(GetFuncIP, kprobeProg)},
	FuncArgs:        {"func_args", "the helpers get_func_arg and get_func_ret", "5.17", haveFuncArgs},
	ForEachMapElem:  {"for_each_map_elem", "the helper for_each_map_elem", "5.13", helperIn(ForEachMapElemFn, tracingTypes...)},
	Loop:            {"loop", "the helper bpf_loop", "5.17", helperIn(LoopFn, tracingTypes...)},
	Strncmp:         {"strncmp", "the helper bpf_strncmp", "5.17", helperIn(StrncmpFn, tracingTypes...)},
	PerCPULookup:    {"percpu_lookup", "the helper map_lookup_percpu_elem", "5.19", helperIn(MapLookupPerCPUElem, tracingTypes...)},
	GetStack:        {"get_stack", "the helper get_stack", "4.18", helperIn(GetStackFn, tracingTypes...)},

	JumpLess:      {"jump_less", "jumps on less-than (instruction set v2)", "4.14", accepts(progJumpLess)},
	Jump32:        {"jump32", "jumps on 32-bit comparisons (instruction set v3)", "5.1", accepts(progJump32)},
	AtomicFetch:   {"atomic_fetch", "atomic additions that return the old value", "5.12", accepts(progAtomic(0x01))},
	AtomicCmpxchg: {"atomic_cmpxchg", "atomic exchange and compare-and-exchange", "5.12", accepts(progAtomic(0xe1), progAtomic(0xf1))},
	AtomicLogic:   {"atomic_logic", "atomic and, or, xor", "5.12", accepts(progAtomic(0x50), progAtomic(0x40), progAtomic(0xa0))},
	SignedDiv:     {"signed_div", "signed division (instruction set v4)", "6.6", accepts(progSignedDiv)},
	SignedLoad:    {"signed_load", "sign-extending loads (instruction set v4)", "6.6", accepts(progSignedLoad)},
	SignedMove:    {"signed_move", "sign-extending moves (instruction set v4)", "6.6", accepts(progSignedMove)},
	ByteSwap:      {"byte_swap", "unconditional byte swaps (instruction set v4)", "6.6", accepts(progByteSwap)},
	LongJump:      {"long_jump", "jumps of 32-bit distance (instruction set v4)", "6.6", accepts(progLongJump)},
	MayGoto:       {"may_goto", "loops bounded by may_goto", "6.9", accepts(progMayGoto)},

	RdonlyCast:    {"rdonly_cast", "the kernel function bpf_rdonly_cast", "6.2", haveRdonlyCast},
	IterNum:       {"iter_num", "the kernel functions bpf_iter_num_*", "6.4", haveIterNum},
	SessionCookie: {"session_cookie", "the kernel function bpf_session_cookie", "6.10", haveKfunc("bpf_session_cookie")},
	SessionReturn: {"session_return", "the kernel function bpf_session_is_return", "6.10", haveKfunc("bpf_session_is_return")},
	StringKfuncs:  {"string_kfuncs", "the kernel functions for strings, such as bpf_strnlen", "6.17", haveKfunc("bpf_strnlen")},
}

// kfuncFeature maps a kernel function to the feature that represents it in a
// Fake.
var kfuncFeature = map[string]Feature{
	"bpf_rdonly_cast":       RdonlyCast,
	"bpf_iter_num_new":      IterNum,
	"bpf_iter_num_next":     IterNum,
	"bpf_iter_num_destroy":  IterNum,
	"bpf_session_cookie":    SessionCookie,
	"bpf_session_is_return": SessionReturn,
	"bpf_strnlen":           StringKfuncs,
}
