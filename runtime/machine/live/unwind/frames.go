package unwind

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Numbers of registers in DWARF on x86-64.
const (
	regBP = 6
	regSP = 7
	regRA = 16
)

// fileRows returns the rows of a program or library, at the addresses that it is
// linked for, sorted. A file that describes no frames has none.
func fileRows(f *elf.File) ([]Row, error) {
	if f.Machine != elf.EM_X86_64 || f.ByteOrder != binary.LittleEndian {
		return nil, fmt.Errorf("frames of %v are not known", f.Machine)
	}
	var rows []Row
	var errs []error
	for _, name := range []string{".eh_frame", ".debug_frame"} {
		s := f.Section(name)
		if s == nil || s.Type == elf.SHT_NOBITS {
			continue
		}
		data, err := s.Data()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		p := parser{data: data, addr: s.Addr, eh: name == ".eh_frame", commons: map[int]*common{}}
		if err := p.entries(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		// Where both describe a function, the first does.
		rows = merge(rows, order(p.rows))
	}
	if len(rows) > 0 {
		return rows, nil
	}
	return nil, errors.Join(errs...)
}

// order sorts rows by address. Of two at one address the one that describes code
// stays: another function begins where one ends.
func order(rows []Row) []Row {
	slices.SortStableFunc(rows, func(a, b Row) int {
		if c := cmp.Compare(a.PC, b.PC); c != 0 {
			return c
		}
		return cmp.Compare(min(a.Kind(), 1), min(b.Kind(), 1))
	})
	out := rows[:0]
	for _, r := range rows {
		switch n := len(out); {
		case n > 0 && out[n-1].PC == r.PC:
			out[n-1] = r
		case n > 0 && out[n-1].Rule == r.Rule && out[n-1].BP == r.BP:
		default:
			out = append(out, r)
		}
	}
	return out
}

// merge adds the rows of second where first has none.
func merge(first, second []Row) []Row {
	if len(first) == 0 {
		return second
	}
	if len(second) == 0 {
		return first
	}
	var out []Row
	var a, b Row // in force; the zero Row is unknown
	for len(first) > 0 || len(second) > 0 {
		var pc uint64
		switch {
		case len(second) == 0 || len(first) > 0 && first[0].PC <= second[0].PC:
			pc = first[0].PC
		default:
			pc = second[0].PC
		}
		if len(first) > 0 && first[0].PC == pc {
			a, first = first[0], first[1:]
		}
		if len(second) > 0 && second[0].PC == pc {
			b, second = second[0], second[1:]
		}
		r := a
		if r.Kind() == Unknown {
			r = b
		}
		r.PC = pc
		if n := len(out); n == 0 || out[n-1].Rule != r.Rule || out[n-1].BP != r.BP {
			out = append(out, r)
		}
	}
	return out
}

// parser reads the entries of a section.
type parser struct {
	data    []byte
	addr    uint64 // of the section
	eh      bool   // the section is .eh_frame
	commons map[int]*common
	rows    []Row
}

// common is a common information entry.
type common struct {
	code       uint64
	data       int64
	pointers   byte // how addresses are encoded
	augmented  bool // entries have augmentation data
	signal     bool
	start      state // after its instructions
	unreadable bool
}

// The encodings of addresses in .eh_frame.
const (
	encOmit   = 0xff
	encRel    = 0x70
	encPCRel  = 0x10
	encFormat = 0x0f
)

var errShort = errors.New("it is cut short")

func (p *parser) entries() error {
	for at := 0; at+4 <= len(p.data); {
		length := int(binary.LittleEndian.Uint32(p.data[at:]))
		body, wide := at+4, false
		if uint32(length) == 0xffffffff {
			if at+12 > len(p.data) {
				return errShort
			}
			n := binary.LittleEndian.Uint64(p.data[at+4:])
			if n > uint64(len(p.data)) {
				return errShort
			}
			length, body, wide = int(n), at+12, true
		}
		if length == 0 {
			if p.eh {
				// A terminator; linkers put more behind it where a library's end
				// marker is in the middle.
				at += 4
				continue
			}
			return nil
		}
		if length > len(p.data)-body {
			return errShort
		}
		if err := p.entry(at, body, length, wide); err != nil {
			return fmt.Errorf("entry at %#x: %w", at, err)
		}
		at = body + length
	}
	return nil
}

func (p *parser) entry(at, body, length int, wide bool) error {
	r := &reader{b: p.data[:body+length], at: body}
	var id uint64
	if wide && !p.eh {
		id = r.fixed(8)
	} else {
		id = r.fixed(4)
	}
	switch {
	case p.eh && id == 0, !p.eh && !wide && id == 0xffffffff, !p.eh && wide && id == 1<<64-1:
		return nil // read when an entry names it
	}
	where := int(id)
	if p.eh {
		where = body - int(id)
	}
	c, err := p.common(where)
	if err != nil || c.unreadable {
		return err
	}
	begin := p.pointer(r, c.pointers)
	size := p.pointer(r, c.pointers&encFormat)
	if c.augmented {
		r.skip(r.uleb())
	}
	if r.bad {
		return errShort
	}
	if begin == 0 || size == 0 {
		return nil // the linker has left the function out
	}
	m := machine{common: c, reader: r, state: c.start, loc: begin, out: &p.rows, limit: begin + size}
	m.run()
	p.rows = append(p.rows, Row{PC: begin + size})
	return nil
}

// pointer reads an encoded address.
func (p *parser) pointer(r *reader, enc byte) uint64 {
	at := uint64(r.at)
	var v uint64
	switch enc & encFormat {
	case 0x00, 0x04, 0x0c:
		v = r.fixed(8)
	case 0x01:
		v = r.uleb()
	case 0x02:
		v = r.fixed(2)
	case 0x03:
		v = r.fixed(4)
	case 0x09:
		v = uint64(r.sleb())
	case 0x0a:
		v = uint64(int64(int16(r.fixed(2))))
	case 0x0b:
		v = uint64(int64(int32(r.fixed(4))))
	default:
		r.bad = true
	}
	if enc&encRel == encPCRel {
		v += p.addr + at
	}
	return v
}

// common reads a common information entry, once.
func (p *parser) common(at int) (*common, error) {
	if c := p.commons[at]; c != nil {
		return c, nil
	}
	if at < 0 || at+4 > len(p.data) {
		return nil, errShort
	}
	length, body := uint64(binary.LittleEndian.Uint32(p.data[at:])), at+4
	wide := length == 0xffffffff
	if wide {
		if at+12 > len(p.data) {
			return nil, errShort
		}
		length, body = binary.LittleEndian.Uint64(p.data[at+4:]), at+12
	}
	if length > uint64(len(p.data)-body) {
		return nil, errShort
	}
	r := &reader{b: p.data[:body+int(length)], at: body}
	r.skip(4)
	if wide && !p.eh {
		r.skip(4)
	}
	c := &common{}
	p.commons[at] = c
	version := r.fixed(1)
	aug := r.text()
	if version == 4 {
		r.skip(2) // sizes of addresses and of segment selectors
	}
	c.code = r.uleb()
	c.data = r.sleb()
	if version == 1 {
		r.skip(1)
	} else {
		r.uleb()
	}
	if rest, ok := bytes.CutPrefix(aug, []byte("z")); ok {
		c.augmented = true
		n := r.uleb()
		end := r.at + int(min(n, uint64(len(r.b))))
		for _, b := range rest {
			switch b {
			case 'L':
				r.skip(1)
			case 'P':
				p.pointer(r, byte(r.fixed(1)))
			case 'R':
				c.pointers = byte(r.fixed(1))
			case 'S':
				c.signal = true
			}
		}
		r.at = end
	} else {
		c.unreadable = len(aug) > 0
	}
	if r.at > len(r.b) || r.bad {
		return nil, errShort
	}
	m := machine{common: c, reader: r}
	m.run()
	c.start = m.state
	return c, nil
}
