package dwarf

// value is the value of an attribute: a number, offset or index in u, or the
// bytes of a string, block or expression.
type value struct {
	form form
	u    uint64
	b    []byte
}

// read decodes a value of a form.
func (u *Unit) read(c *cursor, a *attrForm) value {
	f := a.form
	for range 4 {
		if f != formIndirect {
			break
		}
		f = form(c.uleb())
	}
	v := value{form: f}
	switch f {
	case formAddr:
		v.u = c.address(u.addrLen)
	case formBlock1:
		v.b = c.take(int(c.u8()))
	case formBlock2:
		v.b = c.take(int(c.u16()))
	case formBlock4:
		v.b = c.take(int(c.u32()))
	case formBlock, formExprloc:
		v.b = c.take(int(min(c.uleb(), 1<<31)))
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		v.u = uint64(c.u8())
	case formData2, formRef2, formStrx2, formAddrx2:
		v.u = uint64(c.u16())
	case formStrx3, formAddrx3:
		v.u = uint64(c.u24())
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		v.u = uint64(c.u32())
	case formData8, formRef8, formRefSig8, formRefSup8:
		v.u = c.u64()
	case formData16:
		v.b = c.take(16)
	case formString:
		v.b = c.cstring()
	case formSdata:
		v.u = uint64(c.sleb())
	case formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		v.u = c.uleb()
	case formStrp, formLineStrp, formStrpSup, formSecOffset, formGNURefAlt, formGNUStrpAlt:
		v.u = c.sized(u.wide)
	case formRefAddr:
		if u.version == 2 {
			v.u = c.address(u.addrLen)
		} else {
			v.u = c.sized(u.wide)
		}
	case formFlagPresent:
		v.u = 1
	case formImplicitConst:
		v.u = uint64(a.value)
	default:
		c.bad = true
	}
	return v
}

// skip moves over a value. It is read without making anything of it, since
// scans spend their time here.
func (u *Unit) skip(c *cursor, a *attrForm) {
	n := 0
	switch a.form {
	case formFlagPresent, formImplicitConst:
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		n = 1
	case formData2, formRef2, formStrx2, formAddrx2:
		n = 2
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		n = 4
	case formData8, formRef8, formRefSig8, formRefSup8:
		n = 8
	case formAddr:
		n = u.addrLen
	case formStrp, formLineStrp, formStrpSup, formSecOffset, formGNURefAlt, formGNUStrpAlt:
		n = 4
		if u.wide {
			n = 8
		}
	case formUdata, formSdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		c.skipLeb()
		return
	case formExprloc, formBlock:
		n = int(min(c.uleb(), 1<<31))
	case formBlock1:
		n = int(c.u8())
	default:
		u.read(c, a)
		return
	}
	if n > len(c.b)-c.at {
		c.bad, c.at = true, len(c.b)
		return
	}
	c.at += n
}

// str returns the text of a value.
func (u *Unit) str(v value) string {
	switch v.form {
	case formString:
		return string(v.b)
	case formStrp:
		return u.File.s.Str.str(v.u)
	case formLineStrp:
		return u.File.s.LineStr.str(v.u)
	case formStrpSup, formGNUStrpAlt:
		if alt := u.File.alternate(); alt != nil {
			return alt.s.Str.str(v.u)
		}
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		if off, ok := u.strIndex(v.u); ok {
			return u.File.s.Str.str(off)
		}
	}
	return ""
}

// strIndex returns the offset of a string by its number.
func (u *Unit) strIndex(i uint64) (uint64, bool) {
	size := u.listHeader(4, 8)
	b, err := u.File.s.StrOffsets.slice(u.base.strOffsets+u.root().strBase+min(i, 1<<40)*size, size)
	if err != nil {
		return 0, false
	}
	c := cursor{b: b}
	return c.sized(u.wide), true
}

// addressOf returns the address that a value stands for. base is where the
// unit's part of .debug_addr begins.
func (u *Unit) addressOf(v value, base uint64) (uint64, bool) {
	switch v.form {
	case formAddr:
		return v.u, true
	case formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4, formGNUAddrIndex:
		return u.addrAt(v.u, base)
	}
	return 0, false
}

// addrAt returns an address by its number. The table of a split unit is in the
// program.
func (u *Unit) addrAt(i, base uint64) (uint64, bool) {
	f := u.File
	if u.skeleton != nil {
		f = u.skeleton.File
	}
	size := uint64(u.addrLen)
	b, err := f.s.Addr.slice(base+min(i, 1<<40)*size, size)
	if err != nil {
		return 0, false
	}
	c := cursor{b: b}
	return c.address(u.addrLen), true
}

// isConst reports whether the value is a number.
func (v value) isConst() bool {
	switch v.form {
	case formData1, formData2, formData4, formData8, formSdata, formUdata, formImplicitConst, formFlag, formFlagPresent:
		return true
	}
	return false
}
