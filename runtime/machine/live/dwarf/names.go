package dwarf

// Query describes the entries that Find looks for.
type Query struct {
	// Name is the name without namespaces.
	Name string
	// Tags are the tags of the entries.
	Tags []Tag
	// Inside allows entries within namespaces and types.
	Inside bool
}

// Find calls yield with the entries of a name, until it returns false. It scans
// the units with a comparison of numbers: strings are stored once, and their
// offsets are looked up before. first is a unit to begin with, nil for none.
func (f *File) Find(q Query, first *Unit, yield func(Entry) bool) error {
	units, err := f.Units()
	if err != nil {
		return err
	}
	s := &scan{q: q, yield: yield}
	if first != nil {
		// Its bytes are in memory, and most questions are about what it uses.
		if s.prepare(first.Full().File); !s.unit(first.Full(), true) {
			return nil
		}
	}
	for _, u := range units {
		if u == first {
			continue
		}
		// A unit that is split off is in another file, with strings of its own.
		full := u
		if f.Split != nil && u.sig == 0 && u.mayBeSplit() {
			full = u.Full()
		}
		if s.prepare(full.File); !s.unit(full, false) {
			return nil
		}
	}
	if alt := f.alternateOf(); alt != nil {
		return alt.Find(q, nil, yield)
	}
	return nil
}

// alternateOf returns the shared file if there is one.
func (f *File) alternateOf() *File {
	if f.Alternate == nil {
		return nil
	}
	return f.alternate()
}

// mayBeSplit reports whether the unit is short, as those are whose entries are
// in another file.
func (u *Unit) mayBeSplit() bool { return u.end-u.Off < 4096 }

type scan struct {
	q       Query
	yield   func(Entry) bool
	file    *File
	strs    map[uint64]bool // offsets of the name in .debug_str
	lineStr map[uint64]bool
	alt     map[uint64]bool
	err     error
}

// prepare looks the name up in the strings of a file.
func (s *scan) prepare(f *File) {
	if s.file == f {
		return
	}
	s.file = f
	s.strs, s.err = f.s.Str.find(s.q.Name)
	s.lineStr, s.alt = nil, nil
	if alt := f.alternateOf(); alt != nil {
		s.alt, _ = alt.s.Str.find(s.q.Name)
	}
}

// unit scans one unit; it returns false to end the search. The bytes of a unit
// that is not kept are released afterwards.
func (s *scan) unit(u *Unit, keep bool) bool {
	tab, err := u.File.abbrevsAt(u.abbrev + u.base.abbrev)
	if err != nil {
		return true
	}
	data := u.data
	if data == nil {
		if keep && u.load() != nil {
			return true
		}
		if data = u.data; data == nil {
			if data, err = u.sec.slice(u.Off, u.end-u.Off); err != nil {
				return true
			}
		}
	}
	wanted := make([]bool, len(tab.list))
	for i := range tab.list {
		wanted[i] = s.wants(tab.list[i].tag)
	}
	w := &walk{s: s, u: u, data: data, tab: tab, wanted: wanted}
	return w.run()
}

func (s *scan) wants(t Tag) bool {
	for _, w := range s.q.Tags {
		if w == t {
			return true
		}
	}
	return false
}

// walk is the scan of one unit.
type walk struct {
	s      *scan
	u      *Unit
	data   []byte
	tab    *abbrevs
	wanted []bool
}

func (w *walk) run() bool {
	c := cursor{b: w.data, at: int(w.u.die - w.u.Off)}
	depth := 0
	for c.at < len(w.data) && !c.bad {
		at := c.at
		code := c.uleb()
		if code == 0 {
			if depth--; depth <= 0 {
				return true
			}
			continue
		}
		a := w.tab.get(code)
		if a == nil {
			return true
		}
		i := code - w.tab.first
		wanted := i < uint64(len(w.wanted)) && w.wanted[i] || i >= uint64(len(w.wanted)) && w.s.wants(a.tag)
		enter := depth == 0 || w.s.q.Inside && (a.tag == TagNamespace || a.tag == TagModule || a.tag == TagStruct || a.tag == TagClass)
		sibling, hit := w.attributes(&c, a, wanted)
		if hit {
			if e, ok := w.u.At(w.u.Off + uint64(at)); ok && !w.s.yield(e) {
				return false
			}
		}
		if !a.children {
			if depth == 0 {
				return true
			}
			continue
		}
		if !enter && sibling > c.at && sibling <= len(w.data) {
			c.at = sibling
			continue
		}
		if !enter {
			if !w.skipTree(&c) {
				return true
			}
			continue
		}
		depth++
	}
	return true
}

// skipTree moves over the children of an entry.
func (w *walk) skipTree(c *cursor) bool {
	for depth := 1; depth > 0; {
		code := c.uleb()
		if c.bad {
			return false
		}
		if code == 0 {
			depth--
			continue
		}
		a := w.tab.get(code)
		if a == nil {
			return false
		}
		sibling, _ := w.attributes(c, a, false)
		if c.bad {
			return false
		}
		if a.children {
			if sibling > c.at && sibling <= len(w.data) {
				c.at = sibling
			} else {
				depth++
			}
		}
	}
	return true
}

// attributes moves over the attributes of an entry. It returns where the entry
// after its children is, 0 if that is not said, and for a wanted entry whether
// it has the name.
func (w *walk) attributes(c *cursor, a *abbrev, wanted bool) (sibling int, hit bool) {
	for i := range a.attrs {
		at := &a.attrs[i]
		switch {
		case wanted && at.name == AttrName:
			hit = w.named(w.u.read(c, at))
		case at.name == AttrSibling:
			v := w.u.read(c, at)
			if v.u < uint64(len(w.data)) {
				sibling = int(v.u)
			}
		default:
			w.u.skip(c, at)
		}
	}
	return sibling, hit
}

func (w *walk) named(v value) bool {
	switch v.form {
	case formString:
		return string(v.b) == w.s.q.Name
	case formStrp:
		return w.s.strs[v.u]
	case formLineStrp:
		return w.u.str(v) == w.s.q.Name
	case formStrpSup, formGNUStrpAlt:
		return w.s.alt[v.u]
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		off, ok := w.u.strIndex(v.u)
		return ok && w.s.strs[off]
	}
	return false
}
