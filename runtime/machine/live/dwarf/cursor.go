package dwarf

import (
	"bytes"
	"encoding/binary"
)

// cursor reads numbers from bytes. After a read beyond the end bad is set, and
// all reads return zero.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b)-c.at {
		c.bad, c.at = true, len(c.b)
		return nil
	}
	b := c.b[c.at : c.at+n]
	c.at += n
	return b
}

func (c *cursor) u8() uint8 {
	if c.at < len(c.b) {
		c.at++
		return c.b[c.at-1]
	}
	c.bad = true
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u24() uint32 {
	if b := c.take(3); b != nil {
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// sized reads a number of 4 or 8 bytes.
func (c *cursor) sized(eight bool) uint64 {
	if eight {
		return c.u64()
	}
	return uint64(c.u32())
}

// address reads an address of 4 or 8 bytes.
func (c *cursor) address(size int) uint64 { return c.sized(size == 8) }

func (c *cursor) uleb() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.u8()
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b < 0x80 {
			return v
		}
	}
}

func (c *cursor) sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		b := c.u8()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b < 0x80 {
			if shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}

func (c *cursor) skipLeb() {
	for c.u8() >= 0x80 {
	}
}

// cstring returns the bytes up to a NUL, which it skips.
func (c *cursor) cstring() []byte {
	n := bytes.IndexByte(c.b[c.at:], 0)
	if n < 0 {
		c.take(len(c.b) + 1)
		return nil
	}
	b := c.b[c.at : c.at+n]
	c.at += n + 1
	return b
}

// length reads the length at the start of a unit or table. wide is set for the
// 64-bit format, in which offsets have 8 bytes.
func (c *cursor) length() (n uint64, wide bool) {
	n = uint64(c.u32())
	if n == 0xffffffff {
		return c.u64(), true
	}
	return n, false
}
