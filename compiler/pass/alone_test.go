package pass

import (
	"errors"
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
)

// random makes a program, a context for it, and what it does there. It is false
// for a program that does not end.
func random(t *testing.T, seed int64) (p *ir.Prog, ctx []byte, want irgen.Outcome, ok bool) {
	t.Helper()
	r := rand.New(rand.NewSource(seed))
	data := make([]byte, 20+r.Intn(600))
	r.Read(data)
	ctx = make([]byte, irgen.CtxSize)
	for i := range ctx {
		ctx[i] = byte(r.Intn(256) & r.Intn(256))
	}
	p = irgen.Program(data, irgen.Options{World: true, Callbacks: true, ForEach: true, MayGoto: true, Atomics: true})
	want, err := run(p, ctx)
	if errors.Is(err, ir.ErrSteps) {
		return nil, nil, want, false
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	return p, ctx, want, true
}

func run(p *ir.Prog, ctx []byte) (irgen.Outcome, error) {
	env := irgen.NewEnv(ctx)
	ret, err := ir.Interp(p, env)
	return irgen.Result(ret, env), err
}

// apply runs passes on a copy of a program and compares what it does.
func apply(t *testing.T, p *ir.Prog, ctx []byte, want irgen.Outcome, passes []*Pass) *ir.Prog {
	t.Helper()
	q := irgen.Clone(p)
	var names []string
	for _, x := range passes {
		names = append(names, x.Name)
		for _, f := range q.Funcs {
			if err := runOne(x, &state{f: f}); err != nil {
				t.Fatalf("%v: %v\n%s", names, err, p)
			}
			if err := ir.VerifyFunc(f); err != nil {
				t.Fatalf("%v: %v\n%s\n%s", names, err, p, q)
			}
		}
	}
	if err := ir.VerifyKernel(q, irgen.MapInfo); err != nil {
		t.Fatalf("%v: %v\n%s\n%s", names, err, p, q)
	}
	got, err := run(q, ctx)
	if err != nil {
		t.Fatalf("%v: %v\n%s\n%s", names, err, p, q)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%v change what a program does (-want +got):\n%s\n%s\n%s", names, d, p, q)
	}
	return q
}

// Each pass keeps what a program does and its invariants, also where no other
// pass has prepared anything for it: the rules of the order are about how much a
// pass finds, not about what is right.
func TestAlone(t *testing.T) {
	for seed := range int64(250) {
		if p, ctx, want, ok := random(t, seed); ok {
			for i := range Table {
				apply(t, p, ctx, want, []*Pass{&Table[i]})
			}
		}
	}
}

// rare are passes that find nothing in random programs. Files of testdata and the
// programs of compiler/lower have what they look for.
var rare = map[string]string{
	"thread": "a branch on what an earlier branch has decided",
	"fuse":   "a branch on one bit of a number",
	"merge":  "two cold blocks that are equal",
}

// In its place in the table each pass has something to do.
func TestInPlace(t *testing.T) {
	changed := map[string]int{}
	for seed := range int64(250) {
		p, ctx, want, ok := random(t, 5000+seed)
		if !ok {
			continue
		}
		for i := range Table {
			before := p.String()
			if p = apply(t, p, ctx, want, []*Pass{&Table[i]}); p.String() != before {
				changed[Table[i].Name]++
			}
		}
	}
	for _, p := range Table {
		switch what := rare[p.Name]; {
		case changed[p.Name] == 0 && what == "":
			t.Errorf("%s has changed no program: the comparison says nothing about it", p.Name)
		case changed[p.Name] > 0 && what != "":
			t.Errorf("%s has found %s: it is not rare", p.Name, what)
		}
	}
}

// Passes in any order, also again and again, keep what a program does.
func TestAnyOrder(t *testing.T) {
	for seed := range int64(250) {
		p, ctx, want, ok := random(t, 1000+seed)
		if !ok {
			continue
		}
		r := rand.New(rand.NewSource(seed))
		var order []*Pass
		for range 4 + r.Intn(2*len(Table)) {
			order = append(order, &Table[r.Intn(len(Table))])
		}
		apply(t, p, ctx, want, order)
	}
}

// The whole table makes no program longer where it counts: what a run executes.
func TestNotSlower(t *testing.T) {
	steps := func(p *ir.Prog, ctx []byte) int {
		env := irgen.NewEnv(ctx)
		before := env.Steps
		if _, err := ir.Interp(p, env); err != nil {
			t.Fatal(err)
		}
		return before - env.Steps
	}
	faster, slower := 0, 0
	for seed := range int64(200) {
		p, ctx, _, ok := random(t, 2000+seed)
		if !ok {
			continue
		}
		q := irgen.Clone(p)
		for _, f := range q.Funcs {
			if err := Run(f, Options{}); err != nil {
				t.Fatal(err)
			}
		}
		// Edges that need a place for moves and constants where they are needed may
		// add a few.
		switch a, b := steps(p, ctx), steps(q, ctx); {
		case b < a:
			faster++
		case b > a+a/4+4:
			slower++
			t.Logf("seed %d: %d steps, %d before", 2000+seed, b, a)
		}
	}
	if slower > 0 || faster < 100 {
		t.Errorf("%d programs are slower, %d faster", slower, faster)
	}
}
