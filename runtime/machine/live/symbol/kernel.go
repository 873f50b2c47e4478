package symbol

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// Table holds the kernel's symbols. It never changes and is safe for
// concurrent use.
type Table struct {
	entries []entry // sorted by address, equal ones in the order of kallsyms
	names   arena
	modules []string // modules[0] is the kernel itself, ""
}

// entry is one symbol in 16 bytes.
type entry struct {
	addr   uint64
	name   uint32 // in the arena
	length uint16
	module uint16 // in modules; the top bit marks code
}

const (
	textBit    = 1 << 15
	maxModules = textBit
	// maxTail bounds how far beyond the start of the last symbol of a module,
	// or of the kernel, an address still counts as inside it: kallsyms does not
	// say where the last symbol ends.
	maxTail = 64 << 10
)

// Kernel gives access to the symbols of the running kernel. It reads nothing
// until it is asked. It is safe for concurrent use.
type Kernel struct {
	current atomic.Pointer[Table]
	loading sync.Mutex

	// The programs that ask the kernel, loaded when first needed and kept.
	name, text func() (*asker, error)
}

// NewKernel returns a Kernel that has read nothing yet.
func NewKernel() *Kernel {
	return &Kernel{name: sync.OnceValues(newNameAsker), text: sync.OnceValues(newTextAsker)}
}

// Table returns all symbols, read on the first call. The error wraps ErrHidden
// when the kernel shows no addresses.
func (k *Kernel) Table() (*Table, error) {
	if t := k.current.Load(); t != nil {
		return t, nil
	}
	k.loading.Lock()
	defer k.loading.Unlock()
	if t := k.current.Load(); t != nil {
		return t, nil
	}
	return k.reload()
}

// Aliases returns the other names at the address of a symbol.
func (k *Kernel) Aliases(name string) []string {
	t, err := k.Table()
	if err != nil {
		return nil
	}
	return t.Aliases(name)
}

// reload reads the symbols again and stores the result for Table.
func (k *Kernel) reload() (*Table, error) {
	f, err := os.Open(kallsymsPath)
	if err != nil {
		return nil, fmt.Errorf("read kernel symbols: %w", err)
	}
	defer f.Close()
	t, err := Parse(f)
	if err != nil {
		return nil, err
	}
	k.current.Store(t)
	return t, nil
}

// Parse reads a table from text in the form of /proc/kallsyms. The error wraps
// ErrHidden when the text has symbols but no kernel address.
func Parse(r io.Reader) (*Table, error) {
	t := &Table{
		entries: make([]entry, 0, 192<<10),
		modules: []string{""},
	}
	ids := map[string]uint16{"": 0}
	module, id := "", uint16(0)
	shown := false
	err := scan(r, func(l line) bool {
		shown = shown || l.addr >= kernelHalf
		if string(l.module) != module {
			module = string(l.module)
			known, ok := ids[module]
			if !ok && len(t.modules) < maxModules {
				known = uint16(len(t.modules))
				ids[module] = known
				t.modules = append(t.modules, module)
			}
			id = known
		}
		e := entry{addr: l.addr, name: t.names.add(l.name), length: uint16(len(l.name)), module: id}
		if isText(l.typ) {
			e.module |= textBit
		}
		t.entries = append(t.entries, e)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("read kernel symbols: %w", err)
	}
	if !shown && len(t.entries) > 0 {
		return nil, hidden(kallsymsPath)
	}
	t.sort()
	return t, nil
}

// sort orders the entries. kallsyms lists the kernel's own in order and those
// of modules in none, and modules lie above the kernel on amd64 and below it on
// arm64.
func (t *Table) sort() {
	// Symbols at one address keep the order of kallsyms, which is the order of
	// their names in the arena.
	order := func(a, b entry) int {
		if c := cmp.Compare(a.addr, b.addr); c != 0 {
			return c
		}
		return cmp.Compare(a.name, b.name)
	}
	e := t.entries
	sorted := 1
	for sorted < len(e) && order(e[sorted-1], e[sorted]) < 0 {
		sorted++
	}
	if sorted >= len(e) {
		return
	}
	slices.SortFunc(e[sorted:], order)
	if order(e[sorted-1], e[sorted]) > 0 {
		slices.SortFunc(e, order)
	}
}

func (t *Table) name(e *entry) string { return t.names.str(e.name, int(e.length)) }

func (t *Table) moduleOf(e *entry) string { return t.modules[e.module&^textBit] }

// Lookup finds the symbol that an address lies in: the nearest below, and of
// several at one address the first, as the kernel does for %pS. module is empty
// for the kernel itself.
func (t *Table) Lookup(addr uint64) (name string, offset uint64, module string, ok bool) {
	e := t.entries
	next := sort.Search(len(e), func(i int) bool { return e[i].addr > addr })
	i := next - 1
	if i < 0 || addr < kernelHalf || e[i].addr < kernelHalf {
		return "", 0, "", false
	}
	offset = addr - e[i].addr
	if offset >= maxTail && (next == len(e) || e[next].module&^textBit != e[i].module&^textBit) {
		return "", 0, "", false
	}
	for i > 0 && e[i-1].addr == e[i].addr {
		i--
	}
	return t.name(&e[i]), offset, t.moduleOf(&e[i]), true
}

// Addr returns the address of the first symbol of a name, in the order of
// addresses but the kernel's before those of modules. For per-CPU variables
// it is their offset.
func (t *Table) Addr(name string) (uint64, bool) {
	s, ok := t.first(name)
	return s.addr, ok
}

// Aliases returns the other names at the address of a symbol.
func (t *Table) Aliases(name string) []string {
	s, ok := t.first(name)
	if !ok {
		return nil
	}
	var out []string
	i := sort.Search(len(t.entries), func(i int) bool { return t.entries[i].addr >= s.addr })
	for ; i < len(t.entries) && t.entries[i].addr == s.addr; i++ {
		if n := t.name(&t.entries[i]); n != name {
			out = append(out, n)
		}
	}
	return out
}

func (t *Table) first(name string) (found entry, ok bool) {
	for i := range t.entries {
		e := &t.entries[i]
		if int(e.length) != len(name) || string(t.names.bytes(e.name, len(name))) != name {
			continue
		}
		if e.module&^textBit == 0 {
			return *e, true
		}
		if !ok {
			found, ok = *e, true
		}
	}
	return found, ok
}
