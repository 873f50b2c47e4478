package syntax

import (
	"math"
	"strings"
	"testing"

	"probe/lang/source"
)

func TestParseInteger(t *testing.T) {
	for _, c := range []struct {
		text string
		want uint64
		neg  bool
	}{
		{"0", 0, false}, {"00", 0, false}, {"42", 42, false}, {"18446744073709551615", math.MaxUint64, false},
		{"0x1f", 31, false}, {"0XFF_ff", 0xffff, false}, {"0755", 493, false}, {"0b101", 5, false},
		{"1e6", 1e6, false}, {"5E3", 5000, false}, {"9e18", 9e18, false}, {"1_000", 1000, false},
		{"10u", 10, false}, {"10UL", 10, false}, {"4294967295u", math.MaxUint32, false},
		{"1ns", 1, false}, {"2us", 2000, false}, {"3ms", 3e6, false}, {"1s", 1e9, false}, {"2m", 120e9, false},
		{"1h", 3600e9, false}, {"1d", 86400e9, false}, {"1e3us", 1e6, false},
		{"-5", 5, true}, {"-9223372036854775808", 1 << 63, true}, {"-0x10", 16, true},
	} {
		got, neg, err := ParseInteger(c.text)
		if err != nil || got != c.want || neg != c.neg {
			t.Errorf("ParseInteger(%q) = %d, %t, %v, want %d, %t", c.text, got, neg, err, c.want, c.neg)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"", "invalid integer"}, {"-", "invalid integer"}, {"x", "invalid integer"}, {"1 2", "invalid trailing bytes"},
		{"1.5", "invalid trailing bytes"}, {"18446744073709551616", "overflow error"}, {"1e", "exponent"},
		{"1e20", "overflow"}, {"1e100000000000", "overflow"}, {"-9223372036854775809", "overflow"},
		{"08", "octal"}, {"0b2", "binary"}, {"0b", "invalid integer"}, {"1_", "invalid integer"}, {"0x_1", "invalid integer"},
		{"5y", "invalid integer suffix"}, {"0xffu", "invalid trailing bytes"}, {"1e-3", "invalid trailing bytes"},
		{"+5", "invalid integer"}, {" 5", "invalid integer"},
	} {
		if _, _, err := ParseInteger(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseInteger(%q) gave the error %v, want %q", c.text, err, c.want)
		}
	}
}

func TestStrings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`""`, ""}, {`"abc"`, "abc"}, {`"a\n\t\r\"\\"`, "a\n\t\r\"\\"}, {`"\0\7\101\377"`, "\x00\x07A\xff"},
		{`"\x1b[0m\xAf"`, "\x1b[0m\xaf"}, {`"\0331"`, "\x1b1"}, {`"käse"`, "käse"}, {"\"\xff\xfe\"", "\xff\xfe"},
		{`"// /* "`, "// /* "}, {`"\\"`, `\`}, {`"\x1g"`, "\x01g"},
	} {
		x, diags := ParseExpr(source.New("t", c.text))
		if diags.HasErrors() {
			t.Errorf("%s: %v", c.text, diags.Err())
			continue
		}
		if got := x.(*StringLit).Value; got != c.want {
			t.Errorf("%s is %q, want %q", c.text, got, c.want)
		}
		if got := formatExpr(x); got != c.text {
			t.Errorf("%s is printed as %s", c.text, got)
		}
		again, diags := ParseExpr(source.New("t", Quote(c.want)))
		if diags.HasErrors() || again.(*StringLit).Value != c.want {
			t.Errorf("Quote(%q) = %s does not give it back: %v", c.want, Quote(c.want), diags.Err())
		}
	}
}
