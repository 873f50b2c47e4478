package bpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands that find the programs of the machine and their types.
const (
	cmdProgGetNextID = 11
	cmdProgGetFDByID = 13
	cmdBTFGetFDByID  = 19
)

// Running describes a program that is loaded on the machine.
type Running struct {
	ID   uint32
	BTF  uint32   // number of its BTF, 0 without
	Type uint32   // as BPF_PROG_TYPE_
	Jit  bool     // it was compiled to machine code
	Func []uint32 // numbers of its functions in its BTF, the program itself first
	Addr []uint64 // for each of Func where its machine code is, 0 if the kernel hides it
}

// progInfo is the part of struct bpf_prog_info, up to the functions.
type progInfo struct {
	Type, ID                uint32
	Tag                     [8]byte
	JitedLen, XlatedLen     uint32
	Jited, Xlated, LoadTime uint64
	UID, NrMaps             uint32
	Maps                    uint64
	Name                    [16]byte
	Ifindex, GPL            uint32
	NetnsDev, NetnsIno      uint64
	NrKsyms, NrFuncLens     uint32
	Ksyms, FuncLens         uint64
	BTF, FuncRec            uint32
	FuncInfo                uint64
	NrFunc, NrLine          uint32
}

// EachRunning calls yield with the programs of the machine, in the order in which
// they were loaded, until it returns false. It needs CAP_SYS_ADMIN.
func EachRunning(yield func(Running) bool) error {
	for id := uint32(0); ; {
		attr := struct{ id, next, flags uint32 }{id: id}
		_, err := bpf(cmdProgGetNextID, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list BPF programs: %w", err)
		}
		id = attr.next
		p, err := running(id)
		if errors.Is(err, unix.ENOENT) {
			continue // it has ended since
		}
		if err != nil {
			return fmt.Errorf("read BPF program %d: %w", id, err)
		}
		if !yield(p) {
			return nil
		}
	}
}

// OpenRunning opens a program by its number. The error is ENOENT when there is
// none.
func OpenRunning(id uint32) (*os.File, error) {
	fd, err := byID(cmdProgGetFDByID, id)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), fmt.Sprintf("bpf-program:%d", id)), nil
}

func byID(cmd uintptr, id uint32) (int, error) {
	attr := struct{ id, next, flags uint32 }{id: id}
	return bpf(cmd, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

func running(id uint32) (Running, error) {
	f, err := OpenRunning(id)
	if err != nil {
		return Running{}, err
	}
	defer f.Close()
	var info progInfo
	if _, err := objInfo(int(f.Fd()), unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return Running{}, err
	}
	out := Running{ID: id, BTF: info.BTF, Type: info.Type, Jit: info.JitedLen > 0}
	const rec = 8 // struct bpf_func_info: offset of the first instruction, number of the type
	if info.BTF == 0 || info.NrFunc == 0 || info.FuncRec < rec {
		return out, nil
	}
	funcs := make([][2]uint32, info.NrFunc)
	var pin runtime.Pinner
	defer pin.Unpin()
	out.Addr = make([]uint64, len(funcs))
	pin.Pin(&funcs[0])
	pin.Pin(&out.Addr[0])
	again := progInfo{
		FuncRec: rec, NrFunc: uint32(len(funcs)), FuncInfo: uint64(uintptr(unsafe.Pointer(&funcs[0]))),
		NrKsyms: uint32(len(funcs)), Ksyms: uint64(uintptr(unsafe.Pointer(&out.Addr[0]))),
	}
	if _, err := objInfo(int(f.Fd()), unsafe.Pointer(&again), unsafe.Sizeof(again)); err != nil {
		return Running{}, err
	}
	for _, fn := range funcs[:min(len(funcs), int(again.NrFunc))] {
		out.Func = append(out.Func, fn[1])
	}
	return out, nil
}

// RunningBTF returns a BTF by its number, as its owner has loaded it.
func RunningBTF(id uint32) ([]byte, error) {
	fd, err := byID(cmdBTFGetFDByID, id)
	if err != nil {
		return nil, fmt.Errorf("BTF %d: %w", id, err)
	}
	defer unix.Close(fd)
	type btfInfo struct {
		blob     uint64
		size, id uint32
		name     uint64
		nameLen  uint32
		kernel   uint32
	}
	var info btfInfo
	if _, err := objInfo(fd, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return nil, fmt.Errorf("BTF %d: %w", id, err)
	}
	if info.size == 0 {
		return nil, nil
	}
	blob := make([]byte, info.size)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&blob[0])
	again := btfInfo{blob: uint64(uintptr(unsafe.Pointer(&blob[0]))), size: info.size}
	if _, err := objInfo(fd, unsafe.Pointer(&again), unsafe.Sizeof(again)); err != nil {
		return nil, fmt.Errorf("BTF %d: %w", id, err)
	}
	return blob, nil
}

// TryTracing loads a program that does nothing for a function of another program,
// and closes it again: the error says why the function cannot be traced.
func TryTracing(exit bool, program int, function uint32) error {
	code := []byte{
		0xb7, 0, 0, 0, 0, 0, 0, 0, // r0 = 0
		0x95, 0, 0, 0, 0, 0, 0, 0, // exit
	}
	license := cstring("GPL")
	log := make([]byte, briefLog)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&code[0])
	pin.Pin(&license[0])
	pin.Pin(&log[0])
	attr := loadAttr{
		progType: progTracing, insnCnt: 2, insns: bytesPtr(code), license: bytesPtr(license), expected: attachFentry,
		attachBTF: function, attachBTFObj: uint32(program), name: objName("try"),
		logLevel: 1, logSize: briefLog, logBuf: bytesPtr(log),
	}
	if exit {
		attr.expected = attachFexit
	}
	fd, err := bpf(cmdProgLoad, unsafe.Pointer(&attr), withoutToken)
	if err == nil {
		return unix.Close(fd)
	}
	if why := firstLine(cut(log)); why != "" {
		return fmt.Errorf("%w: the kernel says: %s", err, why)
	}
	return err
}

// progTracing is BPF_PROG_TYPE_TRACING.
const progTracing = 26

func firstLine(log string) string {
	for i := range len(log) {
		if log[i] == '\n' {
			return log[:i]
		}
	}
	return log
}
