package bpf

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
	raw "probe/runtime/machine/live/feature/bpf"
)

// Prog is a loaded program.
type Prog struct {
	Name     string
	Verified Verified
	fd       int
}

// LoadOptions holds what a ProgramSpec has no field for.
type LoadOptions struct {
	// AttachBTF is the BTF number of the function or tracepoint type that a
	// tracing program is for; 0 for other programs.
	AttachBTF uint32
	// ModuleBTF is the file descriptor of the module's BTF, or of the BPF program,
	// that AttachBTF counts in, 0 for the kernel's own.
	ModuleBTF int
	// LogSize is how many bytes of the verifier's log are kept when it refuses
	// the program; 0 means a megabyte.
	LogSize int
}

// Verified measures the verifier's work on a program.
type Verified struct {
	// Insns is the number of instructions the verifier walked, counted once for
	// each visit; it rejects a program at a million
	// (BPF_COMPLEXITY_LIMIT_INSNS). Insns is 0 when the verifier's log has no
	// count.
	Insns int
	// Time is what the system call took, compiling to machine code included.
	Time time.Duration
}

// slowVerify is the verification time from which a rejected program is not
// verified a second time to obtain the log with instructions. The user would
// wait twice; the brief log has to do.
const slowVerify = time.Second

// LoadError is a program that the kernel refused.
type LoadError struct {
	Err error
	// Log is the verifier's log, empty when the kernel rejected the program
	// before the verifier ran. It lacks the lines with instructions when a
	// second verification would have taken longer than slowVerify.
	Log string
	// Verified is what the verifier had done when it refused.
	Verified Verified
}

// Error returns the reason without the log.
func (e *LoadError) Error() string { return "load program: " + e.Err.Error() }

// Unwrap returns the errno.
func (e *LoadError) Unwrap() error { return e.Err }

// loadAttr is the part of union bpf_attr that BPF_PROG_LOAD reads: up to
// coreCount what kernel 5.10 knows, the rest for a token.
type loadAttr struct {
	progType, insnCnt    uint32
	insns, license       ptr
	logLevel, logSize    uint32
	logBuf               ptr
	kernVersion, flags   uint32
	name                 [16]byte
	ifindex, expected    uint32
	btfFD, funcInfoSize  uint32
	funcInfo             ptr
	funcInfoCnt, lineRec uint32
	lineInfo             ptr
	lineCnt, attachBTF   uint32
	attachBTFObj         uint32
	coreCount            uint32
	fdArray, coreRelos   uint64
	coreRec, logTrue     uint32
	token                uint32
	_                    uint32
}

// withoutToken is the size of loadAttr for kernels that have no tokens.
const withoutToken = unsafe.Offsetof(loadAttr{}.fdArray)

// maxLog is the largest log buffer every kernel accepts (UINT_MAX >> 8).
const maxLog = 1<<24 - 1

// Load checks and loads one program. Loads of maps are resolved by name in
// maps. The error is a *LoadError when the kernel rejects the program, and the
// context's error when the context ends before Load has answered, whatever the
// kernel said by then: Load sends the loading thread signals, and the verifier
// gives up at a signal.
func Load(ctx context.Context, spec *ebpf.ProgramSpec, maps map[string]*ebpf.Map, opts LoadOptions) (*Prog, error) {
	insns := make(asm.Instructions, len(spec.Instructions))
	copy(insns, spec.Instructions)
	for i := range insns {
		ins := &insns[i]
		if !ins.IsLoadFromMap() || ins.Reference() == "" {
			continue
		}
		m := maps[ins.Reference()]
		if m == nil {
			return nil, fmt.Errorf("load program %s: no map named %s", spec.Name, ins.Reference())
		}
		if err := ins.AssociateMap(m); err != nil {
			return nil, fmt.Errorf("load program %s: map %s: %w", spec.Name, ins.Reference(), err)
		}
	}
	attr := loadAttr{
		progType: uint32(spec.Type), expected: uint32(spec.AttachType), name: objName(spec.Name),
		flags: spec.Flags, attachBTF: opts.AttachBTF, attachBTFObj: uint32(opts.ModuleBTF),
	}
	infos, err := funcInfo(insns, &attr)
	if err != nil {
		return nil, fmt.Errorf("load program %s: %w", spec.Name, err)
	}
	defer infos.close()
	var code bytes.Buffer
	code.Grow(len(insns) * asm.InstructionSize * 2)
	if err := insns.Marshal(&code, binary.LittleEndian); err != nil {
		return nil, fmt.Errorf("load program %s: %w", spec.Name, err)
	}
	license := cstring(spec.License)
	attr.insns, attr.insnCnt = bytesPtr(code.Bytes()), uint32(code.Len()/asm.InstructionSize)
	attr.license = bytesPtr(license)
	// At this level the log has the reason for a rejection and the statistics,
	// but no instructions: printing them costs more than the verification.
	brief := make([]byte, briefLog)
	var pin runtime.Pinner // the kernel holds addresses; a growing stack would move the buffers
	defer pin.Unpin()
	pin.Pin(&brief[0])
	pin.Pin(&license[0])
	attr.logLevel, attr.logSize, attr.logBuf = logStats, briefLog, bytesPtr(brief)
	began := time.Now()
	fd, err := progLoad(ctx, &attr)
	if errors.Is(err, unix.ENOSPC) { // the program may be good, the log was too long
		attr.logLevel, attr.logSize, attr.logBuf = 0, 0, 0
		fd, err = progLoad(ctx, &attr)
	}
	work := Verified{Time: time.Since(began), Insns: processed(cut(brief))}
	if err == nil {
		runtime.KeepAlive(code.Bytes())
		return &Prog{Name: spec.Name, Verified: work, fd: fd}, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	log := cut(brief)
	if log != "" && work.Time < slowVerify {
		if full := verify(ctx, &attr, opts.LogSize); full != "" {
			log = full
		}
		// The end of the context may have cut the second verification short.
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	runtime.KeepAlive(code.Bytes())
	return nil, &LoadError{Err: err, Log: log, Verified: work}
}

// logStats is BPF_LOG_STATS; briefLog is the room, in bytes, for what the
// verifier prints at that level.
const (
	logStats = 4
	briefLog = 1 << 13
)

// cut returns the log in buf, up to the first NUL.
func cut(buf []byte) string {
	if n := bytes.IndexByte(buf, 0); n >= 0 {
		buf = buf[:n]
	}
	return string(buf)
}

// processed returns the count of instructions at the end of a log, 0 if there
// is none: "processed 312 insns (limit …".
func processed(log string) int {
	const word = "processed "
	i := strings.LastIndex(log, word)
	if i < 0 {
		return 0
	}
	digits, _, _ := strings.Cut(log[i+len(word):], " ")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// verify repeats the load of a rejected program with the full log and returns
// the log.
func verify(ctx context.Context, attr *loadAttr, size int) string {
	if size <= 0 {
		size = 1 << 20
	}
	for {
		buf := make([]byte, min(size, maxLog))
		attr.logLevel, attr.logSize, attr.logBuf = 1, uint32(len(buf)), bytesPtr(buf)
		fd, err := progLoad(ctx, attr)
		if err == nil {
			kcall.Close(fd)
		}
		if errors.Is(err, unix.ENOSPC) && len(buf) < maxLog {
			size = len(buf) * 4
			continue
		}
		return cut(buf)
	}
}

// interrupt is the interval of the signals to the loading thread after the
// context has ended. One signal is not enough: it is lost if it arrives before
// the system call starts.
const interrupt = 5 * time.Millisecond

// progLoad makes the BPF_PROG_LOAD call. The verifier returns EAGAIN when its
// thread has a pending signal. Signals arrive for many reasons (the Go
// scheduler sends them too), so the call is repeated unless the context has
// ended.
func progLoad(ctx context.Context, attr *loadAttr) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := unix.Gettid()
	done, gone := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(gone)
		tick := time.NewTicker(interrupt)
		defer tick.Stop()
		for {
			// The Go runtime uses SIGURG for preemption and handles it at any
			// time, so it has no other effect.
			_ = unix.Tgkill(os.Getpid(), tid, unix.SIGURG)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	defer func() {
		close(done)
		if !stop() {
			<-gone // after this the thread may run other goroutines
		}
	}()
	size := uintptr(withoutToken)
	if token, ok := raw.Token(); ok {
		defer unix.Close(token)
		attr.flags, attr.token, size = attr.flags|raw.TokenFlag, uint32(token), unsafe.Sizeof(*attr)
	}
	for {
		if err := ctx.Err(); err != nil {
			return -1, err
		}
		fd, err := bpf(cmdProgLoad, unsafe.Pointer(attr), size)
		if !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
}

// extInfo keeps the BTF that describes a program's functions while it loads.
type extInfo struct {
	handle *btf.Handle
	fib    []byte
}

func (e *extInfo) close() {
	if e.handle != nil {
		e.handle.Close()
	}
	runtime.KeepAlive(e.fib)
}

// funcInfo describes the functions of a program to the verifier, which asks
// for it when there is more than one. Line information is left out: the
// compiler has its own table, and the kernel's log prints only the first line
// of those the library would write.
func funcInfo(insns asm.Instructions, attr *loadAttr) (*extInfo, error) {
	e := &extInfo{}
	n := 0
	for i := range insns {
		if btf.FuncMetadata(&insns[i]) != nil {
			n++
		}
	}
	if n < 2 {
		return e, nil
	}
	var b btf.Builder
	fib, _, err := btf.MarshalExtInfos(insns, &b)
	if err != nil {
		return e, fmt.Errorf("describe functions: %w", err)
	}
	if e.handle, err = btf.NewHandle(&b); err != nil {
		return e, fmt.Errorf("describe functions: %w", err)
	}
	e.fib = fib
	attr.btfFD = uint32(e.handle.FD())
	attr.funcInfoSize, attr.funcInfo = uint32(btf.FuncInfoSize), bytesPtr(fib)
	attr.funcInfoCnt = uint32(len(fib)) / uint32(btf.FuncInfoSize)
	return e, nil
}

// FD returns the file descriptor.
func (p *Prog) FD() int { return p.fd }

// Close closes the program's descriptor. The program stays loaded while a link
// holds it.
func (p *Prog) Close() error {
	if p.fd < 0 {
		return nil
	}
	err := kcall.Close(p.fd)
	p.fd = -1
	return err
}

// Run runs a raw tracepoint program once, on the calling thread
// (BPF_PROG_RUN, kernel 5.10).
func (p *Prog) Run() error {
	_, err := p.Result()
	return err
}

// Result runs the program as Run does and returns what the program returned.
func (p *Prog) Result() (int32, error) {
	attr := struct {
		fd, retval, sizeIn, sizeOut uint32
		dataIn, dataOut             ptr
		repeat, duration            uint32
		ctxIn, ctxOut               uint32
		ctxInPtr, ctxOutPtr         ptr
		flags, cpu, batch           uint32
		_                           uint32
	}{fd: uint32(p.fd)}
	_, err := bpf(cmdProgRun, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	// EINTR is reported after the program has run (net/bpf/test_run.c looks
	// for signals between repetitions only).
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("run %s: %w", p.Name, err)
	}
	return int32(attr.retval), nil
}

// Stats holds the kernel's counters of a program. Time and runs are counted
// only while kernel.bpf_stats_enabled is set.
type Stats struct {
	Nanoseconds, Runs uint64
	// Recursion is how often the program was not run because it, or another
	// of its kind, was running on the CPU already (5.12; kprobes 6.7).
	Recursion uint64
}

// Stats reads the counters.
func (p *Prog) Stats() (Stats, error) {
	var info struct {
		progInfo
		Line, JitedLine             uint64
		NrJitedLine, LineRec, JLRec uint32
		NrTags                      uint32
		Tags, RunTime, RunCnt       uint64
		RecursionMisses             uint64
	}
	if _, err := objInfo(p.fd, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return Stats{}, fmt.Errorf("counters of %s: %w", p.Name, err)
	}
	return Stats{info.RunTime, info.RunCnt, info.RecursionMisses}, nil
}

// ModuleBTF opens the BTF of a loaded module for LoadOptions. The caller
// closes it.
func ModuleBTF(module string) (*os.File, error) {
	h, err := btf.FindHandle(func(info *btf.HandleInfo) bool {
		return info.IsKernel && info.Name == module
	})
	if err != nil {
		return nil, fmt.Errorf("BTF of module %s: %w", module, err)
	}
	defer h.Close()
	fd, err := unix.FcntlInt(uintptr(h.FD()), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("BTF of module %s: %w", module, err)
	}
	return os.NewFile(uintptr(fd), "btf:"+module), nil
}
