package symbol

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
)

// Reading /proc/kallsyms makes the kernel write out every symbol: some 3,000
// instructions each, half a billion in all. For a few names or addresses a
// small BPF program that asks the kernel's own tables is some thousand times
// cheaper. The program is not attached to anything; BPF_PROG_RUN runs it.
//
//   - Name to address: the helper kallsyms_lookup_name (5.16), for programs of
//     type syscall.
//   - Address to name: the helper snprintf (5.13) with the format %pS, which
//     writes "name+0xOFFSET/0xSIZE [module]".
//
// Where the kernel has neither or permits neither, the text is read.

// Numbers of helpers in enum bpf_func_id.
const (
	helperSnprintf   = 165
	helperLookupName = 179
)

// maxKsym is KSYM_NAME_LEN of the kernel since 6.1; before it was 128.
const maxKsym = 512

// asker is a loaded program with the map memory that it and this process share.
type asker struct {
	mu   sync.Mutex
	prog int
	mem  []byte
}

// newAsker creates the shared memory, calls build with the descriptor of its
// map for the instructions, and loads the program.
func newAsker(size int, typ, flags uint32, build func(shared int) ([]bpf.Insn, error)) (*asker, error) {
	shared, err := bpf.Map{Type: bpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1, Flags: bpf.Mmapable}.Create()
	if err != nil {
		return nil, err
	}
	defer unix.Close(shared) // the program and the mapping keep the map alive
	insns, err := build(shared)
	if err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(shared, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	p := bpf.Program{Type: typ, Flags: flags, Insns: insns}
	prog, err := p.Load(nil)
	if err != nil {
		unix.Munmap(mem)
		return nil, err
	}
	return &asker{prog: prog, mem: mem}, nil
}

// word returns an 8-byte word of the shared memory.
func (a *asker) word(at int) *uint64 { return (*uint64)(unsafe.Pointer(&a.mem[at])) }

// Name to address: one name a run.
const (
	nameAddr   = maxKsym     // where the answer goes
	nameResult = maxKsym + 8 // and the helper's result
	nameSize   = maxKsym + 16
)

func newNameAsker() (*asker, error) {
	return newAsker(nameSize, bpf.Syscall, bpf.Sleepable, func(shared int) ([]bpf.Insn, error) {
		insns := bpf.LoadValue(1, shared, 0)
		insns = append(insns, bpf.Mov(2, maxKsym), bpf.Mov(3, 0))
		insns = append(insns, bpf.LoadValue(4, shared, nameAddr)...)
		insns = append(insns, bpf.Call(helperLookupName))
		insns = append(insns, bpf.LoadValue(1, shared, nameResult)...)
		return append(append(insns, bpf.Store64(1, 0, 0)), bpf.Return0()...), nil
	})
}

// askAddrs looks names up with a BPF program. An error means that the kernel
// cannot be asked, not that a name is missing.
func (k *Kernel) askAddrs(names []string) (map[string]uint64, error) {
	a, err := k.name()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[string]uint64, len(names))
	for _, name := range names {
		if name == "" || len(name) >= maxKsym || strings.ContainsRune(name, 0) {
			continue
		}
		clear(a.mem)
		copy(a.mem, name)
		if _, err := bpf.Run(a.prog); err != nil {
			return nil, err
		}
		switch errno := -int64(*a.word(nameResult)); unix.Errno(errno) {
		case 0:
			out[name] = *a.word(nameAddr)
		case unix.ENOENT:
		default:
			return nil, unix.Errno(errno)
		}
	}
	return out, nil
}

// Address to name: a few addresses a run.
const (
	batch    = 8
	textLen  = maxKsym + 128 // name, two numbers, a module's name
	textAt   = batch * 8     // after the addresses
	textSize = textAt + batch*textLen
)

func newTextAsker() (*asker, error) {
	format, err := formatMap("%pS")
	if err != nil {
		return nil, err
	}
	defer unix.Close(format)
	return newAsker(textSize, bpf.RawTracepoint, 0, func(shared int) ([]bpf.Insn, error) {
		var insns []bpf.Insn
		for i := range int32(batch) {
			insns = append(insns, bpf.LoadValue(1, shared, textAt+i*textLen)...)
			insns = append(insns, bpf.Mov(2, textLen))
			insns = append(insns, bpf.LoadValue(3, format, 0)...)
			insns = append(insns, bpf.LoadValue(4, shared, i*8)...)
			insns = append(insns, bpf.Mov(5, 8), bpf.Call(helperSnprintf))
		}
		return append(insns, bpf.Return0()...), nil
	})
}

// formatMap creates a map that holds a string which nobody can change any more:
// the verifier accepts a format for bpf_snprintf only from a read-only, frozen
// map (ARG_PTR_TO_CONST_STR).
func formatMap(text string) (int, error) {
	value := make([]byte, 8)
	copy(value, text)
	fd, err := bpf.Map{Type: bpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: bpf.ReadOnlyByProg}.Create()
	if err != nil {
		return -1, err
	}
	err = bpf.SetFirst(fd, value)
	runtime.KeepAlive(value)
	if err == nil {
		err = bpf.Freeze(fd)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// askLocations looks addresses up with a BPF program and calls yield for each,
// in order. An error means that the kernel cannot be asked.
func (k *Kernel) askLocations(addrs []uint64, yield func(i int, loc Location)) error {
	a, err := k.text()
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for first := 0; first < len(addrs); first += batch {
		part := addrs[first:min(first+batch, len(addrs))]
		for i := range batch {
			*a.word(i * 8) = 0
			a.mem[textAt+i*textLen] = 0
			if i < len(part) {
				*a.word(i * 8) = part[i]
			}
		}
		if _, err := bpf.Run(a.prog); err != nil {
			return err
		}
		for i := range part {
			text := a.mem[textAt+i*textLen:][:textLen]
			end := slices.Index(text, 0)
			if end <= 0 {
				return errors.New("the kernel wrote no name")
			}
			yield(first+i, parseSymbol(string(text[:end])))
		}
	}
	return nil
}

// parseSymbol reads "name+0x1f/0x120 [module]", as sprint_symbol in the
// kernel's kernel/kallsyms.c writes it; an address without a name is written
// as a number and gives the zero Location.
func parseSymbol(text string) (loc Location) {
	name, rest, ok := strings.Cut(text, "+0x")
	offset, rest, ok2 := strings.Cut(rest, "/0x")
	if !ok || !ok2 || name == "" {
		return Location{}
	}
	n, err := strconv.ParseUint(offset, 16, 64)
	if err != nil {
		return Location{}
	}
	if _, module, ok := strings.Cut(rest, " ["); ok {
		// A build id may follow the module's name.
		module, _, _ = strings.Cut(module, "]")
		loc.Module, _, _ = strings.Cut(module, " ")
	}
	loc.Name, loc.Offset = name, n
	return loc
}

// Names resolves addresses of the kernel and remembers the answers. It asks
// the kernel where that is possible and reads the whole list of symbols where
// it is not. It is safe for concurrent use.
type Names struct {
	kernel *Kernel
	mu     sync.Mutex
	known  map[uint64]Location
	// text is set when the kernel cannot be asked, so that /proc/kallsyms is
	// read instead.
	text atomic.Bool
}

// Names returns a resolver of addresses without cached answers.
func (k *Kernel) Names() *Names { return &Names{kernel: k} }

// maxKnown bounds the number of cached answers, of about 100 bytes each.
const maxKnown = 64 << 10

// Prepare resolves many addresses at once, which is cheaper than one by one:
// call it with the frames of all stacks before printing them. The error wraps
// ErrHidden when the kernel shows no addresses.
func (n *Names) Prepare(addrs []uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.prepare(addrs)
}

func (n *Names) prepare(addrs []uint64) error {
	if n.known == nil || len(n.known) > maxKnown {
		n.known = make(map[uint64]Location)
	}
	var unknown []uint64
	for _, addr := range addrs {
		if _, ok := n.known[addr]; !ok && addr >= kernelHalf {
			unknown = append(unknown, addr)
		}
	}
	slices.Sort(unknown)
	unknown = slices.Compact(unknown)
	if len(unknown) == 0 {
		return nil
	}
	if !n.text.Load() {
		err := n.kernel.askLocations(unknown, func(i int, loc Location) { n.known[unknown[i]] = loc })
		if err == nil {
			return nil
		}
		n.text.Store(true)
	}
	t, err := n.kernel.Table()
	if err != nil {
		return fmt.Errorf("names of kernel addresses: %w", err)
	}
	for _, addr := range unknown {
		name, offset, module, _ := t.Lookup(addr)
		n.known[addr] = Location{Name: name, Offset: offset, Module: module}
	}
	return nil
}

// Lookup finds the symbol that an address lies in; Module is the name of the
// kernel module, or empty. ok is false when the address has no name or the
// kernel shows none.
func (n *Names) Lookup(addr uint64) (loc Location, ok bool) {
	if addr < kernelHalf {
		return Location{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	loc, ok = n.known[addr]
	if !ok {
		if n.prepare([]uint64{addr}) != nil {
			return Location{}, false
		}
		loc = n.known[addr]
	}
	return loc, loc.Name != ""
}
