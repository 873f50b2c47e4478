package stdlib

import (
	"strings"
	"testing"
	"unicode"

	"probe/compiler/builtin"
	"probe/lang/types"
)

// What every record has: one way to be compiled, and what the help, completion and
// the reference show.
func TestRecords(t *testing.T) {
	for _, group := range rows {
		for _, f := range group() {
			s := f.Sig
			if s.Missing {
				if s.Row == "" || ways(f) != 0 || s.Doc != "" {
					t.Errorf("%s is missing in this build, and has more than a name and a row", s.Name)
				}
				continue
			}
			if n := ways(f); n != 1 && (n != 0 || s.Fold == nil) {
				t.Errorf("%s is compiled in %d ways", s.Name, n)
			}
			if s.Async != (f.UserHalf != nil) || s.Agg != (f.Agg != nil) {
				t.Errorf("%s: the signature says asynchronous %v, aggregation %v", s.Name, s.Async, s.Agg)
			}
			if !strings.HasPrefix(s.Usage, s.Name) || s.Row == "" {
				t.Errorf("%s: the usage is %q, the row %q", s.Name, s.Usage, s.Row)
			}
			if doc := []rune(s.Doc); len(doc) < 8 || !unicode.IsUpper(doc[0]) && !unicode.IsDigit(doc[0]) || !strings.HasSuffix(s.Doc, ".") {
				t.Errorf("%s: the help is %q, and should be a sentence", s.Name, s.Doc)
			}
			if s.Result == nil && s.Infer == nil && s.Fold == nil && !s.Async && !s.Agg {
				t.Errorf("%s gives nothing and does nothing", s.Name)
			}
			checkParams(t, s)
		}
	}
}

// What changes the system, runs a command or writes to memory that is not the script's is
// refused without --unsafe, now and once it is there.
func TestUnsafe(t *testing.T) {
	want := map[string]bool{"system": true, "signal": true, "signal_thread": true}
	later := map[string]bool{"override": true, "write_user": true, "skboutput": true}
	for _, group := range rows {
		for _, f := range group() {
			s := f.Sig
			switch {
			case later[s.Name] && !s.Missing && !s.Unsafe, want[s.Name] && !s.Unsafe:
				t.Errorf("%s is not unsafe", s.Name)
			case s.Effects.Has(types.Acts) && !s.Unsafe:
				t.Errorf("%s changes something outside the tracer and is not unsafe", s.Name)
			}
			delete(want, s.Name)
			delete(later, s.Name)
		}
	}
	if len(want)+len(later) > 0 {
		t.Errorf("no records of %v, %v", want, later)
	}
}

// ways counts the ways in which a builtin is compiled.
func ways(f *builtin.Func) int {
	n := 0
	for _, is := range []bool{f.Lower != nil, f.Part != nil, f.UserHalf != nil, f.Agg != nil} {
		if is {
			n++
		}
	}
	return n
}

func checkParams(t *testing.T, s *types.Signature) {
	optional := false
	for i, p := range s.Params {
		if p.Name == "" {
			t.Errorf("%s: parameter %d has no name", s.Name, i)
		}
		if optional && !p.Optional {
			t.Errorf("%s: %s has to be given behind one that has not", s.Name, p.Name)
		}
		optional = optional || p.Optional
		if (p.Kind == types.WordParam) != (len(p.Words) > 0) {
			t.Errorf("%s: %s takes the words %v", s.Name, p.Name, p.Words)
		}
	}
	if s.Format >= len(s.Params) || s.Format >= 0 && s.Params[s.Format].Kind != types.LitString {
		t.Errorf("%s: parameter %d is no format", s.Name, s.Format)
	}
	if s.NoCall && !s.Bare {
		t.Errorf("%s cannot be used at all", s.Name)
	}
	for _, shape := range s.Shapes {
		if n := len(shape); n > max(len(s.Params), 1) && !s.Variadic {
			t.Errorf("%s has %d parameters and the form %q", s.Name, len(s.Params), shape)
		}
	}
}

// Modules are found with and without their ending, and parse as text.
func TestModules(t *testing.T) {
	names := Modules()
	if len(names) == 0 {
		t.Fatal("the library is empty")
	}
	for _, name := range names {
		a, ok := Module(name)
		b, same := Module(name + ".pr")
		if !ok || !same || a != b || a == "" {
			t.Errorf("%s: %v, %v, %d bytes", name, ok, same, len(a))
		}
	}
	for _, name := range []string{"", "none", "../stdlib", "prelude/" + names[0]} {
		if _, ok := Module(name); ok {
			t.Errorf("there is a module %q", name)
		}
	}
}
