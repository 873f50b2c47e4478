package bpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AttachIter makes the link of an iterator program. It runs when a file is read
// that Iterate or a pin gives.
func AttachIter(p *Prog) (*Link, error) {
	attr := struct {
		prog, target, typ, flags uint32
		info                     ptr
		infoLen                  uint32
		_                        uint32
	}{prog: uint32(p.fd), typ: attachIter}
	fd, err := bpf(cmdLinkCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", p.Name, err)
	}
	return &Link{links: []int{fd}}, nil
}

// Iterate returns a file whose contents are what the program of an iterator
// writes with seq_printf. Reading it runs the program for one object after the
// other; EAGAIN says that it ran for many and has written nothing yet.
func (l *Link) Iterate() (*os.File, error) {
	if len(l.links) == 0 {
		return nil, errors.New("iterate: the link is closed")
	}
	attr := struct{ link, flags uint32 }{link: uint32(l.links[0])}
	fd, err := bpf(cmdIterCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, fmt.Errorf("iterate: %w", err)
	}
	return os.NewFile(uintptr(fd), "iterator"), nil
}

// Pin gives the link a name in a file system of type bpf. It stays attached
// until the file is removed, whatever becomes of this process.
func (l *Link) Pin(path string) error {
	if len(l.links) == 0 {
		return errors.New("pin: the link is closed")
	}
	name := cstring(path)
	attr := struct {
		path      ptr
		fd, flags uint32
	}{path: bytesPtr(name), fd: uint32(l.links[0])}
	_, err := bpf(cmdObjPin, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(name)
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%s exists already; remove it first: %w", path, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s is not in a file system of type bpf (mount -t bpf bpf /sys/fs/bpf), or may not be written: %w", path, err)
	case err != nil:
		return fmt.Errorf("pin %s: %w", path, err)
	}
	return nil
}
