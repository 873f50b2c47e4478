package lower_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/compilertest"
	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
	"probe/compiler/lower"
	"probe/compiler/pass"
	"probe/stdlib"
)

// writer makes random scripts of statements: loops in loops, jumps out of them,
// conditions, variables and maps.
type writer struct {
	r     *rand.Rand
	b     strings.Builder
	loops int      // around this place
	maps  bool     // there is a loop over a map, which the oldest kernel has not
	names []string // of the counters of loops around
	next  int
	work  int // turns of all loops around, multiplied
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+" ", args...) }

// atom returns a number that is known here.
func (w *writer) atom() string {
	list := append([]string{"$a", "$b", "1", "3"}, w.names...)
	return list[w.r.Intn(len(list))]
}

func (w *writer) number() string {
	if w.r.Intn(2) == 0 {
		return w.atom()
	}
	return fmt.Sprintf("(%s %s %s)", w.atom(), []string{"+", "*", "^", "&", "-"}[w.r.Intn(5)], w.atom())
}

func (w *writer) condition() string {
	c := fmt.Sprintf("%s %s %s", w.number(), []string{"<", "==", "!=", ">="}[w.r.Intn(4)], w.number())
	if w.r.Intn(4) == 0 {
		c = fmt.Sprintf("%s %s (%s & 1) == 0", c, []string{"&&", "||"}[w.r.Intn(2)], w.atom())
	}
	return c
}

func (w *writer) body(n, depth int) {
	w.line("{")
	for range n {
		w.statement(depth)
	}
	w.line("}")
}

func (w *writer) statement(depth int) {
	n := 12
	if depth == 0 {
		n = 8
	}
	switch w.r.Intn(n) {
	case 0, 1:
		w.line("%s = %s;", []string{"$a", "$b"}[w.r.Intn(2)], w.number())
	case 2:
		w.line("%s %s %s;", []string{"$a", "$b"}[w.r.Intn(2)], []string{"+=", "^=", "|="}[w.r.Intn(3)], w.number())
	case 3:
		w.line("@m[%s & 7] = %s;", w.atom(), w.number())
	case 4:
		w.line("@n += %s;", w.atom())
	case 5:
		w.line("@s[%s & 3] = $s;", w.atom())
	case 6:
		w.line(`$s = %s;`, []string{`"one"`, `"three"`, `"five5"`}[w.r.Intn(3)])
	case 7:
		if w.loops == 0 {
			w.line("@c = count();")
			return
		}
		jump := []string{"break", "continue"}[w.r.Intn(2)]
		if w.r.Intn(6) == 0 {
			jump = "return"
		}
		w.line("if (%s) { %s; }", w.condition(), jump)
	case 8, 9:
		w.line("if (%s)", w.condition())
		w.body(1+w.r.Intn(3), depth-1)
		if w.r.Intn(2) == 0 {
			w.line("else")
			w.body(1+w.r.Intn(2), depth-1)
		}
	default:
		w.loop(depth)
	}
}

func (w *writer) loop(depth int) {
	turns := []int{1, 2, 5, 40, 300}[w.r.Intn(5)]
	if w.work*turns > 2000 {
		turns = 2
	}
	saved := *w
	defer func() { w.loops, w.names, w.work = saved.loops, saved.names, saved.work }()
	w.loops++
	w.work *= turns
	w.next++
	name := fmt.Sprintf("$i%d", w.next)
	switch w.r.Intn(5) {
	case 4:
		w.maps = true
		w.line("for (%s : @k)", name)
		w.names = append(w.names[:len(w.names):len(w.names)], name+".0", name+".1")
		w.body(1+w.r.Intn(3), depth-1)
	case 0: // a bound that nobody knows while compiling
		w.line("for (%s : 0..(@bound & 7))", name)
		w.names = append(w.names[:len(w.names):len(w.names)], name)
		w.body(1+w.r.Intn(3), depth-1)
	case 1:
		w.line("%s = 0; while (%s < %d) { %s++;", name, name, turns, name)
		w.names = append(w.names[:len(w.names):len(w.names)], name)
		w.body(1+w.r.Intn(3), depth-1)
		w.line("}")
	default:
		w.line("for (%s : 0..%d)", name, turns)
		w.names = append(w.names[:len(w.names):len(w.names)], name)
		w.body(1+w.r.Intn(3), depth-1)
	}
}

// Random scripts do the same on kernels of each age, whose loops have other forms,
// with and without the passes.
func TestRandomScripts(t *testing.T) {
	compared := 0
	for seed := range int64(300) {
		w := &writer{r: rand.New(rand.NewSource(seed)), work: 1}
		w.line(`begin { @bound = %d; $a = %d; $b = %d; $s = "x"; @k[1] = 5; @k[6] = 2; @k[9] = 9;`, w.r.Intn(8), w.r.Intn(10), w.r.Intn(300))
		for range 3 + w.r.Intn(4) {
			w.statement(3)
		}
		w.line("@a = $a; @b = $b; @t = $s; }")
		script := w.b.String()
		k := compilertest.NewKernel()
		p, list := k.Check(script)
		if list.HasErrors() {
			t.Fatalf("seed %d: %v\n%s", seed, list.All, script)
		}
		want := ""
		names := compilertest.TargetNames
		if w.maps {
			names = names[1:]
		}
		for _, name := range names {
			u := lower.Lower(p, lower.Config{Target: compilertest.Targets()[name], Builtins: stdlib.Table(), Types: k,
				Ints: p.ConfigInt})
			if u.Diag.HasErrors() {
				t.Fatalf("seed %d on %s: %v\n%s", seed, name, u.Diag.All, script)
			}
			for _, optimise := range []bool{false, true} {
				got := runRandom(t, u, optimise, script)
				switch {
				case want == "":
					want = got
				case got != want:
					t.Fatalf("seed %d on %s, passes: %v (-oldest +this):\n%s\n%s", seed, name, optimise, cmp.Diff(want, got), script)
				}
			}
		}
		if strings.Count(want, "\n") > 2 {
			compared++
		}
	}
	if compared < 200 {
		t.Errorf("only %d scripts did anything", compared)
	}
}

func runRandom(t *testing.T, u *lower.Unit, optimise bool, script string) string {
	t.Helper()
	var progs []*ir.Prog
	for _, p := range u.IR {
		q := irgen.Clone(p)
		if err := ir.Verify(q); err != nil {
			t.Fatalf("%v\n%s", err, script)
		}
		if optimise {
			for _, f := range q.Funcs {
				if err := pass.Run(f, pass.Options{Verify: true}); err != nil {
					t.Fatalf("%v\n%s", err, script)
				}
			}
		}
		if broken := brokenRules(q, u); len(broken) > 0 {
			t.Fatalf("passes %v: %v\n%s", optimise, broken, script)
		}
		progs = append(progs, q)
	}
	w := compilertest.NewWorld(u.Obj, progs, u.MapNames)
	if err := w.Run("begin\n"); err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	return w.Result()
}
