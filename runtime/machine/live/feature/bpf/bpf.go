// Package bpf is a minimal interface to the bpf(2) system call: instructions as
// the kernel reads them, and programs, maps and links as raw attributes. It is
// for tests of the kernel's features, which have to send exactly certain bytes
// and see exactly the kernel's answer, and for small helper programs. The
// programs of scripts are loaded by package runtime/machine/live/bpf.
//
// Descriptors are returned as numbers; the caller closes them.
package bpf

import (
	"bytes"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The commands of bpf(2) used here, from include/uapi/linux/bpf.h.
const (
	cmdMapCreate      = 0
	cmdMapUpdate      = 2
	cmdProgLoad       = 5
	cmdProgTestRun    = 10
	cmdObjGetInfo     = 15
	cmdMapFreeze      = 22
	cmdMapLookupBatch = 24
	cmdLinkCreate     = 28
)

// ErrNotSupp is ENOTSUPP, an error code internal to the kernel that bpf(2)
// returns all the same.
const ErrNotSupp = unix.Errno(524)

// call makes the system call. Pointers inside attr have to be of pointer types,
// so that they follow when the stack moves. Before 5.11 maps and programs count
// against the limit on locked memory, and exceeding it is EPERM; call then
// raises the limit, once, and tries again.
func call(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	for try := 0; ; try++ {
		r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		switch {
		case errno == 0:
			return int(r), nil
		case errno == unix.EAGAIN && try < 5: // interrupted by a signal
		case errno == unix.EPERM && try == 0 && liftMemlock():
		default:
			return -1, errno
		}
	}
}

var memlock sync.Mutex

// liftMemlock raises the limit on locked memory; it reports whether that
// changed anything. If it may not raise it, the caller returns the EPERM.
func liftMemlock() bool {
	memlock.Lock()
	defer memlock.Unlock()
	var old unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old) != nil || old.Cur == unix.RLIM_INFINITY {
		return false
	}
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}) == nil
}

// Program holds the arguments of BPF_PROG_LOAD. Its fields have the values of
// the kernel's headers.
type Program struct {
	Type       uint32
	AttachType uint32
	AttachID   uint32 // number of a function in the kernel's BTF
	Flags      uint32
	Insns      []Insn
}

// Program types.
const (
	SocketFilter  = 1
	Kprobe        = 2
	Tracepoint    = 5
	PerfEvent     = 7
	RawTracepoint = 17
	Tracing       = 26
	Syscall       = 31
)

// Sleepable is a flag of programs that may sleep.
const Sleepable = 1 << 4

// loadAttr is the part of union bpf_attr that BPF_PROG_LOAD reads, through
// attach_prog_fd, or through prog_token_fd with a token. Every machine supported has pointers of 64 bits.
type loadAttr struct {
	progType     uint32
	insnCount    uint32
	insns        unsafe.Pointer
	license      unsafe.Pointer
	logLevel     uint32
	logSize      uint32
	logBuf       unsafe.Pointer
	kernVersion  uint32
	progFlags    uint32
	name         [16]byte
	ifindex      uint32
	attachType   uint32
	btfFD        uint32
	funcInfoSize uint32
	funcInfo     uint64
	funcInfoLen  uint32
	lineInfoSize uint32
	lineInfo     uint64
	lineInfoLen  uint32
	attachBTFID  uint32
	attachProgFD uint32
	coreCount    uint32
	fdArray      uint64
	coreRelos    uint64
	coreRecSize  uint32
	logTrueSize  uint32
	token        uint32
	_            uint32
}

// withoutToken is the size of loadAttr for kernels that have no tokens.
const withoutToken = unsafe.Offsetof(loadAttr{}.fdArray)

var license = [4]byte{'G', 'P', 'L', 0}

// Load loads a program. log, if not nil, is the buffer for the verifier's log;
// Load cuts it to the length of the log.
func (p *Program) Load(log *[]byte) (fd int, err error) {
	attr := loadAttr{
		progType: p.Type, insnCount: uint32(len(p.Insns)), insns: unsafe.Pointer(unsafe.SliceData(p.Insns)),
		license: unsafe.Pointer(&license), progFlags: p.Flags,
		attachType: p.AttachType, attachBTFID: p.AttachID,
	}
	if log != nil {
		attr.logLevel, attr.logSize, attr.logBuf = 1, uint32(len(*log)), unsafe.Pointer(unsafe.SliceData(*log))
	}
	size := uintptr(withoutToken)
	if token, ok := Token(); ok {
		defer unix.Close(token)
		attr.progFlags, attr.token, size = attr.progFlags|TokenFlag, uint32(token), unsafe.Sizeof(attr)
	}
	fd, err = call(cmdProgLoad, unsafe.Pointer(&attr), size)
	runtime.KeepAlive(p)
	if log != nil {
		end := max(bytes.IndexByte(*log, 0), 0)
		*log = (*log)[:end]
	}
	return fd, err
}

// Try loads a program and closes it again.
func (p *Program) Try() error { return drop(p.Load(nil)) }

func drop(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// JITLen returns the length in bytes of a program's machine code, 0 when the
// kernel interprets it.
func JITLen(prog int) (uint32, error) {
	var info struct {
		progType, id uint32
		tag          [8]byte
		jitedLen     uint32
		xlatedLen    uint32
	}
	err := getInfo(prog, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info.jitedLen, err
}

// Run makes the kernel run a program once, and returns its result.
func Run(prog int) (uint32, error) {
	var attr struct {
		progFD, retval, dataIn, dataOut uint32
		inPtr, outPtr                   uint64
		repeat, duration                uint32
		ctxIn, ctxOut                   uint32
		ctxInPtr, ctxOutPtr             uint64
		flags, cpu, batch, _            uint32
	}
	attr.progFD = uint32(prog)
	_, err := call(cmdProgTestRun, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return attr.retval, err
}

// Map holds the arguments of BPF_MAP_CREATE. Its fields have the values of the
// kernel's headers.
type Map struct {
	Type, KeySize, ValueSize, MaxEntries, Flags uint32
}

// Map types.
const (
	Hash        = 1
	Array       = 2
	PerCPUArray = 6
	RingBuf     = 27
)

// Flags of maps.
const (
	NoPrealloc     = 1 << 0
	ReadOnlyByProg = 1 << 7
	Mmapable       = 1 << 10
)

// Create creates a map.
func (m Map) Create() (fd int, err error) {
	token, ok := Token()
	if !ok {
		return call(cmdMapCreate, unsafe.Pointer(&m), unsafe.Sizeof(m))
	}
	defer unix.Close(token)
	attr := struct {
		Map
		_     [44]byte // inner_map_fd to btf_vmlinux_value_type_id
		extra uint64
		_     uint32 // value_type_btf_obj_fd
		token uint32
	}{Map: m, token: uint32(token)}
	attr.Flags |= TokenFlag
	return call(cmdMapCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

// Try creates a map and closes it again.
func (m Map) Try() error { return drop(m.Create()) }

// SetFirst writes the first element of an array map; value must have the
// length of the map's values.
func SetFirst(m int, value []byte) error {
	key := new(uint32)
	attr := struct {
		mapFD uint32
		key   unsafe.Pointer
		value unsafe.Pointer
		flags uint64
	}{mapFD: uint32(m), key: unsafe.Pointer(key), value: unsafe.Pointer(unsafe.SliceData(value))}
	_, err := call(cmdMapUpdate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// Freeze makes a map read-only for user space.
func Freeze(m int) error {
	attr := struct{ mapFD uint32 }{uint32(m)}
	_, err := call(cmdMapFreeze, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// LookupNone requests a batch of 0 elements of a map, to test whether the map's
// type has the operation.
func LookupNone(m int) error {
	attr := struct {
		in, out, keys, values uint64
		count, mapFD          uint32
		elemFlags, flags      uint64
	}{mapFD: uint32(m)}
	_, err := call(cmdMapLookupBatch, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// Link holds the arguments of BPF_LINK_CREATE. Rest depends on the attach type;
// addresses in it are numbers, so the memory they point to must not move.
type Link struct {
	Prog, Target, AttachType, Flags uint32
	Rest                            [6]uint64
}

// Attach types.
const (
	AttachRawTracepoint = 23
	AttachFentry        = 24
	AttachFexit         = 25
	AttachPerfEvent     = 41
	AttachKprobeMulti   = 42
	AttachUprobeMulti   = 48
	AttachKprobeSession = 56
	AttachUprobeSession = 57
	AttachFsession      = 58
	AttachFentryMulti   = 59
	AttachFexitMulti    = 60
	AttachFsessionMulti = 61
)

// Create creates a link.
func (l Link) Create() (fd int, err error) {
	return call(cmdLinkCreate, unsafe.Pointer(&l), unsafe.Sizeof(l))
}

// Try creates a link and closes it again.
func (l Link) Try() error { return drop(l.Create()) }
