package ir

import (
	"math/rand"
	"testing"
)

// graph makes a function of n empty blocks with random edges.
func graph(r *rand.Rand, n int) *Func {
	f := &Func{Name: "g", Vals: make([]Ins, 2)}
	for range n {
		t := Term{Kind: Ret}
		to := func() Edge { return Edge{To: Block(1 + r.Intn(n-1))} }
		switch r.Intn(5) {
		case 0, 1:
			t = Term{Kind: Jump, Then: to()}
		case 2, 3:
			t = Term{Kind: Branch, Then: to(), Else: to()}
		}
		f.Blocks = append(f.Blocks, BlockData{Term: t})
	}
	return f
}

// reach finds the blocks that can be reached without passing skip.
func reach(f *Func, skip Block) []bool {
	seen := make([]bool, len(f.Blocks))
	if skip == 0 {
		return seen
	}
	seen[0] = true
	for work := []Block{0}; len(work) > 0; {
		t := &f.Blocks[work[len(work)-1]].Term
		work = work[:len(work)-1]
		for _, e := range t.Succs() {
			if e.To != skip && !seen[e.To] {
				seen[e.To] = true
				work = append(work, e.To)
			}
		}
	}
	return seen
}

func TestDominators(t *testing.T) {
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		f := graph(r, 2+r.Intn(14))
		c := NewCFG(f)
		all := reach(f, -1)
		for b := range f.Blocks {
			if all[b] != (c.Num[b] >= 0) {
				t.Fatalf("seed %d: b%d reachable: %v", seed, b, all[b])
			}
		}
		for a := range f.Blocks {
			without := reach(f, Block(a))
			for b := range f.Blocks {
				if !all[a] || !all[b] {
					continue
				}
				want := a == b || !without[b]
				if got := c.Dominates(Block(a), Block(b)); got != want {
					t.Fatalf("seed %d: b%d dominates b%d: %v, want %v\n%s", seed, a, b, got, want, f)
				}
			}
		}
	}
}

func TestLoops(t *testing.T) {
	// 0 → 1; 1 heads a loop of 1 to 5; 3 heads one of 3 and 4 inside it.
	p, err := Parse("t", `
func f(scalar)
b0
  %1 = arg 0
  jump b1
b1
  br eq %1, %1, b2, b6
b2
  jump b3
b3
  br eq %1, %1, b4, b5
b4
  jump b3
b5
  jump b1
b6
  ret
`)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCFG(p.Funcs[0])
	for b, want := range []struct {
		depth int32
		head  Block
	}{{0, -1}, {1, 1}, {1, 1}, {2, 3}, {2, 3}, {1, 1}, {0, -1}} {
		if c.Depth[b] != want.depth || c.Head[b] != want.head {
			t.Errorf("b%d: depth %d, head b%d; want %d, b%d", b, c.Depth[b], c.Head[b], want.depth, want.head)
		}
	}
	if c.Outer[3] != 1 || c.Outer[1] != -1 {
		t.Errorf("loops around: b%d, b%d", c.Outer[3], c.Outer[1])
	}
	if !c.IsBackEdge(4, 3) || c.IsBackEdge(2, 3) {
		t.Error("back edges are wrong")
	}
}

// TestSplitCritical: afterwards no edge leads from a branch to a join, and
// splitting again changes nothing.
func TestSplitCritical(t *testing.T) {
	for seed := range int64(100) {
		r := rand.New(rand.NewSource(seed))
		f := graph(r, 2+r.Intn(14))
		RemoveUnreachable(f)
		SplitCritical(f)
		c := NewCFG(f)
		for b := range f.Blocks {
			succs := f.Blocks[b].Term.Succs()
			for _, e := range succs {
				if len(succs) > 1 && len(c.Preds[e.To]) > 1 {
					t.Fatalf("seed %d: b%d to b%d is critical\n%s", seed, b, e.To, f)
				}
			}
		}
		n := len(f.Blocks)
		if SplitCritical(f); len(f.Blocks) != n {
			t.Fatalf("seed %d: split twice", seed)
		}
	}
}
