package dwarf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrNone is wrapped for files without debugging information.
var ErrNone = errors.New("no debugging information")

// Sections are the parts of a file that DWARF consists of; those that the file
// lacks are nil. Types is .debug_types of version 4, Loc and Ranges are those up
// to version 4, Loclists and Rnglists those of version 5.
type Sections struct {
	Info, Abbrev, Types, Str, LineStr, StrOffsets, Addr, Aranges, Line, Loc, Loclists, Ranges, Rnglists *Section
}

// Names lists the names of the sections with the places for them.
func (s *Sections) Names() map[string]**Section {
	return map[string]**Section{
		".debug_info": &s.Info, ".debug_abbrev": &s.Abbrev, ".debug_types": &s.Types, ".debug_str": &s.Str,
		".debug_line_str": &s.LineStr, ".debug_str_offsets": &s.StrOffsets, ".debug_addr": &s.Addr,
		".debug_aranges": &s.Aranges, ".debug_line": &s.Line, ".debug_loc": &s.Loc, ".debug_loclists": &s.Loclists,
		".debug_ranges": &s.Ranges, ".debug_rnglists": &s.Rnglists,
	}
}

// File is the debugging information of one program or library. It is safe for
// concurrent use.
type File struct {
	s Sections
	// Alternate opens the file that several debug files share
	// (.gnu_debugaltlink), and Split the file with the entries of a unit that
	// was split off; dir and name are those in the unit. Each may be nil.
	Alternate func() (*File, error)
	Split     func(u *Unit, dir, name string, id uint64) (*Unit, error)

	split bool // a .dwo or .dwp: sections have no bases of their own

	mu     sync.Mutex
	tables map[uint64]*abbrevs

	unitsOnce sync.Once
	units     []*Unit // of .debug_info by offset, then of .debug_types
	unitsErr  error

	addrsOnce sync.Once
	addrs     []addrRange
	addrsErr  error

	altOnce sync.Once
	alt     *File
	altErr  error

	sigsOnce sync.Once
	sigs     map[uint64]*Unit
}

// New returns the information in sections. split is set for the sections of a
// .dwo file. The error wraps ErrNone if there is none.
func New(s Sections, split bool) (*File, error) {
	if s.Info == nil || s.Abbrev == nil {
		return nil, fmt.Errorf("%w: there is no section .debug_info", ErrNone)
	}
	return &File{s: s, split: split}, nil
}

// Unit is the information of one source file, or a part of it that several
// share.
type Unit struct {
	File    *File
	sec     *Section
	Off     uint64 // of the header in the section
	end     uint64
	die     uint64 // of the first entry
	version int
	wide    bool
	addrLen int
	abbrev  uint64 // offset of the table
	sig     uint64 // signature of a type unit
	typeOff uint64 // of the type in a type unit
	dwoID   uint64

	// skeleton is the unit in the program that a split unit belongs to, and
	// base the parts of a .dwp file that belong to this unit.
	skeleton *Unit
	base     contributions

	once sync.Once
	data []byte // from Off to end
	tab  *abbrevs
	err  error

	rootOnce sync.Once
	info     rootInfo

	funcsOnce sync.Once
	funcs     []Func

	lineOnce sync.Once
	lines    *LineTable
	lineErr  error

	splitOnce sync.Once
	splitUnit *Unit
}

// rootInfo holds the attributes of the first entry that others depend on.
type rootInfo struct {
	low                                            uint64
	strBase, addrBase, rngBase, locBase, gnuRanges uint64
	lang                                           uint64
}

// Units returns all units in the order of the file.
func (f *File) Units() ([]*Unit, error) {
	f.unitsOnce.Do(func() {
		f.units, f.unitsErr = f.readUnits(f.s.Info, false)
		if f.unitsErr == nil && f.s.Types != nil {
			types, err := f.readUnits(f.s.Types, true)
			f.units, f.unitsErr = append(f.units, types...), err
		}
	})
	return f.units, f.unitsErr
}

func (f *File) readUnits(s *Section, types bool) ([]*Unit, error) {
	var out []*Unit
	for at, size := uint64(0), s.length(); at < size; {
		u, err := f.header(s, at, types)
		if err != nil {
			return nil, err
		}
		at = u.end
		if u.version != 0 {
			out = append(out, u)
		}
	}
	return out, nil
}

// header reads the header of a unit. Its version is 0 if it is of a version
// that is not known.
func (f *File) header(s *Section, off uint64, types bool) (*Unit, error) {
	size := s.length()
	b, err := s.slice(off, min(48, size-off))
	if err != nil {
		return nil, err
	}
	c := cursor{b: b}
	n, wide := c.length()
	if n == 0 || n > size-off || uint64(c.at)+n > size-off || c.bad {
		return nil, fmt.Errorf("the unit at %#x is damaged", off)
	}
	u := &Unit{File: f, sec: s, Off: off, end: off + uint64(c.at) + n, wide: wide}
	u.version = int(c.u16())
	if u.version < 2 || u.version > 5 {
		u.version = 0
		return u, nil
	}
	kind := uint8(1)
	if u.version == 5 {
		kind, u.addrLen = c.u8(), int(c.u8())
		u.abbrev = c.sized(wide)
	} else {
		u.abbrev = c.sized(wide)
		u.addrLen = int(c.u8())
		if types {
			kind = 2
		}
	}
	switch kind {
	case 2, 6: // type units
		u.sig, u.typeOff = c.u64(), c.sized(wide)
	case 4, 5: // a skeleton, and the unit that was split off
		u.dwoID = c.u64()
	}
	u.die = off + uint64(c.at)
	if c.bad || u.die > u.end || u.addrLen != 8 && u.addrLen != 4 {
		return nil, fmt.Errorf("the unit at %#x is damaged", off)
	}
	return u, nil
}

// load reads the bytes of the unit and its abbreviations.
func (u *Unit) load() error {
	u.once.Do(func() {
		if u.tab, u.err = u.File.abbrevsAt(u.abbrev + u.base.abbrev); u.err == nil {
			u.data, u.err = u.sec.slice(u.Off, u.end-u.Off)
		}
	})
	return u.err
}

// Root returns the first entry of the unit.
func (u *Unit) Root() (Entry, bool) {
	if u.load() != nil {
		return Entry{}, false
	}
	return u.At(u.die)
}

// At returns the entry at an offset of the section.
func (u *Unit) At(off uint64) (Entry, bool) {
	if u.load() != nil || off < u.die || off >= u.end {
		return Entry{}, false
	}
	return u.entry(off)
}

// entry decodes the head of an entry.
func (u *Unit) entry(off uint64) (Entry, bool) {
	c := cursor{b: u.data, at: int(off - u.Off)}
	a := u.tab.get(c.uleb())
	if a == nil || c.bad {
		return Entry{}, false
	}
	return Entry{U: u, Off: off, Tag: a.tag, abbrev: a, attrs: c.at}, true
}

// root returns what other attributes depend on.
func (u *Unit) root() *rootInfo {
	u.rootOnce.Do(func() {
		r := &u.info
		if u.version >= 5 && u.skeleton != nil {
			// A split unit has no attribute for these: its tables begin behind
			// a header.
			r.strBase, r.rngBase, r.locBase = u.listHeader(8, 16), u.listHeader(12, 20), u.listHeader(12, 20)
		}
		e, ok := u.Root()
		if !ok {
			return
		}
		for at, to := range map[Attr]*uint64{AttrStrOffsetsBase: &r.strBase, AttrAddrBase: &r.addrBase, AttrGNUAddrBase: &r.addrBase,
			AttrRnglistsBase: &r.rngBase, AttrLoclistsBase: &r.locBase, AttrLanguage: &r.lang, AttrGNURangesBase: &r.gnuRanges} {
			if v, ok := e.get(at); ok {
				*to = v.u
			}
		}
		if u.skeleton != nil {
			s := u.skeleton.root()
			r.addrBase, r.low, r.gnuRanges = s.addrBase, s.low, s.gnuRanges
			return
		}
		if v, ok := e.get(AttrLowPC); ok {
			r.low, _ = u.addressOf(v, r.addrBase)
		}
	})
	return &u.info
}

func (u *Unit) listHeader(narrow, wide uint64) uint64 {
	if u.wide {
		return wide
	}
	return narrow
}

// Language returns the number of the source language (DW_LANG), 0 if unknown.
func (u *Unit) Language() uint64 { return u.Full().root().lang }

// Version returns the version of the format.
func (u *Unit) Version() int { return u.version }

// unitAt returns the unit of .debug_info with an offset.
func (f *File) unitAt(off uint64) *Unit {
	units, err := f.Units()
	if err != nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(units, off, func(u *Unit, off uint64) int {
		if u.sec != f.s.Info {
			return 1 // those of .debug_types come last
		}
		return cmp.Compare(u.Off, off)
	})
	if !ok {
		i--
	}
	if i < 0 || off >= units[i].end {
		return nil
	}
	return units[i]
}

// bySignature returns the unit of a type.
func (f *File) bySignature(sig uint64) *Unit {
	f.sigsOnce.Do(func() {
		f.sigs = map[uint64]*Unit{}
		units, err := f.Units()
		if err != nil {
			return
		}
		for _, u := range units {
			if u.sig != 0 {
				f.sigs[u.sig] = u
			}
		}
	})
	return f.sigs[sig]
}

// alternate returns the file that others share, nil if it cannot be opened.
func (f *File) alternate() *File {
	f.altOnce.Do(func() {
		if f.Alternate == nil {
			f.altErr = fmt.Errorf("%w: the shared debug file is not known", ErrNone)
			return
		}
		f.alt, f.altErr = f.Alternate()
	})
	return f.alt
}

// Full returns the unit with the entries: u itself, or the unit in another file
// that was split off from it. Where that is missing it is u, which then has
// nothing but its addresses and lines.
func (u *Unit) Full() *Unit {
	u.splitOnce.Do(func() {
		u.splitUnit = u
		if u.skeleton != nil || u.File.Split == nil {
			return
		}
		e, ok := u.Root()
		if !ok {
			return
		}
		name, id := e.Str(AttrDwoName), u.dwoID
		if name == "" {
			name = e.Str(AttrGNUDwoName)
			if v, ok := e.get(AttrGNUDwoID); ok {
				id = v.u
			}
		}
		if name == "" {
			return
		}
		if s, err := u.File.Split(u, e.Str(AttrCompDir), name, id); err == nil && s != nil {
			s.skeleton = u
			u.splitUnit = s
		}
	})
	return u.splitUnit
}
