package feature

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/tracefs"
)

func haveBTF(s *Set) error {
	_, err := s.btf.Kernel()
	return err
}

// haveJIT loads a program and asks how long its machine code is.
func haveJIT(*Set) error {
	p := bpf.Program{Type: bpf.SocketFilter, Insns: bpf.Return0()}
	fd, err := p.Load(nil)
	if err != nil {
		return explain("load a program", err)
	}
	defer unix.Close(fd)
	n, err := bpf.JITLen(fd)
	if err != nil {
		return explain("ask about a program", err)
	}
	if n == 0 {
		return errors.New("programs are interpreted; sysctl net.core.bpf_jit_enable=1 switches the compiler on")
	}
	return nil
}

func haveUnprivileged(*Set) error {
	const path = "/proc/sys/kernel/unprivileged_bpf_disabled"
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s does not exist: the kernel was built without bpf(2)", path)
	}
	if err != nil {
		return err
	}
	if v := strings.TrimSpace(string(b)); v != "0" {
		return fmt.Errorf("sysctl kernel.unprivileged_bpf_disabled is %s", v)
	}
	return nil
}

func haveKprobes(s *Set) error { return s.dynamicEvents("kprobe", "CONFIG_KPROBE_EVENTS") }
func haveUprobes(s *Set) error { return s.dynamicEvents("uprobe", "CONFIG_UPROBE_EVENTS") }

// dynamicEvents tests for one of the two ways to create a kprobe or uprobe: the
// perf event source with that name, or the file in tracefs.
func (s *Set) dynamicEvents(kind, config string) error {
	// The kernel checks the lockdown when a probe is created, so no smaller
	// test would notice it.
	if mode := rights.Lockdown(); kind == "kprobe" && mode == "confidentiality" {
		return fmt.Errorf("%w is in mode %s, which forbids kprobes", ErrLockdown, mode)
	}
	if _, err := os.Stat("/sys/bus/event_source/devices/" + kind + "/type"); err == nil {
		return nil
	}
	t, err := s.tracefs()
	if err == nil && t.Has(kind+"_events") {
		return nil
	}
	if errors.Is(err, tracefs.ErrForbidden) {
		return err // the other way is there for everybody to see, where it is
	}
	if _, err := os.Stat("/sys/kernel"); errors.Is(err, fs.ErrNotExist) {
		return tracefs.ErrNoSysfs
	}
	return fmt.Errorf("there is neither a perf unit %q nor %s_events in tracefs; the kernel has to be built with %s", kind, kind, config)
}

func haveFunctionGraph(s *Set) error {
	t, err := s.tracefs()
	if err != nil {
		return err
	}
	tracers, err := t.Tracers()
	if err != nil {
		return err
	}
	if !slices.Contains(tracers, "function_graph") {
		return fmt.Errorf("the tracers are %s; the kernel has to be built with CONFIG_FUNCTION_GRAPH_TRACER", strings.Join(tracers, ", "))
	}
	return nil
}

func traceOption(name string) func(*Set) error {
	return func(s *Set) error {
		t, err := s.tracefs()
		if err != nil {
			return err
		}
		if !t.Has("options", name) {
			return fmt.Errorf("there is no option %s in %s", name, t.Path("options"))
		}
		return nil
	}
}

// ftraceOff returns an error if the administrator has switched function tracing
// off (kernel.ftrace_enabled), on which kprobe.multi and fentry depend.
func ftraceOff() error {
	b, err := os.ReadFile("/proc/sys/kernel/ftrace_enabled")
	if err == nil && strings.TrimSpace(string(b)) == "0" {
		return errors.New("function tracing is off; sysctl kernel.ftrace_enabled=1 switches it on")
	}
	return nil
}

// ErrLockdown is wrapped by reasons that are the kernel's lockdown.
var ErrLockdown = errors.New("the kernel's lockdown")

// Locked reports whether the kernel's lockdown forbids programs to read its memory.
// Where the mode is not shown, as in a container without securityfs, a program that
// reads is offered to the kernel.
func (s *Set) Locked() bool {
	if s.fake != nil {
		return false
	}
	if mode := rights.Lockdown(); mode != "" {
		return mode == "confidentiality"
	}
	return errors.Is(s.helper(rawTracepointProg, ProbeReadKernelFn), errNoHelper)
}

// UserWrites returns why programs may not write to the memory of processes, nil when
// they may: a lockdown in any mode forbids it, and it needs CAP_SYS_ADMIN.
func (s *Set) UserWrites() error {
	if s.fake != nil {
		return nil
	}
	err := s.helper(kprobeProg, ProbeWriteUserFn)
	if !errors.Is(err, errNoHelper) {
		return nil // what else forbids the program is said when it is loaded
	}
	if mode := rights.Lockdown(); mode != "" && mode != "none" {
		return fmt.Errorf("%w is in mode %s, which forbids it", ErrLockdown, mode)
	}
	if caps, err := rights.Counted(); err == nil && caps.Lacks(rights.Admin) != 0 {
		return errors.New("it needs CAP_SYS_ADMIN, which this process lacks")
	}
	return errors.New("the kernel refuses the helper bpf_probe_write_user, as a lockdown makes it do")
}
