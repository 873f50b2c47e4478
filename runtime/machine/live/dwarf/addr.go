package dwarf

import (
	"cmp"
	"slices"
)

// addrRange is a range of addresses of a unit.
type addrRange struct {
	Range
	unit *Unit
}

// UnitAt returns the unit with the code at an address of the program, nil if
// none has it.
func (f *File) UnitAt(addr uint64) *Unit {
	f.addrsOnce.Do(func() { f.addrs, f.addrsErr = f.readAddrs() })
	i, _ := slices.BinarySearchFunc(f.addrs, addr, func(r addrRange, addr uint64) int {
		if r.Hi <= addr {
			return -1
		}
		return 1
	})
	if i < len(f.addrs) && f.addrs[i].Lo <= addr {
		return f.addrs[i].unit
	}
	return nil
}

// readAddrs makes the table of addresses: from .debug_aranges, which compilers
// write for most units, and from the first entries of the others.
func (f *File) readAddrs() ([]addrRange, error) {
	units, err := f.Units()
	if err != nil {
		return nil, err
	}
	covered := map[uint64]bool{}
	out := f.aranges(covered)
	for _, u := range units {
		if u.sec != f.s.Info || u.sig != 0 || covered[u.Off] {
			continue
		}
		for _, r := range u.head() {
			out = append(out, addrRange{r, u})
		}
	}
	slices.SortFunc(out, func(a, b addrRange) int { return cmp.Compare(a.Lo, b.Lo) })
	return out, nil
}

// aranges reads .debug_aranges and marks the units that it covers, by their
// offsets. Damage ends the reading.
func (f *File) aranges(covered map[uint64]bool) []addrRange {
	b, err := f.s.Aranges.whole()
	if err != nil {
		return nil
	}
	var out []addrRange
	for c := (cursor{b: b}); c.at < len(b); {
		start := c.at
		n, wide := c.length()
		end := c.at + int(min(n, uint64(len(b)-c.at)))
		version, off := c.u16(), c.sized(wide)
		size, seg := int(c.u8()), c.u8()
		if c.bad || n == 0 || version != 2 || size != 4 && size != 8 || seg != 0 {
			return out
		}
		// The tuples are aligned to their size, counted from the start of the set.
		if rest := (c.at - start) % (2 * size); rest != 0 {
			c.at += 2*size - rest
		}
		u := f.unitAt(off)
		if u == nil || u.Off != off {
			c.at = end
			continue
		}
		covered[off] = true
		for c.at+2*size <= end {
			lo, length := c.address(size), c.address(size)
			if lo == 0 && length == 0 {
				break
			}
			if length != 0 && lo != 0 { // 0 is code that the linker has dropped
				out = append(out, addrRange{Range{lo, lo + length}, u})
			}
		}
		c.at = end
	}
	return out
}

// head returns the addresses of a unit.
func (u *Unit) head() (out []Range) {
	u.first(func(e Entry) { out = e.Ranges() })
	return out
}

// first calls see with the first entry of the unit, which is near the
// beginning, so that the bytes of the whole unit need not be read.
func (u *Unit) first(see func(Entry)) {
	const near = 4096
	if u.data == nil && u.end-u.Off > near {
		t := &Unit{File: u.File, sec: u.sec, Off: u.Off, end: u.Off + near, die: u.die, version: u.version, wide: u.wide,
			addrLen: u.addrLen, abbrev: u.abbrev, skeleton: u.skeleton, base: u.base}
		if e, ok := t.Root(); ok {
			if _, whole := e.after(); whole {
				see(e)
				return
			}
		}
	}
	if e, ok := u.Root(); ok {
		see(e)
	}
}

// Func is a function that has code.
type Func struct {
	Range
	Entry Entry
}

// Funcs returns the functions of the unit that have code, by address. Functions
// in several parts have several elements.
func (u *Unit) Funcs() []Func {
	u.funcsOnce.Do(func() {
		root, ok := u.Full().Root()
		if !ok {
			return
		}
		u.collect(root, 0)
		slices.SortFunc(u.funcs, func(a, b Func) int { return cmp.Compare(a.Lo, b.Lo) })
	})
	return u.funcs
}

func (u *Unit) collect(e Entry, depth int) {
	if depth > maxDepth {
		return
	}
	e.Children(func(c Entry) bool {
		switch c.Tag {
		case TagSubprogram:
			for _, r := range c.Ranges() {
				u.funcs = append(u.funcs, Func{r, c})
			}
		case TagNamespace, TagModule, TagStruct, TagClass, TagUnion, TagEnum:
			u.collect(c, depth+1)
		}
		return true
	})
}

// FuncAt returns the function with the code at an address.
func (f *File) FuncAt(addr uint64) (Func, bool) {
	u := f.UnitAt(addr)
	if u == nil {
		return Func{}, false
	}
	funcs := u.Funcs()
	i, _ := slices.BinarySearchFunc(funcs, addr+1, func(g Func, addr uint64) int { return cmp.Compare(g.Lo, addr) })
	for i--; i >= 0; i-- {
		if addr < funcs[i].Hi {
			return funcs[i], true
		}
		if addr-funcs[i].Lo > 64<<20 {
			break
		}
	}
	return Func{}, false
}

// Inlined returns the calls that were inlined at an address of a function,
// the outermost first.
func (g Func) Inlined(addr uint64) []Entry {
	var out []Entry
	e := g.Entry
	for range maxDepth {
		next, ok := within(e, addr, 0)
		if !ok {
			break
		}
		out, e = append(out, next), next
	}
	return out
}

// within finds the inlined call directly below e that covers an address.
func within(e Entry, addr uint64, depth int) (found Entry, ok bool) {
	if depth > maxDepth {
		return Entry{}, false
	}
	e.Children(func(c Entry) bool {
		if c.Tag != TagInlined && c.Tag != TagLexical {
			return true
		}
		covers := false
		for _, r := range c.Ranges() {
			covers = covers || r.Lo <= addr && addr < r.Hi
		}
		switch {
		case !covers:
		case c.Tag == TagInlined:
			found, ok = c, true
		default:
			found, ok = within(c, addr, depth+1)
		}
		return !ok
	})
	return found, ok
}
