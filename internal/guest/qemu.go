package guest

import (
	"fmt"
	"os/exec"
	"strings"

	"probe/internal/guest/wire"
)

// qemuProgram is the emulator.
const qemuProgram = "qemu-system-x86_64"

// bootParams are the kernel parameters of every guest.
//
// An oops ends the guest at once, so that it cannot pass for a success.
// tsc=reliable: the kernel trusts the clock of the emulated processor. RCU
// grace periods are short, since detaching a program waits for several of them.
// no_timer_check: on a busy host the emulated timer interrupt is late, which
// the kernel would take for a broken board.
// loglevel=5: the backtrace of a processor that hangs is among the warnings.
const bootParams = "console=ttyS0 quiet loglevel=5 panic=-1 oops=panic mitigations=off tsc=reliable no_timer_check rcupdate.rcu_expedited=1"

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

// qemuPath finds the emulator.
func qemuPath() (string, error) {
	p, err := exec.LookPath(qemuProgram)
	if err != nil {
		return "", &Error{
			Op:   "start a guest",
			Err:  ErrNoQEMU,
			Help: "apt-get install -y --no-install-recommends qemu-system-x86",
		}
	}
	return p, nil
}

// qemuArgs returns the emulator's arguments for a guest.
//
// Two bugs of QEMU's emulation (seen in 7.2 and 10.0) decide the processor:
// cmpxchg16b leaves wrong flags behind, so guests must not see it; and kernel
// code that is patched while another virtual processor runs it (function
// tracer, kprobes, static keys) is executed half-patched when each of them
// has a thread of its own, so one thread serves all.
func qemuArgs(o Options, k *Kernel, kvm bool) []string {
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
	if !o.KASLR {
		params = append(params, "nokaslr")
	}
	if o.Params != "" {
		params = append(params, o.Params)
	}
	args := []string{
		"-machine", "q35", "-accel", accel, "-cpu", model,
		"-smp", fmt.Sprint(smp), "-m", fmt.Sprint(o.MemoryMB),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "stdio",
		"-chardev", fmt.Sprintf("socket,id=ctl,fd=%d", controlFD),
		"-device", "virtio-serial-pci",
		"-device", "virtserialport,chardev=ctl,name=" + wire.PortName,
		"-kernel", k.Image, "-initrd", fmt.Sprintf("/proc/self/fd/%d", initrdFD),
		"-append", strings.Join(params, " "),
	}
	if o.Icount {
		args = append(args, "-icount", "shift=0,sleep=off")
	}
	return args
}
