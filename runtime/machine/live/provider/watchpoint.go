package provider

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/rights"
)

// watchpoint runs when the processor reads, writes or executes an address.
var watchpoint = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "watchpoint", Aliases: []string{"w"}, Row: "P-WATCH-01", Usage: "watchpoint:address:length:mode",
		Doc:    "The processor writes (w), reads or writes (rw) or executes (x) the 1, 2, 4 or 8 bytes at an address of the kernel, or with -p of a process. A processor watches few addresses at a time, x86-64 four.",
		Target: hir.TargetAddress,
	},
	Min: 3, Max: 3, Needs: []rights.Access{rights.Watch}, Type: "watchpoint", Expand: expandWatchpoint,
}

// watchModes are the modes of x86-64, as HW_BREAKPOINT_ bits
// (include/uapi/linux/hw_breakpoint.h). x86-64 processors cannot watch reads
// alone.
var watchModes = map[string]uint32{"w": 2, "rw": 3, "x": 4}

// wordSize is the length, in bytes, of a watchpoint for execution.
const wordSize = 8

func expandWatchpoint(r *request) []*hir.Site {
	at, size, mode := r.part(0), r.part(1), r.part(2)
	addr, ok := number(at)
	switch {
	case !ok:
		r.errorf("bad-attach-point", 0, "invalid address of a watchpoint: %s", orEmpty(at)).
			WithLabel("expected a number").WithHelp("the form is `%s`; /proc/kallsyms has the addresses of the kernel's variables", r.p.Usage).
			WithCompat("Invalid function/address argument: invalid integer: %s", at)
		return nil
	case addr == 0:
		r.errorf("bad-attach-point", -1, "watchpoint must be attached to a non-zero address").
			SameCompat().WithLabel("address 0")
		return nil
	}
	length, ok := number(size)
	if !ok || length != 1 && length != 2 && length != 4 && length != 8 {
		r.errorf("bad-attach-point", -1, "watchpoint length must be one of (1,2,4,8)").
			SameCompat().WithLabel("found %s", orEmpty(size))
		return nil
	}
	bits, ok := watchModes[sortedMode(mode)]
	if !ok {
		message := "invalid watchpoint mode: " + mode
		if strings.Trim(mode, "rwx") != "" || mode == "" {
			message = "watchpoint mode must be combination of (r,w,x)"
		}
		for i := range mode {
			if strings.IndexByte(mode[i+1:], mode[i]) >= 0 {
				message = "watchpoint modes may not be duplicated"
			}
		}
		r.errorf("bad-attach-point", -1, "%s", message).
			SameCompat().
			CompatMore(r.At, "invalid watchpoint mode: %s", mode).CompatHint("supported modes: x,w,rw").WithLabel("found %s", orEmpty(mode)).WithHelp("supported modes: x,w,rw")
		return nil
	}
	if bits == watchModes["x"] {
		length = wordSize // the only length allowed
	}
	r.matched = true
	s := r.site(hir.ProgPerf, types.SpaceNone, "watchpoint:"+at+":"+size+":"+mode)
	s.Regs = true
	s.Attach = hir.Attach{Kind: hir.AttachWatchpoint, Address: addr, Length: int(length), Mode: bits}
	return []*hir.Site{s}
}

// sortedMode returns a mode with its letters in the order of the table.
func sortedMode(mode string) string {
	if mode == "wr" {
		return "rw"
	}
	return mode
}

// attachWatch watches an address on each CPU, or in the threads of a process,
// including threads that it starts later.
func attachWatch(a *hir.Attach, prog *bpf.Prog, pid int) (*Attachment, error) {
	cpus, err := bpf.OnlineCPUs()
	if err != nil {
		return nil, err
	}
	l, err := bpf.AttachBreakpoint(prog, bpf.Breakpoint{Type: a.Mode, Addr: a.Address, Len: uint64(a.Length), PID: pid}, cpus)
	if errors.Is(err, unix.ENOSPC) {
		return nil, fmt.Errorf("the processor has no free register to watch an address with; x86-64 has four for all watchpoints and debuggers: %w", err)
	}
	return one(l, err)
}
