package symbol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unsafe"

	"probe/runtime/machine/live/rights"
)

const kallsymsPath = "/proc/kallsyms"

// ErrHidden is wrapped when the kernel shows zero in place of its addresses.
var ErrHidden = errors.New("the kernel hides its addresses")

// kernelHalf is the lowest address of the kernel on the machines supported,
// where its half of the address space starts. Lower values in kallsyms are
// offsets of per-CPU variables.
const kernelHalf = 1 << 63

// Line is one line of kallsyms. Name and Module share memory with the block
// they were read in.
type line struct {
	addr   uint64
	typ    byte
	name   []byte
	module []byte // empty for the kernel itself
}

// scan calls yield with every line until it returns false. Lines of another
// form are skipped.
func scan(r io.Reader, yield func(line) bool) error {
	buf := make([]byte, 64<<10)
	have := 0
	for {
		n, err := r.Read(buf[have:])
		have += n
		b := buf[:have]
		for {
			end := bytes.IndexByte(b, '\n')
			if end < 0 {
				break
			}
			if l, ok := parseLine(b[:end]); ok && !yield(l) {
				return nil
			}
			b = b[end+1:]
		}
		if err == io.EOF {
			if l, ok := parseLine(b); ok {
				yield(l)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if len(b) == len(buf) {
			return fmt.Errorf("line of more than %d bytes", len(buf))
		}
		have = copy(buf, b)
	}
}

// parseLine parses "ffffffff81000000 T name\t[module]". The widths are those
// of s_show in the kernel's kernel/kallsyms.c.
func parseLine(b []byte) (l line, ok bool) {
	const digits = 16
	if len(b) < digits+4 || b[digits] != ' ' || b[digits+2] != ' ' {
		return l, false
	}
	l.addr = hex8(b)<<32 | hex8(b[8:])
	l.typ = b[digits+1]
	l.name = b[digits+3:]
	if last := len(l.name) - 1; l.name[last] == ']' {
		if tab := bytes.IndexByte(l.name, '\t'); tab > 0 && l.name[tab+1] == '[' {
			l.module = l.name[tab+2 : last]
			l.name = l.name[:tab]
		}
	}
	return l, true
}

// hex8 reads eight hexadecimal digits at once: each byte becomes a nibble
// (letters have bit 6 set and lie 9 above their low nibble), then neighbours
// are joined. The result for other characters is unspecified: the text comes
// from the kernel.
func hex8(b []byte) uint64 {
	x := binary.BigEndian.Uint64(b)
	x = x&0x0f0f0f0f0f0f0f0f + x>>6&0x0101010101010101*9
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return (x | x>>16) & 0xffffffff
}

// isText reports whether a type letter stands for code: weak functions are
// "W", weak variables "V".
func isText(typ byte) bool {
	return typ == 't' || typ == 'T' || typ == 'w' || typ == 'W'
}

func hidden(path string) error {
	why := "it shows them to processes with CAP_SYSLOG only: run as root"
	if os.Geteuid() == 0 {
		why = "this process is root without CAP_SYSLOG, as in a container: start it with that capability"
	}
	if rights.Namespaced() {
		why = "it shows them to nobody in a user namespace: run as root outside of the container"
	}
	if b, err := os.ReadFile("/proc/sys/kernel/kptr_restrict"); err == nil && strings.TrimSpace(string(b)) == "2" {
		why = "kernel.kptr_restrict is 2, which hides them from everybody: as root, sysctl kernel.kptr_restrict=1"
	}
	return fmt.Errorf("%w: all are zero in %s; %s", ErrHidden, path, why)
}

// AddrOf finds the addresses of a few names. Names that the kernel does not
// have are absent from the result; of several symbols with one name the first
// counts, the kernel's own before those of modules. The error wraps ErrHidden
// when the kernel shows no addresses. The list of symbols is read, up to the
// last name, only where the kernel cannot be asked.
func (k *Kernel) AddrOf(names ...string) (map[string]uint64, error) {
	if t := k.current.Load(); t != nil {
		out := make(map[string]uint64, len(names))
		for _, name := range names {
			if addr, ok := t.Addr(name); ok {
				out[name] = addr
			}
		}
		return out, nil
	}
	if out, err := k.askAddrs(names); err == nil {
		return out, nil
	}
	f, err := os.Open(kallsymsPath)
	if err != nil {
		return nil, fmt.Errorf("look up kernel symbols: %w", err)
	}
	defer f.Close()
	return addrOf(f, names)
}

func addrOf(r io.Reader, names []string) (map[string]uint64, error) {
	out := make(map[string]uint64, len(names))
	if len(names) == 0 {
		return out, nil
	}
	// lengths has a bit for each length of a wanted name, which rejects most
	// lines without comparing a byte.
	var lengths [16]uint64
	for _, name := range names {
		n := len(name) & 1023
		lengths[n>>6] |= 1 << (n & 63)
	}
	wanted := slices.Clone(names)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	shown := false
	err := scan(r, func(l line) bool {
		shown = shown || l.addr >= kernelHalf
		if n := len(l.name) & 1023; lengths[n>>6]>>(n&63)&1 != 0 {
			i := slices.Index(wanted, unsafe.String(unsafe.SliceData(l.name), len(l.name)))
			if i >= 0 {
				out[wanted[i]] = l.addr
				wanted = slices.Delete(wanted, i, i+1)
			}
		}
		// An address of zero is either a symbol's true value or hidden: read on
		// until some other symbol has an address.
		return len(wanted) > 0 || !shown
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", kallsymsPath, err)
	}
	if !shown {
		return nil, hidden(kallsymsPath)
	}
	return out, nil
}

// TextSymbols calls yield with every function of the kernel and its modules, in
// the order of kallsyms, until it returns false. module is empty for the kernel
// itself. It works where addresses are hidden, too.
func TextSymbols(yield func(name, module string) bool) error {
	f, err := os.Open(kallsymsPath)
	if err != nil {
		return fmt.Errorf("list kernel functions: %w", err)
	}
	defer f.Close()
	return textSymbols(f, yield)
}

func textSymbols(r io.Reader, yield func(name, module string) bool) error {
	module := ""
	var arena arena
	return scan(r, func(l line) bool {
		if !isText(l.typ) {
			return true
		}
		if string(l.module) != module {
			module = string(l.module)
		}
		return yield(arena.str(arena.add(l.name), len(l.name)), module)
	})
}

// arena holds strings in blocks that never move, so that growing it copies
// nothing and its strings are substrings of the blocks.
type arena struct {
	blocks [][]byte
}

const blockBits = 17 // 128 KiB

func (a *arena) add(s []byte) (at uint32) {
	last := len(a.blocks) - 1
	if last < 0 || len(a.blocks[last])+len(s) > 1<<blockBits {
		a.blocks = append(a.blocks, make([]byte, 0, 1<<blockBits))
		last++
	}
	at = uint32(last<<blockBits | len(a.blocks[last]))
	a.blocks[last] = append(a.blocks[last], s...)
	return at
}

func (a *arena) bytes(at uint32, n int) []byte {
	off := at & (1<<blockBits - 1)
	return a.blocks[at>>blockBits][off : off+uint32(n)]
}

func (a *arena) str(at uint32, n int) string {
	b := a.bytes(at, n)
	return unsafe.String(unsafe.SliceData(b), len(b))
}
