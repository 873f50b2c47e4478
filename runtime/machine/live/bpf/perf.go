package bpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
)

// retprobeBit in the configuration of a kprobe or uprobe event asks for the
// function's return (format/retprobe of the event source).
const retprobeBit = 1 << 0

// ErrNoKprobes is wrapped when the kernel was built without kprobes;
// ErrNoUprobes likewise.
var (
	ErrNoKprobes = errors.New("this kernel has no kprobes (CONFIG_KPROBE_EVENTS is off)")
	ErrNoUprobes = errors.New("this kernel has no uprobes (CONFIG_UPROBE_EVENTS is off)")
)

// eventSource returns the type number of a dynamic perf event source.
func eventSource(name string, missing error) (uint32, error) {
	b, err := os.ReadFile("/sys/bus/event_source/devices/" + name + "/type")
	if errors.Is(err, os.ErrNotExist) {
		return 0, missing
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("event source %s: type is %q", name, b)
	}
	return uint32(n), nil
}

// perfOpen opens a perf event. It passes the smallest attribute structure that
// has all fields in use: an old kernel rejects a larger one whose tail is not
// zero.
func perfOpen(attr *unix.PerfEventAttr, pid, cpu int) (int, error) {
	attr.Size = unix.PERF_ATTR_SIZE_VER1
	return kcall.PerfEventOpen(attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
}

// AttachKprobe attaches to a kernel function, "name" or "module:name", at a
// byte offset, or to its return. With an empty symbol, offset is an absolute
// address.
func AttachKprobe(p *Prog, symbol string, offset uint64, ret bool) (*Link, error) {
	typ, err := eventSource("kprobe", ErrNoKprobes)
	if err != nil {
		return nil, err
	}
	name := cstring(symbol)
	attr := unix.PerfEventAttr{Type: typ, Ext1: uint64(bytesPtr(name)), Ext2: offset}
	if symbol == "" {
		attr.Ext1 = 0
	}
	if ret {
		attr.Config = retprobeBit
	}
	fd, err := perfOpen(&attr, -1, 0)
	runtime.KeepAlive(name)
	if err != nil {
		return nil, fmt.Errorf("open kprobe %s: %w", symbol, err)
	}
	return attachPerf(p, fd, linkKprobe)
}

// semaphoreShift is where the offset of a semaphore lies in the configuration
// of a uprobe (UPROBE_EVENT's format ref_ctr_offset, kernel/events/core.c).
const semaphoreShift = 32

// AttachUprobe attaches to a file offset of a binary, or to the return of the
// function that starts there; pid 0 means every process. semaphore is the file
// offset of a counter that the kernel increments while the probe is attached, 0
// for none.
func AttachUprobe(p *Prog, path string, offset, semaphore uint64, pid int, ret bool) (*Link, error) {
	typ, err := eventSource("uprobe", ErrNoUprobes)
	if err != nil {
		return nil, err
	}
	name := cstring(path)
	attr := unix.PerfEventAttr{Type: typ, Ext1: uint64(bytesPtr(name)), Ext2: offset}
	if semaphore>>semaphoreShift != 0 {
		return nil, fmt.Errorf("open uprobe %s at %#x: the semaphore lies at %#x, which the kernel cannot take", path, offset, semaphore)
	}
	attr.Config = semaphore << semaphoreShift
	if ret {
		attr.Config |= retprobeBit
	}
	cpu := 0
	if pid > 0 {
		cpu = -1
	} else {
		pid = -1
	}
	fd, err := perfOpen(&attr, pid, cpu)
	runtime.KeepAlive(name)
	if err != nil {
		return nil, fmt.Errorf("open uprobe %s at %#x: %w", path, offset, err)
	}
	return attachPerf(p, fd, linkPlain)
}

// AttachTracepoint attaches to the tracepoint with an event number of tracefs.
func AttachTracepoint(p *Prog, id int) (*Link, error) {
	// The event has no sample period: with one, the event would also write
	// samples of its own, which cost as much as the program.
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: uint64(id)}
	fd, err := perfOpen(&attr, -1, 0)
	if err != nil {
		return nil, fmt.Errorf("open tracepoint %d: %w", id, err)
	}
	return attachPerf(p, fd, linkPlain)
}

// AttachKprobeEvent attaches to a kprobe that is defined as an event of tracefs.
func AttachKprobeEvent(p *Prog, id int) (*Link, error) {
	l, err := AttachTracepoint(p, id)
	if err == nil {
		l.kind = linkKprobe
	}
	return l, err
}

// Sample is a counting perf event that runs a program once every Period events,
// or Freq times a second.
type Sample struct {
	Type   uint32 // unix.PERF_TYPE_SOFTWARE or _HARDWARE
	Config uint64 // unix.PERF_COUNT_…
	// Period is the number of events, or of nanoseconds for a clock, between
	// two runs. Freq, when not 0, is the number of runs a second and takes the
	// place of Period.
	Period, Freq uint64
	PID          int // 0 for every process
}

// AttachSample attaches to a sampling event on each of the CPUs.
func AttachSample(p *Prog, s Sample, cpus []int) (*Link, error) {
	var links []*Link
	pid := -1
	attr := unix.PerfEventAttr{Type: s.Type, Config: s.Config, Sample: s.Period}
	if s.Freq != 0 {
		attr.Sample, attr.Bits = s.Freq, unix.PerfBitFreq
	}
	if s.PID > 0 {
		// Inherit: threads that the process starts later are counted as well.
		pid, attr.Bits = s.PID, attr.Bits|unix.PerfBitInherit
	}
	fail := func(err error) (*Link, error) {
		join(links).Close()
		return nil, err
	}
	for _, cpu := range cpus {
		fd, err := perfOpen(&attr, pid, cpu)
		if errors.Is(err, unix.ENODEV) {
			continue // the CPU went offline
		}
		if err != nil {
			return fail(fmt.Errorf("open perf event on CPU %d: %w", cpu, err))
		}
		// Before the program is attached, so that no buffer begins too late.
		n := notices(fd)
		l, err := attachPerf(p, fd, linkPlain)
		if err != nil {
			if n != nil {
				_ = kcall.Munmap(n)
			}
			return fail(err)
		}
		l.notices = []notice{n}
		links = append(links, l)
	}
	if len(links) == 0 {
		return nil, fmt.Errorf("open perf event: %w on any CPU", unix.ENODEV)
	}
	return join(links), nil
}

// Breakpoint is an address that the processor watches.
type Breakpoint struct {
	Type uint32 // HW_BREAKPOINT_ bits: 1 read, 2 write, 4 execute
	Addr uint64
	Len  uint64 // 1, 2, 4 or 8; 8 to execute
	PID  int    // 0 for every process
}

// AttachBreakpoint attaches to an address on each of the CPUs, or in all
// threads of a process. The error is ENOSPC when the processor has no free
// debug register (x86 has four).
func AttachBreakpoint(p *Prog, b Breakpoint, cpus []int) (*Link, error) {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_BREAKPOINT, Bp_type: b.Type, Ext1: b.Addr, Ext2: b.Len, Sample: 1}
	type place struct{ pid, cpu int }
	var places []place
	if b.PID == 0 {
		for _, cpu := range cpus {
			places = append(places, place{-1, cpu})
		}
	} else {
		attr.Bits |= unix.PerfBitInherit
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", b.PID))
		if err != nil {
			return nil, fmt.Errorf("list threads: %w", err)
		}
		for _, t := range threads {
			if tid, err := strconv.Atoi(t.Name()); err == nil {
				places = append(places, place{tid, -1})
			}
		}
	}
	var links []*Link
	var failed error
	for _, at := range places {
		fd, err := perfOpen(&attr, at.pid, at.cpu)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ESRCH) {
			continue // the CPU went offline or the thread ended
		}
		var l *Link
		if err == nil {
			l, err = attachPerf(p, fd, linkPlain)
		}
		if err != nil {
			failed = fmt.Errorf("open breakpoint at %#x: %w", b.Addr, err)
			break
		}
		links = append(links, l)
	}
	if failed == nil && len(links) == 0 {
		failed = fmt.Errorf("open breakpoint at %#x: %w", b.Addr, unix.ESRCH)
	}
	if failed != nil {
		join(links).Close()
		return nil, failed
	}
	return join(links), nil
}

// OnlineCPUs returns the numbers of the CPUs that are online.
func OnlineCPUs() ([]int, error) {
	b, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, noCPUs("list", err)
	}
	return parseCPUs(strings.TrimSpace(string(b)))
}

// PossibleCPUs returns the number of CPUs that programs may ever run on.
func PossibleCPUs() (int, error) {
	b, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		return 0, noCPUs("count", err)
	}
	l, err := parseCPUs(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, err
	}
	return l[len(l)-1] + 1, nil
}

// noCPUs completes the error for a list of CPUs that cannot be read.
func noCPUs(what string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s CPUs: %w: sysfs is not mounted at /sys; as root: mount -t sysfs nodev /sys", what, err)
	}
	return fmt.Errorf("%s CPUs: %w", what, err)
}

// parseCPUs parses a list such as "0-3,8". An empty list is an error.
func parseCPUs(s string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(lo)
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(hi)
		}
		if err != nil || a < 0 || b < a || b > 1<<16 {
			return nil, fmt.Errorf("list of CPUs is %q", s)
		}
		for c := a; c <= b; c++ {
			out = append(out, c)
		}
	}
	return out, nil
}
