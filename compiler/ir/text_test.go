package ir_test

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
)

var everything = irgen.Options{World: true, Callbacks: true, ForEach: true, MayGoto: true, Atomics: true}

func generated(seed int64, size int) *ir.Prog {
	data := make([]byte, size)
	rand.New(rand.NewSource(seed)).Read(data)
	return irgen.Program(data, everything)
}

// TestTextRoundTrip prints, parses and prints again; the copy does the same.
func TestTextRoundTrip(t *testing.T) {
	for seed := range int64(200) {
		p := generated(seed, 30+int(seed)*4)
		q, err := ir.Parse("p", p.String())
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, p)
		}
		if d := cmp.Diff(q.String(), p.String()); d != "" {
			t.Fatalf("seed %d: -again +first\n%s", seed, d)
		}
		if err := ir.Verify(q); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		a, b := irgen.NewEnv(nil), irgen.NewEnv(nil)
		x, err1 := ir.Interp(p, a)
		y, err2 := ir.Interp(q, b)
		if d := cmp.Diff(irgen.Result(y, b), irgen.Result(x, a)); d != "" || (err1 == nil) != (err2 == nil) {
			t.Fatalf("seed %d: %v, %v, -parsed +built\n%s", seed, err1, err2, d)
		}
	}
}

func TestClone(t *testing.T) {
	p := generated(3, 400)
	before := p.String()
	q := irgen.Clone(p)
	for _, f := range q.Funcs {
		f.Vals[1].Imm++
		f.Slots = append(f.Slots, ir.Slot{Size: 8})
		for b := range f.Blocks {
			f.Blocks[b].Ins = nil
			for _, e := range f.Blocks[b].Term.Succs() {
				for i := range e.Args {
					e.Args[i] = 1
				}
			}
		}
	}
	if d := cmp.Diff(p.String(), before); d != "" {
		t.Errorf("changing the copy changed the original\n%s", d)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"b0\n", "t:1: expected func"},
		{"func f()\n", "function f has no block"},
		{"func f(what)\n", `unknown kind "what"`},
		{"func f()\nb1\n", "block b1 out of order"},
		{"func f()\nb0\n  %1 = frob %2\n", `t:3: unknown operation "frob"`},
		{"func f()\nb0\n  %1 = const x\n", "expected an integer"},
		{"func f()\nb0\n  %1 = const 1\n  %1 = const 2\n", "%1 is defined twice"},
		{"func f()\nb0\n  %0 = const 1\n", "%0 is no value"},
		{"func f()\nb0\n  %99999999 = const 1\n", "out of range"},
		{"func f()\nb0\n  ret\n  ret\n", "second end of b0"},
		{"func f()\nb0\n  ret\n  %1 = const 1\n", "instruction after the end"},
		{"func f()\nb0\n  br foo %1, %2, b0, b0\n", `unknown comparison "foo"`},
		{"func f()\nb0\n  %1 = call nothing()\n", `unknown helper "nothing"`},
		{"func f()\nb0\n  const 1\n", "a result too many or too few"},
		{"func f()\nb0\n  ret %1 %2\n", `unexpected "%2"`},
		{"func f()\nslot 1 8 8 \"x\"\n", "slot 1 out of order"},
		{"func f()\nb0\n  %1 = add.3 %1, %1\n", "width 3 is not"},
	} {
		_, err := ir.Parse("t", tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for seed := range int64(10) {
		f.Add(generated(seed, 100).String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ir.Parse("t", text)
		if err != nil {
			return
		}
		s := p.String()
		q, err := ir.Parse("t", s)
		if err != nil {
			t.Fatalf("%v in\n%s", err, s)
		}
		if q.String() != s {
			t.Fatalf("got\n%s\nwant\n%s", q, s)
		}
		if ir.Verify(p) == nil {
			ir.VerifyKernel(p, nil)
		}
	})
}
