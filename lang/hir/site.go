package hir

import "probe/lang/types"

// ProgType is the kind of BPF program a probe is compiled to.
type ProgType uint8

// The program types.
const (
	ProgKprobe ProgType = iota // kprobe, kretprobe, uprobe, uretprobe, multi and session forms
	ProgTracepoint
	ProgRawTP   // raw tracepoint without types: run by BPF_PROG_RUN (begin, end, interval, self), or AttachRawTracepoint
	ProgTracing // fentry, fexit, BTF raw tracepoints
	ProgPerf    // profile, software, hardware, watchpoint
	ProgIter    // iter
)

// Site is one place that a probe body is compiled for. It holds everything the
// compiler and the runtime need to know about the place, as plain data.
// Providers make Sites from attach points (see Probes).
type Site struct {
	Provider string     // canonical probe type: "kprobe", "call", "begin" …
	Kind     *ProbeKind // the type, see About
	Name     string     // full name (P-COM-13), the value of `probe`
	Type     string     // the value of `probetype` (P-COM-14)
	Prog     ProgType
	Space    types.Space // default address space (T-AS-02)
	Attach   Attach
	Func     string // traced function without module, "" if none

	Args []Arg // what args.NAME and argN can name
	// Untyped is set if the probe has arguments and their names and types are not
	// known: the checker accepts every name. Such a site cannot be compiled.
	Untyped bool
	// Types are the types of the probed program, which casts in the body find
	// before the kernel's. It is nil where the kernel is probed.
	Types Types
	Ret   *Arg // the return value, nil if none
	// Regs is set if reg() and ctx work.
	Regs bool // the context is a struct pt_regs (kprobe family)

	// Entry is the entry half of a ret: probe whose mechanism keeps neither
	// arguments nor time: the compiler makes one more program for it that
	// saves what the body uses, keyed by thread, and Saved arguments are read
	// from there.
	Entry *Site

	// Why explains the choice of the attach mechanism, for -v.
	Why string

	// Plan is data from the provider for a builtin that only its probes have,
	// nil if there is none. The compiler passes it to the builtin's record
	// (builtin.Func.Part) unread.
	Plan any
	// Part is set if the site belongs to a plan and not to the script. The
	// filters of the command line do not apply to it.
	Part bool
}

// AttachKind is an attach mechanism.
type AttachKind uint8

// The attach mechanisms, with the fields of Attach that each uses.
const (
	AttachNone   AttachKind = iota // run by hand: begin, end
	AttachKprobe                   // Symbol (+Offset), Module
	AttachKretprobe
	AttachKprobeMulti // Symbols
	AttachKretprobeMulti
	AttachKprobeSession
	AttachFsessionMulti // Symbols, BTFIDs
	AttachFentry        // Symbol, Module
	AttachFexit
	AttachTracepoint    // Group, Symbol
	AttachRawTracepoint // a tracepoint whose record nobody uses: Group, Symbol
	AttachRawTP         // BTF-typed raw tracepoint: Symbol
	AttachUprobe        // Path, Symbol, Offset (file offset once resolved)
	AttachUretprobe
	AttachUprobeMulti // as AttachUprobe, all places by one link
	AttachUretprobeMulti
	AttachInterval // Period, run from user space
	AttachProfile  // Period or Freq, each online CPU
	AttachSoftware
	AttachHardware
	AttachWatchpoint // Address, Length, Mode
	AttachSignal     // Signal, run from user space
	AttachRun        // Symbol is the name of a test or benchmark, run from user space
	AttachIter       // Symbol, Object, Task and Offset, Path of a pin
)

// ByUser reports whether user space runs the program and nothing is attached.
func (k AttachKind) ByUser() bool {
	return k == AttachNone || k == AttachInterval || k == AttachSignal || k == AttachRun
}

// LastFirst reports whether the kernel runs the programs of one event in
// reverse order of attachment. The session then attaches them in reverse, so
// that they run in the order of the script.
func (k AttachKind) LastFirst() bool {
	switch k {
	case AttachKprobe, AttachKprobeMulti, AttachFentry, AttachFexit:
		return true
	}
	return k.User()
}

// User reports whether programs and libraries are probed.
func (k AttachKind) User() bool {
	switch k {
	case AttachUprobe, AttachUretprobe, AttachUprobeMulti, AttachUretprobeMulti:
		return true
	}
	return false
}

// Returned reports whether a program at a function of programs runs at its return.
func (k AttachKind) Returned() bool { return k == AttachUretprobe || k == AttachUretprobeMulti }

// Attach describes where a program is attached.
type Attach struct {
	Kind    AttachKind
	Symbol  string
	Symbols []string // of a multi link
	Module  string
	Group   string // tracepoint category
	Offset  uint64
	Address uint64
	// Func is the address of the function, 0 where the kernel tells it to the program.
	Func uint64
	// Active is how many calls of a kretprobe can be under way at once; 0 for what
	// the machine can need.
	Active int
	Path   string // binary of a uprobe
	// Offsets are further file offsets to which the same program is attached, or,
	// of a uprobe with Symbols, their offsets.
	Offsets []uint64
	// Semaphore is the file offset of a counter that the kernel increments
	// while the program is attached, 0 if there is none.
	Semaphore uint64
	// Again marks a further site of an attach point that another site attaches
	// and counts.
	Again  bool
	Period uint64 // nanoseconds, or events for software and hardware
	Freq   uint64 // Hz, when not 0
	Event  string // software or hardware event
	BTFID  uint32
	// Program is the number of the BPF program whose BTF has BTFID, 0 for the
	// kernel's or a module's.
	Program uint32
	BTFIDs  []uint32 // of Symbols, where a link takes these
	Length  int      // bytes watched by a watchpoint
	Mode    uint32   // accesses that trigger it, as HW_BREAKPOINT_ bits
	Signal  int      // number of a signal
	// Object is the context slot of the pointer that is null when an iterator has
	// come to its end. Task is that of the task, 0 if there is none, and Offset
	// then the byte offset of its process id.
	Object, Task int
}

// LocKind is the kind of place where an argument is found at run time.
type LocKind uint8

// The places.
const (
	LocCtx     LocKind = iota // Size bytes at offset Off of the context (tracepoint fields: read through the context)
	LocSlot                   // 64-bit context slot number Off (fentry, fexit, raw tracepoints); typed pointers may be dereferenced directly
	LocReg                    // saved register at byte offset Off of pt_regs in the context, plus Disp
	LocStack                  // 8 bytes, or an object of the argument's size, at stack pointer + Off at function entry
	LocFuncArg                // 64-bit argument number Off, read by bpf_get_func_arg in a program that many functions share
	LocFuncRet                // the return value, read by bpf_get_func_ret
	LocSaved                  // saved by the Entry half; Off is the index of the argument there
	LocMem                    // Size bytes of user memory, or an object, at the register at Off, plus Disp, plus Scale times the register at Index
	LocConst                  // the number Disp
)

// Loc is a place at run time.
type Loc struct {
	Kind LocKind
	Off  int
	Size int
	// Signed selects sign extension of a LocReg, LocMem or LocConst shorter
	// than 8 bytes.
	Signed       bool
	Disp         int64
	Index, Scale int // no index if Scale is 0
}

// Arg is one argument or the return value.
type Arg struct {
	Name string
	Type *types.Type
	Loc  Loc
	// Parts are the places of the bytes of an object that lies in registers, in
	// their order; Loc is not used then.
	Parts []Loc
	// Unreadable is the reason why the argument cannot be read here, "" if it
	// can.
	Unreadable string
	// Trusted is set if the verifier knows the pointer's BTF type, so that
	// members can be read with plain loads (LocSlot of tracing programs).
	Trusted bool
	// Field is set for tracepoint fields: data_loc handling and layout.
	Field *types.Field
}
