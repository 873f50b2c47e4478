package insn

// The shape of an instruction behind its opcode: the low bits are the bytes of
// its constant, the high ones say what else there is.
const (
	modRM   = 0x10 // a byte with the operands, which may have more behind it
	immZ    = 0x20 // a constant of 4 bytes, or of 2 with the prefix of 16-bit operands
	bad     = 0x40 // no instruction of 64-bit programs, or none that is known
	special = 0x80 // depends on more than the opcode
)

// x86One has the shapes of the opcodes of one byte, in rows of 16.
var x86One = [256]uint8{
	0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, 0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, // 00: add, or
	0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, 0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, // 10: adc, sbb
	0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, 0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, // 20: and, sub
	0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, 0x10, 0x10, 0x10, 0x10, 1, immZ, bad, bad, // 30: xor, cmp
	bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, // 40: prefixes
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // 50: push, pop
	bad, bad, bad, 0x10, bad, bad, bad, bad, immZ, 0x10 | immZ, 1, 0x11, 0, 0, 0, 0, // 60
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, // 70: short jumps
	0x11, 0x10 | immZ, bad, 0x11, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // 80
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bad, 0, 0, 0, 0, 0, // 90
	special, special, special, special, 0, 0, 0, 0, 1, immZ, 0, 0, 0, 0, 0, 0, // a0: absolute addresses, string operations
	1, 1, 1, 1, 1, 1, 1, 1, special, special, special, special, special, special, special, special, // b0: mov of constants
	0x11, 0x11, 2, 0, bad, bad, 0x11, 0x10 | immZ, 3, 0, 2, 0, 0, 1, bad, 0, // c0
	0x10, 0x10, 0x10, 0x10, bad, bad, bad, 0, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // d0
	1, 1, 1, 1, 1, 1, 1, 1, 4, 4, bad, 1, 0, 0, 0, 0, // e0: loops, in, out, calls, jumps
	bad, 0, bad, bad, 0, 0, special, special, 0, 0, 0, 0, 0, 0, 0x10, 0x10, // f0
}

// x86Two has the shapes of the opcodes behind 0f.
var x86Two = [256]uint8{
	0x10, 0x10, 0x10, 0x10, bad, 0, 0, 0, 0, 0, bad, 0, bad, 0x10, 0, 0x11, // 00
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // 10
	0x10, 0x10, 0x10, 0x10, bad, bad, bad, bad, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // 20
	0, 0, 0, 0, 0, 0, bad, 0, bad, bad, bad, bad, bad, bad, bad, bad, // 30
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // 40: cmov
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // 50
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // 60
	0x11, 0x11, 0x11, 0x11, 0x10, 0x10, 0x10, 0, 0x10, 0x10, bad, bad, 0x10, 0x10, 0x10, 0x10, // 70
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, // 80: long jumps
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // 90: set
	0, 0, 0, 0x10, 0x11, 0x10, bad, bad, 0, 0, 0, 0x10, 0x11, 0x10, 0x10, 0x10, // a0
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x11, 0x10, 0x10, 0x10, 0x10, 0x10, // b0
	0x10, 0x10, 0x11, 0x10, 0x11, 0x11, 0x11, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, // c0
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // d0
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // e0
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, // f0
}

// maxX86 is the length of the longest instruction that processors take.
const maxX86 = 15

// x86Length returns the length of the first instruction of code, in 64-bit mode;
// 0 if it is not known or not whole.
func x86Length(code []byte) int {
	at := 0
	next := func() (byte, bool) {
		if at >= len(code) || at >= maxX86 {
			return 0, false
		}
		at++
		return code[at-1], true
	}
	narrow, short, wide := false, false, false // 16-bit operands, 32-bit addresses, REX.W
	op, ok := next()
prefixes:
	for ok {
		switch op {
		case 0x66:
			narrow = true
		case 0x67:
			short = true
		case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0, 0xf2, 0xf3:
		default:
			break prefixes
		}
		op, ok = next()
	}
	if ok && op >= 0x40 && op <= 0x4f {
		wide = op&8 != 0
		op, ok = next()
	}
	if !ok {
		return 0
	}

	var shape uint8
	switch op {
	case 0x0f:
		if op, ok = next(); !ok {
			return 0
		}
		switch op {
		case 0x38, 0x3a:
			shape = mapShape(op)
			if _, ok = next(); !ok {
				return 0
			}
		default:
			shape = x86Two[op]
		}
	case 0xc4, 0xc5, 0x62:
		n, s, ok := vector(op, code[at:])
		if !ok {
			return 0
		}
		at, shape = at+n, s
	default:
		shape = x86One[op]
	}

	length := int(shape & 0xf)
	switch {
	case shape&bad != 0:
		return 0
	case shape&special == 0:
	case op >= 0xb8 && op <= 0xbf: // mov register, constant
		switch {
		case wide:
			length = 8
		case narrow:
			length = 2
		default:
			length = 4
		}
	case op >= 0xa0 && op <= 0xa3: // mov with an absolute address
		length = 8
		if short {
			length = 4
		}
	default: // f6, f7: test has a constant, the others of the group have none
		shape = modRM
		if at < len(code) && code[at]>>3&7 <= 1 {
			if op == 0xf6 {
				length = 1
			} else {
				shape |= immZ
			}
		}
	}
	if shape&immZ != 0 {
		length = 4
		if narrow && !wide {
			length = 2
		}
	}
	if shape&modRM != 0 {
		n := operands(code[at:])
		if n == 0 {
			return 0
		}
		length += n
	}
	if at+length > min(len(code), maxX86) {
		return 0
	}
	return at + length
}

// mapShape returns the shape of the opcodes behind 0f 38 and 0f 3a.
func mapShape(escape byte) uint8 {
	if escape == 0x3a {
		return modRM | 1
	}
	return modRM
}

// vector reads what follows the first byte of an instruction with a VEX or EVEX
// prefix up to its opcode, and returns how many bytes that are and the shape.
func vector(prefix byte, code []byte) (n int, shape uint8, ok bool) {
	n = map[byte]int{0xc5: 2, 0xc4: 3, 0x62: 4}[prefix]
	if len(code) < n {
		return 0, 0, false
	}
	table, op := byte(1), code[n-1]
	switch prefix {
	case 0xc4:
		table = code[0] & 0x1f
	case 0x62:
		table = code[0] & 7
	}
	switch table {
	case 1:
		switch {
		case op == 0x77 && prefix != 0x62: // vzeroupper
			return n, 0, true
		case op >= 0x70 && op <= 0x73, op == 0xc2, op >= 0xc4 && op <= 0xc6:
			return n, modRM | 1, true
		}
		return n, modRM, true
	case 2, 5, 6:
		return n, modRM, true
	case 3:
		return n, modRM | 1, true
	}
	return 0, 0, false
}

// operands returns the length of a ModRM byte with the SIB byte and the
// displacement behind it; 0 if it is not whole.
func operands(code []byte) int {
	if len(code) == 0 {
		return 0
	}
	n, mod, rm := 1, code[0]>>6, code[0]&7
	if mod == 3 {
		return n
	}
	if rm == 4 {
		if len(code) < 2 {
			return 0
		}
		n, rm = n+1, code[1]&7
	}
	switch {
	case mod == 1:
		n++
	case mod == 2, rm == 5:
		n += 4
	}
	return n
}
