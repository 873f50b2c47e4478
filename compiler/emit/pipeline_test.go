package emit

import (
	"errors"
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/emit/bpfsim"
	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
)

var all = irgen.Options{World: true, Callbacks: true, ForEach: true, MayGoto: true}

func mapIndex(name string) int {
	return map[string]int{"array": irgen.MapArray, "hash": irgen.MapHash, "ring": irgen.MapRing}[name]
}

func context(r *rand.Rand) []byte {
	b := make([]byte, irgen.CtxSize)
	for i := range b {
		b[i] = byte(r.Intn(256)) & byte(r.Intn(256))
	}
	return b
}

// checkProgram compares the interpreted program with its instructions.
func checkProgram(t *testing.T, data, ctx []byte) {
	t.Helper()
	p := irgen.Program(data, all)
	if err := ir.Verify(p); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	ref := irgen.NewEnv(ctx)
	ret, err := ir.Interp(p, ref)
	if errors.Is(err, ir.ErrSteps) {
		return
	}
	if err != nil {
		t.Fatalf("interpreter: %v\n%s", err, p)
	}
	want := irgen.Result(ret, ref)
	q := p.Clone()
	code, err := Prog(q, irgen.MapName, Options{})
	var se *StackError
	if errors.As(err, &se) {
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, q)
	}
	sim, err := bpfsim.New(code.Ins, mapIndex)
	if err != nil {
		t.Fatal(err)
	}
	env := irgen.NewEnv(ctx)
	ret, err = sim.Run(env)
	if err != nil {
		t.Fatalf("simulator: %v\n%s\n%s", err, q, code.Text(nil))
	}
	if d := cmp.Diff(irgen.Result(ret, env), want); d != "" {
		t.Fatalf("instructions do not do what the program says (-got +want)\n%s\n%s\n%s", d, q, code.Text(nil))
	}
}

func TestRandomPrograms(t *testing.T) {
	for seed := range int64(3000) {
		r := rand.New(rand.NewSource(seed))
		data := make([]byte, 20+r.Intn(1500))
		r.Read(data)
		checkProgram(t, data, context(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
