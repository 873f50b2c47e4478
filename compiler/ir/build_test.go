package ir

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/source"
)

// build makes one function and verifies it.
func build(t *testing.T, body func(b *Builder)) *Prog {
	t.Helper()
	p := &Prog{Name: "p"}
	b := NewBuilder(p, "f", PtrCtx)
	body(b)
	b.Finish()
	if err := Verify(p); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	return p
}

func TestBuilder(t *testing.T) {
	tests := []struct {
		name string
		body func(b *Builder)
		want string
	}{
		{
			name: "a variable set on both sides becomes a parameter",
			body: func(b *Builder) {
				v := b.NewVar(Scalar)
				x := b.Load(b.Arg(0), 0, 8)
				then, els, join := b.NewBlock("then"), b.NewBlock("else"), b.NewBlock("join")
				b.If(ULT, 8, x, b.Const(5), then, els)
				b.UseSealed(then)
				b.Set(v, b.Const(1))
				b.Jump(join)
				b.UseSealed(els)
				b.Set(v, x)
				b.Jump(join)
				b.UseSealed(join)
				b.Ret(b.Get(v))
			},
			want: `func f(ctx)
b0 "entry"
  %1:ctx = arg 0
  %2 = load %1+0
  %3 = const 5
  br ult %2, %3, b1, b2
b1 "then"
  %4 = const 1
  jump b3(%4)
b2 "else"
  jump b3(%2)
b3 "join" (%5)
  ret %5
`,
		}, {
			name: "a variable set before a branch needs none",
			body: func(b *Builder) {
				v := b.NewVar(Scalar)
				b.Set(v, b.Load(b.Arg(0), 8, 4))
				then, join := b.NewBlock("then"), b.NewBlock("join")
				b.If(TEST, 4, b.Get(v), b.Const(1), then, join)
				b.UseSealed(then)
				b.Jump(join)
				b.UseSealed(join)
				b.Ret(b.Get(v))
			},
			want: `func f(ctx)
b0 "entry"
  %1:ctx = arg 0
  %2 = load.4 %1+8
  %3 = const 1
  br.4 test %2, %3, b1, b2
b1 "then"
  jump b2
b2 "join"
  ret %2
`,
		}, {
			name: "a loop has parameters for what it changes alone",
			body: func(b *Builder) {
				i, k := b.NewVar(Scalar), b.NewVar(Scalar)
				b.Set(i, b.Const(0))
				b.Set(k, b.Const(7))
				head, body, exit := b.NewBlock("head"), b.NewBlock("body"), b.NewBlock("exit")
				b.Jump(head)
				b.Use(head)
				b.If(ULT, 8, b.Get(i), b.Get(k), body, exit)
				b.UseSealed(body)
				b.Set(i, b.BinI(OpAdd, b.Get(i), 1))
				b.Jump(head)
				b.Seal(head)
				b.UseSealed(exit)
				b.Ret(b.Get(i))
			},
			want: `func f(ctx)
b0 "entry"
  %1 = const 0
  %2 = const 7
  jump b1(%1)
b1 "head" (%3)
  br ult %3, %2, b2, b3
b2 "body"
  %5 = const 1
  %6 = add %3, %5
  jump b1(%6)
b3 "exit"
  ret %3
`,
		}, {
			name: "what follows the end of a block is dropped",
			body: func(b *Builder) {
				v := b.NewVar(Scalar)
				b.Set(v, b.Const(1))
				exit := b.NewBlock("exit")
				b.Jump(exit)
				// All this can never run.
				b.Set(v, b.Const(2))
				b.Store(b.MapValue(0, 0), 0, 8, b.Get(v))
				then, join := b.NewBlock("then"), b.NewBlock("join")
				b.If(EQ, 8, b.Get(v), b.Const(3), then, join)
				b.UseSealed(then)
				b.Set(v, b.Const(4))
				b.Jump(join)
				b.UseSealed(join)
				b.Jump(exit)
				b.UseSealed(exit)
				b.Ret(b.Get(v))
			},
			// The block behind the dead code still counted as a way here when
			// the variable was read; the passes remove the parameter.
			want: `func f(ctx)
b0 "entry"
  %1 = const 1
  jump b1(%1)
b1 "exit" (%7)
  ret %7
`,
		}, {
			name: "a variable that was never set is 0",
			body: func(b *Builder) { b.Ret(b.Get(b.NewVar(Scalar))) },
			want: "func f(ctx)\nb0 \"entry\"\n  %1 = const 0\n  ret %1\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := build(t, tt.body)
			if d := cmp.Diff(p.String(), tt.want); d != "" {
				t.Errorf("-got +want\n%s", d)
			}
		})
	}
}

func TestBuilderSealed(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "into sealed block") {
			t.Errorf("got %v, want a panic about a sealed block", r)
		}
	}()
	b := NewBuilder(&Prog{}, "f")
	x := b.NewBlock("x")
	b.Seal(x)
	b.Jump(x)
}

func TestBuilderPlaces(t *testing.T) {
	f := source.New("s.pr", "one\ntwo\n")
	p := &Prog{Name: "p"}
	b := NewBuilder(p, "f")
	back := b.At(source.Span{File: f, Start: 4, End: 7})
	x := b.Const(1)
	back()
	b.Ret(x)
	b.Finish()
	want := "func f()\nb0 \"entry\"\n  %1 = const 1 ; s.pr:2:1\n  ret %1\n"
	if d := cmp.Diff(p.String(), want); d != "" {
		t.Errorf("-got +want\n%s", d)
	}
}
