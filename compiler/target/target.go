// Package target says what the kernel that a program is compiled for can do.
// A Target is plain data made by feature probing (never by version), so that a
// unit test can compile for any kernel without one.
package target

// Target is the answer of one kernel. The zero Target is the oldest kernel the
// compiler knows: 5.8, BTF, no later helpers.
type Target struct {
	NCPU int // possible CPUs, at least 1

	RdonlyCast     uint32 // BTF id of kfunc bpf_rdonly_cast, 0 if missing (6.2)
	TaskBTF        bool   // helper get_current_task_btf (5.11)
	CommOff        int    // byte offset of the name in struct task_struct, which is padded with zeros; 0 unknown
	AttachCookie   bool   // helper get_attach_cookie (5.15)
	ForEachMapElem bool   // helper for_each_map_elem (5.13)
	Loop           bool   // helper bpf_loop (5.17)
	MayGoto        bool   // instruction may_goto (6.9)
	PerCPULookup   bool   // helper map_lookup_percpu_elem (5.19)
	FuncIP         bool   // helper get_func_ip in kprobe and tracing programs (5.15)
	BootNS         bool   // helper ktime_get_boot_ns (5.8)
	TaiNS          bool   // helper ktime_get_tai_ns (6.1)
	SignedV4       bool   // sign-extending loads and moves, signed division (6.6)
	AtomicFetch    bool   // atomics other than plain add (5.12)
	NoPrealloc     bool   // hash maps without preallocation are safe in every program type (6.1)
	StackTrace     bool   // helper get_stack in all program types used
	SessionReturn  uint32 // BTF id of bpf_session_is_return, 0 if missing (6.10)
	NsPid          bool   // pid namespace helper wanted and usable: Dev and Ino are set
	NsDev, NsIno   uint64
	BTFIDs         map[string]uint32 // BTF ids of structs that rdonly_cast needs, filled on demand by TypeID
	// TypeID finds the BTF id of "struct NAME" in vmlinux; nil when there is no
	// BTF.
	TypeID func(kind, name string) (uint32, bool)
	// PtRegs is the byte offset of the registers in struct pt_regs by name.
	PtRegs     map[string]int
	PtRegsSize int
}

// Full is a kernel that can do all that the compiler knows, with a number of
// possible CPUs. Its kfuncs have no numbers.
func Full(cpus int) *Target {
	t := &Target{
		NCPU: cpus, TaskBTF: true, AttachCookie: true, ForEachMapElem: true, Loop: true, MayGoto: true, PerCPULookup: true, FuncIP: true,
		BootNS: true, TaiNS: true, SignedV4: true, AtomicFetch: true, NoPrealloc: true, StackTrace: true,
	}
	t.PtRegs, t.PtRegsSize = AMD64Regs()
	return t
}

// CPUMask is the mask applied to the CPU number before it indexes per-CPU
// slots: a power of two minus one, so that every verifier sees the bound.
func (t *Target) CPUMask() int {
	n := 1
	for n < t.NCPU {
		n *= 2
	}
	return n - 1
}

// AMD64Regs is struct pt_regs of x86-64 (arch/x86/include/asm/ptrace.h).
func AMD64Regs() (map[string]int, int) {
	names := []string{"r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8",
		"ax", "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss"}
	m := map[string]int{}
	for i, n := range names {
		m[n] = 8 * i
	}
	m["pc"] = m["ip"]
	m["orig_rax"] = m["orig_ax"]
	return m, 8 * len(names)
}
