package emit

import (
	"errors"
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/emit/bpfsim"
	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
	"probe/compiler/pass"
)

var all = irgen.Options{World: true, Callbacks: true, ForEach: true, MayGoto: true, Atomics: true}

func mapIndex(name string) int {
	return map[string]int{"array": irgen.MapArray, "hash": irgen.MapHash, "ring": irgen.MapRing}[name]
}

func context(r *rand.Rand) []byte {
	b := make([]byte, irgen.CtxSize)
	for i := range b {
		b[i] = byte(r.Intn(256) & r.Intn(256)) // few bits set
	}
	return b
}

// check compares the interpreted program with its instructions, without and
// with the passes; it is false if the program is too big for the stack or runs
// too long.
func check(t *testing.T, data, ctx []byte) bool {
	t.Helper()
	p := irgen.Program(data, all)
	if err := ir.Verify(p); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	if err := ir.VerifyKernel(p, irgen.MapInfo); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	ref := irgen.NewEnv(ctx)
	ret, err := ir.Interp(p, ref)
	if errors.Is(err, ir.ErrSteps) {
		return false
	}
	if err != nil {
		t.Fatalf("interpreter: %v\n%s", err, p)
	}
	want := irgen.Result(ret, ref)

	q := irgen.Clone(p)
	for _, f := range q.Funcs {
		var last string
		opt := pass.Options{Verify: true, After: func(name string, _ *ir.Func) { last = name }}
		if err := pass.Run(f, opt); err != nil {
			t.Fatalf("after %s: %v\n%s\n%s", last, err, p, q)
		}
	}
	if err := ir.VerifyKernel(q, irgen.MapInfo); err != nil {
		t.Fatalf("after passes: %v\n%s\n%s", err, p, q)
	}
	env := irgen.NewEnv(ctx)
	ret, err = ir.Interp(q, env)
	if err != nil {
		t.Fatalf("interpreter after passes: %v\n%s\n%s", err, p, q)
	}
	if d := cmp.Diff(irgen.Result(ret, env), want); d != "" {
		t.Fatalf("passes change the program (-got +want)\n%s\n%s\n%s\nfirst wrong: %s", d, p, q, blame(p, ctx, want))
	}
	return simulate(t, irgen.Clone(p), ctx, want, Options{NoOpt: true}) && simulate(t, irgen.Clone(p), ctx, want, Options{}) &&
		simulate(t, q, ctx, want, Options{})
}

// blame finds the pass after which the program is wrong for the first time.
func blame(p *ir.Prog, ctx []byte, want irgen.Outcome) string {
	q := irgen.Clone(p)
	bad := ""
	for i := range q.Funcs {
		q.Funcs[i] = irgen.CloneFunc(p.Funcs[i])
		_ = pass.Run(q.Funcs[i], pass.Options{After: func(name string, _ *ir.Func) {
			if bad != "" {
				return
			}
			env := irgen.NewEnv(ctx)
			ret, err := ir.Interp(q, env)
			if err != nil || !cmp.Equal(irgen.Result(ret, env), want) {
				bad = name
			}
		}})
	}
	return bad
}

// simulate emits the program and runs its instructions.
func simulate(t *testing.T, p *ir.Prog, ctx []byte, want irgen.Outcome, opt Options) bool {
	t.Helper()
	code, err := Prog(p, irgen.MapName, opt)
	var se *StackError
	if errors.As(err, &se) {
		return false
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	sim, err := bpfsim.New(code.Ins, mapIndex)
	if err != nil {
		t.Fatal(err)
	}
	env := irgen.NewEnv(ctx)
	ret, err := sim.Run(env)
	if err != nil {
		t.Fatalf("simulator: %v\n%s\n%s", err, p, code.Text(nil))
	}
	if d := cmp.Diff(irgen.Result(ret, env), want); d != "" {
		t.Fatalf("instructions do not do what the program says (-got +want)\n%s\n%s\n%s", d, p, code.Text(nil))
	}
	return true
}

func TestRandomPrograms(t *testing.T) {
	ran := 0
	const n = 1500
	for seed := range int64(n) {
		r := rand.New(rand.NewSource(seed))
		data := make([]byte, 20+r.Intn(1000))
		r.Read(data)
		if check(t, data, context(r)) {
			ran++
		}
	}
	if ran < n*3/4 {
		t.Errorf("only %d of %d programs were compared", ran, n)
	}
}

func FuzzPipeline(f *testing.F) {
	for seed := range int64(20) {
		r := rand.New(rand.NewSource(seed))
		data := make([]byte, 40*(1+seed))
		r.Read(data)
		f.Add(data, context(r))
	}
	f.Fuzz(func(t *testing.T, data, ctx []byte) {
		if len(data) > 4000 {
			t.Skip("long inputs find nothing that short ones do not")
		}
		check(t, data, ctx)
	})
}
