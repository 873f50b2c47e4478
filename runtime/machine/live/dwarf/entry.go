package dwarf

// Entry is one entry: a function, a type, a variable. Its attributes are decoded
// when they are asked for.
type Entry struct {
	U   *Unit
	Off uint64 // in the section
	Tag Tag

	abbrev *abbrev
	attrs  int // where the attributes begin in the unit's bytes
}

// maxDepth bounds the nesting of entries and the length of references.
const maxDepth = 64

// get returns the value of an attribute of the entry itself.
func (e Entry) get(at Attr) (value, bool) {
	if e.U == nil {
		return value{}, false // no entry
	}
	c := cursor{b: e.U.data, at: e.attrs}
	for i := range e.abbrev.attrs {
		a := &e.abbrev.attrs[i]
		if a.name == at {
			v := e.U.read(&c, a)
			return v, !c.bad
		}
		e.U.skip(&c, a)
		if c.bad {
			break
		}
	}
	return value{}, false
}

// Has reports whether the entry has an attribute.
func (e Entry) Has(at Attr) bool {
	for i := range e.abbrev.attrs {
		if e.abbrev.attrs[i].name == at {
			return true
		}
	}
	return false
}

// Str returns an attribute that is a string, "" if there is none.
func (e Entry) Str(at Attr) string {
	v, ok := e.get(at)
	if !ok {
		return ""
	}
	return e.U.str(v)
}

// Num returns an attribute that is a number.
func (e Entry) Num(at Attr) (uint64, bool) {
	v, ok := e.get(at)
	return v.u, ok && v.isConst()
}

// Int returns an attribute that is a number with a sign. The forms of a fixed
// size hold numbers without one: compilers write negative numbers in the form
// that has a sign.
func (e Entry) Int(at Attr) (int64, bool) {
	v, ok := e.get(at)
	return int64(v.u), ok && v.isConst()
}

// Flag reports whether a flag is set.
func (e Entry) Flag(at Attr) bool {
	v, ok := e.get(at)
	return ok && v.u != 0
}

// Addr returns an attribute that is an address.
func (e Entry) Addr(at Attr) (uint64, bool) {
	v, ok := e.get(at)
	if !ok {
		return 0, false
	}
	return e.U.addressOf(v, e.U.root().addrBase)
}

// Block returns the bytes of an attribute: a block or an expression.
func (e Entry) Block(at Attr) ([]byte, bool) {
	v, ok := e.get(at)
	return v.b, ok && v.b != nil && v.form != formString
}

// Ref returns the entry that an attribute refers to. A type that is only named
// by the signature of its definition in a unit of its own stands for that.
func (e Entry) Ref(at Attr) (Entry, bool) {
	to, ok := e.ref(at)
	if ok && to.Has(AttrSignature) {
		if def, ok := to.ref(AttrSignature); ok {
			return def, true
		}
	}
	return to, ok
}

func (e Entry) ref(at Attr) (Entry, bool) {
	v, ok := e.get(at)
	if !ok {
		return Entry{}, false
	}
	u := e.U
	switch v.form {
	case formRef1, formRef2, formRef4, formRef8, formRefUdata:
		if v.u > u.end-u.Off {
			return Entry{}, false
		}
		return u.At(u.Off + v.u)
	case formRefAddr:
		return u.File.at(v.u + u.base.info)
	case formRefSig8:
		t := u.File.bySignature(v.u)
		if t == nil {
			return Entry{}, false
		}
		return t.At(t.Off + min(t.typeOff, t.end-t.Off))
	case formGNURefAlt, formRefSup4, formRefSup8:
		if alt := u.File.alternate(); alt != nil {
			return alt.at(v.u)
		}
	}
	return Entry{}, false
}

func (f *File) at(off uint64) (Entry, bool) {
	u := f.unitAt(off)
	if u == nil {
		return Entry{}, false
	}
	return u.At(off)
}

// Origin calls see with the entry and those that it completes: the declaration,
// or the function that this one is a copy of.
func (e Entry) Origin(see func(Entry) bool) {
	for range maxDepth {
		if !see(e) {
			return
		}
		next, ok := e.Ref(AttrAbstractOrigin)
		if !ok {
			if next, ok = e.Ref(AttrSpecification); !ok {
				return
			}
		}
		e = next
	}
}

// Name returns the name of the entry or of one that it completes.
func (e Entry) Name() (name string) {
	e.Origin(func(o Entry) bool {
		name = o.Str(AttrName)
		return name == ""
	})
	return name
}

// Linkage returns the name that the linker sees, "" if the entry has none.
func (e Entry) Linkage() (name string) {
	e.Origin(func(o Entry) bool {
		if name = o.Str(AttrLinkageName); name == "" {
			name = o.Str(AttrMIPSLinkage)
		}
		return name == ""
	})
	return name
}

// Type returns the type of the entry or of one that it completes.
func (e Entry) Type() (t Entry, ok bool) {
	e.Origin(func(o Entry) bool {
		t, ok = o.Ref(AttrType)
		return !ok
	})
	return t, ok
}

// after returns the offset behind the attributes.
func (e Entry) after() (uint64, bool) {
	c := cursor{b: e.U.data, at: e.attrs}
	for i := range e.abbrev.attrs {
		e.U.skip(&c, &e.abbrev.attrs[i])
	}
	return e.U.Off + uint64(c.at), !c.bad
}

// next returns the offset of the entry after e and all below it.
func (e Entry) next(depth int) (uint64, bool) {
	off, ok := e.after()
	if !ok || !e.abbrev.children {
		return off, ok
	}
	if v, has := e.get(AttrSibling); has && v.u <= e.U.end-e.U.Off && e.U.Off+v.u >= off {
		return e.U.Off + v.u, true
	}
	if depth > maxDepth*4 {
		return 0, false
	}
	for off < e.U.end {
		if e.U.data[off-e.U.Off] == 0 {
			return off + 1, true
		}
		c, ok := e.U.entry(off)
		if !ok {
			return 0, false
		}
		if off, ok = c.next(depth + 1); !ok {
			return 0, false
		}
	}
	return off, true
}

// Children calls yield with each entry directly below e, until it returns
// false.
func (e Entry) Children(yield func(Entry) bool) {
	if e.U == nil || !e.abbrev.children {
		return
	}
	off, ok := e.after()
	for ok && off < e.U.end && e.U.data[off-e.U.Off] != 0 {
		var c Entry
		if c, ok = e.U.entry(off); !ok || !yield(c) {
			return
		}
		off, ok = c.next(0)
	}
}
