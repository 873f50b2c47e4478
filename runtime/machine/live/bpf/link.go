package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AttachTracing attaches an fentry, fexit or BTF raw tracepoint program to
// what it was loaded for.
func AttachTracing(p *Prog) (*Link, error) {
	attr := struct {
		name   ptr
		fd     uint32
		_      uint32
		cookie uint64
	}{fd: uint32(p.fd)}
	// The last field is no older than 6.10; older kernels want zeroes there.
	fd, err := bpf(cmdRawTracepointOpen, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	return &Link{links: []int{fd}}, nil
}

// MultiKind is what a multi link runs on.
type MultiKind uint8

// The kinds.
const (
	MultiEntry MultiKind = iota
	MultiReturn
	MultiSession // both, the program being loaded for sessions
)

// AttachMulti attaches a kprobe program to many functions at once. ESRCH
// means that at least one of them does not exist or cannot be traced.
func AttachMulti(p *Prog, kind MultiKind, symbols []string) (*Link, error) {
	if len(symbols) == 0 {
		return nil, fmt.Errorf("attach %s: no functions", p.Name)
	}
	// One block of memory for all names and one for the pointers to them.
	total := 0
	for _, s := range symbols {
		total += len(s) + 1
	}
	text := make([]byte, 0, total)
	ptrs := make([]ptr, len(symbols))
	for i, s := range symbols {
		at := len(text)
		text = append(append(text, s...), 0)
		ptrs[i] = bytesPtr(text[at:])
	}
	attr := struct {
		prog, target, typ, flags uint32
		multiFlags, count        uint32
		syms, addrs, cookies     ptr
	}{
		prog: uint32(p.fd), typ: attachKprobeMulti, count: uint32(len(symbols)),
		syms: ptr(uintptr(unsafe.Pointer(unsafe.SliceData(ptrs)))),
	}
	switch kind {
	case MultiReturn:
		attr.multiFlags = 1 // BPF_F_KPROBE_MULTI_RETURN
	case MultiSession:
		attr.typ = attachKprobeSession
	}
	fd, err := bpf(cmdLinkCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(text)
	runtime.KeepAlive(ptrs)
	if err != nil {
		return nil, fmt.Errorf("attach %s to %d functions: %w", p.Name, len(symbols), err)
	}
	return &Link{links: []int{fd}, kind: linkMulti}, nil
}

// AttachFsessionMulti attaches an fsession.multi program to many functions at
// once, given by their numbers in the BTF that it was loaded for (7.1).
func AttachFsessionMulti(p *Prog, ids []uint32) (*Link, error) {
	if len(ids) == 0 {
		return nil, fmt.Errorf("attach %s: no functions", p.Name)
	}
	attr := struct {
		prog, target, typ, flags uint32
		ids, cookies             ptr
		count                    uint32
		_                        uint32
	}{
		prog: uint32(p.fd), typ: attachFsessionMulti, count: uint32(len(ids)),
		ids: ptr(uintptr(unsafe.Pointer(unsafe.SliceData(ids)))),
	}
	fd, err := bpf(cmdLinkCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(ids)
	if err != nil {
		return nil, fmt.Errorf("attach %s to %d functions: %w", p.Name, len(ids), err)
	}
	return &Link{links: []int{fd}}, nil
}

// attachPerf attaches a program to a perf event and takes the event over. The
// event is closed when that fails.
func attachPerf(p *Prog, event int, kind linkKind) (*Link, error) {
	attr := struct {
		prog, target, typ, flags uint32
		cookie                   uint64
	}{prog: uint32(p.fd), target: uint32(event), typ: attachPerfEvent}
	fd, err := bpf(cmdLinkCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err == nil {
		return &Link{links: []int{fd}, events: []int{event}, kind: kind}, nil
	}
	// Links to perf events are as old as 5.15; before that the program is set
	// on the event, which takes it along when it is closed.
	if !errors.Is(err, unix.EINVAL) {
		unix.Close(event)
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	if err := unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_SET_BPF, p.fd); err != nil {
		unix.Close(event)
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	if err := unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		unix.Close(event)
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	return &Link{events: []int{event}}, nil
}

// join makes one link of several, one for each CPU.
func join(links []*Link) *Link {
	l := &Link{}
	for _, x := range links {
		l.links = append(l.links, x.links...)
		l.events = append(l.events, x.events...)
	}
	return l
}
