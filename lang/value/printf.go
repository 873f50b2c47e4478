package value

import (
	"strconv"

	"probe/lang/types"
)

// AppendFormat appends what a printf call prints (section 5.4 of the language
// reference). Arguments are taken in order; what cannot be converted prints
// !{reason} in its place (FMT-14). r may be nil.
func AppendFormat(dst []byte, specs []Spec, args []Value, r Resolver) []byte {
	r = orDefault(r)
	next := 0
	for i := range specs {
		s := &specs[i]
		if s.Conv == ConvLiteral {
			dst = append(dst, s.Text...)
			continue
		}
		if next >= len(args) {
			dst = append(dst, "!{missing argument}"...)
			continue
		}
		start := len(dst)
		dst = appendConv(dst, s, args[next], r)
		dst = pad(dst, start, s)
		next++
	}
	return dst
}

// appendConv appends one converted argument without padding.
func appendConv(dst []byte, s *Spec, v Value, r Resolver) []byte {
	switch {
	case s.Conv == ConvString:
		return appendText(dst, v, r, 0)
	case s.Conv.IsBytes():
		data := v.Data()
		if !v.hasData() {
			return appendMisfit(dst, s, v)
		}
		switch s.Conv {
		case ConvBytesEscaped:
			return appendEscaped(dst, data, true)
		case ConvBytesHex:
			return appendHexPairs(dst, data)
		}
		return appendEscaped(dst, data, false)
	case !v.IsNumber():
		return appendMisfit(dst, s, v)
	}
	u := v.Uint()
	if s.Conv == ConvPointer || v.T != nil && v.T.Kind == types.Pointer {
		u = visibleAddr(u, r)
	}
	switch s.Conv {
	case ConvChar:
		if !v.Literal && escapes(r) {
			return AppendVisible(dst, []byte{byte(u)}, false)
		}
		return append(dst, byte(u))
	case ConvPointer:
		if u == 0 {
			return append(dst, '0')
		}
		return appendAddr(dst, u)
	case ConvGFP:
		return AppendGFPFlags(dst, u)
	case ConvErrName:
		// An unsigned number narrower than a pointer cannot be an error.
		if n := int64(u); IsErr(n) {
			return appendErrName(dst, n)
		}
		return appendText(dst, v, r, 0)
	case ConvSigned:
		n := int64(signExtend(u, s.Bits))
		if s.Plus && n >= 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, n, 10)
	}
	if s.Bits < 64 {
		u &= 1<<s.Bits - 1
	}
	start := len(dst)
	switch s.Conv {
	case ConvOctal:
		if s.Hash && u != 0 {
			dst = append(dst, '0')
		}
		return strconv.AppendUint(dst, u, 8)
	case ConvHex, ConvHexUpper:
		if s.Hash && u != 0 {
			dst = append(dst, "0x"...)
		}
		dst = strconv.AppendUint(dst, u, 16)
		if s.Conv == ConvHexUpper {
			upper(dst[start:])
		}
		return dst
	}
	return strconv.AppendUint(dst, u, 10) // ConvUnsigned
}

func appendMisfit(dst []byte, s *Spec, v Value) []byte {
	dst = append(dst, "!{unsupported format specifier for type '"...)
	dst = append(dst, v.T.String()...)
	dst = append(dst, "': "...)
	return append(append(dst, s.Letters...), '}')
}

func upper(b []byte) {
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
}

// pad fills dst[start:] up to the width. The rules are those of C++ streams:
// the zero flag chooses the fill character and nothing else, so it goes before
// a sign or prefix, and after the text when left-aligned (FMT-13).
func pad(dst []byte, start int, s *Spec) []byte {
	n := s.Width - (len(dst) - start)
	if n <= 0 {
		return dst
	}
	fill := byte(' ')
	if s.Zero {
		fill = '0'
	}
	end := len(dst)
	for range n {
		dst = append(dst, fill)
	}
	if !s.Minus {
		copy(dst[start+n:], dst[start:end])
		for i := range n {
			dst[start+i] = fill
		}
	}
	return dst
}
