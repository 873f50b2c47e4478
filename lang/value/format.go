package value

import (
	"fmt"
	"strings"
)

// MaxFormatWidth is the largest field width or precision a format may ask for.
const MaxFormatWidth = 65535

// Spec is one piece of a printf-like format string: literal text (Verb is "")
// or one conversion.
type Spec struct {
	Text string // literal text when Verb is "", with %% already reduced

	Verb   string // d i u o x X c p s r rx rh gr e
	Length string // length letters as written: h hh l ll L j z t
	Left   bool   // '-'
	Plus   bool   // '+'
	Blank  bool   // ' ' (no effect)
	Alt    bool   // '#'
	Zero   bool   // '0'
	Width  int    // 0 if none or '*'
	// Precision is -1 if none or '*'. It never cuts a value (FMT-07).
	Precision int

	Start, End int // bytes in the format string
}

// Bits is the width an integer is cut to before it is printed (FMT-04): 8, 16,
// 32 or 64.
func (s *Spec) Bits() int {
	switch s.Length {
	case "hh":
		return 8
	case "h":
		return 16
	case "":
		return 32
	}
	return 64
}

// Signed tells that the conversion reads integers as signed (FMT-05).
func (s *Spec) Signed() bool { return s.Verb == "d" || s.Verb == "i" }

// IntegerOnly tells that the conversion takes a number, not any value.
func (s *Spec) IntegerOnly() bool {
	switch s.Verb {
	case "d", "i", "u", "o", "x", "X", "c", "p", "gr", "e":
		return true
	}
	return false
}

// FormatError is a conversion that no argument can satisfy.
type FormatError struct {
	Spec       string // the conversion as written, "%5f"
	Verb       string // the conversion letter
	Start, End int    // bytes in the format string
	TooWide    bool   // width or precision above MaxFormatWidth
}

// Error is the reason in one line.
func (e *FormatError) Error() string {
	if e.TooWide {
		return fmt.Sprintf("width or precision of %q is above %d", e.Spec, MaxFormatWidth)
	}
	return "unsupported format specifier: " + e.Verb
}

// Conversions counts the specs that take an argument.
func Conversions(specs []Spec) int {
	n := 0
	for i := range specs {
		if specs[i].Verb != "" {
			n++
		}
	}
	return n
}

// ParseFormat splits a format string (FMT-01). A percent sign that does not
// start a well-formed conversion is plain text; floating-point conversions and
// %n are well-formed but unsupported and give a *FormatError. The specs before
// the faulty one are returned with the error.
func ParseFormat(format string) ([]Spec, error) {
	var out []Spec
	var text strings.Builder
	textStart := 0
	flush := func(end int) {
		if text.Len() > 0 {
			out = append(out, Spec{Text: text.String(), Precision: -1, Start: textStart, End: end})
			text.Reset()
		}
	}
	for i := 0; i < len(format); {
		if format[i] != '%' {
			j := strings.IndexByte(format[i:], '%')
			if j < 0 {
				j = len(format) - i
			}
			if text.Len() == 0 {
				textStart = i
			}
			text.WriteString(format[i : i+j])
			i += j
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			if text.Len() == 0 {
				textStart = i
			}
			text.WriteByte('%')
			i += 2
			continue
		}
		spec, ok, err := parseSpec(format, i)
		if err != nil {
			flush(i)
			return out, err
		}
		if !ok {
			if text.Len() == 0 {
				textStart = i
			}
			text.WriteByte('%')
			i++
			continue
		}
		flush(i)
		out = append(out, spec)
		i = spec.End
	}
	flush(len(format))
	return out, nil
}

// conversions in the order they are tried: longer ones first.
var supported = []string{"rx", "rh", "r", "gr", "d", "i", "u", "o", "x", "X", "c", "p", "s", "e"}

// parseSpec reads one conversion at format[at] == '%'. The flags stand in one
// fixed order: - + blank # 0.
func parseSpec(format string, at int) (Spec, bool, error) {
	s := Spec{Precision: -1, Start: at}
	i := at + 1
	for _, f := range [...]struct {
		char byte
		set  *bool
	}{{'-', &s.Left}, {'+', &s.Plus}, {' ', &s.Blank}, {'#', &s.Alt}, {'0', &s.Zero}} {
		if i < len(format) && format[i] == f.char {
			*f.set = true
			i++
		}
	}
	tooWide := false
	s.Width, i = formatNumber(format, i, 0, &tooWide)
	if i < len(format) && format[i] == '.' {
		s.Precision, i = formatNumber(format, i+1, -1, &tooWide)
	}
	start := i
	switch {
	case strings.HasPrefix(format[i:], "hh"), strings.HasPrefix(format[i:], "ll"):
		i += 2
	case i < len(format) && strings.IndexByte("hlLjzt", format[i]) >= 0:
		i++
	}
	s.Length = format[start:i]
	for _, v := range supported {
		if strings.HasPrefix(format[i:], v) {
			s.Verb, s.End = v, i+len(v)
			if tooWide {
				return s, false, &FormatError{Spec: format[at:s.End], Verb: v, Start: at, End: s.End, TooWide: true}
			}
			return s, true, nil
		}
	}
	if i < len(format) && strings.IndexByte("aAEfFgGn", format[i]) >= 0 {
		return s, false, &FormatError{Spec: format[at : i+1], Verb: format[i : i+1], Start: at, End: i + 1}
	}
	return s, false, nil
}

// formatNumber reads digits or '*' (parsed and ignored, FMT-06).
func formatNumber(format string, i, none int, tooWide *bool) (int, int) {
	if i < len(format) && format[i] == '*' {
		return none, i + 1
	}
	n, start := 0, i
	for ; i < len(format) && format[i] >= '0' && format[i] <= '9'; i++ {
		if n = n*10 + int(format[i]-'0'); n > MaxFormatWidth {
			n, *tooWide = MaxFormatWidth, true
		}
	}
	if i == start {
		return none, i
	}
	return n, i
}
