package bpf

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	cmdBTFByID   = 19
	cmdBTFNextID = 23
)

// btfInfo is struct bpf_btf_info.
type btfInfo struct {
	btf      unsafe.Pointer
	btfSize  uint32
	id       uint32
	name     unsafe.Pointer
	nameLen  uint32
	isKernel uint32
}

// maxBTF is the maximum number of BTF objects examined: the kernel's own is the
// first or, if programs were loaded very early, one of the first.
const maxBTF = 16

// KernelBTF copies the kernel's own BTF into memory that alloc provides for its
// size. It needs 5.11 and CAP_SYS_ADMIN, and some program must have made the
// kernel parse its BTF since boot.
func KernelBTF(alloc func(size int) ([]byte, error)) ([]byte, error) {
	for id := uint32(0); id < maxBTF; {
		attr := struct{ start, next, flags uint32 }{start: id}
		if _, err := call(cmdBTFNextID, unsafe.Pointer(&attr), unsafe.Sizeof(attr)); err != nil {
			return nil, err
		}
		id = attr.next
		blob, err := kernelBTF(id, alloc)
		if blob != nil || err != nil {
			return blob, err
		}
	}
	return nil, unix.ENOENT
}

// kernelBTF copies the BTF object with an id if it is the kernel's own.
func kernelBTF(id uint32, alloc func(size int) ([]byte, error)) ([]byte, error) {
	attr := struct{ id, next, flags uint32 }{id: id}
	fd, err := call(cmdBTFByID, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	name := new([64]byte)
	info := &btfInfo{name: unsafe.Pointer(name), nameLen: uint32(len(name))}
	if err := getInfo(fd, unsafe.Pointer(info), unsafe.Sizeof(*info)); err != nil {
		return nil, err
	}
	if info.isKernel == 0 || string(name[:8]) != "vmlinux\x00" {
		return nil, nil
	}
	blob, err := alloc(int(info.btfSize))
	if err != nil {
		return nil, err
	}
	info = &btfInfo{btf: unsafe.Pointer(unsafe.SliceData(blob)), btfSize: uint32(len(blob))}
	return blob, getInfo(fd, unsafe.Pointer(info), unsafe.Sizeof(*info))
}

func getInfo(fd int, info unsafe.Pointer, size uintptr) error {
	attr := struct {
		fd, infoLen uint32
		info        unsafe.Pointer
	}{uint32(fd), uint32(size), info}
	_, err := call(cmdObjGetInfo, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}
