package dwarf

// Range is a range of addresses of the program, Hi excluded.
type Range struct{ Lo, Hi uint64 }

// maxRanges bounds the ranges and locations of one entry.
const maxRanges = 1 << 16

// Ranges returns the addresses that an entry covers.
func (e Entry) Ranges() []Range {
	u := e.U
	if v, ok := e.get(AttrRanges); ok {
		return u.ranges(v)
	}
	low, ok := e.Addr(AttrLowPC)
	if !ok {
		return nil
	}
	v, ok := e.get(AttrHighPC)
	if !ok {
		return nil
	}
	high, ok := u.addressOf(v, u.root().addrBase)
	if !ok {
		high = low + v.u
	}
	if high <= low {
		return nil
	}
	return []Range{{low, high}}
}

// Start returns the address where a function begins.
func (e Entry) Start() (uint64, bool) {
	if a, ok := e.Addr(AttrLowPC); ok {
		return a, true
	}
	if r := e.Ranges(); len(r) > 0 {
		return r[0].Lo, true
	}
	return 0, false
}

func (u *Unit) ranges(v value) []Range {
	f, root := u.File, u.root()
	if u.version < 5 {
		off := v.u
		if u.skeleton != nil { // version 4: the ranges stay in the program
			f, off = u.skeleton.File, off+root.gnuRanges
		}
		return u.oldRanges(f.s.Ranges, off, root.low)
	}
	off := v.u
	if v.form == formRnglistx {
		var ok bool
		if off, ok = u.listAt(f.s.Rnglists, u.base.rnglists, root.rngBase, v.u); !ok {
			return nil
		}
	} else if u.skeleton != nil {
		off += u.base.rnglists
	}
	return u.newRanges(f.s.Rnglists, off, root.low)
}

// listAt returns the offset of a list by its number. The offsets in the table
// count from its beginning.
func (u *Unit) listAt(s *Section, part, base, i uint64) (uint64, bool) {
	size := u.listHeader(4, 8)
	b, err := s.slice(part+base+min(i, 1<<40)*size, size)
	if err != nil {
		return 0, false
	}
	c := cursor{b: b}
	return part + base + c.sized(u.wide), true
}

func (u *Unit) oldRanges(s *Section, off, base uint64) []Range {
	b, err := s.from(off)
	if err != nil {
		return nil
	}
	var out []Range
	top := ^uint64(0)
	if u.addrLen == 4 {
		top = 1<<32 - 1
	}
	for c := (cursor{b: b}); len(out) < maxRanges; {
		lo, hi := c.address(u.addrLen), c.address(u.addrLen)
		switch {
		case c.bad || lo == 0 && hi == 0:
			return out
		case lo == top:
			base = hi
		case lo < hi:
			out = append(out, Range{base + lo, base + hi})
		}
	}
	return out
}

// The kinds of entries of range lists of version 5; those of location lists
// have the same numbers up to a default location, which ranges lack.
const (
	listEnd = iota
	listBaseX
	listStartEndX
	listStartLengthX
	listOffsets
	rangeBase // location lists: default location
	rangeStartEnd
	rangeStartLength
)

// list5 reads the entries of a list of version 5. kind gives the entry of a number
// in the numbering of range lists, negative for those that have none; other handles
// these, and reports whether the list goes on. entry gets each range, and reports
// the same.
func (u *Unit) list5(s *Section, off, base uint64, kind func(n byte) int, other func(n int, c *cursor) (r Range, use, ok bool), entry func(r Range, c *cursor) bool) {
	b, err := s.from(off)
	if err != nil {
		return
	}
	abase := u.root().addrBase
	addr := func(i uint64) uint64 { a, _ := u.addrAt(i, abase); return a }
	for c := (cursor{b: b}); ; {
		var r Range
		switch n := kind(c.u8()); n {
		case listEnd:
			return
		case listBaseX:
			base = addr(c.uleb())
			continue
		case listStartEndX:
			r.Lo, r.Hi = addr(c.uleb()), addr(c.uleb())
		case listStartLengthX:
			r.Lo = addr(c.uleb())
			r.Hi = r.Lo + c.uleb()
		case listOffsets:
			r.Lo, r.Hi = base+c.uleb(), base+c.uleb()
		case rangeBase:
			base = c.address(u.addrLen)
			continue
		case rangeStartEnd:
			r.Lo, r.Hi = c.address(u.addrLen), c.address(u.addrLen)
		case rangeStartLength:
			r.Lo = c.address(u.addrLen)
			r.Hi = r.Lo + c.uleb()
		default:
			var use, ok bool
			if r, use, ok = other(n, &c); !ok {
				return
			} else if !use {
				continue
			}
		}
		if c.bad || !entry(r, &c) {
			return
		}
	}
}

func (u *Unit) newRanges(s *Section, off, base uint64) []Range {
	var out []Range
	u.list5(s, off, base, func(n byte) int { return int(n) },
		func(int, *cursor) (r Range, use, ok bool) { return r, false, false },
		func(r Range, _ *cursor) bool {
			if r.Lo < r.Hi {
				out = append(out, r)
			}
			return len(out) < maxRanges
		})
	return out
}

// Place is where a variable is while the program is at one of the addresses of
// Range: the result of an expression.
type Place struct {
	Range
	Expr []byte
}

// Location returns the places of a variable or parameter. always is set if
// there is one place, wherever the program is; its Range is then empty. Nothing
// is returned for variables that the compiler has removed.
func (e Entry) Location() (places []Place, always bool) {
	u := e.U
	v, ok := e.get(AttrLocation)
	if !ok {
		return nil, false
	}
	if v.b != nil {
		return []Place{{Expr: v.b}}, true
	}
	root := u.root()
	if u.version < 5 {
		if u.skeleton != nil {
			return u.splitPlaces(u.File.s.Loc, u.base.loc+v.u), false
		}
		return u.oldPlaces(u.File.s.Loc, v.u, root.low), false
	}
	off := v.u
	if v.form == formLoclistx {
		if off, ok = u.listAt(u.File.s.Loclists, u.base.loclists, root.locBase, v.u); !ok {
			return nil, false
		}
	}
	return u.newPlaces(u.File.s.Loclists, off, root.low), false
}

func (u *Unit) oldPlaces(s *Section, off, base uint64) []Place {
	b, err := s.from(off)
	if err != nil {
		return nil
	}
	var out []Place
	for c := (cursor{b: b}); len(out) < maxRanges; {
		lo, hi := c.address(u.addrLen), c.address(u.addrLen)
		switch {
		case c.bad || lo == 0 && hi == 0:
			return out
		case lo == ^uint64(0) || u.addrLen == 4 && lo == 1<<32-1:
			base = hi
			continue
		}
		expr := c.take(int(c.u16()))
		if c.bad {
			return out
		}
		out = append(out, Place{Range{base + lo, base + hi}, expr})
	}
	return out
}

// splitPlaces reads a list of a split unit of version 4, as GCC writes it.
func (u *Unit) splitPlaces(s *Section, off uint64) []Place {
	b, err := s.from(off)
	if err != nil {
		return nil
	}
	var out []Place
	base, abase := uint64(0), u.root().addrBase
	addr := func(i uint64) uint64 { a, _ := u.addrAt(i, abase); return a }
	for c := (cursor{b: b}); len(out) < maxRanges; {
		var r Range
		switch c.u8() {
		case listBaseX:
			base = addr(c.uleb())
			continue
		case listStartEndX:
			r.Lo, r.Hi = addr(c.uleb()), addr(c.uleb())
		case listStartLengthX:
			r.Lo = addr(c.uleb())
			r.Hi = r.Lo + uint64(c.u32())
		case listOffsets:
			r.Lo, r.Hi = base+uint64(c.u32()), base+uint64(c.u32())
		default:
			return out
		}
		expr := c.take(int(c.u16()))
		if c.bad {
			return out
		}
		out = append(out, Place{r, expr})
	}
	return out
}

// The entries of location lists that range lists do not have.
const (
	placeDefault = -5 // where no other entry applies
	placeViews   = -9 // the view numbers of the next entry, a GNU extension
)

// placeKind returns the number that the kind of an entry of a location list has in
// range lists.
func placeKind(n byte) int {
	switch {
	case n < rangeBase:
		return int(n)
	case n == -placeDefault || n == -placeViews:
		return -int(n)
	}
	return int(n) - 1
}

func (u *Unit) newPlaces(s *Section, off, base uint64) []Place {
	var out []Place
	u.list5(s, off, base, placeKind,
		func(n int, c *cursor) (r Range, use, ok bool) {
			switch n {
			case placeDefault:
				return Range{Hi: ^uint64(0)}, true, true
			case placeViews:
				c.uleb()
				c.uleb()
				return r, false, !c.bad
			}
			return r, false, false
		},
		func(r Range, c *cursor) bool {
			expr := c.take(int(min(c.uleb(), 1<<31)))
			if c.bad {
				return false
			}
			out = append(out, Place{r, expr})
			return len(out) < maxRanges
		})
	return out
}
