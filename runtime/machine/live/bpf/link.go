package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
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
	// The cookie is new in 6.10; older kernels accept the longer structure only
	// if what they do not know is zero.
	fd, err := bpf(cmdRawTracepointOpen, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	return &Link{links: []int{fd}}, nil
}

// MultiKind selects the events of a multi link.
type MultiKind uint8

// The kinds of multi links.
const (
	MultiEntry MultiKind = iota
	MultiReturn
	MultiSession // entry and return; the program must be loaded for sessions
)

// AttachMulti attaches a kprobe program to many functions at once. The error is
// ESRCH when at least one of them does not exist or cannot be traced; the
// kernel does not say which.
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

// Uprobes are places in a program or library.
type Uprobes struct {
	Path    string
	Offsets []uint64 // in the file
	// Semaphore is the offset of a counter that the kernel increments while the
	// probes are attached, 0 for none.
	Semaphore uint64
	PID       int // of the process; 0 means every process
	Return    bool
}

// AttachUprobes attaches a program to many places at once (kernel 6.6). When one
// of them cannot be probed none is, and the kernel does not say which.
func AttachUprobes(p *Prog, u Uprobes) (*Link, error) {
	if len(u.Offsets) == 0 {
		return nil, fmt.Errorf("attach %s: no functions", p.Name)
	}
	path := cstring(u.Path)
	var counters []uint64
	if u.Semaphore != 0 {
		counters = make([]uint64, len(u.Offsets))
		for i := range counters {
			counters[i] = u.Semaphore
		}
	}
	attr := struct {
		prog, target, typ, flags uint32
		path, offsets            ptr
		counters, cookies        ptr
		count, multiFlags, pid   uint32
		_                        uint32
	}{
		prog: uint32(p.fd), typ: attachUprobeMulti, path: bytesPtr(path), count: uint32(len(u.Offsets)), pid: uint32(u.PID),
		offsets: ptr(uintptr(unsafe.Pointer(unsafe.SliceData(u.Offsets)))), counters: ptr(uintptr(unsafe.Pointer(unsafe.SliceData(counters)))),
	}
	if u.Return {
		attr.multiFlags = 1 // BPF_F_UPROBE_MULTI_RETURN
	}
	fd, err := bpf(cmdLinkCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(path)
	runtime.KeepAlive(counters)
	runtime.KeepAlive(u.Offsets)
	if err != nil {
		return nil, fmt.Errorf("attach %s to %d places in %s: %w", p.Name, len(u.Offsets), u.Path, err)
	}
	return &Link{links: []int{fd}}, nil
}

// AttachFsessionMulti attaches an fsession.multi program to many functions at
// once (kernel 7.1). ids are the functions' numbers in the BTF that the program
// was loaded for.
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

// attachPerf attaches a program to a perf event and takes ownership of the
// event: the Link closes it, and attachPerf closes it when it fails.
func attachPerf(p *Prog, event int, kind linkKind) (*Link, error) {
	attr := struct {
		prog, target, typ, flags uint32
		cookie                   uint64
	}{prog: uint32(p.fd), target: uint32(event), typ: attachPerfEvent}
	fd, err := bpf(cmdLinkCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err == nil {
		return &Link{links: []int{fd}, events: []int{event}, kind: kind}, nil
	}
	// Kernels before 5.15 have no links to perf events. There the program is
	// set on the event itself and detached when the event is closed.
	if !errors.Is(err, unix.EINVAL) {
		kcall.Close(event)
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	if err := kcall.Ioctl(event, unix.PERF_EVENT_IOC_SET_BPF, p.fd); err != nil {
		kcall.Close(event)
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	if err := kcall.Ioctl(event, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		kcall.Close(event)
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	return &Link{events: []int{event}}, nil
}

// join combines the links of a program, one for each CPU, into one.
func join(links []*Link) *Link {
	l := &Link{}
	for _, x := range links {
		l.links = append(l.links, x.links...)
		l.events = append(l.events, x.events...)
		l.notices = append(l.notices, x.notices...)
	}
	return l
}
