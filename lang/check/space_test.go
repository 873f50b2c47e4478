package check_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"probe/lang/hir"
	"probe/lang/types"
)

const nodeSection = `
struct leaf { int n; struct node *up; };
struct node {
  int v; unsigned long addr; char *name;
  struct node *next; struct node *arr[4]; struct leaf leaf; struct leaf grid[2];
};
macro same(e) { e }
macro kept($v) { $v }
`

// pathWriter writes a script in which an address goes from hand to hand.
type pathWriter struct {
	*rand.Rand
	out     strings.Builder
	x       string // an expression of type struct node *
	n       int
	closers int    // for loops that are open
	other   string // the function that gives an address of the other space
}

func (w *pathWriter) stmt(format string, args ...any) {
	fmt.Fprintf(&w.out, "  "+format+"\n", args...)
}

func (w *pathWriter) name(prefix string) string {
	w.n++
	return fmt.Sprintf("%s%d", prefix, w.n)
}

// moves are the ways an address can go: each takes w.x somewhere and leaves
// the expression that reads it there.
var moves = []func(w *pathWriter){
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = %s;", v, w.x); w.x = v },
	func(w *pathWriter) {
		v := w.name("$v")
		w.stmt("let %s : struct node *; %s = %s;", v, v, w.x)
		w.x = v
	},
	func(w *pathWriter) { v := w.name("$v"); w.stmt("let %s : struct node * = %s;", v, w.x); w.x = v },
	func(w *pathWriter) {
		v := w.name("$v")
		w.stmt("let %s : uint64 = (uint64)%s;", v, w.x)
		w.x = "((struct node *)" + v + ")"
	},
	func(w *pathWriter) { m := w.name("@m"); w.stmt("%s = %s;", m, w.x); w.x = m },
	func(w *pathWriter) { m := w.name("@m"); w.stmt("%s[1, 2] = %s;", m, w.x); w.x = m + "[1, 2]" },
	func(w *pathWriter) {
		m := w.name("@m")
		w.stmt("%s = (uint64)%s;", m, w.x)
		w.x = "((struct node *)" + m + ")"
	},
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = (1, %s);", v, w.x); w.x = v + ".1" },
	func(w *pathWriter) { m := w.name("@m"); w.stmt("%s = (%s, (2, 3));", m, w.x); w.x = m + ".0" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = (f = %s, g = 1);", v, w.x); w.x = v + ".f" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = (0, (%s, 1));", v, w.x); w.x = v + ".1.0" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = *%s;", v, w.x); w.x = v + ".next" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = *%s;", v, w.x); w.x = v + ".leaf.up" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = *%s;", v, w.x); w.x = v + ".grid[1].up" },
	func(w *pathWriter) { m := w.name("@m"); w.stmt("%s = *%s;", m, w.x); w.x = m + ".arr[3]" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = (*%s, 1);", v, w.x); w.x = v + ".0.next" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = %s->arr;", v, w.x); w.x = v + "[2]" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = %s->leaf;", v, w.x); w.x = v + ".up" },
	func(w *pathWriter) {
		v := w.name("$v")
		w.stmt("%s = %s->addr;", v, w.x)
		w.x = "((struct node *)" + v + ")"
	},
	func(w *pathWriter) { w.x += "->next" },
	func(w *pathWriter) { w.x += "->arr[1]" },
	func(w *pathWriter) { w.x += "->leaf.up" },
	func(w *pathWriter) { w.x = "((struct node *)" + w.x + "->addr)" },
	func(w *pathWriter) { w.x = "(*(struct node **)" + w.x + ")" },
	func(w *pathWriter) { w.x = "(" + w.x + " + 1)" },
	func(w *pathWriter) { w.x = "(pid > 1 ? " + w.x + " : " + w.x + ")" },
	func(w *pathWriter) { w.x = "same(" + w.x + ")" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = %s;", v, w.x); w.x = "kept(" + v + ")" },
	func(w *pathWriter) { v := w.name("$v"); w.stmt("%s = %s; %s++;", v, w.x, v); w.x = v },
	func(w *pathWriter) { // used for the other memory before
		v := w.name("$v")
		w.stmt("%s = (struct node *)%s(1); %s = %s;", v, w.other, v, w.x)
		w.x = v
	},
	func(w *pathWriter) { // and after
		v, u := w.name("$v"), w.name("$v")
		w.stmt("%s = %s; %s = %s->next; %s = (struct node *)%s(1);", v, w.x, u, v, v, w.other)
		w.x = u
	},
	func(w *pathWriter) {
		m, kv := w.name("@m"), w.name("$kv")
		w.stmt("%s[1] = %s; for %s : %s {", m, w.x, kv, m)
		w.closers++
		w.x = kv + ".1"
	},
	func(w *pathWriter) {
		m, kv := w.name("@m"), w.name("$kv")
		w.stmt("%s[%s, 1] = 1; for %s : %s {", m, w.x, kv, m)
		w.closers++
		w.x = kv + ".0.0"
	},
	func(w *pathWriter) {
		m, v := w.name("@m"), w.name("$v")
		w.stmt("%s[1] = %s; if (find(%s, 1, %s)) { }", m, w.x, m, v)
		w.x = v
	},
	func(w *pathWriter) {
		m := w.name("@m")
		w.stmt("%s = %s;", m, w.x)
		w.end()
		fmt.Fprintf(&w.out, "interval:s:1 {\n")
		w.x = m
	},
	func(w *pathWriter) {
		m := w.name("@m")
		w.stmt("%s[0] = (%s, 1);", m, w.x)
		w.end()
		fmt.Fprintf(&w.out, "uprobe:/bin/x:other {\n")
		w.x = m + "[0].0"
	},
}

// end closes the probe.
func (w *pathWriter) end() {
	fmt.Fprintf(&w.out, "%s}\n", strings.Repeat("}", w.closers))
	w.closers = 0
}

// TestSpacesFollow: whatever way an address takes through variables, maps,
// tuples, copies of structs and casts, it is read from the memory it was found
// in.
func TestSpacesFollow(t *testing.T) {
	roots := []struct {
		probe, x string
		want     types.Space
	}{
		{"uprobe:/bin/x:f", "((struct node *)arg0)", types.User},
		{"kprobe:f", "((struct node *)arg0)", types.Kernel},
		{"kprobe:f", "((struct node *)uptr(arg0))", types.User},
		{"uprobe:/bin/x:f", "((struct node *)kptr(arg0))", types.Kernel},
	}
	r := rand.New(rand.NewPCG(3, 4))
	check := func(script string, want types.Space) {
		p, ds := run(t, script)
		if p == nil {
			t.Fatalf("%s\n%s", script, render(ds))
		}
		derefs := 0
		for _, pr := range p.Probes {
			hir.WalkBlock(pr.Body, func(x hir.Expr) {
				d, ok := x.(*hir.Deref)
				if !ok {
					return
				}
				derefs++
				if got := d.Of.Type().Space; got != want {
					t.Errorf("`%s` is read from space %d, want %d:\n%s", d.At.Text(), got, want, script)
				}
			}, nil)
		}
		if derefs == 0 {
			t.Fatalf("nothing is read:\n%s", script)
		}
	}
	for i := range 1500 {
		root := roots[i%len(roots)]
		w := &pathWriter{Rand: r, x: root.x, other: "kptr"}
		if root.want == types.Kernel {
			w.other = "uptr"
		}
		w.out.WriteString(nodeSection)
		fmt.Fprintf(&w.out, "%s {\n", root.probe)
		if i < len(moves)*len(roots) {
			moves[i/len(roots)](w) // each alone
		} else {
			for range 1 + r.IntN(5) {
				moves[r.IntN(len(moves))](w)
			}
		}
		w.stmt("print(%s->v); print(str(%s->name));", w.x, w.x)
		w.end()
		if check(w.out.String(), root.want); t.Failed() {
			return
		}
	}
}
