package dwarf

import (
	"fmt"
)

// contributions are the parts of the sections of a .dwp file that belong to one
// unit.
type contributions struct {
	info, abbrev, line, loc, loclists, strOffsets, rnglists uint64
}

// The numbers of the sections in the index of a .dwp file: up to version 4 (a
// GNU extension) and in version 5.
const (
	dwpInfo = 1 + iota
	dwpTypes
	dwpAbbrev
	dwpLine
	dwpLoc // .debug_loclists in version 5
	dwpStrOffsets
	dwpMacinfo
	dwpRnglists // .debug_macro up to version 4
)

// SplitUnit returns the unit with an id in a .dwo file, or in a .dwp file, which
// joins many of them and has an index: the contents of .debug_cu_index.
func (f *File) SplitUnit(index []byte, id uint64) (*Unit, error) {
	if index == nil {
		units, err := f.Units()
		if err != nil {
			return nil, err
		}
		for _, u := range units {
			if u.sig == 0 && (u.dwoID == id || u.version < 5) {
				return u, nil
			}
		}
		return nil, fmt.Errorf("%w: no unit with id %#x", ErrNone, id)
	}
	c := cursor{b: index}
	version := c.u32() // in version 5 a number of 2 bytes and 2 bytes of padding
	columns, used, slots := c.u32(), c.u32(), c.u32()
	if c.bad || version != 2 && version != 5 || columns > 16 || slots == 0 || slots > 1<<28 || used > slots {
		return nil, fmt.Errorf("the index of the .dwp file is damaged")
	}
	row := uint32(0)
	for i := range slots {
		s := cursor{b: index, at: 16 + int(i)*8}
		if s.u64() == id {
			r := cursor{b: index, at: 16 + int(slots)*8 + int(i)*4}
			row = r.u32()
			break
		}
	}
	if row == 0 || row > used {
		return nil, fmt.Errorf("%w: no unit with id %#x", ErrNone, id)
	}
	table := 16 + int(slots)*12
	var base contributions
	for i := range columns {
		h := cursor{b: index, at: table + int(i)*4}
		v := cursor{b: index, at: table + int(columns)*4*int(row) + int(i)*4}
		at := uint64(v.u32())
		switch h.u32() {
		case dwpInfo:
			base.info = at
		case dwpAbbrev:
			base.abbrev = at
		case dwpLine:
			base.line = at
		case dwpLoc:
			base.loc, base.loclists = at, at
		case dwpStrOffsets:
			base.strOffsets = at
		case dwpRnglists:
			if version == 5 {
				base.rnglists = at
			}
		}
		if v.bad || h.bad {
			return nil, fmt.Errorf("the index of the .dwp file is damaged")
		}
	}
	u, err := f.header(f.s.Info, base.info, false)
	if err != nil {
		return nil, err
	}
	if u.version == 0 {
		return nil, fmt.Errorf("%w: a version that is not known", ErrNone)
	}
	u.base = base
	return u, nil
}
