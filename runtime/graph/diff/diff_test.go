package diff

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/graph"
)

// side makes trees from text: a name a line, indented by its depth; "=" gives
// a result, "×N" repeats the call, "irq" marks an interruption, "gap" is one.
func side(t testing.TB, texts ...string) Side {
	t.Helper()
	s := Side{Funcs: &graph.Funcs{}}
	for _, text := range texts {
		tree := &graph.Tree{}
		for line := range strings.Lines(strings.Trim(text, "\n")) {
			w := strings.Fields(line)
			if len(w) == 0 {
				continue
			}
			depth := len(line) - len(strings.TrimLeft(line, "\t"))
			c := graph.Call{Parent: -1, Depth: uint16(depth)}
			repeat := 1
			typ := graph.Int64
			for _, x := range w[1:] {
				switch v, isRet := strings.CutPrefix(x, "="); {
				case v == "NULL":
					typ, c.Flags = graph.Pointer, graph.HasRet
				case isRet && strings.HasPrefix(v, "0x"):
					n, err := strconv.ParseUint(v, 0, 64)
					if err != nil {
						t.Fatal(err)
					}
					typ, c.Ret, c.Flags = graph.Pointer, n, graph.HasRet
				case isRet:
					n, err := strconv.ParseInt(v, 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					c.Ret, c.Flags = uint64(n), graph.HasRet
				case x == "irq":
					c.Flags = graph.IRQ
				default:
					fmt.Sscanf(x, "×%d", &repeat)
				}
			}
			if w[0] == "gap" {
				c.Flags |= graph.Gap
				tree.Lost++
			}
			c.Fn = s.Funcs.Named(graph.Func{Name: w[0], Module: typ.String(), Result: typ})
			for range repeat {
				if n := len(tree.Calls); n > 0 {
					c.Parent = int32(n - 1)
					for tree.Calls[c.Parent].Depth >= c.Depth {
						c.Parent = tree.Calls[c.Parent].Parent
					}
				}
				tree.Calls = append(tree.Calls, c)
			}
		}
		for i := len(tree.Calls) - 1; i >= 0; i-- {
			c := &tree.Calls[i]
			c.End = max(c.End, int32(i)+1)
			if c.Parent >= 0 {
				tree.Calls[c.Parent].End = max(tree.Calls[c.Parent].End, c.End)
			}
		}
		s.Trees = append(s.Trees, tree)
	}
	return s
}

const lost = `
flow =-101
	__rcu_read_lock
	key_hash_rcu =-101
		__ip_dev_find =NULL
			inet_addr_hash.isra.0
			fib_table_lookup =-11
				fib_lookup_good_nhc =1
`

const found = `
flow =0xffff888000001000
	key_hash_rcu =0xffff888000001000
		__ip_dev_find =0xffff888000002000
			inet_addr_hash
		fib_table_lookup =0
			fib_lookup_good_nhc =1
		alloc_noprof
			slab ×21
	xfrm_lookup_route
		xfrm_lookup_with_ifid
`

func text(t *testing.T, list []*Comparison) string {
	t.Helper()
	var b strings.Builder
	if err := WriteText(&b, list, "a.jsonl", "b.jsonl"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCompare(t *testing.T) {
	list := Compare(side(t, lost, lost), side(t, found), Options{})
	got := text(t, list)
	want := `flow: 2 calls in A (a.jsonl), 1 call in B (b.jsonl)
  first difference in shape:  in flow → key_hash_rcu → __ip_dev_find, A calls fib_table_lookup and B does not
  first difference in result: __ip_dev_find returns NULL in A and 0xffff888000002000 in B, in flow → key_hash_rcu

  flow = -ENETUNREACH               |  flow = 0xffff888000001000
    key_hash_rcu = -ENETUNREACH     |    key_hash_rcu = 0xffff888000001000
      __ip_dev_find = NULL          |      __ip_dev_find = 0xffff888000002000   ← first result that differs
        inet_addr_hash                       inet_addr_hash
        fib_table_lookup = -EAGAIN  <     ← they part here
          fib_lookup_good_nhc = 1   <
                                    >      fib_table_lookup = 0
                                    >        fib_lookup_good_nhc = 1
                                    >      alloc
                                    >        slab ×21
                                    >    xfrm_lookup_route
                                    >      xfrm_lookup_with_ifid

  variants     A     B
         1     2     0  flow = -ENETUNREACH, 6 calls  A above
         2     0     1  flow = 0xffff888000001000, 10 calls  B above
`
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("text (-want +got):\n%s\ngot:\n%s", d, got)
	}
	if list[0].Same() {
		t.Error("the sides are the same")
	}
}

func TestSame(t *testing.T) {
	tests := []struct {
		name string
		a, b []string
		same bool
	}{
		{"equal", []string{lost}, []string{lost, lost}, true},
		{"names of another build", []string{"f\n\tx.constprop.0\n\ty_noprof"}, []string{"f\n\tx\n\ty"}, true},
		{"ignored calls", []string{"f\n\tx\n\t_raw_spin_lock\n\t\tx"}, []string{"f\n\tx"}, true},
		{"an interruption", []string{"f\n\tx\n\tirq_exit irq\n\t\ty"}, []string{"f\n\tx"}, true},
		{"pointers", []string{"f =0xffff888000000001"}, []string{"f =0xffff888000000002"}, true},
		{"large numbers", []string{"f =12345"}, []string{"f =54321"}, true},
		{"small numbers", []string{"f =1"}, []string{"f =2"}, false},
		{"NULL", []string{"f =0xffff888000000001"}, []string{"f =NULL"}, false},
		{"order", []string{"f\n\tx\n\ty"}, []string{"f\n\ty\n\tx"}, false},
		{"one variant more", []string{lost, lost}, []string{lost, lost, lost, found}, false},
		{"another count", []string{"f\n\tx ×3"}, []string{"f\n\tx ×4"}, false},
		{"a gap", []string{"f\n\tx"}, []string{"f\n\tx", "f\n\tgap"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := Compare(side(t, tt.a...), side(t, tt.b...), Options{})
			if len(list) != 1 || list[0].Same() != tt.same {
				t.Errorf("same = %v, want %v\n%s", list[0].Same(), tt.same, text(t, list))
			}
		})
	}
	if list := Compare(side(t, "f\n\trcu_x"), side(t, "f"), Options{Ignore: []string{}}); list[0].Same() {
		t.Error("with nothing ignored the sides are the same")
	}
}

// The number of tries in a row, and their results, are what tells two cases
// apart that are the same else.
func TestCounts(t *testing.T) {
	c := Compare(
		side(t, "f\n\tlookup =0\n\t\tgood =1"),
		side(t, "f\n\tlookup =0\n\t\tgood =0\n\t\tgood =1"), Options{})[0]
	if c.Shape < 0 || !strings.Contains(c.describe(c.Shape), "in f → lookup, B calls good and A does not") {
		t.Errorf("shape: %s", text(t, []*Comparison{c}))
	}
	c = Compare(side(t, "f\n\tg ×3"), side(t, "f\n\tg ×5"), Options{})[0]
	if c.Shape < 0 || c.describe(c.Shape) != "in f, A calls g 3× and B 5×" {
		t.Errorf("counts: %s", text(t, []*Comparison{c}))
	}
}

// A rare variant of one side is compared with the usual one of the other.
func TestRareVariant(t *testing.T) {
	c := Compare(side(t, found, found, found), side(t, found, lost, found), Options{})[0]
	if c.VA.FirstA != 0 || c.VB.FirstB != 1 || c.Shape < 0 {
		t.Errorf("A %+v, B %+v, shape %d", c.VA, c.VB, c.Shape)
	}
}

// Long runs of rows of one kind are shortened, but never the differences.
func TestLongRuns(t *testing.T) {
	var same, more strings.Builder
	same.WriteString("f")
	for i := range 40 {
		fmt.Fprintf(&same, "\n\tsame_%d", i)
		fmt.Fprintf(&more, "\n\tmore_%d", i)
	}
	a, b := side(t, same.String()+"\n\tlast =1"), side(t, same.String()+"\n\tlast =2"+more.String())
	got := text(t, Compare(a, b, Options{NameA: "C", NameB: "D"}))
	for _, want := range []string{
		"    same_3             same_3\n    … 32 lines …       … 32 lines …\n    same_36            same_36\n",
		"    last = 1      |    last = 2   ← first result that differs\n",
		">    more_0   ← they part here\n", "… 31 lines …",
		"last returns 1 in C and 2 in D, in f", "in f, D calls more_0 and C does not",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if all := text(t, Compare(a, b, Options{All: true})); strings.Contains(all, "lines …") || !strings.Contains(all, "same_20") {
		t.Errorf("with all:\n%s", all)
	}
}

func TestOneSided(t *testing.T) {
	list := Compare(side(t, "f", "g"), side(t, "f"), Options{})
	if len(list) != 2 || !list[0].Same() || list[1].Same() {
		t.Fatalf("%s", text(t, list))
	}
	if got := text(t, list); !strings.Contains(got, "nothing to compare: only one side has complete calls") {
		t.Errorf("got\n%s", got)
	}
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	if err := WriteJSON(&b, Compare(side(t, lost), side(t, found), Options{})); err != nil {
		t.Fatal(err)
	}
	var got []struct {
		Function string
		Same     bool
		Shape    struct{ Path []string }
		Result   struct {
			Path []string
			Row  int
		}
		Rows []struct {
			Kind, Func string
			ResultA    string `json:"result_a"`
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"flow", "key_hash_rcu", "__ip_dev_find", "fib_table_lookup"}, got[0].Shape.Path); d != "" || got[0].Same {
		t.Errorf("path of the shape (-want +got):\n%s", d)
	}
	if r := got[0].Rows[got[0].Result.Row]; r.Kind != "results" || r.Func != "__ip_dev_find" || r.ResultA != "NULL" {
		t.Errorf("row of the result: %+v", r)
	}
	b.Reset()
	if err := WriteJSON(&b, nil); err != nil || strings.TrimSpace(b.String()) != "[]" {
		t.Errorf("nothing compared is %q, %v", b.String(), err)
	}
}

// Alignment pairs names, keeps the order, and uses each call once; for long
// lists too.
func TestAlign(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	nodes := func(n int) []*Node {
		out := make([]*Node, n)
		for i := range out {
			name := string(rune('a' + r.IntN(6)))
			out[i] = &Node{Name: name, full: uint64(name[0])*10 + uint64(r.IntN(2)), shape: uint64(name[0])}
		}
		return out
	}
	for range 300 {
		a, b := nodes(r.IntN(12)), nodes(r.IntN(12))
		for name, list := range map[string][]match{"align": align(a, b), "greedy": greedy(a, b)} {
			i, j := 0, 0
			for _, m := range list {
				if m.a >= 0 {
					if m.a != i {
						t.Fatalf("%s: %v is out of order", name, list)
					}
					i++
				}
				if m.b >= 0 {
					if m.b != j {
						t.Fatalf("%s: %v is out of order", name, list)
					}
					j++
				}
				if m.a >= 0 && m.b >= 0 && a[m.a].Name != b[m.b].Name {
					t.Fatalf("%s: pairs %s and %s", name, a[m.a].Name, b[m.b].Name)
				}
			}
			if i != len(a) || j != len(b) {
				t.Fatalf("%s: %v leaves calls out of %d and %d", name, list, len(a), len(b))
			}
		}
	}
}

// million makes a tree of a million calls, of which one differs.
func million(n int, odd bool) Side {
	s := Side{Funcs: &graph.Funcs{}}
	for i := range 500 {
		s.Funcs.Named(graph.Func{Name: fmt.Sprint("function_", i), Result: graph.Int32})
	}
	r := rand.New(rand.NewPCG(5, 6))
	for len(s.Trees) < n/1000 {
		t := &graph.Tree{Calls: []graph.Call{{Parent: -1, End: 1000}}}
		for i := 1; i < 1000; {
			t.Calls = append(t.Calls, graph.Call{Fn: int32(1 + r.IntN(400)), Parent: 0, Depth: 1, End: int32(i + 3), Flags: graph.HasRet})
			for k := range int32(2) {
				t.Calls = append(t.Calls, graph.Call{Fn: 401 + k, Parent: int32(i), Depth: 2, End: int32(i) + k + 2})
			}
			i += 3
		}
		s.Trees = append(s.Trees, t)
	}
	if odd {
		s.Trees[len(s.Trees)/2].Calls[500].Fn = 450
	}
	return s
}

func BenchmarkCompare(b *testing.B) {
	const calls = 1_000_000
	x, y := million(calls, false), million(calls, true)
	b.ReportAllocs()
	for b.Loop() {
		if c := Compare(x, y, Options{}); c[0].Same() || c[0].Shape < 0 {
			b.Fatal("no difference found")
		}
	}
	b.ReportMetric(2*float64(calls)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mcalls/s")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
}
