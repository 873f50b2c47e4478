package regalloc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show lists an allocation: operands by instruction, moves where they happen.
func show(c *code, al *Allocation) string {
	loc := func(l Loc) string {
		if r, ok := l.Reg(); ok {
			return fmt.Sprintf("r%d", r)
		}
		if s, ok := l.Slot(); ok {
			return fmt.Sprintf("s%d", s)
		}
		return "again"
	}
	var b strings.Builder
	m := 0
	for i := range c.instrs {
		for ; m < len(al.Moves) && al.Moves[m].At == i; m++ {
			fmt.Fprintf(&b, "  %s = %s\n", loc(al.Moves[m].Dst), loc(al.Moves[m].Src))
		}
		r := al.Regs[i]
		fmt.Fprintf(&b, "%d:", i)
		for _, u := range r.Use {
			if u != NoReg {
				fmt.Fprintf(&b, " r%d", u)
			}
		}
		if r.Def != NoReg {
			fmt.Fprintf(&b, " -> r%d", r.Def)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// straight returns a function of one block.
func straight(n int, args []VReg, instrs ...Instr) *code {
	return &code{n: n, args: args, instrs: instrs, blocks: []Block{{End: len(instrs)}}}
}

func TestAllocate(t *testing.T) {
	call := func(def VReg, args ...VReg) Instr { return Instr{Call: true, Def: def, Args: args} }
	ret := func(v VReg) Instr { return Instr{Return: true, Args: []VReg{v}} }
	over := func(def, a, b VReg) Instr { return Instr{Def: def, Use: [2]VReg{a, b}, Tied: true} }
	tests := []struct {
		name string
		c    *code
		want string
	}{
		{
			name: "a result is overwritten in place and returned without a copy",
			c:    straight(2, nil, call(1), over(2, 1, 0), ret(2)),
			want: "0: -> r0\n1: r0 -> r0\n2:\n",
		}, {
			name: "an argument that survives a call moves to a kept register",
			c:    straight(2, []VReg{1}, call(2), Instr{Use: [2]VReg{1, 2}}, ret(2)),
			want: "  r6 = r1\n0: -> r0\n1: r6 r0\n2:\n",
		}, {
			name: "arguments of a call that lie crosswise go through r0",
			c:    straight(2, []VReg{1, 2}, call(0, 2, 1), ret(0)),
			want: "  r0 = r2\n  r2 = r1\n  r1 = r0\n0:\n1:\n",
		}, {
			name: "a constant argument is made in place",
			c: &code{n: 1, remat: map[VReg]int{1: 1}, blocks: []Block{{End: 2}},
				instrs: []Instr{call(0, 1, 1), ret(1)}},
			want: "  r1 = again\n  r2 = again\n0:\n  r0 = again\n1:\n",
		}, {
			name: "the second operand of a subtraction is not overwritten",
			c:    straight(3, []VReg{1, 2}, over(3, 1, 2), Instr{Use: [2]VReg{1, 2}}, ret(3)),
			want: "0: r1 r2 -> r0\n1: r1 r2\n2:\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			al, err := Allocate(tt.c)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(tt.c, al); err != nil {
				t.Error(err)
			}
			if d := cmp.Diff(show(tt.c, al), tt.want); d != "" {
				t.Errorf("-got +want\n%s", d)
			}
		})
	}
}

// TestPressure has more values alive than there are registers, across a call
// and not.
func TestPressure(t *testing.T) {
	for _, cross := range []bool{false, true} {
		const n = 16
		var instrs []Instr
		for v := VReg(1); v <= n; v++ {
			instrs = append(instrs, Instr{Def: v})
		}
		if cross {
			instrs = append(instrs, Instr{Call: true})
		}
		for v := VReg(1); v <= n; v++ {
			instrs = append(instrs, Instr{Use: [2]VReg{v}})
		}
		instrs = append(instrs, Instr{Return: true, Args: []VReg{0}})
		c := straight(n, nil, instrs...)
		al, err := Allocate(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(c, al); err != nil {
			t.Errorf("cross=%v: %v\n%s", cross, err, show(c, al))
		}
		kept := 10
		if cross {
			kept = 4
		}
		if al.Slots != n-kept || al.Stats.Spills != n-kept || al.Stats.Reloads != n-kept {
			t.Errorf("cross=%v: %d slots, %+v; want %d of each", cross, al.Slots, al.Stats, n-kept)
		}
	}
}

// TestLoopInvariant: a value that is used in a loop keeps its register; one
// that only lives through it makes room.
func TestLoopInvariant(t *testing.T) {
	const n = 12
	c := &code{n: 2 * n}
	for v := VReg(1); v <= n; v++ {
		c.instrs = append(c.instrs, Instr{Def: v})
	}
	c.instrs = append(c.instrs, Instr{}) // 12: jump to the loop
	// The loop uses v1 to v8 and makes two values at a time.
	for v := VReg(1); v <= 8; v++ {
		c.instrs = append(c.instrs, Instr{Use: [2]VReg{v, v}, Def: n + v})
		c.instrs = append(c.instrs, Instr{Use: [2]VReg{n + v}})
	}
	c.instrs = append(c.instrs, Instr{Use: [2]VReg{1}}) // 29: again?
	for v := VReg(1); v <= n; v++ {
		c.instrs = append(c.instrs, Instr{Use: [2]VReg{v}})
	}
	c.instrs = append(c.instrs, Instr{Return: true})
	c.blocks = []Block{
		{First: 0, End: 13, Succs: []Edge{{To: 1}}},
		{First: 13, End: 30, Succs: []Edge{{To: 2}, {To: 3}}, Depth: 1, Head: true},
		{First: 30, End: 31, Succs: []Edge{{To: 1}}, Depth: 1},
		{First: 31, End: len(c.instrs)},
	}
	c.instrs = append(c.instrs[:30], append([]Instr{{}}, c.instrs[30:]...)...)
	c.blocks[3].End++
	al, err := Allocate(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(c, al); err != nil {
		t.Fatal(err)
	}
	for _, m := range al.Moves {
		if m.At > 13 && m.At <= 30 {
			t.Errorf("a move inside the loop: %+v\n%s", m, show(c, al))
		}
	}
}

func TestRefused(t *testing.T) {
	critical := &code{n: 1, instrs: make([]Instr, 4), blocks: []Block{
		{First: 0, End: 2, Succs: []Edge{{To: 1}, {To: 2, Args: []VReg{1}}}},
		{First: 2, End: 3, Succs: []Edge{{To: 2, Args: []VReg{1}}}},
		{First: 3, End: 4, Params: []VReg{2}},
	}}
	critical.n = 2
	critical.instrs[0].Def = 1
	early := &code{n: 1, instrs: []Instr{{Use: [2]VReg{1}}, {}, {Def: 1}, {}}, blocks: []Block{
		{First: 0, End: 2, Succs: []Edge{{To: 1}}}, {First: 2, End: 4, Succs: []Edge{{To: 0}}},
	}}
	for name, tt := range map[string]struct {
		c    *code
		want string
	}{
		"critical edge":     {critical, "critical edge from block 0 to 2"},
		"use before define": {early, "v1 is used in front of its definition"},
	} {
		if _, err := Allocate(tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func BenchmarkRegalloc(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) {
			c := sized(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Allocate(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestSlotsOfColdBlocks: values of different places that are used again in blocks
// at the end of the function share slots, though the code between lies in
// between.
func TestSlotsOfColdBlocks(t *testing.T) {
	const places, each = 10, 8
	c := &code{}
	block := func(instrs []Instr, succs ...Edge) {
		b := Block{First: len(c.instrs), Succs: succs}
		c.instrs = append(c.instrs, instrs...)
		b.End = len(c.instrs)
		c.blocks = append(c.blocks, b)
	}
	use := func(from VReg) (out []Instr) {
		for v := from; v < from+each; v++ {
			out = append(out, Instr{Use: [2]VReg{v}})
		}
		return out
	}
	// Blocks 2i make the values of a place and go on or to the cold block; blocks
	// 2i+1 only go on, since no edge may be critical.
	for i := range places {
		var instrs []Instr
		for range each {
			c.n++
			instrs = append(instrs, Instr{Def: VReg(c.n)})
		}
		instrs = append(instrs, Instr{Call: true}, Instr{Use: [2]VReg{VReg(c.n)}})
		block(instrs, Edge{To: 2*i + 1}, Edge{To: 2*places + 1 + i})
		block([]Instr{{}}, Edge{To: 2*i + 2})
	}
	block([]Instr{{Return: true}})
	for i := range places {
		first := VReg(i*each + 1)
		instrs := append([]Instr{{Call: true}}, use(first)...)
		block(append(instrs, Instr{}), Edge{To: 2*i + 2})
	}
	al, err := Allocate(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(c, al); err != nil {
		t.Fatalf("%v\n%s", err, show(c, al))
	}
	if al.Slots > each {
		t.Errorf("%d slots, want at most %d\n%s", al.Slots, each, show(c, al))
	}
}
