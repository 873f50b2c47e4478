package dwarf

// abbrev describes entries of one shape: their tag and the forms of their
// attributes.
type abbrev struct {
	tag      Tag
	children bool
	attrs    []attrForm
}

type attrForm struct {
	name  Attr
	form  form
	value int64 // of an implicit constant
}

// abbrevs is the table of a unit. Codes count from 1 in practice, so most are
// found by index.
type abbrevs struct {
	list  []abbrev
	first uint64 // code of list[0]
	other map[uint64]*abbrev
}

func (t *abbrevs) get(code uint64) *abbrev {
	if i := code - t.first; i < uint64(len(t.list)) {
		return &t.list[i]
	}
	return t.other[code]
}

// abbrevsAt returns the table at an offset, parsed once.
func (f *File) abbrevsAt(off uint64) (*abbrevs, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.tables[off]; t != nil {
		return t, nil
	}
	t, err := f.parseAbbrevs(off)
	if err != nil {
		return nil, err
	}
	if f.tables == nil || len(f.tables) >= 4096 {
		f.tables = map[uint64]*abbrevs{}
	}
	f.tables[off] = t
	return t, nil
}

func (f *File) parseAbbrevs(off uint64) (*abbrevs, error) {
	b, err := f.s.Abbrev.whole()
	if err != nil {
		return nil, err
	}
	if off >= uint64(len(b)) {
		return nil, errShort
	}
	c := cursor{b: b[off:]}
	t := &abbrevs{first: 1}
	for {
		code := c.uleb()
		if code == 0 || c.bad {
			break
		}
		a := abbrev{tag: Tag(c.uleb()), children: c.u8() != 0}
		for !c.bad {
			af := attrForm{name: Attr(c.uleb()), form: form(c.uleb())}
			if af.form == formImplicitConst {
				af.value = c.sleb()
			}
			if af.name == 0 && af.form == 0 {
				break
			}
			a.attrs = append(a.attrs, af)
		}
		if len(t.list) == 0 {
			t.first = code
		}
		if code == t.first+uint64(len(t.list)) {
			t.list = append(t.list, a)
			continue
		}
		if t.other == nil {
			t.other = map[uint64]*abbrev{}
		}
		t.other[code] = &a
	}
	if c.bad {
		return nil, errShort
	}
	return t, nil
}
