package value

import (
	"fmt"
	"strconv"
	"strings"
)

// Conv is a conversion of a printf format.
type Conv uint8

// The conversions (FMT-02; ConvErrName is an addition of this language).
const (
	ConvLiteral      Conv = iota // no conversion: literal text
	ConvSigned                   // d i
	ConvUnsigned                 // u
	ConvOctal                    // o
	ConvHex                      // x
	ConvHexUpper                 // X
	ConvChar                     // c
	ConvPointer                  // p
	ConvString                   // s: the text form of any value
	ConvBytes                    // r: printable ASCII as is, the rest as \xHH
	ConvBytesEscaped             // rx: every byte as \xHH
	ConvBytesHex                 // rh: pairs of hex digits
	ConvGFP                      // gr: page allocation flags by name
	ConvErrName                  // e: -ENOENT for -2
)

// IsInteger reports whether c takes an integer, bool, enum, pointer or castable
// aggregation.
func (c Conv) IsInteger() bool {
	return c >= ConvSigned && c <= ConvPointer || c == ConvGFP || c == ConvErrName
}

// IsBytes reports whether c takes a buffer.
func (c Conv) IsBytes() bool { return c >= ConvBytes && c <= ConvBytesHex }

// Spec is one piece of a format: literal text or one conversion.
type Spec struct {
	Conv Conv
	// Text is the literal text (%% already reduced), or the conversion as it
	// was written, "%-5lld".
	Text string
	// Letters are the conversion letters as written: "d", "rx"; "" for text.
	Letters string
	// Pos is the byte offset of the piece in the format.
	Pos int

	Minus, Plus, Space, Hash, Zero bool
	Width                          int // 0 when absent or '*'
	Precision                      int // -1 when absent or '*'; it has no effect (FMT-07)
	Bits                           int // 8, 16, 32 or 64 by the length letters (FMT-04)
}

// MaxWidth is the maximum width of a field in bytes.
const MaxWidth = 1 << 16

// FormatError is a piece of a format that cannot be used. Pos and End are the
// bytes of the piece within the format.
type FormatError struct {
	Pos, End int
	Message  string
}

// Error returns the message.
func (e *FormatError) Error() string { return e.Message }

// ParseFormat splits a printf format into its pieces (FMT-01 to FMT-03). A
// percent sign that starts no specifier stays text. The error is a
// *FormatError: a conversion of C that this language lacks, or a width beyond
// MaxWidth.
func ParseFormat(format string) ([]Spec, error) {
	var specs []Spec
	var text []byte
	start := 0
	flush := func(next int) {
		if len(text) > 0 {
			specs = append(specs, Spec{Text: string(text), Pos: start, Precision: -1})
			text = text[:0]
		}
		start = next
	}
	for i := 0; i < len(format); {
		if format[i] != '%' {
			text = append(text, format[i])
			i++
			continue
		}
		if i+1 < len(format) && format[i+1] == '%' {
			text = append(text, '%')
			i += 2
			continue
		}
		s, end, err := parseSpec(format, i)
		if err != nil {
			return nil, err
		}
		if end > 0 && format[end-1] == '%' { // flags and width have no effect
			text = append(text, '%')
			i = end
			continue
		}
		if end == 0 {
			text = append(text, '%')
			i++
			continue
		}
		flush(end)
		specs = append(specs, s)
		i = end
	}
	flush(0)
	return specs, nil
}

// UnknownConversion returns the first text of a format that looks like a
// conversion and is none, such as "%q"; "" if there is none. Such text is
// printed as it stands.
func UnknownConversion(format string) string {
	for i := 0; i < len(format); {
		switch {
		case format[i] != '%':
			i++
			continue
		case i+1 < len(format) && format[i+1] == '%':
			i += 2
			continue
		}
		_, end, err := parseSpec(format, i)
		if err != nil {
			return ""
		}
		if end == 0 {
			stop := i + 1
			for stop < len(format) && strings.IndexByte("-+ #0123456789.", format[stop]) >= 0 {
				stop++
			}
			if stop < len(format) && ('a' <= format[stop]|0x20 && format[stop]|0x20 <= 'z') {
				return format[i : stop+1]
			}
			end = i + 1
		}
		i = end
	}
	return ""
}

// Args returns the number of values a format consumes.
func Args(specs []Spec) int {
	n := 0
	for i := range specs {
		if specs[i].Conv != ConvLiteral {
			n++
		}
	}
	return n
}

var convs = [256]Conv{
	'd': ConvSigned, 'i': ConvSigned, 'u': ConvUnsigned, 'o': ConvOctal, 'x': ConvHex, 'X': ConvHexUpper,
	'c': ConvChar, 'p': ConvPointer, 's': ConvString, 'r': ConvBytes, 'e': ConvErrName,
}

// parseSpec reads the specifier that starts at format[pos] == '%'. end is 0
// when there is none.
func parseSpec(format string, pos int) (s Spec, end int, err error) {
	s = Spec{Pos: pos, Precision: -1, Bits: 32}
	i := pos + 1
	// The flags come in this order only.
	for _, f := range []struct {
		c  byte
		on *bool
	}{{'-', &s.Minus}, {'+', &s.Plus}, {' ', &s.Space}, {'#', &s.Hash}, {'0', &s.Zero}} {
		if i < len(format) && format[i] == f.c {
			*f.on = true
			i++
		}
	}
	width, i, ok := parseCount(format, i)
	if width > 0 {
		s.Width = width
	}
	if i < len(format) && format[i] == '.' {
		var okp bool
		s.Precision, i, okp = parseCount(format, i+1)
		ok = ok && okp
	}
	length := i
	for i < len(format) && isLength(format[i]) {
		i++
	}
	bits, okl := lengthBits(format[length:i])
	s.Bits = bits
	if i >= len(format) {
		return s, 0, nil
	}
	letter := i
	c := format[i]
	i++
	s.Conv = convs[c]
	switch {
	case c == 'r' && i < len(format) && format[i] == 'x':
		s.Conv = ConvBytesEscaped
		i++
	case c == 'r' && i < len(format) && format[i] == 'h':
		s.Conv = ConvBytesHex
		i++
	case c == 'g' && i < len(format) && format[i] == 'r':
		s.Conv = ConvGFP
		i++
	case c == '%' && ok && okl:
		return s, i, nil
	case s.Conv == ConvLiteral && !isForeign(c):
		return s, 0, nil
	}
	s.Text, s.Letters = format[pos:i], format[letter:i]
	switch {
	case s.Conv == ConvLiteral:
		return s, 0, &FormatError{pos, i, fmt.Sprintf("unsupported format specifier: %s", s.Letters)}
	case !okl:
		return s, 0, &FormatError{pos, i, fmt.Sprintf("unsupported format specifier: %s", format[length:i])}
	case !ok:
		return s, 0, &FormatError{pos, i, fmt.Sprintf("the width of %s is beyond the limit of %d", s.Text, MaxWidth)}
	}
	return s, i, nil
}

// parseCount reads digits or '*'. n is -1 when there are none; ok is false
// beyond MaxWidth.
func parseCount(format string, i int) (n, end int, ok bool) {
	if i < len(format) && format[i] == '*' {
		return -1, i + 1, true
	}
	end = i
	for end < len(format) && format[end] >= '0' && format[end] <= '9' {
		end++
	}
	if end == i {
		return -1, i, true
	}
	n, err := strconv.Atoi(format[i:end])
	return n, end, err == nil && n <= MaxWidth
}

func isLength(c byte) bool {
	switch c {
	case 'h', 'l', 'L', 'j', 'z', 't':
		return true
	}
	return false
}

// isForeign reports whether c is a conversion of C that this language lacks.
func isForeign(c byte) bool {
	switch c {
	case 'a', 'A', 'E', 'f', 'F', 'g', 'G', 'n':
		return true
	}
	return false
}

func lengthBits(letters string) (bits int, ok bool) {
	switch letters {
	case "":
		return 32, true
	case "h":
		return 16, true
	case "hh":
		return 8, true
	case "l", "ll", "L", "j", "z", "t":
		return 64, true
	}
	return 0, false
}
