package feature

import (
	"debug/elf"
	"errors"
	"os"
	"reflect"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
	"probe/runtime/machine/live/tracefs"
)

// inGuest is set by TestGuests for the runs it starts. Attaching to a kernel
// function concerns the whole machine, so it is done there only.
const inGuest = "PROBE_FEATURE_GUEST"

// The answers are found without attaching. Here things are attached, to a
// function that nothing calls, to see whether the answers hold.
func TestAttach(t *testing.T) {
	if os.Getenv(inGuest) == "" {
		t.Skip("attaches to the kernel: runs in guests, from TestGuests")
	}
	s := needBPF(t)
	for _, test := range []struct {
		feature Feature
		attach  func(t *testing.T) error
	}{
		{Kprobes, attachKprobe},
		{Fentry, func(t *testing.T) error { return attachTrampoline(t, bpf.AttachFentry) }},
		{Fsession, func(t *testing.T) error { return attachTrampoline(t, bpf.AttachFsession) }},
		{FentryMulti, func(t *testing.T) error { return attachTracingMulti(t, bpf.AttachFexitMulti) }},
		{FsessionMulti, func(t *testing.T) error { return attachTracingMulti(t, bpf.AttachFsessionMulti) }},
		{KprobeMulti, func(t *testing.T) error { return attachMulti(t, bpf.AttachKprobeMulti) }},
		{KprobeSession, func(t *testing.T) error { return attachMulti(t, bpf.AttachKprobeSession) }},
		{UprobeMulti, func(t *testing.T) error { return attachUprobes(t, bpf.AttachUprobeMulti) }},
		{UprobeSession, func(t *testing.T) error { return attachUprobes(t, bpf.AttachUprobeSession) }},
		{PerfLink, attachPerf},
	} {
		t.Run(test.feature.String(), func(t *testing.T) {
			err := test.attach(t)
			if s.Has(test.feature) != (err == nil) {
				t.Errorf("Has = %v (%s), but attaching says: %v", s.Has(test.feature), s.Why(test.feature), err)
			}
		})
	}
}

// link loads a program and links it; the link is dropped at once.
func link(t *testing.T, p bpf.Program, l bpf.Link) error {
	t.Helper()
	fd, err := p.Load(nil)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	l.Prog = uint32(fd)
	return l.Try()
}

// pin makes the address of heap memory known to the kernel by number.
func pin[T any](t *testing.T, v *T) uint64 {
	var p runtime.Pinner
	p.Pin(v)
	t.Cleanup(p.Unpin)
	return uint64(uintptr(unsafe.Pointer(v)))
}

func attachMulti(t *testing.T, attach uint32) error {
	name := []byte("bpf_fentry_test1\x00")
	syms := new([1]uint64)
	syms[0] = pin(t, &name[0])
	return link(t, bpf.Program{Type: bpf.Kprobe, AttachType: attach, Insns: bpf.Return0()},
		bpf.Link{AttachType: attach, Rest: [6]uint64{0: 1 << 32, 1: pin(t, syms)}})
}

// openRawTracepoint attaches a program to what it was loaded for
// (BPF_RAW_TRACEPOINT_OPEN).
func openRawTracepoint(prog int) (fd int, err error) {
	attr := struct {
		name   uint64
		progFD uint32
		_      uint32
	}{progFD: uint32(prog)}
	r, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_RAW_TRACEPOINT_OPEN, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

func attachTrampoline(t *testing.T, attach uint32) error {
	id, err := newSet().testFunction()
	if err != nil {
		return err
	}
	p := bpf.Program{Type: bpf.Tracing, AttachType: attach, AttachID: uint32(id), Insns: bpf.Return0()}
	fd, err := p.Load(nil)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	l, err := openRawTracepoint(fd)
	if err == nil {
		unix.Close(l)
	}
	return err
}

func attachTracingMulti(t *testing.T, attach uint32) error {
	id, err := newSet().testFunction()
	if err != nil {
		return err
	}
	ids := new([1]uint32)
	ids[0] = uint32(id)
	return link(t, bpf.Program{Type: bpf.Tracing, AttachType: attach, Insns: bpf.Return0()},
		bpf.Link{AttachType: attach, Rest: [6]uint64{0: pin(t, ids), 2: 1}})
}

// attachUprobes goes for a function of this program.
func attachUprobes(t *testing.T, attach uint32) error {
	exe, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	addr := uint64(reflect.ValueOf(attachUprobes).Pointer())
	offset := new([1]uint64)
	for _, p := range exe.Progs {
		if p.Type == elf.PT_LOAD && addr >= p.Vaddr && addr < p.Vaddr+p.Filesz {
			offset[0] = addr - p.Vaddr + p.Off
		}
	}
	path := []byte("/proc/self/exe\x00")
	return link(t, bpf.Program{Type: bpf.Kprobe, AttachType: attach, Insns: bpf.Return0()},
		bpf.Link{AttachType: attach, Rest: [6]uint64{0: pin(t, &path[0]), 1: pin(t, offset), 4: 1}})
}

func attachPerf(t *testing.T) error {
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Sample: 1 << 40, Bits: unix.PerfBitDisabled,
	}, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	return link(t, bpf.Program{Type: bpf.PerfEvent, Insns: bpf.Return0()}, bpf.Link{Target: uint32(fd), AttachType: bpf.AttachPerfEvent})
}

func attachKprobe(t *testing.T) error {
	text, err := os.ReadFile("/sys/bus/event_source/devices/kprobe/type")
	if err != nil {
		return err
	}
	typ := uint32(0)
	for _, c := range text {
		if '0' <= c && c <= '9' {
			typ = typ*10 + uint32(c-'0')
		}
	}
	name := []byte("bpf_fentry_test1\x00")
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: typ, Ext1: pin(t, &name[0]), Bits: unix.PerfBitDisabled,
	}, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// The rest of what a guest tells: facts about the kernel that the other
// packages report, which hold in every guest.
func TestGuestFacts(t *testing.T) {
	if os.Getenv(inGuest) == "" {
		t.Skip("states facts about the kernels of the guests: runs from TestGuests")
	}
	if _, err := hostBTF.Kernel(); err != nil {
		t.Error(err)
	}
	ft, err := tracefs.Find()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	if err := ft.Functions(func(name, _ string) bool { seen = seen || name == "vfs_read"; return !seen }); err != nil || !seen {
		t.Errorf("vfs_read is not among the functions: %v", err)
	}
	if err := ft.Blacklist(func(string) bool { return false }); err != nil {
		t.Error(err)
	}
	if _, err := ft.ReadFormat("no", "event"); !errors.Is(err, tracefs.ErrNoEvent) {
		t.Errorf("ReadFormat(no:event): %v", err)
	}
}

// TestAnswers prints every answer, for TestGuests to compare.
func TestAnswers(t *testing.T) {
	if os.Getenv(inGuest) == "" {
		t.Skip("runs in guests, from TestGuests")
	}
	s := needBPF(t)
	for _, info := range All() {
		t.Logf("answer %s %v %s", info.Name, s.Has(info.Feature), s.Why(info.Feature))
	}
}
