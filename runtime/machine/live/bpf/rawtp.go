package bpf

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
)

// AttachRawTracepoint attaches a raw tracepoint program to a tracepoint by its
// name.
func AttachRawTracepoint(p *Prog, name string) (*Link, error) {
	fd, err := openRawTracepoint(p.fd, name)
	if err != nil {
		return nil, fmt.Errorf("attach %s to raw tracepoint %s: %w", p.Name, name, err)
	}
	return &Link{links: []int{fd}}, nil
}

func openRawTracepoint(prog int, name string) (int, error) {
	text := cstring(name)
	attr := struct {
		name   ptr
		fd     uint32
		_      uint32
		cookie uint64
	}{name: bytesPtr(text), fd: uint32(prog)}
	fd, err := bpf(cmdRawTracepointOpen, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(text)
	return fd, err
}

// RawTracepoints finds out which tracepoints raw tracepoint programs can attach
// to. It is safe for concurrent use.
type RawTracepoints struct{ greedy func() (*Prog, error) }

// NewRawTracepoints returns a RawTracepoints. The program that it tests with is
// loaded on the first call of Has.
func NewRawTracepoints() *RawTracepoints {
	return &RawTracepoints{greedy: sync.OnceValues(loadGreedy)}
}

// loadGreedy loads a raw tracepoint program that reads the last argument that
// any tracepoint can have.
func loadGreedy() (*Prog, error) {
	const lastArgument = 11 // of MAX_BPF_FUNC_ARGS
	return Load(context.Background(), &ebpf.ProgramSpec{
		Name: "p_greedy", Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R0, asm.R1, 8*lastArgument, asm.DWord),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	}, nil, LoadOptions{})
}

// Has reports whether raw tracepoint programs can attach to a
// tracepoint of this name, without attaching to it: the kernel finds the
// tracepoint first, and then refuses a program that reads more arguments than
// there are (bpf_probe_register in kernel/trace/bpf_trace.c).
func (r *RawTracepoints) Has(name string) (bool, error) {
	p, err := r.greedy()
	if err != nil {
		return false, err
	}
	fd, err := openRawTracepoint(p.fd, name)
	switch {
	case err == nil: // the tracepoint has the maximum number of arguments
		return true, kcall.Close(fd)
	case errors.Is(err, unix.EINVAL):
		return true, nil
	case errors.Is(err, unix.ENOENT):
		return false, nil
	}
	return false, fmt.Errorf("look for raw tracepoint %s: %w", name, err)
}
