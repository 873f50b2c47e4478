package target

import (
	"runtime"
	"strconv"
	"sync"
)

// Arch describes what a processor architecture and the conventions of its
// compilers determine: the registers that a program sees, and where functions
// have their arguments.
type Arch struct {
	Name  string // as runtime.GOARCH has it
	Uname string // as uname -m has it

	// Regs is the byte offset of each register in the struct pt_regs that a
	// program gets, by name. Registers with several names are listed under each.
	Regs map[string]int
	IP   string // the name of the program counter
	SP   string // the name of the stack pointer

	Args   []string // the registers with the arguments of C functions, at their entry
	GoArgs []string // those of Go functions (ABIInternal)
	Result string   // the register with the result of a C function, at its return
	// ReturnSlot is the number of bytes at the stack pointer, at the entry of a
	// function, before the arguments that are passed on the stack: the return
	// address, where the call instruction pushes it.
	ReturnSlot int
	// LargeByAddress reports that objects of more than 16 bytes are passed by the
	// address of a copy. Otherwise they are copied to the stack.
	LargeByAddress bool
	// ResultAddressIsArg reports that the place for a result of more than 16 bytes
	// is passed as the first argument. Otherwise it has a register of its own.
	ResultAddressIsArg bool
	// NoBackfill reports that once an argument is on the stack all that follow
	// are. Otherwise those that fit are in the registers that are left.
	NoBackfill bool

	// DWARF has the names of the registers by their number in debugging
	// information, "" for those that programs do not see.
	DWARF                   []string
	FirstVector, LastVector uint64 // the numbers of vector registers there

	// Syscall is what the names of the kernel's entry points of system calls begin
	// with, and SyscallArgs are the members of the struct pt_regs to which their
	// only argument points that hold the arguments of the call.
	Syscall     string
	SyscallArgs [6]string

	// The CPU was in user mode if the bits ModeMask of the register Mode are User.
	Mode           string
	ModeMask, User int64
}

// Native returns the architecture that this program was compiled for, which is
// that of the running kernel.
func Native() *Arch {
	if runtime.GOARCH == "arm64" {
		return ARM64()
	}
	return AMD64()
}

// AMD64 returns x86-64: arch/x86/include/asm/ptrace.h and syscall_wrapper.h, and
// the System V ABI. Its value is shared and must not be changed.
var AMD64 = sync.OnceValue(func() *Arch {
	a := &Arch{
		Name: "amd64", Uname: "x86_64", IP: "ip", SP: "sp",
		Regs:       map[string]int{},
		Args:       []string{"di", "si", "dx", "cx", "r8", "r9"},
		GoArgs:     []string{"ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11"},
		Result:     "ax",
		ReturnSlot: 8, ResultAddressIsArg: true,
		DWARF:       []string{"ax", "dx", "cx", "bx", "si", "di", "bp", "sp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ip"},
		FirstVector: 17, LastVector: 32,
		Syscall: "__x64_sys_", SyscallArgs: [6]string{"di", "si", "dx", "r10", "r8", "r9"},
		Mode: "cs", ModeMask: 3, User: 3,
	}
	names := []string{"r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8",
		"ax", "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss"}
	for i, n := range names {
		a.Regs[n] = 8 * i
	}
	a.Regs["pc"], a.Regs["orig_rax"] = a.Regs["ip"], a.Regs["orig_ax"]
	return a
})

// ARM64 returns arm64: arch/arm64/include/uapi/asm/ptrace.h and
// syscall_wrapper.h, and the procedure call standard AAPCS64. Its value is
// shared and must not be changed.
var ARM64 = sync.OnceValue(func() *Arch {
	a := &Arch{
		Name: "arm64", Uname: "aarch64", IP: "pc", SP: "sp",
		Regs:           map[string]int{"sp": 8 * 31, "pc": 8 * 32, "pstate": 8 * 33},
		Result:         "r0",
		LargeByAddress: true, NoBackfill: true,
		FirstVector: 64, LastVector: 95,
		Syscall: "__arm64_sys_",
		// PSR_MODE_EL0t is 0, with the bit for 32-bit code outside of the mask.
		Mode: "pstate", ModeMask: 0xf, User: 0,
	}
	for i := range 31 {
		n := strconv.Itoa(i)
		a.Regs["r"+n], a.Regs["x"+n] = 8*i, 8*i
		a.DWARF = append(a.DWARF, "r"+n)
		if i < 16 {
			a.GoArgs = append(a.GoArgs, "r"+n)
		}
		if i < 8 {
			a.Args = append(a.Args, "r"+n)
		}
		if i < 6 {
			a.SyscallArgs[i] = "regs[" + n + "]"
		}
	}
	a.Regs["fp"], a.Regs["lr"] = a.Regs["r29"], a.Regs["r30"]
	a.DWARF = append(a.DWARF, "sp", "pc")
	return a
})
