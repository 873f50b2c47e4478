package value

import (
	"net/netip"
	"strconv"

	"probe/lang/types"
)

// maxDepth is the maximum nesting of records and arrays that is printed. Real
// types do not nest that deep, so only a damaged type table reaches it.
const maxDepth = 64

const hexDigits = "0123456789abcdef"

// AppendText appends the text form of a value (section 5.6 of the language
// reference). r may be nil.
func AppendText(dst []byte, v Value, r Resolver) []byte {
	return appendText(dst, v, orDefault(r), 0)
}

// AppendKey appends the text of a map key: its text form without an outer pair
// of parentheses (M-PRINT-02).
func AppendKey(dst []byte, v Value, r Resolver) []byte {
	start := len(dst)
	if HasGraph(v.T) {
		dst = appendText(dst, v, shapes{orDefault(r)}, 1)
	} else {
		dst = AppendText(dst, v, r)
	}
	if n := len(dst) - start; n >= 2 && dst[start] == '(' && dst[len(dst)-1] == ')' {
		copy(dst[start:], dst[start+1:len(dst)-1])
		dst = dst[:len(dst)-2]
	}
	return dst
}

// appendText is like AppendText; depth is the nesting of v, at most maxDepth.
func appendText(dst []byte, v Value, r Resolver, depth int) []byte {
	if v.T == nil {
		return append(dst, "null"...)
	}
	switch v.T.Kind {
	case types.Int, types.Count, types.Sum, types.Min, types.Max, types.Avg:
		return appendNumber(dst, v.Uint(), v.Signed())
	case types.Bool:
		return strconv.AppendBool(dst, v.Uint() != 0)
	case types.Enum:
		return appendEnum(dst, v)
	case types.Pointer, types.Ctx:
		return appendAddr(dst, visibleAddr(v.Uint(), r))
	case types.String:
		if !v.Literal && escapes(r) {
			dst = AppendVisible(dst, v.Str(), false)
		} else {
			dst = append(dst, v.Str()...)
		}
		if v.Truncated() {
			dst = append(dst, r.TruncTrailer()...)
		}
		return dst
	case types.Buffer:
		return appendEscaped(dst, v.Data(), false)
	case types.Array:
		return appendArray(dst, v, r, depth)
	case types.Record:
		return appendRecord(dst, v, r, depth)
	case types.Inet:
		return appendInet(dst, v)
	case types.Mac:
		return appendMac(dst, v)
	case types.KStack, types.UStack:
		return appendStack(dst, v, r)
	case types.Graph:
		return appendGraph(dst, v, r, depth > 0)
	case types.KSym:
		return appendSym(dst, r.KSym(v.Uint()), visibleAddr(v.Uint(), r))
	case types.USym:
		pid, probe := uint32(load(v.B, 8, 4)), uint32(load(v.B, 12, 4))
		return appendSym(dst, r.USym(v.Uint(), pid, probe), v.Uint())
	case types.Timestamp:
		s := r.Time(uint32(load(v.B, 0, 4)), Clock(load(v.B, 4, 4)), load(v.B, 8, 8))
		if s == "" {
			s = "(?)"
		}
		return append(dst, s...)
	case types.CgroupPath:
		return append(dst, r.CgroupPath(load(v.B, 0, 8), load(v.B, 8, 8))...)
	case types.Username:
		return append(dst, r.Username(v.Uint())...)
	case types.ErrName:
		return appendErrName(dst, v.Int())
	case types.Sysctl:
		return append(dst, r.Sysctl(v.Uint())...)
	case types.Stats:
		return appendStats(dst, v, 0)
	}
	return append(dst, "null"...) // V-NONE; whole histograms are printed by AppendHist
}

func appendNumber(dst []byte, bits uint64, signed bool) []byte {
	if signed {
		return strconv.AppendInt(dst, int64(bits), 10)
	}
	return strconv.AppendUint(dst, bits, 10)
}

func appendAddr(dst []byte, addr uint64) []byte {
	return strconv.AppendUint(append(dst, "0x"...), addr, 16)
}

func appendEnum(dst []byte, v Value) []byte {
	if name, ok := v.T.Enum.Lookup(v.Uint()); ok {
		return append(dst, name...)
	}
	// The table may hold the enumerators of narrow signed enums zero-extended.
	if n := v.T.Size; v.T.Signed && n > 0 && n < 8 {
		if name, ok := v.T.Enum.Lookup(v.Uint() & (1<<(8*n) - 1)); ok {
			return append(dst, name...)
		}
	}
	return appendNumber(dst, v.Uint(), v.T.Signed)
}

func appendSym(dst []byte, name string, addr uint64) []byte {
	switch {
	case name == "" && addr == 0:
		return append(dst, '0')
	case name == "":
		return appendAddr(dst, addr)
	}
	return append(dst, name...)
}

func appendArray(dst []byte, v Value, r Resolver, depth int) []byte {
	dst = append(dst, '[')
	switch {
	case depth >= maxDepth:
		dst = append(dst, "..."...)
	case v.T.Elem != nil && v.T.Elem.Size > 0:
		for i := range v.T.Len {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, v.Elem(i), r, depth+1)
		}
	}
	return append(dst, ']')
}

func appendRecord(dst []byte, v Value, r Resolver, depth int) []byte {
	if v.T.IsTuple() {
		dst = append(dst, '(')
		for i := range v.NumField() {
			if depth >= maxDepth {
				dst = append(dst, "..."...)
				break
			}
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendText(dst, v.Field(i), r, depth+1)
		}
		return append(dst, ')')
	}
	dst = append(dst, '{')
	first := true
	for i := range v.NumField() {
		f := &v.T.Struct.Fields()[i]
		// The members of an anonymous struct or union follow their container
		// in the list and are printed as members of the outer one.
		if f.Name == "" {
			continue
		}
		if first {
			dst = append(dst, ' ')
		} else {
			dst = append(dst, ", "...)
		}
		first = false
		if depth >= maxDepth {
			dst = append(dst, "..."...)
			break
		}
		dst = append(append(append(dst, '.'), f.Name...), " = "...)
		dst = appendText(dst, v.field(f), r, depth+1)
	}
	if !first {
		dst = append(dst, ' ')
	}
	return append(dst, '}')
}

// appendInet formats an address as inet_ntop does (kernel address families 2
// and 10), with its port as address:port or [address]:port (RFC 5952, section 6)
// if it has one. Other families give an empty text.
func appendInet(dst []byte, v Value) []byte {
	port := load(v.B, 4, 4)
	if port&types.InetHasPort == 0 {
		return appendAddress(dst, v)
	}
	if load(v.B, 0, 4) == 10 {
		dst = append(appendAddress(append(dst, '['), v), ']')
	} else {
		dst = appendAddress(dst, v)
	}
	return strconv.AppendUint(append(dst, ':'), port&0xffff, 10)
}

func appendAddress(dst []byte, v Value) []byte {
	var b [16]byte
	copy(b[:], cut(v.B, 8, 16))
	switch load(v.B, 0, 4) {
	case 2:
		return netip.AddrFrom4([4]byte(b[:4])).AppendTo(dst)
	case 10:
		// The C library writes the old IPv4-compatible form with dots, Go does
		// not: twelve zero bytes and a non-zero word after them.
		if [12]byte(b[:12]) == [12]byte{} && (b[12] != 0 || b[13] != 0) {
			return netip.AddrFrom4([4]byte(b[12:])).AppendTo(append(dst, "::"...))
		}
		return netip.AddrFrom16(b).AppendTo(dst)
	}
	return dst
}

func appendMac(dst []byte, v Value) []byte {
	const digits = "0123456789ABCDEF"
	for i := range 6 {
		if i > 0 {
			dst = append(dst, ':')
		}
		b := load(v.B, i, 1)
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// appendEscaped formats bytes as %r does, or if all is set as %rx does
// (FMT-11).
func appendEscaped(dst, data []byte, all bool) []byte {
	for _, c := range data {
		if !all && c >= ' ' && c < 0x7f {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// appendHexPairs formats bytes as %rh does.
func appendHexPairs(dst, data []byte) []byte {
	for i, c := range data {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// appendErrName writes -ENOENT for -2. Numbers beyond the 32-bit range that are
// not errors can only be pointers and are written as such; all others stay
// decimal (dialect row X-FN).
func appendErrName(dst []byte, n int64) []byte {
	if IsErr(n) {
		if name, ok := ErrName(int(-n)); ok {
			return append(append(dst, '-'), name...)
		}
	} else if uint64(n)>>56 == 0xff && n < -1<<31 { // kernel addresses start with 0xff, with five levels of page tables too
		return appendAddr(dst, uint64(n))
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendStats returns the text of stats(); the divisor applies to the average
// only (M-PRINT-10).
func appendStats(dst []byte, v Value, div int64) []byte {
	signed := v.T.Signed
	dst = append(dst, "{ .count = "...)
	dst = strconv.AppendUint(dst, load(v.B, 8, 8), 10)
	dst = append(dst, ", .average = "...)
	dst = appendNumber(dst, divide(v.average(), div, signed), signed)
	dst = append(dst, ", .total = "...)
	dst = appendNumber(dst, load(v.B, 0, 8), signed)
	return append(dst, " }"...)
}
