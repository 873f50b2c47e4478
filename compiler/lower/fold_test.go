package lower_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"probe/compiler/compilertest"
	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
	"probe/compiler/lower"
	"probe/compiler/pass"
	"probe/stdlib"
)

// formula is a random expression over three numbers, written twice: with the
// numbers as literals, which the checker folds, and with the arguments of a probe,
// which programs compute with.
type formula struct {
	r         *rand.Rand
	values    [3]int64
	lit, args strings.Builder
}

func (f *formula) both(s string) {
	f.lit.WriteString(s)
	f.args.WriteString(s)
}

func (f *formula) number(depth int) {
	kinds := []string{"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
	if depth == 0 {
		i := f.r.Intn(len(f.values))
		kind := kinds[f.r.Intn(len(kinds))]
		fmt.Fprintf(&f.lit, "((%s)%d)", kind, f.values[i])
		fmt.Fprintf(&f.args, "((%s)(int64)arg%d)", kind, i)
		return
	}
	switch f.r.Intn(10) {
	case 0:
		f.both("(" + kinds[f.r.Intn(len(kinds))] + ")(")
		f.number(depth - 1)
		f.both(")")
	case 1:
		f.both([]string{"(-", "(~"}[f.r.Intn(2)])
		f.number(depth - 1)
		f.both(")")
	case 2:
		f.both("(")
		f.condition(depth - 1)
		f.both(" ? (int64)(")
		f.number(depth - 1)
		f.both(") : (int64)(")
		f.number(depth - 1)
		f.both("))")
	case 3: // a shift by less than the width
		f.both("(")
		f.number(depth - 1)
		f.both([]string{" << ", " >> "}[f.r.Intn(2)])
		f.both(fmt.Sprintf("%d)", f.r.Intn(64)))
	default:
		f.both("(")
		f.number(depth - 1)
		f.both([]string{" + ", " - ", " * ", " & ", " | ", " ^ ", " / ", " % "}[f.r.Intn(8)])
		f.number(depth - 1)
		f.both(")")
	}
}

func (f *formula) condition(depth int) {
	switch f.r.Intn(4) {
	case 0:
		f.both("(!")
		f.condition(max(depth-1, 0))
		f.both(")")
	case 1:
		if depth > 0 {
			f.both("(")
			f.condition(depth - 1)
			f.both([]string{" && ", " || "}[f.r.Intn(2)])
			f.condition(depth - 1)
			f.both(")")
			return
		}
		fallthrough
	default:
		f.both("(")
		f.number(max(depth-1, 0))
		f.both([]string{" == ", " != ", " < ", " <= ", " > ", " >= "}[f.r.Intn(6)])
		f.number(max(depth-1, 0))
		f.both(")")
	}
}

// value compiles a script and runs it; ok is false when it is refused.
func formulaValue(t *testing.T, script, steps string, optimise bool) (result string, ok bool) {
	t.Helper()
	k := compilertest.NewKernel()
	p, list := k.Check(script)
	if list.HasErrors() {
		return list.All[0].Error(), false
	}
	u := lower.Lower(p, lower.Config{Target: compilertest.Targets()["new"], Builtins: stdlib.Table(), Types: k,
		Ints: p.ConfigInt})
	progs := make([]*ir.Prog, 0, len(u.IR))
	for _, prog := range u.IR {
		q := irgen.Clone(prog)
		if err := ir.Verify(q); err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		for _, f := range q.Funcs {
			if optimise {
				if err := pass.Run(f, pass.Options{Verify: true}); err != nil {
					t.Fatalf("%s: %v", script, err)
				}
			}
		}
		progs = append(progs, q)
	}
	w := compilertest.NewWorld(u.Obj, progs, u.MapNames)
	if err := w.Run(steps); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	var maps []string
	for line := range strings.Lines(w.Result()) {
		if strings.HasPrefix(line, "@") { // a division by zero is counted where programs do it
			maps = append(maps, line)
		}
	}
	return strings.Join(maps, ""), true
}

// What the checker computes while it checks is what programs compute, as they are
// lowered and after the passes.
func TestFoldLikePrograms(t *testing.T) {
	compared := 0
	for seed := range int64(1500) {
		f := &formula{r: rand.New(rand.NewSource(seed))}
		for i := range f.values {
			f.values[i] = int64(f.r.Uint64()) >> f.r.Intn(64)
			if f.r.Intn(3) == 0 {
				f.values[i] = []int64{0, 1, -1, 127, -128, 255, 32768, 1 << 31, -1 << 31, 1<<63 - 1}[f.r.Intn(10)]
			}
		}
		f.number(1 + f.r.Intn(3))
		step := fmt.Sprintf("kprobe:f arg0=%d arg1=%d arg2=%d\n", f.values[0], f.values[1], f.values[2])
		folded, ok := formulaValue(t, "kprobe:f { @ = (int64)("+f.lit.String()+"); }", step, false)
		plain, same := formulaValue(t, "kprobe:f { @ = (int64)("+f.args.String()+"); }", step, false)
		if !same {
			t.Fatalf("seed %d: %s", seed, plain)
		}
		fast, _ := formulaValue(t, "kprobe:f { @ = (int64)("+f.args.String()+"); }", step, true)
		if fast != plain {
			t.Errorf("seed %d: %s with %s: %sthe passes make %s", seed, f.args.String(), strings.TrimSpace(step), plain, fast)
		}
		if !ok {
			continue // a literal division by zero, a cast that loses bits …
		}
		compared++
		if folded != plain {
			t.Errorf("seed %d: %s: the checker folds %sprograms compute %s", seed, f.lit.String(), folded, plain)
		}
	}
	if compared < 700 {
		t.Errorf("only %d formulas were compared", compared)
	}
}
