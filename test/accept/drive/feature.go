package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
)

// askers are the features that a case can need, each with a test of the kernel.
// The tests do not use probe: if probe wrongly denied a feature, its cases
// would be skipped.
var askers = map[string]func() error{
	"btf":     func() error { return exists("/sys/kernel/btf/vmlinux") },
	"kprobe":  func() error { return exists("/sys/bus/event_source/devices/kprobe") },
	"uprobe":  func() error { return exists("/sys/bus/event_source/devices/uprobe") },
	"tracefs": func() error { return exists(filepath.Join(tracefs(), "events")) },
	"fentry":  sync.OnceValue(haveFentry),
	// Wildcards attached by one link.
	"kprobe-multi": sync.OnceValue(haveKprobeMulti),
	"map-loop":     func() error { return features.HaveProgramHelper(ebpf.Kprobe, asm.FnForEachMapElem) },
	"range-loop":   func() error { return features.HaveProgramHelper(ebpf.Kprobe, asm.FnLoop) },
	"percpu-lookup": func() error {
		return features.HaveProgramHelper(ebpf.Kprobe, asm.FnMapLookupPercpuElem)
	},
	// A lockdown forbids it.
	"write-user":     func() error { return features.HaveProgramHelper(ebpf.Kprobe, asm.FnProbeWriteUser) },
	"func-ip":        func() error { return features.HaveProgramHelper(ebpf.Kprobe, asm.FnGetFuncIp) },
	"tai":            func() error { return features.HaveProgramHelper(ebpf.Kprobe, asm.FnKtimeGetTaiNs) },
	"whole-syscalls": wholeSyscalls,
	"cgroup2":        func() error { return exists("/sys/fs/cgroup/cgroup.controllers") },
	"passwd":         func() error { return exists("/etc/passwd") },
	"zoneinfo":       func() error { return exists("/usr/share/zoneinfo/Asia/Kolkata") },
	"tcp":            func() error { return exists("/proc/net/tcp") },
	"tcp6":           func() error { return exists("/proc/net/tcp6") },
}

// wholeSyscalls reports whether programs on the tracepoints of system calls run with
// preemption off. Since Linux 7.2 they do not (trace_call_bpf_faultable): the kernel skips
// a program while a task is preempted in it on that CPU, and only counts that it did, so
// that no exact result can be expected. TestStorm tests these counts.
func wholeSyscalls() error {
	b, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		return err
	}
	if strings.Contains(string(b), " trace_call_bpf_faultable\n") {
		return errors.New("tasks are preempted in programs on system calls (trace_call_bpf_faultable), and the kernel skips others meanwhile")
	}
	return nil
}

// missing returns the features that the kernel lacks. Two kinds take a name:
// "func:NAME", a function that can be traced, and "event:CATEGORY/NAME", a
// tracepoint.
func missing(names []string) map[string]string {
	out := map[string]string{}
	for _, n := range names {
		var err error
		kind, arg, _ := strings.Cut(n, ":")
		switch ask := askers[n]; {
		case ask != nil:
			err = ask()
		case kind == "func":
			err = traceable(arg)
		case kind == "event":
			err = exists(filepath.Join(tracefs(), "events", arg))
		default:
			err = fmt.Errorf("unknown feature")
		}
		if err != nil {
			out[n] = err.Error()
		}
	}
	return out
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

// tracefs returns the folder of the tracing files.
func tracefs() string {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if exists(filepath.Join(dir, "events")) == nil {
			return dir
		}
	}
	return "/sys/kernel/tracing"
}

// functions are the functions that can be traced.
var functions = sync.OnceValues(func() (map[string]bool, error) {
	f, err := os.Open(filepath.Join(tracefs(), "available_filter_functions"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, _, _ := strings.Cut(lines.Text(), " ")
		all[name] = true
	}
	return all, lines.Err()
})

func traceable(name string) error {
	all, err := functions()
	if err != nil {
		return err
	}
	if !all[name] {
		return fmt.Errorf("%s is no traceable function", name)
	}
	return nil
}

// target is a function of every kernel that can be traced.
const target = "__x64_sys_getpgid"

// empty returns a program that does nothing.
func empty() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
}

// haveFentry attaches a program to the entry of a function.
func haveFentry() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: target,
		Instructions: empty(), License: "GPL",
	})
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: p})
	if err != nil {
		return err
	}
	return l.Close()
}

// haveKprobeMulti attaches a program to a list of functions.
func haveKprobeMulti() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceKprobeMulti,
		Instructions: empty(), License: "GPL",
	})
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := link.KprobeMulti(p, link.KprobeMultiOptions{Symbols: []string{target}})
	if err != nil {
		return errors.Join(errors.New("kprobe.multi"), err)
	}
	return l.Close()
}
