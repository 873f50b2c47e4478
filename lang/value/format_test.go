package value

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFormat(t *testing.T) {
	text := func(s string, start, end int) Spec {
		return Spec{Text: s, Precision: -1, Start: start, End: end}
	}
	verb := func(v string, start, end int, set ...func(*Spec)) Spec {
		s := Spec{Verb: v, Precision: -1, Start: start, End: end}
		for _, f := range set {
			f(&s)
		}
		return s
	}
	for _, tc := range []struct {
		name, format string
		want         []Spec
	}{
		{"empty", "", nil},
		{"text only", "hello\n", []Spec{text("hello\n", 0, 6)}},
		{"literal percent", "100%%!", []Spec{text("100%!", 0, 6)}},
		{"one", "%d", []Spec{verb("d", 0, 2)}},
		{"text around", "a%sb", []Spec{text("a", 0, 1), verb("s", 1, 3), text("b", 3, 4)}},
		{"all flags in order", "%-+ #010.5lld", []Spec{verb("d", 0, 13, func(s *Spec) {
			s.Left, s.Plus, s.Blank, s.Alt, s.Zero = true, true, true, true, true
			s.Width, s.Precision, s.Length = 10, 5, "ll"
		})}},
		{"flags out of order are text", "%+-d", []Spec{text("%+-d", 0, 4)}},
		{"star width and precision", "%*.*d", []Spec{verb("d", 0, 5)}},
		{"empty precision", "%5.s", []Spec{verb("s", 0, 4, func(s *Spec) { s.Width = 5 })}},
		{"raw family", "%r%rx%rh", []Spec{verb("r", 0, 2), verb("rx", 2, 5), verb("rh", 5, 8)}},
		{"page flags", "%gr", []Spec{verb("gr", 0, 3)}},
		{"errno name", "%-20e|", []Spec{verb("e", 0, 5, func(s *Spec) { s.Left, s.Width = true, 20 }), text("|", 5, 6)}},
		{"length letters", "%hhu", []Spec{verb("u", 0, 4, func(s *Spec) { s.Length = "hh" })}},
		{"not a conversion", "50%, %y", []Spec{text("50%, %y", 0, 7)}},
		{"percent at the end", "5%", []Spec{text("5%", 0, 2)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseFormat(tc.format)
			if err != nil {
				t.Fatalf("ParseFormat(%q): %v", tc.format, err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("ParseFormat(%q) (-want +got):\n%s", tc.format, d)
			}
		})
	}
}

func TestParseFormatRefuses(t *testing.T) {
	for _, tc := range []struct {
		format, verb string
		start        int
		tooWide      bool
	}{
		{"x %f", "f", 2, false},
		{"%d %n", "n", 3, false},
		{"%5.2lg", "g", 0, false},
		{"%70000d", "d", 0, true},
		{"%.99999999999999999999s", "s", 0, true},
	} {
		_, err := ParseFormat(tc.format)
		var fe *FormatError
		if !errors.As(err, &fe) {
			t.Errorf("ParseFormat(%q) = %v, want a FormatError", tc.format, err)
			continue
		}
		if fe.Verb != tc.verb || fe.Start != tc.start || fe.TooWide != tc.tooWide {
			t.Errorf("ParseFormat(%q): %+v", tc.format, fe)
		}
	}
}

func TestSpecBits(t *testing.T) {
	for length, want := range map[string]int{"": 32, "h": 16, "hh": 8, "l": 64, "ll": 64, "j": 64, "z": 64, "t": 64, "L": 64} {
		if got := (&Spec{Length: length}).Bits(); got != want {
			t.Errorf("Bits of %q = %d, want %d", length, got, want)
		}
	}
}

func FuzzParseFormat(f *testing.F) {
	for _, s := range []string{"%d %s\n", "%-10.*lx%%", "%", "%rhx%gr"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		specs, err := ParseFormat(s)
		if err != nil {
			return
		}
		at := 0
		for _, sp := range specs {
			if sp.Start != at || sp.End <= sp.Start {
				t.Fatalf("%q: piece %+v does not start at %d", s, sp, at)
			}
			at = sp.End
		}
		if at != len(s) {
			t.Fatalf("%q: pieces end at %d", s, at)
		}
	})
}
