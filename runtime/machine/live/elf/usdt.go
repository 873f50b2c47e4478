package elf

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// USDT is one place of a static probe of user space (SystemTap's sys/sdt.h: a
// note of type 3 and name "stapsdt" in section .note.stapsdt). A probe has
// several places where the compiler copied the code around it, for example by
// inlining.
type USDT struct {
	Provider, Name string
	Addr           uint64 // of the instruction to probe
	// Semaphore is the file offset of the counter of attached tracers, which
	// the program reads to skip a probe that nobody uses; 0 for probes that
	// have none.
	Semaphore uint64
	// Args holds the locations of the arguments as assembler operands: "-4@%edi
	// 8@-16(%rbp)".
	Args string
}

// noteUSDT is the type of the notes and usdtOwner their owner name.
const (
	noteUSDT  = 3
	usdtOwner = "stapsdt\x00"
)

// USDTs returns the static probes of the file in the order of its notes; none
// when it has none.
func (f *File) USDTs() ([]USDT, error) {
	notes, err := f.Section(".note.stapsdt")
	if err != nil || len(notes) == 0 {
		return nil, err
	}
	// Prelinking moves a file after its notes were written. The difference
	// between the address of section .stapsdt.base and the address of it in a
	// note is the distance.
	base := uint64(0)
	if s := f.f.Section(".stapsdt.base"); s != nil {
		base = s.Addr
	}
	var out []USDT
	order := f.f.ByteOrder
	align := func(n uint32) int { return int(n+3) &^ 3 }
	for at := 0; at+12 <= len(notes); {
		nameSize, descSize, typ := order.Uint32(notes[at:]), order.Uint32(notes[at+4:]), order.Uint32(notes[at+8:])
		name, desc := at+12, at+12+align(nameSize)
		if nameSize > uint32(len(notes)) || descSize > uint32(len(notes)) || desc+int(descSize) > len(notes) {
			return nil, fmt.Errorf("%s: section .note.stapsdt is cut off at byte %d", f.path, at)
		}
		if typ == noteUSDT && string(notes[name:name+int(nameSize)]) == usdtOwner {
			p, err := f.usdt(notes[desc:desc+int(descSize)], order, base)
			if err != nil {
				return nil, fmt.Errorf("%s: note at byte %d of .note.stapsdt: %w", f.path, at, err)
			}
			out = append(out, p)
		}
		at = desc + align(descSize)
	}
	return out, nil
}

// usdt parses a note: three addresses (the probe, .stapsdt.base when it was
// written, the semaphore) and three strings.
func (f *File) usdt(desc []byte, order binary.ByteOrder, base uint64) (USDT, error) {
	if len(desc) < 24 {
		return USDT{}, fmt.Errorf("%d bytes, expected at least 24", len(desc))
	}
	p := USDT{Addr: order.Uint64(desc)}
	moved := uint64(0)
	if written := order.Uint64(desc[8:]); base != 0 && written != 0 {
		moved = base - written
	}
	p.Addr += moved
	fields := bytes.SplitN(desc[24:], []byte{0}, 4)
	if len(fields) < 3 {
		return USDT{}, fmt.Errorf("%d strings, expected 3", len(fields))
	}
	p.Provider, p.Name, p.Args = string(fields[0]), string(fields[1]), string(fields[2])
	if sem := order.Uint64(desc[16:]); sem != 0 {
		offset, err := f.Offset(sem + moved)
		if err != nil {
			return USDT{}, fmt.Errorf("semaphore of %s:%s: %w", p.Provider, p.Name, err)
		}
		p.Semaphore = offset
	}
	return p, nil
}
