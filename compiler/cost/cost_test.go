package cost

import (
	"fmt"
	"testing"

	"probe/compiler/ir"
)

func parse(t *testing.T, text string) *ir.Prog {
	t.Helper()
	p, err := ir.Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// estimate takes each instruction of the IR for one of BPF.
func estimate(t *testing.T, text string) int {
	p := parse(t, text)
	slots := make([]int, len(p.Funcs))
	for i, f := range p.Funcs {
		for b := range f.Blocks {
			slots[i] += len(f.Blocks[b].Ins) + 1
		}
	}
	return Of(p, slots).Insns
}

// counted returns a loop of n turns; from is where the counter starts.
func counted(n int, from string) string {
	return fmt.Sprintf(`func f()
b0
  %%1 = const 0
  %%2 = call ktime_get_ns()
  %%3 = const %d
  %%4 = const 1
  jump b1(%s)
b1 (%%5)
  br ult %%5, %%3, b2, b3
b2
  %%6 = add %%5, %%4
  jump b1(%%6)
b3
  ret %%1
`, n, from)
}

func TestLoops(t *testing.T) {
	// A counter that starts as a number is followed turn by turn.
	if n := estimate(t, counted(1000, "%1")); n < 3000 || n > 4000 {
		t.Errorf("1000 turns of 3 instructions: %d", n)
	}
	// One that starts unknown is not: the second turn is like the first.
	if n := estimate(t, counted(1000, "%2")); n > 30 {
		t.Errorf("turns of an unknown counter: %d", n)
	}
	if n := estimate(t, counted(1_000_000, "%1")); n != Limit {
		t.Errorf("too many turns: %d, want the limit %d", n, Limit)
	}
}

// branches returns a row of conditions that each choose one of two numbers,
// which are added up; in the end the sum is compared.
func branches(n int, sum bool) string {
	s := "func f()\nb0\n  %1 = const 0\n  %2 = const 1\n  %3 = call ktime_get_ns()\n  jump b1(%1)\n"
	v := 4
	for i := range n {
		b := 1 + 3*i
		s += fmt.Sprintf("b%d (%%%d)\n  br test %%3, %%2, b%d, b%d\n", b, v, b+1, b+2)
		s += fmt.Sprintf("b%d\n  %%%d = const %d\n  %%%d = add %%%d, %%%d\n  jump b%d(%%%d)\n", b+1, v+1, 1<<i, v+2, v, v+1, b+3, v+2)
		s += fmt.Sprintf("b%d\n  jump b%d(%%%d)\n", b+2, b+3, v)
		v += 3
	}
	b := 1 + 3*n
	s += fmt.Sprintf("b%d (%%%d)\n", b, v)
	if sum {
		return s + fmt.Sprintf("  %%%d = const 5\n  br ult %%%d, %%%d, b%d, b%d\nb%d\n  ret %%1\nb%d\n  ret %%2\n", v+1, v, v+1, b+1, b+2, b+1, b+2)
	}
	return s + fmt.Sprintf("  ret %%%d\n", v)
}

func TestBranches(t *testing.T) {
	// Nobody asks for the number: the paths meet again.
	if n := estimate(t, branches(12, false)); n > 200 {
		t.Errorf("twelve conditions: %d", n)
	}
	// A decision depends on it: each way through is a state of its own.
	if n := estimate(t, branches(12, true)); n < 1<<12 {
		t.Errorf("twelve conditions whose sum is compared: %d, want at least %d", n, 1<<12)
	}
}

// TestGlobal: what is called often is walked once.
func TestGlobal(t *testing.T) {
	main := "func f()\nb0\n  %1 = const 0\n"
	for range 50 {
		main += "  callfunc 1()\n"
	}
	main += "  ret %1\n"
	once := estimate(t, main+"global "+counted(100, "%1"))
	if once < 300 || once > 700 {
		t.Errorf("fifty calls of a hundred turns: %d", once)
	}
}
