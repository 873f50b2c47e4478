package feature

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The commands of bpf(2) in use, from include/uapi/linux/bpf.h.
const (
	cmdMapCreate      = 0
	cmdProgLoad       = 5
	cmdProgTestRun    = 10
	cmdObjGetInfo     = 15
	cmdMapLookupBatch = 24
	cmdLinkCreate     = 28
)

// Program types.
const (
	socketFilter = 1
	typeKprobe   = 2
	tracepoint   = 5
	perfEvent    = 7
	rawTP        = 17
	tracing      = 26
	syscallType  = 31
)

// Attach types.
const (
	attachRawTP         = 23
	attachFentry        = 24
	attachPerfEvent     = 41
	attachKprobeMulti   = 42
	attachUprobeMulti   = 48
	attachKprobeSession = 56
	attachUprobeSession = 57
	attachFsession      = 58
	attachFentryMulti   = 59
	attachFexitMulti    = 60
	attachFsessionMulti = 61
)

// Map types.
const (
	mapHash        = 1
	mapArray       = 2
	mapPerCPUArray = 6
	mapRingBuf     = 27
)

// Flags.
const (
	flagNoPrealloc = 1 << 0
	flagMmapable   = 1 << 10
	flagSleepable  = 1 << 4
)

// errnoNotSupp is the kernel's own ENOTSUPP, which has leaked into bpf(2).
const errnoNotSupp = unix.Errno(524)

// bpf makes the system call. Pointers inside attr have to be of pointer types,
// so that they follow when the stack moves. Before 5.11 maps and programs count against the
// limit on locked memory, which says EPERM; then the limit is lifted, once.
func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	for try := 0; ; try++ {
		r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		switch {
		case errno == 0:
			return int(r), nil
		case errno == unix.EAGAIN && try < 5: // a signal came in between
		case errno == unix.EPERM && try == 0 && liftMemlock():
		default:
			return -1, errno
		}
	}
}

var memlock sync.Mutex

// liftMemlock raises the limit on locked memory; it reports whether that
// changed anything. Where it is not permitted, EPERM stands.
func liftMemlock() bool {
	memlock.Lock()
	defer memlock.Unlock()
	var old unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old) != nil || old.Cur == unix.RLIM_INFINITY {
		return false
	}
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}) == nil
}

// insn is one instruction as the kernel reads it.
type insn struct {
	op  uint8
	reg uint8 // source above, destination below
	off int16
	imm int32
}

// regs puts destination and source registers together.
func regs(dst, src uint8) uint8 { return src<<4 | dst }

var (
	insnExit   = insn{op: 0x95}
	insnReturn = []insn{{op: 0xb7}, insnExit} // r0 = 0; exit
)

func mov(dst uint8, imm int32) insn { return insn{op: 0xb7, reg: dst, imm: imm} }
func movReg(dst, src uint8) insn    { return insn{op: 0xbf, reg: regs(dst, src)} }
func addImm(dst uint8, imm int32) insn {
	return insn{op: 0x07, reg: dst, imm: imm}
}
func call(helper int32) insn { return insn{op: 0x85, imm: helper} }

// callKfunc calls a function of the kernel by its BTF number.
func callKfunc(id int32) insn { return insn{op: 0x85, reg: regs(0, 2), imm: id} }

// program is what is put to BPF_PROG_LOAD.
type program struct {
	typ      uint32
	attach   uint32
	attachID uint32
	flags    uint32
	insns    []insn
}

// loadAttr is the part of union bpf_attr that BPF_PROG_LOAD reads, through
// attach_prog_fd. Every machine supported has pointers of 64 bits.
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
	_            uint32
}

var license = [4]byte{'G', 'P', 'L', 0}

// load loads a program and returns its descriptor. log, when not nil, receives
// the verifier's words up to its length and is then cut.
func (p *program) load(log *[]byte) (int, error) {
	attr := loadAttr{
		progType: p.typ, insnCount: uint32(len(p.insns)), insns: unsafe.Pointer(unsafe.SliceData(p.insns)),
		license: unsafe.Pointer(&license), progFlags: p.flags,
		attachType: p.attach, attachBTFID: p.attachID,
	}
	if log != nil {
		attr.logLevel, attr.logSize, attr.logBuf = 1, uint32(len(*log)), unsafe.Pointer(unsafe.SliceData(*log))
	}
	fd, err := bpf(cmdProgLoad, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if log != nil {
		end := max(bytes.IndexByte(*log, 0), 0)
		*log = (*log)[:end]
	}
	return fd, err
}

// try loads a program and drops it.
func (p *program) try() error {
	fd, err := p.load(nil)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// mapAttr is the part of union bpf_attr that BPF_MAP_CREATE reads.
type mapAttr struct {
	mapType, keySize, valueSize, maxEntries, flags uint32
}

func createMap(attr mapAttr) (int, error) {
	return bpf(cmdMapCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

func tryMap(attr mapAttr) error {
	fd, err := createMap(attr)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// linkAttr is the part of union bpf_attr that BPF_LINK_CREATE reads; rest is
// particular to the attach type.
type linkAttr struct {
	progFD, target, attachType, flags uint32
	rest                              [6]uint64
}

// explain turns the kernel's error into words, with the likely cause.
func explain(what string, err error) error {
	var errno unix.Errno
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &errno):
		return fmt.Errorf("%s: %w", what, err)
	case errno == errnoNotSupp:
		return fmt.Errorf("%s: the kernel says it is not supported", what)
	case errno == unix.EPERM || errno == unix.EACCES:
		return fmt.Errorf("%s: the kernel says %w%s", what, errno, whyForbidden())
	case errno == unix.ENOSYS:
		return fmt.Errorf("%s: the kernel was built without bpf(2), or a sandbox hides it", what)
	}
	return fmt.Errorf("%s: the kernel says %w", what, errno)
}
