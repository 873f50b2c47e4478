package value

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lit(pos int, text string) Spec { return Spec{Text: text, Pos: pos, Precision: -1} }

func TestParseFormat(t *testing.T) {
	conv := func(pos int, text, letters string, c Conv, set ...func(*Spec)) Spec {
		s := Spec{Conv: c, Text: text, Letters: letters, Pos: pos, Precision: -1, Bits: 32}
		for _, f := range set {
			f(&s)
		}
		return s
	}
	bits := func(n int) func(*Spec) { return func(s *Spec) { s.Bits = n } }
	width := func(n int) func(*Spec) { return func(s *Spec) { s.Width = n } }
	minus := func(s *Spec) { s.Minus = true }

	tests := []struct {
		format string
		want   []Spec
	}{
		{"", nil},
		{"plain", []Spec{lit(0, "plain")}},
		{"100%%\n", []Spec{lit(0, "100%\n")}},
		{"%", []Spec{lit(0, "%")}},
		{"50%", []Spec{lit(0, "50%")}},
		{"%y %k", []Spec{lit(0, "%y %k")}},
		{"%5", []Spec{lit(0, "%5")}},
		{"%ll", []Spec{lit(0, "%ll")}},
		// Flags in another order than FMT-01's start no specifier.
		{"%0-5d", []Spec{lit(0, "%0-5d")}},
		{"a%db", []Spec{lit(0, "a"), conv(1, "%d", "d", ConvSigned), lit(3, "b")}},
		{"%d%%%s", []Spec{conv(0, "%d", "d", ConvSigned), lit(2, "%"), conv(4, "%s", "s", ConvString)}},
		{"%i%u%o%x%X%c%p", []Spec{
			conv(0, "%i", "i", ConvSigned), conv(2, "%u", "u", ConvUnsigned), conv(4, "%o", "o", ConvOctal),
			conv(6, "%x", "x", ConvHex), conv(8, "%X", "X", ConvHexUpper), conv(10, "%c", "c", ConvChar),
			conv(12, "%p", "p", ConvPointer),
		}},
		{"%r%rx%rh%gr%e", []Spec{
			conv(0, "%r", "r", ConvBytes), conv(2, "%rx", "rx", ConvBytesEscaped),
			conv(5, "%rh", "rh", ConvBytesHex), conv(8, "%gr", "gr", ConvGFP), conv(11, "%e", "e", ConvErrName),
		}},
		{"%hhu", []Spec{conv(0, "%hhu", "u", ConvUnsigned, bits(8))}},
		{"%hd", []Spec{conv(0, "%hd", "d", ConvSigned, bits(16))}},
		{"%ld", []Spec{conv(0, "%ld", "d", ConvSigned, bits(64))}},
		{"%llx", []Spec{conv(0, "%llx", "x", ConvHex, bits(64))}},
		{"%zu", []Spec{conv(0, "%zu", "u", ConvUnsigned, bits(64))}},
		{"%jd", []Spec{conv(0, "%jd", "d", ConvSigned, bits(64))}},
		{"%tx", []Spec{conv(0, "%tx", "x", ConvHex, bits(64))}},
		{"%Lx", []Spec{conv(0, "%Lx", "x", ConvHex, bits(64))}},
		{"%-10.3s", []Spec{conv(0, "%-10.3s", "s", ConvString, minus, width(10), func(s *Spec) { s.Precision = 3 })}},
		{"%*.*d", []Spec{conv(0, "%*.*d", "d", ConvSigned)}},
		{"%.d", []Spec{conv(0, "%.d", "d", ConvSigned)}},
		{"%-+ #08lx", []Spec{conv(0, "%-+ #08lx", "x", ConvHex, bits(64), width(8), func(s *Spec) {
			s.Minus, s.Plus, s.Space, s.Hash, s.Zero = true, true, true, true, true
		})}},
	}
	for _, tt := range tests {
		t.Run(tt.format, func(t *testing.T) {
			got, err := ParseFormat(tt.format)
			if err != nil {
				t.Fatalf("ParseFormat(%q): %v", tt.format, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseFormat(%q) (-want +got):\n%s", tt.format, diff)
			}
		})
	}
}

func TestParseFormatErrors(t *testing.T) {
	tests := []struct {
		format string
		want   FormatError
	}{
		{"x %f", FormatError{2, 4, "unsupported format specifier: f"}},
		{"%5.2lf", FormatError{0, 6, "unsupported format specifier: f"}},
		{"%n", FormatError{0, 2, "unsupported format specifier: n"}},
		{"%g", FormatError{0, 2, "unsupported format specifier: g"}},
		{"%E", FormatError{0, 2, "unsupported format specifier: E"}},
		{"%hld", FormatError{0, 4, "unsupported format specifier: hld"}},
		{"%99999999999999999999d", FormatError{0, 22, "the width of %99999999999999999999d is beyond the limit of 65536"}},
		{"%70000s", FormatError{0, 7, "the width of %70000s is beyond the limit of 65536"}},
		{"%.70000s", FormatError{0, 8, "the width of %.70000s is beyond the limit of 65536"}},
	}
	for _, tt := range tests {
		t.Run(tt.format, func(t *testing.T) {
			_, err := ParseFormat(tt.format)
			var got *FormatError
			if !errors.As(err, &got) {
				t.Fatalf("ParseFormat(%q) = %v, want a *FormatError", tt.format, err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("ParseFormat(%q) (-want +got):\n%s", tt.format, diff)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	specs, err := ParseFormat("a %d %% %s %y %rx")
	if err != nil {
		t.Fatal(err)
	}
	if got := Args(specs); got != 3 {
		t.Errorf("Args = %d, want 3", got)
	}
}

func FuzzParseFormat(f *testing.F) {
	for _, s := range []string{"%d", "%-10.3s|", "%%%", "%gr%rx%rh", "%hhhd", "%*.*lld"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, format string) {
		specs, err := ParseFormat(format)
		if err != nil {
			return
		}
		end := 0
		for _, s := range specs {
			if s.Pos < end {
				t.Fatalf("ParseFormat(%q): pieces overlap: %+v", format, specs)
			}
			end = s.Pos + 1
			if s.Width < 0 || s.Width > MaxWidth {
				t.Fatalf("ParseFormat(%q): width %d", format, s.Width)
			}
		}
	})
}
