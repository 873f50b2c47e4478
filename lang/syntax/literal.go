package syntax

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
)

// numberError describes what is wrong with the text of a number.
type numberError struct {
	msg, label, help string
	from, to         int // the wrong part of the text
}

func (e *numberError) Error() string { return e.msg }

// units are the suffixes of durations, in nanoseconds.
var units = map[string]uint64{
	"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86400e9,
}

// limits are the C suffixes and the largest values they allow.
var limits = map[string]uint64{
	"u": math.MaxUint32, "l": math.MaxInt64, "ll": math.MaxInt64, "ul": math.MaxUint64, "ull": math.MaxUint64,
}

// parseNumber returns the value of the text of a number, which starts with a
// digit: decimal, hexadecimal, octal, N e M, with separators, and with a C or a
// duration suffix (rows L-INT). binary allows 0b… too.
func parseNumber(s string, binary bool) (uint64, *numberError) {
	base, digits := uint64(10), s
	switch {
	case strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X"):
		base, digits = 16, s[2:]
	case binary && (strings.HasPrefix(s, "0b") || strings.HasPrefix(s, "0B")):
		base, digits = 2, s[2:]
	case len(s) > 1 && s[0] == '0' && isDigit(s[1]):
		base, digits = 8, s[1:]
	}
	skip := len(s) - len(digits)
	n := 0
	for n < len(digits) && (digits[n] == '_' || digitValue(digits[n]) < max(base, 10)) {
		n++
	}
	rest := digits[n:]
	value, over := uint64(0), false
	for i, c := range []byte(digits[:n]) {
		if c == '_' {
			continue
		}
		d := digitValue(c)
		if d >= base {
			name := map[uint64]string{8: "octal", 2: "binary"}[base]
			return 0, &numberError{
				fmt.Sprintf("invalid digit `%c` in an %s number", c, name), "",
				"an octal number starts with `0`; leave the zero out for a decimal one", skip + i, skip + i + 1}
		}
		value, over = mulAdd(value, base, d, over)
	}
	if n == 0 || digits[0] == '_' && base != 10 && base != 8 {
		return 0, &numberError{"invalid integer", "a digit is missing here", "", 0, len(s)}
	}
	if digits[n-1] == '_' {
		return 0, &numberError{"invalid integer", "a number cannot end in `_`", "", skip + n - 1, skip + n}
	}
	if base == 16 && rest != "" {
		return 0, &numberError{"invalid trailing bytes in a hexadecimal number",
			"a hexadecimal number takes no suffix", "leave out `" + rest + "`", skip + n, len(s)}
	}
	suffix := rest
	if base == 10 && rest != "" && rest[0]|0x20 == 'e' {
		var err *numberError
		if value, suffix, over, err = exponent(s, digits[:n], rest); err != nil {
			return 0, err
		}
	}
	return applySuffix(s, value, over, suffix)
}

// exponent applies the e and its digits at the start of rest to a coefficient.
func exponent(s, coefficient, rest string) (value uint64, suffix string, over bool, err *numberError) {
	end := 1
	for end < len(rest) && (isDigit(rest[end]) || rest[end] == '_') {
		end++
	}
	exp := strings.ReplaceAll(rest[1:end], "_", "")
	at := len(s) - len(rest)
	if len(coefficient) != 1 || coefficient[0] == '0' {
		return 0, "", false, &numberError{"coefficient part of scientific literal must be 1-9", "",
			"write one digit from 1 to 9 in front of the `e`", 0, at}
	}
	if exp == "" || rest[end-1] == '_' || exp[0] == '0' {
		return 0, "", false, &numberError{"invalid integer exponent", "a whole number from 1 on is missing behind the `e`", "", at, at + end}
	}
	value = uint64(coefficient[0] - '0')
	if len(exp) > 2 {
		return value, rest[end:], true, nil
	}
	n := 0
	for _, c := range []byte(exp) {
		n = n*10 + int(c-'0')
	}
	for range n {
		value, over = mulAdd(value, 10, 0, over)
	}
	return value, rest[end:], over, nil
}

// applySuffix checks a value against its C suffix or scales it by its unit.
func applySuffix(s string, value uint64, over bool, suffix string) (uint64, *numberError) {
	tooLarge := func(limit uint64) *numberError {
		return &numberError{fmt.Sprintf("overflow error, maximum value is %d", limit), "too large", "", 0, len(s)}
	}
	limit, isC := limits[strings.ToLower(suffix)]
	if scale, ok := units[suffix]; ok {
		value, over = mulAdd(value, scale, 0, over)
	} else if suffix != "" && !isC {
		return 0, &numberError{fmt.Sprintf("invalid integer suffix `%s`", suffix), "not a unit or a C suffix",
			"units of time are `ns us ms s m h d`, C suffixes `u l ul ll ull`", len(s) - len(suffix), len(s)}
	}
	if !isC {
		limit = math.MaxUint64
	}
	if over || value > limit {
		return 0, tooLarge(limit)
	}
	return value, nil
}

// mulAdd returns a*b+c, with over set once it exceeds 64 bits.
func mulAdd(a, b, c uint64, over bool) (uint64, bool) {
	hi, lo := bits.Mul64(a, b)
	sum, carry := bits.Add64(lo, c, 0)
	return sum, over || hi != 0 || carry != 0
}

// digitValue returns the value of a hexadecimal digit, or a large number.
func digitValue(c byte) uint64 {
	switch {
	case isDigit(c):
		return uint64(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	}
	return math.MaxUint64
}

// ParseInteger reads a whole text as an integer: the routine for positional and
// named parameters, values of the configuration and numbers in attach points
// (row L-INT-12). It accepts every form that a script can use, and also 0b… and
// a leading '-'. If neg is set, the value is the magnitude of a negative
// number, at most 2^63. Error texts are a few words, for use in a longer
// message.
func ParseInteger(text string) (value uint64, neg bool, err error) {
	digits, neg := strings.CutPrefix(text, "-")
	if digits == "" || !isDigit(digits[0]) || wordEnd(digits, 0) != len(digits) {
		if digits != "" && isDigit(digits[0]) {
			return 0, neg, errors.New("invalid trailing bytes")
		}
		return 0, neg, errors.New("invalid integer")
	}
	value, bad := parseNumber(digits, true)
	if bad != nil {
		return 0, neg, bad
	}
	if neg && value > 1<<63 {
		return 0, neg, fmt.Errorf("overflow error, minimum value is %d", math.MinInt64)
	}
	return value, neg, nil
}

// badInteger reports a wrong number.
func (p *parser) badInteger(span source.Span, message string) *diag.Diagnostic {
	return p.report("bad-integer", span, "%s", message)
}

// intLit makes a node of the next token, a number.
func (p *parser) intLit() *IntLit {
	t := p.next()
	value, err := parseNumber(t.Value, false)
	if err != nil {
		d := p.badInteger(p.at(t.Pos.Offset+err.from, t.Pos.Offset+err.to).At, err.msg).WithRow("L-INT-01")
		compatInteger(d, t.Value, err.msg, p.tokSpan(t))
		if err.label != "" {
			d.WithLabel("%s", err.label)
		}
		if err.help != "" {
			d.WithHelp("%s", err.help)
		}
	}
	return &IntLit{At{p.tokSpan(t)}, value, t.Value}
}

// positional makes a node of the next token, $N or $#.
func (p *parser) positional() *Positional {
	t := p.next()
	x := &Positional{At: At{p.tokSpan(t)}}
	if t.Value == "$#" {
		return x
	}
	for _, c := range []byte(t.Value[1:]) {
		if x.N = x.N*10 + int(c-'0'); x.N > math.MaxInt32 {
			break
		}
	}
	if x.N == 0 || x.N > math.MaxInt32 {
		x.N = 1
		p.report("bad-positional", x.At.At, "positional parameter `%s` is out of integer range", t.Value).
			WithCompat("param %s is out of integer range [1, 9223372036854775807]", t.Value).
			WithRow("L-LEX-07").
			WithLabel("parameters are counted from `$1`").
			WithHelp("`$#` is the number of parameters")
	}
	return x
}

// stringLit makes a node of the next token, a string.
func (p *parser) stringLit() *StringLit {
	t := p.next()
	raw := t.Value[1:]
	if !isOpenString(t) { // the scanner has reported an unclosed one
		raw = raw[:len(raw)-1]
	}
	value := raw
	if strings.IndexByte(raw, '\\') >= 0 {
		value = p.unescape(raw, t.Pos.Offset+1)
	}
	return &StringLit{At{p.tokSpan(t)}, value}
}

// escapedEnd reports whether s ends inside an escape.
func escapedEnd(s string) bool {
	n := len(s) - len(strings.TrimRight(s, `\`))
	return n%2 == 1
}

// unescape resolves the escapes of a string whose text starts at off.
func (p *parser) unescape(raw string, off int) string {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			i++
			continue
		}
		c, n, why := escape(raw[i:])
		if why != "" {
			d := p.report("bad-escape", p.at(off+i, off+i+n).At, "%s", why).
				WithCompat("%s", compatEscape(raw[i:i+n])).CompatAt(compatEscapeAt(p.at(off+i+1, off+i+n).At)).WithRow("L-STR-02")
			d.WithHelp("the escapes are `\\n` `\\t` `\\r` `\\\"` `\\\\`, `\\nnn` (octal) and `\\xNN`; write `\\\\` for a backslash")
		} else {
			b.WriteByte(c)
		}
		i += n
	}
	return b.String()
}

// escape reads the escape that s starts with: the byte it stands for and its
// length, or what is wrong with it.
func escape(s string) (c byte, n int, why string) {
	if len(s) < 2 {
		return 0, len(s), "invalid escape character"
	}
	switch s[1] {
	case 'n':
		return '\n', 2, ""
	case 't':
		return '\t', 2, ""
	case 'r':
		return '\r', 2, ""
	case '"', '\\':
		return s[1], 2, ""
	case 'x':
		v := 0
		for n = 2; n < len(s) && n < 4 && digitValue(s[n]) < 16; n++ {
			v = v<<4 | int(digitValue(s[n]))
		}
		if n == 2 {
			return 0, n, "`\\x` needs one or two hexadecimal digits"
		}
		return byte(v), n, ""
	}
	v := 0
	for n = 1; n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7'; n++ {
		v = v<<3 | int(s[n]-'0')
	}
	switch {
	case n == 1:
		n = 2
		for n < len(s) && s[n]&0xc0 == 0x80 {
			n++
		}
		return 0, n, fmt.Sprintf("invalid escape character `%s`", s[1:n])
	case v > 255:
		return 0, n, fmt.Sprintf("octal escape `%s` is above 255", s[:n])
	}
	return byte(v), n, ""
}

// Quote returns the canonical spelling of a string literal.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
