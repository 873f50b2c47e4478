package rights

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
)

// Access is one thing that the kernel grants or refuses to a process. Which of
// them a kind of probe needs is in its record (provider.Provider).
type Access uint8

// The accesses.
const (
	// Programs is loading programs and creating maps, which every probe needs.
	Programs Access = iota
	// Samples is perf events on all processes: timers, counters, tracepoints.
	Samples
	// Kprobes and Uprobes are perf events at functions of the kernel and of
	// programs.
	Kprobes
	Uprobes
	// Watch is a perf event at an address of the kernel's data.
	Watch
	// Tracefs is reading the tracing directory, Settings is writing to it.
	Tracefs
	Settings
	accesses
)

// Grants answers which accesses this process has. It is safe for concurrent use.
type Grants struct {
	// Dir is the tracing directory; Unusable is why there is none.
	Dir      string
	Unusable error
	answers  [accesses]answer
}

type answer struct {
	once sync.Once
	err  error
}

// Denied is the error for an access that is refused.
type Denied struct {
	Access Access
	Cause  Cause
}

// Error returns the cause.
func (d *Denied) Error() string { return d.Cause.Why }

// Is makes errors.Is(err, fs.ErrPermission) hold.
func (d *Denied) Is(target error) bool { return target == fs.ErrPermission }

// Ask tries an access, once, and returns nil or why this process does not have
// it: a *Denied where it lacks rights, another error where the machine lacks
// something.
func (g *Grants) Ask(a Access) error {
	at := &g.answers[a]
	at.once.Do(func() { at.err = g.ask(a) })
	return at.err
}

func (g *Grants) ask(a Access) error {
	switch a {
	case Programs:
		return denied(a, Program, load())
	case Samples:
		return denied(a, Event, sample())
	case Kprobes:
		return denied(a, Event, dynamic("kprobe"))
	case Uprobes:
		return denied(a, AdminEvent, dynamic("uprobe"))
	case Watch:
		return denied(a, AdminEvent, watch())
	case Tracefs:
		return g.Unusable
	}
	if g.Unusable != nil {
		return g.Unusable
	}
	err := unix.Faccessat(unix.AT_FDCWD, g.Dir+"/set_ftrace_filter", unix.W_OK, unix.AT_EACCESS)
	if err == unix.EACCES || err == unix.EPERM {
		s := Read()
		if s.counted().Lacks(Override) != 0 && s.User != 0 {
			return &Denied{a, Cause{"the files of " + g.Dir + " can be written by root alone, and this process lacks CAP_DAC_OVERRIDE", []string{"run as root: sudo probe …"}}}
		}
		return &Denied{a, s.Why(Tracing)}
	}
	return nil
}

// denied makes the answer from an error of the kernel: no error that is not
// about rights makes an access unavailable here, since package feature asks for
// what the kernel has.
func denied(a Access, call Call, err error) error {
	if !IsRefusal(err) && !errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return &Denied{a, Why(call)}
}

// load loads the smallest program of tracing and closes it.
func load() error {
	p := bpf.Program{Type: bpf.Kprobe, Insns: bpf.Return0()}
	return p.Try()
}

func open(attr *unix.PerfEventAttr) error {
	attr.Size = unix.PERF_ATTR_SIZE_VER1
	attr.Bits |= unix.PerfBitDisabled
	fd, err := unix.PerfEventOpen(attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func sample() error {
	return open(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK})
}

// dynamic asks for a kprobe or uprobe without saying where. A process that may
// have one is told EINVAL; nothing is put anywhere.
func dynamic(unit string) error {
	b, err := os.ReadFile("/sys/bus/event_source/devices/" + unit + "/type")
	if err != nil {
		return nil // feature tells what is missing
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return nil
	}
	return open(&unix.PerfEventAttr{Type: uint32(n)})
}

// watch sets a watchpoint, which is never switched on, at the start of the
// kernel's half of the addresses.
// breakpointW is HW_BREAKPOINT_W of include/uapi/linux/hw_breakpoint.h.
const breakpointW = 2

func watch() error {
	return open(&unix.PerfEventAttr{Type: unix.PERF_TYPE_BREAKPOINT, Bp_type: breakpointW, Ext1: 0xffff800000000000, Ext2: 8})
}
