// Package kcall has the system calls by which a run loads, attaches, reads and
// removes programs. They do what those of package unix do; tests can make each
// of them fail (Hook), which the kernel does only when it is short of something.
package kcall

import (
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Call is a system call that is about to be made.
type Call struct {
	Name string // "bpf", "mmap" …
	Cmd  int    // of bpf, perf_event and ioctl; 0 for the others
}

// The command of bpf that NewMap uses.
const MapCreate = 0

// hook is what Hook has set.
var hook atomic.Pointer[func(Call) error]

// Hook calls f before each system call, from any goroutine. If f returns an
// error, the call is not made and has that error, except for calls that release
// something: these are made, and then have the error. The function that Hook
// returns ends this. It is for tests.
func Hook(f func(Call) error) (end func()) {
	hook.Store(&f)
	return func() { hook.Store(nil) }
}

// ask returns the error that a test wants for a call.
func ask(name string, cmd int) error {
	if f := hook.Load(); f != nil {
		return (*f)(Call{name, cmd})
	}
	return nil
}

// BPF makes the bpf system call; attr points to a structure of size bytes
// without Go pointers.
func BPF(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	if err := ask("bpf", int(cmd)); err != nil {
		return -1, err
	}
	r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

// NewMap creates a map.
func NewMap(spec *ebpf.MapSpec) (*ebpf.Map, error) {
	if err := ask("bpf", MapCreate); err != nil {
		return nil, err
	}
	return ebpf.NewMap(spec)
}

// Clone returns a second descriptor of a map.
func Clone(m *ebpf.Map) (*ebpf.Map, error) {
	if err := ask("fcntl", 0); err != nil {
		return nil, err
	}
	return m.Clone()
}

// PerfEventOpen opens a perf event.
func PerfEventOpen(attr *unix.PerfEventAttr, pid, cpu, group, flags int) (int, error) {
	if err := ask("perf_event_open", int(attr.Type)); err != nil {
		return -1, err
	}
	return unix.PerfEventOpen(attr, pid, cpu, group, flags)
}

// Ioctl makes an ioctl whose argument is a number.
func Ioctl(fd int, req uint, value int) error {
	if err := ask("ioctl", int(req)); err != nil {
		return err
	}
	return unix.IoctlSetInt(fd, req, value)
}

// Mmap maps memory of a descriptor.
func Mmap(fd int, offset int64, length, prot, flags int) ([]byte, error) {
	if err := ask("mmap", 0); err != nil {
		return nil, err
	}
	return unix.Mmap(fd, offset, length, prot, flags)
}

// Munmap releases what Mmap returned.
func Munmap(b []byte) error {
	err := ask("munmap", 0)
	if e := unix.Munmap(b); e != nil {
		return e
	}
	return err
}

// Close closes a descriptor.
func Close(fd int) error {
	err := ask("close", 0)
	if e := unix.Close(fd); e != nil {
		return e
	}
	return err
}

// Poll waits for descriptors, for ms milliseconds.
func Poll(fds []unix.PollFd, ms int) (int, error) {
	if err := ask("poll", 0); err != nil {
		return 0, err
	}
	return unix.Poll(fds, ms)
}

// Eventfd returns a descriptor that wakes who waits for it.
func Eventfd(initial uint, flags int) (int, error) {
	if err := ask("eventfd", 0); err != nil {
		return -1, err
	}
	return unix.Eventfd(initial, flags)
}

// PidfdOpen returns a descriptor that becomes readable when a process ends.
func PidfdOpen(pid, flags int) (int, error) {
	if err := ask("pidfd_open", 0); err != nil {
		return -1, err
	}
	return unix.PidfdOpen(pid, flags)
}
