package elf

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"unsafe"
)

// Kind is the kind of a symbol.
type Kind uint8

// The kinds that are kept.
const (
	// Func is a function.
	Func Kind = iota
	// Indirect is a function that returns the address of the function to use
	// (STT_GNU_IFUNC); its code runs once, when the loader asks.
	Indirect
	// Object is a variable.
	Object
	// Label is a symbol without a type in a code segment, as assembly code
	// defines them.
	Label
)

// String returns the kind in words.
func (k Kind) String() string {
	switch k {
	case Func:
		return "function"
	case Indirect:
		return "indirect function"
	case Object:
		return "variable"
	case Label:
		return "label"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Symbol is a named place in a file. Its name shares the memory of the file's
// string table.
type Symbol struct {
	Name string
	// Addr is the address that the file is linked for, before the loader moves
	// it; File.Offset turns it into a file offset.
	Addr uint64
	// Size is in bytes, 0 when the file does not say.
	Size uint64
	Kind Kind
}

// SymbolError reports that a file lacks a symbol.
type SymbolError struct {
	Path, Name string
	// Near lists symbols of the file with similar names, best first.
	Near []string
	// NoSymbols is set when the file has no symbols at all: it was stripped.
	NoSymbols bool
}

// Error implements error.
func (e *SymbolError) Error() string {
	if e.NoSymbols {
		return fmt.Sprintf("%s has no symbols: it was stripped, and no separate debug file was found", e.Path)
	}
	return fmt.Sprintf("%s has no symbol %q", e.Path, e.Name)
}

// entry is one symbol, in the order of the tables until sorted.
type entry struct {
	addr  uint64
	size  uint32
	name  uint32 // into the string tables, laid end to end
	kind  Kind
	order uint8 // table it came from, global before local
}

type table struct {
	entries []entry
	strs    [][]byte
	starts  []uint32 // where each string table starts
	byAddr  []uint32 // functions and labels, sorted; built on demand
}

func (t *table) name(e *entry) string {
	i := len(t.starts) - 1
	for i > 0 && e.name < t.starts[i] {
		i--
	}
	b := t.strs[i][e.name-t.starts[i]:]
	n := bytes.IndexByte(b[:min(len(b), maxName)], 0)
	if n < 0 {
		return ""
	}
	return unsafe.String(unsafe.SliceData(b), n)
}

// maxName bounds a name, so that each symbol of a damaged string table costs a
// bounded search. C++ names of several thousand bytes are real.
const maxName = 1 << 16

// symbols reads the symbol tables of the file and, where it was stripped, of
// its separate debug information.
func (f *File) symbols() (*table, error) {
	f.once.Do(func() {
		t := &table{}
		if f.err = f.read(t, elf.SHT_SYMTAB); f.err != nil {
			return
		}
		if len(t.entries) == 0 {
			if f.err = f.read(t, elf.SHT_DYNSYM); f.err != nil {
				return
			}
			f.readDebug(t)
		}
		f.table = t
	})
	return f.table, f.err
}

// read adds the tables of one type.
func (f *File) read(t *table, typ elf.SectionType) error {
	for _, s := range f.f.Sections {
		if s.Type != typ {
			continue
		}
		if int64(s.Link) >= int64(len(f.f.Sections)) {
			return fmt.Errorf("%s: section %s has no string table", f.path, s.Name)
		}
		syms, err := f.data(s)
		if err != nil {
			return err
		}
		strs, err := f.data(f.f.Sections[s.Link])
		if err != nil {
			return err
		}
		start := uint64(0)
		if n := len(t.strs); n > 0 {
			start = uint64(t.starts[n-1]) + uint64(len(t.strs[n-1]))
		}
		if start+uint64(len(strs)) > math.MaxUint32 {
			return fmt.Errorf("%s: string tables of more than 4 GiB", f.path)
		}
		t.strs = append(t.strs, strs)
		t.starts = append(t.starts, uint32(start))
		f.parse(t, syms, uint32(len(strs)), uint32(start))
	}
	return nil
}

// parse turns raw symbols into entries, leaving out what is undefined here or
// has no address in the file.
func (f *File) parse(t *table, syms []byte, strLen, start uint32) {
	order := f.f.ByteOrder
	size := elf.Sym64Size
	if f.f.Class == elf.ELFCLASS32 {
		size = elf.Sym32Size
	}
	t.entries = slices.Grow(t.entries, len(syms)/size)
	for ; len(syms) >= size; syms = syms[size:] {
		name := order.Uint32(syms)
		var info byte
		var section uint16
		var addr, length uint64
		if size == elf.Sym64Size {
			info, section = syms[4], order.Uint16(syms[6:])
			addr, length = order.Uint64(syms[8:]), order.Uint64(syms[16:])
		} else {
			addr, length = uint64(order.Uint32(syms[4:])), uint64(order.Uint32(syms[8:]))
			info, section = syms[12], order.Uint16(syms[14:])
		}
		if section == uint16(elf.SHN_UNDEF) || section == uint16(elf.SHN_ABS) || name == 0 || name >= strLen {
			continue
		}
		kind, ok := f.kindOf(info, addr)
		if !ok {
			continue
		}
		local := uint8(0)
		if elf.ST_BIND(info) == elf.STB_LOCAL {
			local = 1
		}
		t.entries = append(t.entries, entry{
			addr: addr, size: uint32(min(length, math.MaxUint32)), name: start + name, kind: kind, order: local,
		})
	}
}

func (f *File) kindOf(info byte, addr uint64) (Kind, bool) {
	switch elf.ST_TYPE(info) {
	case elf.STT_FUNC:
		return Func, true
	case elf.STT_GNU_IFUNC:
		return Indirect, true
	case elf.STT_OBJECT:
		return Object, true
	case elf.STT_NOTYPE:
		for _, s := range f.segments {
			if s.code && addr >= s.addr && addr-s.addr < s.size {
				return Label, true
			}
		}
	}
	return 0, false
}

func (t *table) symbol(e *entry) Symbol {
	return Symbol{Name: t.name(e), Addr: e.addr, Size: uint64(e.size), Kind: e.kind}
}

// Symbols calls yield with every symbol defined in the file, in the file's
// order, until it returns false. A name can occur more than once.
func (f *File) Symbols(yield func(Symbol) bool) error {
	t, err := f.symbols()
	if err != nil {
		return err
	}
	for i := range t.entries {
		if s := t.symbol(&t.entries[i]); s.Name != "" && !yield(s) {
			return nil
		}
	}
	return nil
}

// Lookup finds a symbol by name; the version that follows an @ in the file's
// spelling can be left out. Functions come before variables and labels, and
// global symbols before local ones. The error is a *SymbolError.
func (f *File) Lookup(name string) (Symbol, error) {
	t, err := f.symbols()
	if err != nil {
		return Symbol{}, err
	}
	var best *entry
	for i := range t.entries {
		e := &t.entries[i]
		if !t.named(e, name) {
			continue
		}
		if best == nil || rank(e) < rank(best) {
			best = e
		}
	}
	if best == nil || name == "" {
		return Symbol{}, f.missing(t, name)
	}
	return t.symbol(best), nil
}

func rank(e *entry) int { return int(e.kind)*2 + int(e.order) }

// named reports whether an entry has a name. It compares the bytes first and
// tests for the NUL after them, so that no string has to be measured.
func (t *table) named(e *entry, name string) bool {
	i := len(t.starts) - 1
	for i > 0 && e.name < t.starts[i] {
		i--
	}
	b := t.strs[i][e.name-t.starts[i]:]
	return len(b) > len(name) && (b[len(name)] == 0 || b[len(name)] == '@') && string(b[:len(name)]) == name
}

func (f *File) missing(t *table, name string) error {
	e := &SymbolError{Path: f.path, Name: name, NoSymbols: len(t.entries) == 0}
	n := newNearest(name)
	for i := range t.entries {
		if k := t.entries[i].kind; k == Func || k == Indirect {
			base, _, _ := strings.Cut(t.name(&t.entries[i]), "@")
			n.add(base)
		}
	}
	e.Near = n.names()
	return e
}

// At finds the function that an address of the file lies in. Symbols without a
// size reach to the next one.
func (f *File) At(addr uint64) (sym Symbol, ok bool) {
	t, err := f.symbols()
	if err != nil {
		return Symbol{}, false
	}
	f.sortOnce.Do(t.sort)
	at := func(i int) *entry { return &t.entries[t.byAddr[i]] }
	i := sort.Search(len(t.byAddr), func(i int) bool { return at(i).addr > addr }) - 1
	// A short function may lie inside a long one, whose start is then further
	// back: try up to 16 symbols.
	for back := 0; i >= 0 && back < 16; i, back = i-1, back+1 {
		for i > 0 && at(i-1).addr == at(i).addr {
			i-- // of several names at one address the best was sorted first
		}
		e := at(i)
		if addr-e.addr < uint64(e.size) || e.size == 0 && back == 0 && f.sameSegment(e.addr, addr) {
			return t.symbol(e), true
		}
	}
	return Symbol{}, false
}

func (f *File) sameSegment(a, b uint64) bool {
	for _, s := range f.segments {
		if a >= s.addr && a-s.addr < s.size {
			return b >= s.addr && b-s.addr < s.size
		}
	}
	return false
}

func (t *table) sort() {
	t.byAddr = make([]uint32, 0, len(t.entries))
	for i := range t.entries {
		if t.entries[i].kind != Object {
			t.byAddr = append(t.byAddr, uint32(i))
		}
	}
	slices.SortFunc(t.byAddr, func(i, j uint32) int {
		a, b := &t.entries[i], &t.entries[j]
		if c := cmp.Compare(a.addr, b.addr); c != 0 {
			return c
		}
		if c := cmp.Compare(b.size, a.size); c != 0 {
			return c
		}
		if c := cmp.Compare(rank(a), rank(b)); c != 0 {
			return c
		}
		return cmp.Compare(i, j)
	})
}
