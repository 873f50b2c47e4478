package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"probe/internal/guest"
)

// demoKernel is the kernel for demonstrations in a guest.
const demoKernel = "6.12"

// demo runs a command that builds a network and traces the kernel: on this
// machine if it can, else in a guest. It prints which, and why.
func demo(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2, errUsage
	}
	// Output that is not a terminal's must come as steadily.
	steps := newSteps(os.Stdout)
	defer steps.stop()
	ctx = guest.WithProgress(ctx, steps.begin)
	steps.begin("find out what this machine can do")
	why := hostCan()
	steps.stop()
	if why == nil {
		fmt.Println("demo: on this machine: root, function probes and network namespaces work here")
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		// The command restores the network when it gets a signal to end. In a
		// process group of its own it gets Ctrl-C once, from this process, and
		// not a second time from the terminal.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 30 * time.Second
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), nil
		}
		return 0, err
	}
	fmt.Printf("demo: in a guest with kernel %s, since %v\n", demoKernel, why)
	if err := install(ctx); err != nil {
		return 1, err
	}
	at := "/bin/" + filepath.Base(args[0])
	o := guest.Options{
		Kernel: demoKernel, MemoryMB: 2048,
		Modules:  guest.NetworkModules(),
		Programs: append(guest.NetworkPrograms(), "ifup", "ifdown"),
		Files:    map[string]string{at: args[0]},
	}
	// The command finds the scripts beside it, as it does here.
	dir := "/"
	if info, err := os.Stat("scripts"); err == nil && info.IsDir() {
		o.Trees = map[string]string{"/src/scripts": "scripts"}
		dir = "/src"
	}
	g, err := guest.Boot(ctx, o)
	steps.stop()
	if err != nil {
		return 1, err
	}
	fmt.Println("demo: the guest is up")
	res, err := g.Run(ctx, guest.Cmd{
		Args: append([]string{at}, args[1:]...), Dir: dir, Timeout: 20 * time.Minute,
		Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if end := g.Close(); err == nil {
		err = end
	}
	return status(res), err
}

// hostCan returns nil if programs can be attached to kernel functions and a
// network be built on this machine, else the reason why not, as the end of a sentence.
func hostCan() error {
	if os.Geteuid() != 0 {
		return errors.New("tracing this machine needs root")
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return errors.New("this machine's kernel has no type information (/sys/kernel/btf/vmlinux)")
	}
	if err := tryKprobe(); err != nil {
		return fmt.Errorf("function probes do not work on this machine (%w)", innermost(err))
	}
	if err := tryNetwork(); err != nil {
		return fmt.Errorf("a network in a namespace cannot be built on this machine (%w)", innermost(err))
	}
	return nil
}

// innermost returns the cause at the end of a chain of errors: the steps that led to it
// are those of a library.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// tryKprobe attaches a program that does nothing to a function that hardly
// ever runs: the one behind /proc/version.
func tryKprobe() error {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Kprobe,
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
		License: "GPL",
	})
	if err != nil {
		return err
	}
	defer prog.Close()
	l, err := link.Kprobe("version_proc_show", prog, nil)
	if err != nil {
		return err
	}
	return l.Close()
}

// tryNetwork builds what cases need in a namespace of its own, which ends with
// the thread that created it.
func tryNetwork() error {
	done := make(chan error)
	go func() {
		// There is no UnlockOSThread: the runtime ends a locked thread with its
		// goroutine.
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("new network namespace: %w", err)
			}
			veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "try0"}, PeerName: "try1"}
			if err := netlink.LinkAdd(veth); err != nil {
				return fmt.Errorf("add a veth pair: %w", err)
			}
			bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "try2"}}
			if err := netlink.LinkAdd(bridge); err != nil {
				return fmt.Errorf("add a bridge: %w", err)
			}
			return nil
		}()
	}()
	return <-done
}
