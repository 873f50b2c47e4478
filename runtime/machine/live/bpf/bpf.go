// Package bpf makes the system calls that load and attach BPF programs.
//
// The library github.com/cilium/ebpf does this as well, and maps use it.
// Programs bypass it for three reasons: it cannot be given the BTF number of an
// attach target and decodes the kernel's whole BTF to find it again, which
// costs more than everything else a short run does; its kprobes cannot name a
// module; and a link made from a plain perf event cannot be asked for the
// events it missed.
//
// Everything here is a thin layer over include/uapi/linux/bpf.h and
// perf_event.h. It knows nothing of scripts.
package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
)

// Commands of the bpf system call.
const (
	cmdProgLoad          = 5
	cmdObjPin            = 6
	cmdProgRun           = 10
	cmdObjGetInfoByFD    = 15
	cmdRawTracepointOpen = 17
	cmdLinkCreate        = 28
	cmdIterCreate        = 33
)

// Attach types of programs and links.
const (
	attachRawTP         = 23
	attachFentry        = 24
	attachFexit         = 25
	attachIter          = 28
	attachPerfEvent     = 41
	attachKprobeMulti   = 42
	attachUprobeMulti   = 48
	attachKprobeSession = 56
	attachFsessionMulti = 61
)

// bpf makes one system call; attr points to a structure without Go pointers.
func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	return kcall.BPF(cmd, attr, size)
}

// ptr is a pointer as the kernel's structures hold it.
type ptr uint64

func bytesPtr(b []byte) ptr {
	if len(b) == 0 {
		return 0
	}
	return ptr(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
}

// cstring returns s with a NUL at its end. The kernel reads it during a system
// call, so the caller has to keep it alive until then.
func cstring(s string) []byte {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return b
}

// objName returns s as a name that the kernel accepts for a program: at most 15
// bytes of [A-Za-z0-9_.] (bpf_obj_name_cpy in kernel/bpf/syscall.c). Other
// characters become '_'.
func objName(s string) (n [16]byte) {
	for i := 0; i < len(s) && i < len(n)-1; i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.':
			n[i] = c
		default:
			n[i] = '_'
		}
	}
	return n
}

// Link is an attached program.
//
// A link to a perf event takes two steps to undo: closing the link itself
// takes the program off the event at once; closing the event waits until no
// CPU can be running it any more, some 60 ms. Quiet does the first, Close both.
type Link struct {
	links  []int // bpf links; none before 5.15
	events []int // perf events the links are attached to
	kind   linkKind

	// ask and gone belong to an event that was defined for the link (see Own);
	// nil without one.
	ask  func() (missed uint64, ok bool)
	gone func() error
	// partly is set if ask does not count all missed runs: those inside of
	// other programs are counted only by kernels that count misses themselves.
	partly bool

	// notices are the buffers of sampling events, throttled what they held when they
	// were released.
	notices   []notice
	throttled uint64

	// missed and quiet hold the result of Missed before Quiet, which closes the
	// link.
	quiet  bool
	missed uint64
	told   bool
}

// Own ties an event that was defined for the link to it: missed then provides
// the result of Missed, and gone is called once when the link is closed.
func (l *Link) Own(missed func() (uint64, bool), gone func() error) {
	_, tells := l.Missed()
	l.partly = !tells
	l.ask, l.gone = missed, gone
}

type linkKind uint8

const (
	linkPlain linkKind = iota
	linkKprobe
	linkMulti
)

// Quiet stops new events. For links to perf events that is immediate; for
// trampolines and multi links it may wait for the kernel.
func (l *Link) Quiet() error {
	if !l.quiet {
		l.missed, l.told = l.Missed()
		l.quiet = true
	}
	for _, fd := range l.events {
		// This stops counting and sampling events. On tracepoints and kprobes
		// it has no effect: their programs run whether the event is on or not.
		_ = kcall.Ioctl(fd, unix.PERF_EVENT_IOC_DISABLE, 0)
	}
	err := closeAll(l.links)
	l.links = nil
	return err
}

// Close detaches the program for good.
func (l *Link) Close() error {
	err := l.Quiet()
	l.forget()
	err = errors.Join(err, closeAll(l.events))
	l.events = nil
	if l.gone != nil {
		err = errors.Join(err, l.gone())
		l.gone = nil
	}
	return err
}

func closeAll(fds []int) error {
	var errs []error
	for _, fd := range fds {
		if err := kcall.Close(fd); err != nil {
			errs = append(errs, fmt.Errorf("detach: %w", err))
		}
	}
	return errors.Join(errs...)
}

// linkInfo is the start of struct bpf_link_info, up to the fields used here.
// The layout of the union depends on the type of the link.
type linkInfo struct {
	Type, ID, ProgID uint32
	_                uint32
	U                [64]byte
}

// CanMiss reports whether the kernel may skip runs of the link's program, which
// only Missed counts.
func (l *Link) CanMiss() bool { return l.kind != linkPlain }

// Partly reports whether the kernel also skips runs that it does not count: those
// inside of the program of a tracepoint, a perf event or a uprobe, before 6.7.
func (l *Link) Partly() bool { return l.partly }

// Missed returns how many events the kernel could not deliver: returns of a
// kretprobe without a free slot, or calls while another probe ran on the CPU.
// ok is false when the kernel does not count them (before
// 6.7, unless the link has an event of its own).
func (l *Link) Missed() (n uint64, ok bool) {
	if l.quiet {
		return l.missed, l.told
	}
	if l.ask != nil {
		return l.ask()
	}
	var at int
	switch l.kind {
	case linkKprobe:
		at = 32 // perf_event.type, pad; kprobe.func_name, name_len, offset, addr
	case linkMulti:
		at = 16 // kprobe_multi.addrs, count, flags
	default:
		return 0, false
	}
	if len(l.links) == 0 {
		return 0, false
	}
	var info linkInfo
	size, err := objInfo(l.links[0], unsafe.Pointer(&info), unsafe.Sizeof(info))
	if err != nil || int(size) < 16+at+8 {
		return 0, false
	}
	return *(*uint64)(unsafe.Pointer(&info.U[at])), true
}

// objInfo fills a structure with what the kernel knows of an object and
// returns how many bytes it knows.
func objInfo(fd int, info unsafe.Pointer, size uintptr) (uint32, error) {
	attr := struct {
		fd, size uint32
		info     ptr
	}{uint32(fd), uint32(size), ptr(uintptr(info))}
	_, err := bpf(cmdObjGetInfoByFD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(info)
	return attr.size, err
}
