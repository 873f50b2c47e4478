package graph

import (
	"fmt"
	"strconv"
	"time"

	"probe/lang/value"
)

// FormatValue returns the text of the bits of a register for a class of C
// types: errors by name, bool as a word, NULL, other pointers in hex.
func FormatValue(typ Result, bits uint64) string {
	switch typ {
	case Void:
		return ""
	case Bool:
		// Only the low byte of the register is defined.
		return strconv.FormatBool(uint8(bits) != 0)
	case Pointer, Unknown:
		if name, ok := errName(int64(bits)); ok {
			return name
		}
		if typ == Pointer && bits == 0 {
			return "NULL"
		}
		if typ == Unknown && bits < 1<<16 {
			return strconv.FormatUint(bits, 10)
		}
		return fmt.Sprintf("%#x", bits)
	}
	n, ok := whole(typ, bits)
	if !ok {
		panic("graph: no such result class " + strconv.Itoa(int(typ)))
	}
	if typ >= Uint8 {
		return strconv.FormatUint(uint64(n), 10)
	}
	if name, ok := errName(n); ok {
		return name
	}
	return strconv.FormatInt(n, 10)
}

func errName(n int64) (string, bool) {
	if !value.IsErr(n) {
		return "", false
	}
	name, ok := value.ErrName(int(-n))
	return "-" + name, ok
}

// IsError reports whether a return value means failure: a negative errno or an
// error pointer.
func IsError(typ Result, bits uint64) bool {
	switch typ {
	case Int32:
		return value.IsErr(int64(int32(bits)))
	case Int64, Pointer, Unknown:
		return value.IsErr(int64(bits))
	}
	return false
}

// RetText returns the return value of a call as text; "" when there is none.
func (f *Funcs) RetText(c *Call) string {
	if c.Flags&HasRet == 0 || c.Flags&Gap != 0 {
		return ""
	}
	fn := f.Func(c.Fn)
	return f.show(fn.Notation, fn.Result, c.Ret)
}

// FormatDuration returns the text of a duration in nanoseconds. The unit always
// takes two columns, so that durations below each other line up.
func FormatDuration(ns int64) string { return string(appendDuration(nil, ns)) }

// appendDuration appends the text that FormatDuration returns.
func appendDuration(b []byte, ns int64) []byte {
	tenth, unit := int64(time.Second/10), " s "
	switch d := time.Duration(ns); {
	case d < 10*time.Millisecond:
		tenth, unit = int64(time.Microsecond/10), " us"
	case d < 10*time.Second:
		tenth, unit = int64(time.Millisecond/10), " ms"
	}
	if ns < 0 {
		b, ns = append(b, '-'), -ns
	}
	n := (ns + tenth/2) / tenth
	b = append(strconv.AppendInt(b, n/10, 10), '.', byte('0'+n%10))
	return append(b, unit...)
}
