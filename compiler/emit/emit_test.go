package emit

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"probe/compiler/emit/bpfsim"
	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
	"probe/compiler/pass"
	"probe/internal/golden"
	"probe/lang/source"
)

// parse reads a program for a test.
func parse(t testing.TB, text string) *ir.Prog {
	t.Helper()
	p, err := ir.Parse("p", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.Verify(p); err != nil {
		t.Fatal(err)
	}
	return p
}

func optimise(t testing.TB, p *ir.Prog) {
	t.Helper()
	for _, f := range p.Funcs {
		if err := pass.Run(f, pass.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGolden shows the instructions of typical programs. They are what a person
// would write: the numbers of instructions are goals.
func TestGolden(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, c *golden.Case) {
		p := parse(t, c.In("ir"))
		optimise(t, p)
		code, err := Prog(p, irgen.MapName, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.Out("bpf", code.Text(nil))
	})
}

// TestLines: every raw slot has the place of its instruction, also both slots
// of a 64-bit load.
func TestLines(t *testing.T) {
	f := source.New("s.pr", "first\nsecond\n")
	p := &ir.Prog{Name: "p"}
	b := ir.NewBuilder(p, "entry", ir.PtrCtx)
	b.At(source.Span{File: f, Start: 0, End: 5})
	x := b.Call(ir.HelperPidTgid)
	b.At(source.Span{File: f, Start: 6, End: 12})
	b.Store(b.MapValue(0, 8), 0, 8, x)
	b.Ret(0)
	b.Finish()
	c, err := Prog(p, irgen.MapName, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "   0: call get_current_pid_tgid ; s.pr:1:1\n" +
		"   1: r5 = map[array][0]+8 ll ; s.pr:2:1\n" +
		"   3: *(u64 *)(r5 +0) = r0\n   4: r0 = 0\n   5: exit\n"
	if d := cmp.Diff(c.Text(p), want); d != "" {
		t.Errorf("-got +want\n%s", d)
	}
	if d := cmp.Diff(c.Lines, []int32{1, 2, 2, 2, 2, 2}); d != "" {
		t.Errorf("-got +want\n%s", d)
	}
}

func TestStackLimit(t *testing.T) {
	text := func(slots int) string {
		s := "func p(ctx)\n"
		for i := range slots {
			s += "slot " + string(rune('0'+i)) + " 104 8 \"s\"\n"
		}
		s += "b0\n  %1 = const 104\n  %3 = const 0\n"
		for i := range slots {
			n := string(rune('0' + i))
			s += "  %1" + n + ":stack = frame " + n + "+0\n  %2" + n + " = call probe_read_kernel(%1" + n + ", %1, %3)\n"
		}
		s += "  %300 = const 0\n"
		for i := range slots {
			n := string(rune('0' + i))
			s += "  %4" + n + " = load %1" + n + "+0\n  %5" + n + ":mapvalue = mapvalue 0+0\n  store %5" + n + "+0, %4" + n + "\n"
		}
		return s + "  ret\n"
	}
	if c, err := Prog(parse(t, text(4)), irgen.MapName, Options{}); err != nil || c.StackSize != 416 {
		t.Errorf("4 slots: %v, %+v", err, c)
	}
	_, err := Prog(parse(t, text(5)), irgen.MapName, Options{})
	var se *StackError
	if !errors.As(err, &se) || se.Size != 520 || se.Limit != 512 || !strings.Contains(err.Error(), "p needs 520 bytes of stack, 512 are available") {
		t.Errorf("5 slots: got %v", err)
	}
}

// TestSharedStack: slots that are not in use together share a place, those of
// a callback come on top of the caller's.
func TestSharedStack(t *testing.T) {
	p := parse(t, `
func p(ctx)
slot 0 64 8 "a"
slot 1 64 8 "b"
b0
  %1 = const 64
  %2 = const 0
  %3:stack = frame 0+0
  %4 = call probe_read_kernel(%3, %1, %2)
  %5 = load %3+0
  %6:stack = frame 1+0
  %7 = call probe_read_kernel(%6, %1, %5)
  %8 = load %6+0
  ret %8
`)
	c, err := Prog(irgen.Clone(p), irgen.MapName, Options{})
	if err != nil || c.StackSize != 64 {
		t.Errorf("got %d bytes, %v; want 64", c.StackSize, err)
	}
	c, err = Prog(p, irgen.MapName, Options{NoOpt: true})
	if err != nil || c.StackSize != 128 {
		t.Errorf("without optimisation: got %d bytes, %v; want 128", c.StackSize, err)
	}
	p = parse(t, `
func p(ctx)
slot 0 40 8 "a"
b0
  %1 = const 2
  %2 = const 0
  %3:stack = frame 0+0
  store %3+0, %2
  %4:func = funcaddr 1
  %5 = call loop(%1, %4, %3, %2)
  ret

func cb(scalar, stack)
slot 0 40 8 "b"
b0
  %1 = const 0
  %2:stack = frame 0+0
  store %2+0, %1
  %3 = load %2+0
  ret %1
`)
	if c, err = Prog(p, irgen.MapName, Options{}); err != nil || c.StackSize != 128 {
		t.Errorf("with a callback: got %+v, %v; want 64 bytes for each", c, err)
	}
}

// TestJumpLimit: a function too long for 16-bit jumps is refused.
func TestJumpLimit(t *testing.T) {
	p := &ir.Prog{Name: "p"}
	b := ir.NewBuilder(p, "entry", ir.PtrCtx)
	x := b.Load(b.Arg(0), 0, 8)
	then, join := b.NewBlock("then"), b.NewBlock("join")
	b.If(ir.EQ, 8, x, b.Const(0), then, join)
	b.UseSealed(then)
	base := b.MapValue(0, 0)
	for i := range 40000 {
		b.Store(base, i%32*8, 8, x)
	}
	b.Jump(join)
	b.UseSealed(join)
	b.Ret(0)
	b.Finish()
	_, err := Prog(p, irgen.MapName, Options{})
	var je *JumpError
	if !errors.As(err, &je) || je.Distance < 40000 || !strings.Contains(err.Error(), "split it into several probes") {
		t.Errorf("got %v", err)
	}
}

// TestUncalled: a callback whose only call is never reached is left out.
func TestUncalled(t *testing.T) {
	p := parse(t, `
func p(ctx)
slot 0 8 8 "s"
b0
  %1 = const 0
  br eq %1, %1, b1, b2
b1
  ret
b2
  %2:func = funcaddr 1
  %3:stack = frame 0+0
  %4 = const 3
  %5 = call loop(%4, %2, %3, %1)
  ret

func cb(scalar, stack)
b0
  %1 = const 0
  ret %1
`)
	plain, err := Prog(irgen.Clone(p), irgen.MapName, Options{})
	if err != nil || len(plain.Funcs) != 2 {
		t.Fatalf("got %+v, %v; want two functions", plain, err)
	}
	optimise(t, p)
	c, err := Prog(p, irgen.MapName, Options{})
	if err != nil || len(c.Funcs) != 1 || len(c.Lines) != 2 {
		t.Errorf("got %v\n%s", err, c.Text(nil))
	}
}

// TestCallClears: what no argument is in is set right before a call of a function, so that
// the verifier does not take what was there for used.
func TestCallClears(t *testing.T) {
	p := parse(t, `
func p(ctx)
b0
  %1:ctx = arg 0
  %2 = load %1+8
  %3 = callfunc 1(%2)
  ret %3

func f(scalar)
b0
  %1 = arg 0
  ret %1
`)
	c, err := Prog(p, irgen.MapName, Options{ClearArgs: true})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(c.Ins, func(in asm.Instruction) bool { return in.IsFunctionCall() })
	if at < 4 {
		t.Fatalf("the call is instruction %d of\n%s", at, c.Text(nil))
	}
	for i, want := range []asm.Register{asm.R2, asm.R3, asm.R4, asm.R5} {
		if in := c.Ins[at-4+i]; in.OpCode != asm.Mov.Op(asm.ImmSource) || in.Dst != want || in.Constant != 0 {
			t.Errorf("%v before the call, want %v = 0", in, want)
		}
	}
}

// TestEndlessLoop: empty blocks in a circle stay what they are.
func TestEndlessLoop(t *testing.T) {
	p := parse(t, "func p(ctx)\nb0\n  jump b1\nb1\n  jump b2\nb2\n  jump b1\n")
	c, err := Prog(p, irgen.MapName, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sim, err := bpfsim.New(c.Ins, mapIndex)
	if err != nil {
		t.Fatal(err)
	}
	env := irgen.NewEnv(nil)
	env.Steps = 1000
	if _, err := sim.Run(env); !errors.Is(err, ir.ErrSteps) {
		t.Errorf("got %v, want an endless loop\n%s", err, c.Text(nil))
	}
}

// TestKfunc runs a call of a kernel function and a subprogram in the simulator.
func TestKfunc(t *testing.T) {
	p := parse(t, `
func p(ctx)
b0
  %1:ctx = arg 0
  %2 = load %1+0
  %3 = const 77
  %4:btf = kfunc bpf_rdonly_cast#123(%2, %3)
  %5 = callfunc 1(%2, %3)
  %6 = const 5
  %7 = add %5, %6
  ret %7

func twice(scalar, scalar)
b0
  %1 = arg 0
  %2 = add %1, %1
  ret %2
`)
	optimise(t, p)
	c, err := Prog(p, irgen.MapName, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sim, err := bpfsim.New(c.Ins, mapIndex)
	if err != nil {
		t.Fatal(err)
	}
	sim.Kfunc(123, "bpf_rdonly_cast")
	env := irgen.NewEnv([]byte{21})
	if got, err := sim.Run(env); err != nil || got != 47 {
		t.Errorf("got %d, %v, want 47\n%s", got, err, c.Text(nil))
	}
}
