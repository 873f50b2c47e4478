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
)

// Site is one place a probe body is compiled for: everything the compiler and
// the runtime need to know of it, as plain data. Providers make Sites from
// attach points (see Probes).
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
	Ret  *Arg  // the return value, nil if none
	// Regs tells that reg() and ctx work.
	Regs bool // the context is a struct pt_regs (kprobe family)

	// Entry is the entry half of a ret: probe whose mechanism keeps neither
	// arguments nor time: the compiler makes one more program for it that
	// saves what the body uses, keyed by thread, and Saved arguments are read
	// from there.
	Entry *Site

	// Why tells how this mechanism was picked, for -v.
	Why string

	// Plan is what a provider has planned for a builtin that only its probes
	// have; nil without one. The compiler hands it to the builtin's record
	// (builtin.Func.Part) and does not look at it.
	Plan any
	// Part reports whether the site belongs to a plan instead of the script: the
	// filters of the command line do not apply to it.
	Part bool
}

// AttachKind is a way to attach a program.
type AttachKind uint8

// The ways.
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
	AttachInterval // Period, run from user space
	AttachProfile  // Period or Freq, each online CPU
	AttachSoftware
	AttachHardware
	AttachWatchpoint // Address, Length, Mode
)

// LastFirst reports whether the kernel runs the program that was attached last
// first, so that several on one event have to be attached in reverse.
func (k AttachKind) LastFirst() bool {
	switch k {
	case AttachKprobe, AttachKprobeMulti, AttachUprobe, AttachUretprobe, AttachFentry, AttachFexit:
		return true
	}
	return false
}

// Attach says where a program goes.
type Attach struct {
	Kind    AttachKind
	Symbol  string
	Symbols []string // of a multi link
	Module  string
	Group   string // tracepoint category
	Offset  uint64
	Address uint64
	// Active is how many calls of a kretprobe can be under way at once; 0 for what
	// the machine can need.
	Active int
	Path   string // binary of a uprobe
	// Offsets are further places in the file of the same program.
	Offsets []uint64
	// Semaphore is the offset in the file of a counter that the kernel raises
	// while the program is attached; 0 for none.
	Semaphore uint64
	// Again marks a further site of what another one attaches and counts.
	Again  bool
	Period uint64 // nanoseconds, or events for software and hardware
	Freq   uint64 // Hz, when not 0
	Event  string // software or hardware event
	BTFID  uint32
	BTFIDs []uint32 // of Symbols, where a link takes these
	Length int      // bytes that a watchpoint watches
	Mode   uint32   // what it waits for, as HW_BREAKPOINT_ bits
}

// LocKind says where an argument is found at run time.
type LocKind uint8

// The places.
const (
	LocCtx     LocKind = iota // Size bytes at offset Off of the context (tracepoint fields: read through the context)
	LocSlot                   // 64-bit context slot number Off (fentry, fexit, raw tracepoints); typed pointers may be dereferenced directly
	LocReg                    // saved register at byte offset Off of pt_regs in the context
	LocStack                  // 8 bytes at stack pointer + Off at function entry
	LocFuncArg                // 64-bit argument number Off, which a program that many functions share asks the kernel for
	LocFuncRet                // the return value, asked for in the same way
	LocSaved                  // saved by the Entry half; Off is the index of the argument there
	LocMem                    // Size bytes of user memory at the register at Off, plus Disp, plus Scale times the register at Index
	LocConst                  // the number Disp
)

// Loc is a place at run time.
type Loc struct {
	Kind LocKind
	Off  int
	Size int
	// Signed extends a LocReg, LocMem or LocConst of less than 8 bytes by its sign.
	Signed       bool
	Disp         int64
	Index, Scale int // Scale 0 is no index
}

// Arg is one argument or the return value.
type Arg struct {
	Name string
	Type *types.Type
	Loc  Loc
	// Unreadable is why the argument cannot be read here, "" when it can.
	Unreadable string
	// Trusted tells that the verifier knows the pointer's BTF type, so that
	// members are read with plain loads (LocSlot of tracing programs).
	Trusted bool
	// Field is set for tracepoint fields: data_loc handling and layout.
	Field *types.Field
}
