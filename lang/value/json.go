package value

import (
	"bytes"
	"math/bits"
	"strconv"

	"probe/lang/types"
)

// AppendJSON appends the JSON form of a value (section 6.6 of the language
// reference). r may be nil.
func AppendJSON(dst []byte, v Value, r Resolver) []byte {
	return appendJSON(dst, v, orDefault(r), 0)
}

// AppendKeyJSON appends a map key as a JSON string: its text form without the
// outer parentheses and without any space (O-JSON-03).
func AppendKeyJSON(dst []byte, v Value, r Resolver) []byte {
	text := AppendKey(nil, v, r)
	keep := text[:0]
	for _, c := range text {
		if c != ' ' {
			keep = append(keep, c)
		}
	}
	return AppendJSONString(dst, keep)
}

// appendJSON is like AppendJSON; depth is the nesting of v, at most maxDepth.
func appendJSON(dst []byte, v Value, r Resolver, depth int) []byte {
	if v.T == nil {
		return append(dst, "null"...)
	}
	switch v.T.Kind {
	case types.Pointer, types.Ctx:
		return appendJSONNumber(dst, visibleAddr(v.Uint(), r), v.Signed())
	case types.Int,
		types.Count, types.Sum, types.Min, types.Max, types.Avg:
		return appendJSONNumber(dst, v.Uint(), v.Signed())
	case types.Enum:
		if v.T.Enum != nil && v.T.Enum.Words {
			return AppendJSONString(dst, string(appendEnum(nil, v)))
		}
		return appendJSONNumber(dst, v.Uint(), v.Signed())
	case types.Bool:
		return strconv.AppendBool(dst, v.Uint() != 0)
	case types.Buffer:
		dst = append(dst, '[')
		for i, c := range v.Data() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, int64(int8(c)), 10)
		}
		return append(dst, ']')
	case types.Array:
		dst = append(dst, '[')
		if v.T.Elem != nil && v.T.Elem.Size > 0 && depth < maxDepth {
			for i := range v.T.Len {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendJSON(dst, v.Elem(i), r, depth+1)
			}
		}
		return append(dst, ']')
	case types.Record:
		return appendJSONRecord(dst, v, r, depth)
	case types.Graph:
		return appendGraphJSON(dst, v, r)
	case types.Stats:
		return AppendStatsJSON(dst, v, 0)
	case types.KStack, types.UStack:
		text := appendText(nil, v, r, depth)
		if _, arrays := r.(frameArrays); arrays {
			return appendFrameArray(dst, text)
		}
		return AppendJSONString(dst, text)
	case types.String, types.Inet, types.Mac, types.KSym, types.USym,
		types.Timestamp, types.CgroupPath, types.Username, types.ErrName, types.Sysctl:
		return AppendJSONString(dst, appendText(nil, v, r, depth))
	}
	return append(dst, "null"...)
}

// FrameArrays returns a Resolver with which the JSON of a stack is an array with
// a string for each frame, in place of one string with a line for each.
func FrameArrays(r Resolver) Resolver { return frameArrays{orDefault(r)} }

type frameArrays struct{ Resolver }

// appendFrameArray appends the lines of a stack's text as an array.
func appendFrameArray(dst, text []byte) []byte {
	dst = append(dst, '[')
	first := true
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendJSONString(dst, line)
	}
	return append(dst, ']')
}

func appendJSONRecord(dst []byte, v Value, r Resolver, depth int) []byte {
	if depth >= maxDepth {
		return append(dst, "null"...)
	}
	if v.T.IsTuple() {
		dst = append(dst, '[')
		for i := range v.NumField() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, v.Field(i), r, depth+1)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	first := true
	for i := range v.NumField() {
		f := &v.T.Struct.Fields()[i]
		if f.Name == "" { // see appendRecord
			continue
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = append(AppendJSONString(dst, f.Name), ": "...)
		dst = appendJSON(dst, v.field(f), r, depth+1)
	}
	return append(dst, '}')
}

// AppendStatsJSON appends the object of stats(); div applies to the average.
func AppendStatsJSON(dst []byte, v Value, div int64) []byte {
	signed := v.T.Signed
	dst = appendJSONNumber(append(dst, `{"count": `...), load(v.B, 8, 8), false)
	dst = appendJSONNumber(append(dst, `, "average": `...), divide(v.average(), max(div, 1), signed), signed)
	dst = appendJSONNumber(append(dst, `, "total": `...), load(v.B, 0, 8), signed)
	return append(dst, '}')
}

// AppendMapValueJSON appends a map's value, divided.
func AppendMapValueJSON(dst []byte, v Value, div int64, r Resolver) []byte {
	if v.T != nil && v.T.Kind == types.Stats {
		return AppendStatsJSON(dst, v, div)
	}
	return AppendJSON(dst, v.Divided(div), r)
}

// appendJSONNumber writes a number, as a string when a reader that keeps
// numbers as doubles would change it (O-JSON-01).
func appendJSONNumber(dst []byte, u uint64, signed bool) []byte {
	size := u
	if signed && int64(u) < 0 {
		size = -u
	}
	exact := size == 0 || bits.Len64(size)-bits.TrailingZeros64(size) <= 53
	if !exact {
		dst = append(dst, '"')
	}
	dst = appendNumber(dst, u, signed)
	if !exact {
		dst = append(dst, '"')
	}
	return dst
}

// AppendJSONString appends a JSON string with its quotes. Bytes above 127 pass
// as they are (O-JSON-01).
func AppendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
