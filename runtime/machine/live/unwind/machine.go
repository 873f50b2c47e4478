package unwind

import (
	"bytes"
	"encoding/binary"
)

// state is what is known of a frame at one address.
type state struct {
	reg  uint64 // register of the frame address, where expr is nil
	off  int64
	expr []byte // expression for it, nil if there is none
	// bp and ra are where the caller's rbp and the return address are.
	bp, ra place
}

// place is where the value of a register is.
type place struct {
	kind placeKind
	off  int64
}

type placeKind uint8

const (
	inPlace placeKind = iota // rbp: in rbp; the return address: below the frame address
	atFrame                  // in memory, off from the frame address
	atBP                     // in memory, at the address in rbp
	nowhere
)

// machine runs the instructions of an entry.
type machine struct {
	*common
	*reader
	state
	loc   uint64
	limit uint64
	saved []state
	out   *[]Row // nil for common entries
}

// maxSaved bounds the states that a description may keep.
const maxSaved = 64

// run runs the instructions and writes a row for each address. It stops at what
// it does not know: the rows up to there are right.
func (m *machine) run() {
	for m.at < len(m.b) && !m.bad {
		op := byte(m.fixed(1))
		low := uint64(op & 0x3f)
		switch op >> 6 {
		case 1:
			m.advance(low * m.code)
			continue
		case 2:
			m.set(low, place{atFrame, int64(m.uleb()) * m.data})
			continue
		case 3:
			m.restore(low)
			continue
		}
		if !m.step(op) {
			m.bad = true
		}
	}
	m.row()
}

// step runs an instruction whose operands are all behind it; false if it is not
// known.
func (m *machine) step(op byte) bool {
	switch op {
	case 0x00: // nop
	case 0x01: // set_loc
		m.advance(m.fixed(8) - m.loc)
	case 0x02: // advance_loc1
		m.advance(m.fixed(1) * m.code)
	case 0x03: // advance_loc2
		m.advance(m.fixed(2) * m.code)
	case 0x04: // advance_loc4
		m.advance(m.fixed(4) * m.code)
	case 0x05: // offset_extended
		r := m.uleb()
		m.set(r, place{atFrame, int64(m.uleb()) * m.data})
	case 0x06: // restore_extended
		m.restore(m.uleb())
	case 0x07: // undefined
		m.set(m.uleb(), place{kind: nowhere})
	case 0x08: // same_value
		m.set(m.uleb(), place{})
	case 0x09: // register
		r := m.uleb()
		m.uleb()
		m.set(r, place{kind: nowhere})
	case 0x0a: // remember_state
		if len(m.saved) >= maxSaved {
			return false
		}
		m.saved = append(m.saved, m.state)
	case 0x0b: // restore_state
		n := len(m.saved)
		if n == 0 {
			return false
		}
		m.state, m.saved = m.saved[n-1], m.saved[:n-1]
	case 0x0c: // def_cfa
		m.reg, m.off, m.expr = m.uleb(), int64(m.uleb()), nil
	case 0x0d: // def_cfa_register
		m.reg, m.expr = m.uleb(), nil
	case 0x0e: // def_cfa_offset
		m.off = int64(m.uleb())
	case 0x0f: // def_cfa_expression
		m.expr = m.block()
	case 0x10: // expression
		r := m.uleb()
		m.set(r, placeOf(m.block()))
	case 0x11: // offset_extended_sf
		r := m.uleb()
		m.set(r, place{atFrame, m.sleb() * m.data})
	case 0x12: // def_cfa_sf
		m.reg = m.uleb()
		m.off, m.expr = m.sleb()*m.data, nil
	case 0x13: // def_cfa_offset_sf
		m.off = m.sleb() * m.data
	case 0x14, 0x15: // val_offset, val_offset_sf
		r := m.uleb()
		m.uleb()
		m.set(r, place{kind: nowhere})
	case 0x16: // val_expression
		r := m.uleb()
		m.block()
		m.set(r, place{kind: nowhere})
	case 0x2e: // GNU_args_size
		m.uleb()
	case 0x2f: // GNU_negative_offset_extended
		r := m.uleb()
		m.set(r, place{atFrame, -int64(m.uleb()) * m.data})
	default:
		return false
	}
	return true
}

func (m *machine) set(reg uint64, p place) {
	switch reg {
	case regBP:
		m.bp = p
	case regRA:
		m.ra = p
	}
}

func (m *machine) restore(reg uint64) {
	switch reg {
	case regBP:
		m.bp = m.start.bp
	case regRA:
		m.ra = m.start.ra
	}
}

func (m *machine) advance(n uint64) {
	m.row()
	m.loc += n
}

// row writes the row of the present address.
func (m *machine) row() {
	if m.out == nil || m.loc >= m.limit {
		return
	}
	r := Row{PC: m.loc, Rule: m.frame()}
	switch m.bp.kind {
	case atFrame:
		r.BP = int32(m.bp.off)
	case atBP:
		r.BP = BPAtBP
	}
	if n := len(*m.out); n > 0 && (*m.out)[n-1].PC == r.PC && (*m.out)[n-1].Kind() != Unknown {
		(*m.out)[n-1] = r
		return
	}
	*m.out = append(*m.out, r)
}

// frame returns the rule for the frame address.
func (m *machine) frame() uint32 {
	switch {
	case m.signal:
		if reg, off, ok := derefOf(m.expr); ok && reg == regSP && off == SignalSP {
			return rule(Signal, 0)
		}
		return rule(Unknown, 0)
	case m.ra.kind == nowhere:
		return rule(Last, 0)
	case m.expr != nil:
		return expression(m.expr)
	case m.ra.kind == atFrame && m.ra.off != -8:
		return rule(Unknown, 0)
	case m.reg == regSP && fits(m.off):
		return rule(FromSP, m.off)
	case m.reg == regBP && fits(m.off):
		return rule(FromBP, m.off)
	}
	return rule(Unknown, 0)
}

// fits reports whether an offset has room in a rule.
func fits(off int64) bool { return off >= -1<<23 && off < 1<<23 }

// The opcodes of expressions that are known.
const (
	opDeref = 0x06
	opBreg0 = 0x70
)

// derefOf takes an expression for what is in memory at a register plus an offset
// apart.
func derefOf(expr []byte) (reg uint64, off int64, ok bool) {
	r := &reader{b: expr}
	op := r.fixed(1)
	off = r.sleb()
	last := r.fixed(1)
	if r.bad || r.at != len(expr) || op < opBreg0 || op > opBreg0+31 || last != opDeref {
		return 0, 0, false
	}
	return op - opBreg0, off, true
}

// stub is the expression of linkers for the frames of a procedure linkage table:
// breg7 8, breg16 0, lit15, and, litN, ge, lit3, shl, plus.
var stub = [...]byte{0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, 0x30, 0x2a, 0x33, 0x24, 0x22}

// stubAt is the index of litN, which is 0x30 + N, in stub.
const stubAt = 6

func expression(expr []byte) uint32 {
	if reg, off, ok := derefOf(expr); ok && fits(off) {
		switch reg {
		case regSP:
			return rule(AtSP, off)
		case regBP:
			return rule(AtBP, off)
		}
		return rule(Unknown, 0)
	}
	if len(expr) == len(stub) && bytes.Equal(expr[:stubAt], stub[:stubAt]) && bytes.Equal(expr[stubAt+1:], stub[stubAt+1:]) {
		if n := expr[stubAt]; n >= 0x30 && n < 0x40 {
			return rule(Stub, int64(n-0x30))
		}
	}
	return rule(Unknown, 0)
}

// placeOf returns the place that an expression for the address of a saved
// register means.
func placeOf(expr []byte) place {
	r := &reader{b: expr}
	if op, off := r.fixed(1), r.sleb(); !r.bad && r.at == len(expr) && op == opBreg0+regBP && off == 0 {
		return place{kind: atBP}
	}
	return place{kind: nowhere}
}

// reader reads numbers; after the end it sets bad and returns zeros.
type reader struct {
	b   []byte
	at  int
	bad bool
}

func (r *reader) fixed(n int) uint64 {
	if r.at > len(r.b)-n {
		r.bad, r.at = true, len(r.b)
		return 0
	}
	var buf [8]byte
	copy(buf[:], r.b[r.at:r.at+n])
	r.at += n
	return binary.LittleEndian.Uint64(buf[:])
}

func (r *reader) skip(n uint64) {
	if n > uint64(len(r.b)-r.at) {
		r.bad, r.at = true, len(r.b)
		return
	}
	r.at += int(n)
}

func (r *reader) uleb() uint64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		b := r.fixed(1)
		if shift < 64 {
			v |= (b & 0x7f) << shift
		}
		if b&0x80 == 0 || r.bad {
			return v
		}
	}
}

func (r *reader) sleb() int64 {
	var v int64
	for shift := 0; ; {
		b := r.fixed(1)
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b&0x80 == 0 || r.bad {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// block reads a length and as many bytes.
func (r *reader) block() []byte {
	n := r.uleb()
	from := r.at
	r.skip(n)
	if r.bad {
		return nil
	}
	return r.b[from:r.at]
}

// text reads a string up to its NUL.
func (r *reader) text() []byte {
	n := bytes.IndexByte(r.b[r.at:], 0)
	if n < 0 {
		r.bad = true
		return nil
	}
	s := r.b[r.at : r.at+n]
	r.at += n + 1
	return s
}
