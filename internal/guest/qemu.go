package guest

import (
	"fmt"
	"os/exec"
	"strings"

	"probe/internal/guest/wire"
)

// qemuProgram is the emulator, and qemuForeign that of other processors.
const (
	qemuProgram = "qemu-system-x86_64"
	qemuForeign = "qemu-system-aarch64"
)

// bootParams are the kernel parameters of every guest.
//
// An oops ends the guest at once, so that it cannot pass for a success.
// tsc=reliable: the kernel trusts the clock of the emulated processor. RCU
// grace periods are short, since detaching a program waits for several of them.
// no_timer_check: on a busy host the emulated timer interrupt is late, which
// the kernel would take for a broken board.
// loglevel=5: the backtrace of a processor that hangs is among the warnings.
const (
	commonParams = "quiet loglevel=5 panic=-1 oops=panic mitigations=off rcupdate.rcu_expedited=1"
	bootParams   = "console=ttyS0 tsc=reliable no_timer_check " + commonParams
	armParams    = "console=ttyAMA0 " + commonParams
)

// quickParams are parameters for guests that do not count instructions. They
// avoid clearing memory: there are no huge pages, of which most programs use
// little, and allocation clears nothing.
const quickParams = "transparent_hugepage=never init_on_alloc=0"

// File descriptors that QEMU inherits, after the standard three: the control
// connection and the root file system's archive.
const (
	controlFD = 3
	initrdFD  = 4
)

// processor is the processor model of every guest: all features of the emulator
// except those it gets wrong (see qemuArgs). quickProcessor also hides the
// features erms and fsrm, with which the kernel copies and clears memory byte
// by byte: in emulation that is eight times as slow as the other ways.
const (
	processor      = "max,-cx16"
	quickProcessor = processor + ",-erms,-fsrm"
)

// qemuPath finds the emulator of an architecture.
func qemuPath(arch string) (string, error) {
	program, pkg := qemuProgram, "qemu-system-x86"
	if arch != HostArch {
		program, pkg = qemuForeign, "qemu-system-arm"
	}
	p, err := exec.LookPath(program)
	if err != nil {
		return "", &Error{
			Op:   "start a guest for " + arch,
			Err:  ErrNoQEMU,
			Help: "apt-get install -y --no-install-recommends " + pkg,
		}
	}
	return p, nil
}

// ArchOf returns the architecture of a kernel by its name.
func ArchOf(name string) string {
	for _, s := range series {
		if s.name == name {
			return s.arch
		}
	}
	return HostArch
}

// armArgs returns the emulator's arguments for a guest with an arm64 processor. The
// processor is a plain one: with all features of the emulator, pointer authentication
// takes half of the time.
func armArgs(o Options, k *Kernel) []string {
	params := []string{armParams, quickParams}
	if !o.KASLR {
		params = append(params, "nokaslr")
	}
	if o.Params != "" {
		params = append(params, o.Params)
	}
	return append([]string{
		"-machine", "virt", "-accel", "tcg,thread=single", "-cpu", "cortex-a72",
		"-smp", fmt.Sprint(o.SMP), "-m", fmt.Sprint(o.MemoryMB),
	}, commonArgs(k, params)...)
}

// commonArgs returns the arguments that do not depend on the processor.
func commonArgs(k *Kernel, params []string) []string {
	return []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "stdio",
		"-chardev", fmt.Sprintf("socket,id=ctl,fd=%d", controlFD),
		"-device", "virtio-serial-pci",
		"-device", "virtserialport,chardev=ctl,name=" + wire.PortName,
		"-kernel", k.Image, "-initrd", fmt.Sprintf("/proc/self/fd/%d", initrdFD),
		"-append", strings.Join(params, " "),
	}
}

// qemuArgs returns the emulator's arguments for a guest.
//
// Two bugs of QEMU's emulation (seen in 7.2 and 10.0) decide the processor:
// cmpxchg16b leaves wrong flags behind, so guests must not see it; and kernel
// code that is patched while another virtual processor runs it (function
// tracer, kprobes, static keys) is executed half-patched when each of them
// has a thread of its own, so one thread serves all.
func qemuArgs(o Options, k *Kernel, kvm bool) []string {
	if k.Arch != HostArch {
		return armArgs(o, k)
	}
	accel := "tcg,thread=single"
	if kvm {
		accel = "kvm"
	}
	smp := o.SMP
	if o.Icount {
		smp = 1
	}
	params, model := []string{bootParams}, processor
	if !o.Icount {
		params, model = append(params, quickParams), quickProcessor
	}
	if khz := tscKHz(); khz != 0 && !o.Icount && !kvm {
		// Without it the kernel measures the counter against the emulated timers,
		// and if this machine is busy then, its clock runs up to ten times too fast.
		params = append(params, fmt.Sprintf("tsc_early_khz=%d", khz))
	}
	if !o.KASLR {
		params = append(params, "nokaslr")
	}
	if o.Params != "" {
		params = append(params, o.Params)
	}
	args := append([]string{
		"-machine", "q35", "-accel", accel, "-cpu", model,
		"-smp", fmt.Sprint(smp), "-m", fmt.Sprint(o.MemoryMB),
	}, commonArgs(k, params)...)
	if o.Icount {
		args = append(args, "-icount", "shift=0,sleep=off")
	}
	return args
}
