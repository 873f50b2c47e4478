package ir

// Helper is the number of a BPF helper (include/uapi/linux/bpf.h,
// __BPF_FUNC_MAPPER).
type Helper int32

// The helpers that the compiler emits.
const (
	HelperMapLookup       Helper = 1
	HelperMapUpdate       Helper = 2
	HelperMapDelete       Helper = 3
	HelperKtimeGetNS      Helper = 5
	HelperPrandom         Helper = 7
	HelperSMPProcessorID  Helper = 8
	HelperPidTgid         Helper = 14
	HelperUidGid          Helper = 15
	HelperComm            Helper = 16
	HelperPerfEventOutput Helper = 25
	HelperGetStackID      Helper = 27
	HelperTracePrintk     Helper = 6
	HelperCurrentTask     Helper = 35
	HelperWriteUser       Helper = 36
	HelperNUMANode        Helper = 42
	HelperOverrideReturn  Helper = 58
	HelperSocketCookie    Helper = 46
	HelperGetStack        Helper = 67
	HelperCgroupID        Helper = 80
	HelperSendSignal      Helper = 109
	HelperSendSignalTID   Helper = 117
	HelperReadUser        Helper = 112
	HelperReadKernel      Helper = 113
	HelperReadUserStr     Helper = 114
	HelperReadKernelStr   Helper = 115
	HelperJiffies64       Helper = 118
	HelperNsPidTgid       Helper = 120
	HelperKtimeBootNS     Helper = 125
	HelperSeqPrintf       Helper = 126
	HelperRingOutput      Helper = 130
	HelperRingReserve     Helper = 131
	HelperRingSubmit      Helper = 132
	HelperRingDiscard     Helper = 133
	HelperRingQuery       Helper = 134
	HelperDPath           Helper = 147
	HelperTaskBTF         Helper = 158
	HelperForEachMapElem  Helper = 164
	HelperFuncIP          Helper = 173
	HelperAttachCookie    Helper = 174
	HelperTaskPtRegs      Helper = 175
	HelperLoop            Helper = 181
	HelperGetFuncArg      Helper = 183
	HelperGetFuncRet      Helper = 184
	HelperPerCPULookup    Helper = 195
	HelperKtimeTaiNS      Helper = 208
)

// Effect classifies the side effects of an operation, for the passes.
type Effect uint8

// The effects.
const (
	Pure      Effect = iota // same operands, same result, always
	PerRun                  // same result within one run of the program: pid, comm, cpu
	ReadsTime               // clocks, random numbers: never merged, may be dropped
	ReadsMem                // loads and lookups: not moved over writes
	WritesMem               // stores, map updates, probe reads into memory
	Emits                   // ring buffer
)

// HelperInfo is what the compiler knows about a helper.
type HelperInfo struct {
	Name   string
	Args   int
	Effect Effect
	Result Kind
	// NoReplay is the reason why a recording of another run cannot answer, ""
	// if it can.
	NoReplay string
}

// NoMemory is the reason why a recording cannot answer helpers that read
// memory.
const NoMemory = "it holds the values of arguments and results, and not the memory that they point to"

// Helpers is the table of known helpers.
var Helpers = map[Helper]HelperInfo{
	HelperMapLookup:       {"map_lookup_elem", 2, ReadsMem, PtrMapMaybe, ""},
	HelperMapUpdate:       {"map_update_elem", 4, WritesMem, Scalar, ""},
	HelperMapDelete:       {"map_delete_elem", 2, WritesMem, Scalar, ""},
	HelperKtimeGetNS:      {"ktime_get_ns", 0, ReadsTime, Scalar, ""},
	HelperPrandom:         {"get_prandom_u32", 0, ReadsTime, Scalar, ""},
	HelperTracePrintk:     {"trace_printk", 5, Emits, Scalar, "there is no trace of a kernel to write to"},
	HelperSMPProcessorID:  {"get_smp_processor_id", 0, PerRun, Scalar, ""},
	HelperPidTgid:         {"get_current_pid_tgid", 0, PerRun, Scalar, ""},
	HelperUidGid:          {"get_current_uid_gid", 0, PerRun, Scalar, "it does not hold users and groups"},
	HelperComm:            {"get_current_comm", 2, WritesMem, Scalar, ""},
	HelperPerfEventOutput: {"perf_event_output", 5, Emits, Scalar, ""},
	HelperGetStackID:      {"get_stackid", 3, WritesMem, Scalar, "it does not hold stacks"},
	HelperCurrentTask:     {"get_current_task", 0, PerRun, Scalar, "the kernel's data about tasks is not in it"},
	HelperWriteUser:       {"probe_write_user", 3, Emits, Scalar, "there is no process to write to"},
	HelperOverrideReturn:  {"override_return", 2, Emits, Scalar, "nothing runs there that could return"},
	HelperNUMANode:        {"get_numa_node_id", 0, PerRun, Scalar, "it does not hold NUMA nodes"},
	HelperGetStack:        {"get_stack", 4, WritesMem, Scalar, "it does not hold stacks"},
	HelperSocketCookie:    {"get_socket_cookie", 1, ReadsMem, Scalar, "it does not hold sockets"},
	HelperCgroupID:        {"get_current_cgroup_id", 0, PerRun, Scalar, "it does not hold control groups"},
	HelperSendSignal:      {"send_signal", 1, Emits, Scalar, "a signal would meet a process of this machine"},
	HelperSendSignalTID:   {"send_signal_thread", 1, Emits, Scalar, "a signal would meet a thread of this machine"},
	HelperReadUser:        {"probe_read_user", 3, WritesMem, Scalar, NoMemory},
	HelperReadKernel:      {"probe_read_kernel", 3, WritesMem, Scalar, NoMemory},
	HelperReadUserStr:     {"probe_read_user_str", 3, WritesMem, Scalar, NoMemory},
	HelperReadKernelStr:   {"probe_read_kernel_str", 3, WritesMem, Scalar, NoMemory},
	HelperJiffies64:       {"jiffies64", 0, ReadsTime, Scalar, "it does not hold the jiffies counter"},
	HelperNsPidTgid:       {"get_ns_current_pid_tgid", 4, WritesMem, Scalar, "it does not hold PID namespaces"},
	HelperKtimeBootNS:     {"ktime_get_boot_ns", 0, ReadsTime, Scalar, ""},
	HelperSeqPrintf:       {"seq_printf", 5, Emits, Scalar, "there are no objects of a kernel"},
	HelperRingOutput:      {"ringbuf_output", 4, Emits, Scalar, ""},
	HelperRingReserve:     {"ringbuf_reserve", 3, Emits, PtrRingMaybe, ""},
	HelperRingSubmit:      {"ringbuf_submit", 2, Emits, KindNone, ""},
	HelperRingDiscard:     {"ringbuf_discard", 2, Emits, KindNone, ""},
	HelperRingQuery:       {"ringbuf_query", 2, ReadsTime, Scalar, ""},
	HelperDPath:           {"d_path", 3, WritesMem, Scalar, ""},
	HelperTaskBTF:         {"get_current_task_btf", 0, PerRun, PtrBTF, "the kernel's data about tasks is not in it"},
	HelperForEachMapElem:  {"for_each_map_elem", 4, WritesMem, Scalar, ""},
	HelperFuncIP:          {"get_func_ip", 1, PerRun, Scalar, ""},
	HelperAttachCookie:    {"get_attach_cookie", 1, PerRun, Scalar, ""},
	HelperTaskPtRegs:      {"task_pt_regs", 1, PerRun, PtrBTF, "there are no registers of a process"},
	HelperLoop:            {"loop", 4, WritesMem, Scalar, ""},
	HelperGetFuncArg:      {"get_func_arg", 3, WritesMem, Scalar, ""},
	HelperGetFuncRet:      {"get_func_ret", 2, WritesMem, Scalar, ""},
	HelperPerCPULookup:    {"map_lookup_percpu_elem", 3, ReadsMem, PtrMapMaybe, ""},
	HelperKtimeTaiNS:      {"ktime_get_tai_ns", 0, ReadsTime, Scalar, "it does not hold the TAI clock"},
}

// Effect returns the class of the instruction's side effects.
func (i *Ins) Effect() Effect {
	switch i.Op {
	case OpLoad:
		return ReadsMem
	case OpStore, OpAtomicAdd, OpAtomicFetchAdd, OpAtomicXchg, OpAtomicAnd, OpAtomicOr, OpCallFunc:
		return WritesMem
	case OpCall:
		return Helpers[Helper(i.Imm)].Effect
	case OpKfunc:
		if i.Name == "bpf_rdonly_cast" {
			return Pure
		}
		return WritesMem
	}
	return Pure
}
