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
	return Of(p, slots, Limit).Insns
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

// TestPointers: a counter that is added to a pointer is followed turn by turn, even
// where the end of the loop is not known.
func TestPointers(t *testing.T) {
	loop := func(base string) string {
		return `func f()
b0
  %1 = const 0
  %2 = call ktime_get_ns()
  %3 = const 800
  %4 = const 8
  ` + base + `
  br ugt %2, %3, b4, b1(%1)
b1 (%6)
  br ugt %2, %6, b2, b3
b2
  %7:mapvalue = add %5, %6
  %8 = load %7+0
  %9 = add %6, %4
  jump b1(%9)
b3
  ret %1
b4
  ret %1
`
	}
	if n := estimate(t, loop("%5:mapvalue = mapvalue 0+0")); n < 700 || n > 900 {
		t.Errorf("100 turns of 5 instructions and an exit: %d", n)
	}
}

// TestSameLimit: each exit of a loop with an unknown limit knows something else of
// it, and the loop after it is walked for each.
func TestSameLimit(t *testing.T) {
	n := estimate(t, `func f()
b0
  %1 = const 0
  %2 = call ktime_get_ns()
  %3 = const 1
  %4 = const 100
  jump b1(%1)
b1 (%5)
  br ult %5, %2, b2, b4(%1)
b2
  br ult %5, %4, b3, b7
b3
  %6 = add %5, %3
  jump b1(%6)
b4 (%7)
  br ult %7, %2, b5, b7
b5
  br ult %7, %4, b6, b7
b6
  %8 = add %7, %3
  jump b4(%8)
b7
  ret %1
`)
	if n < 10_000 || n > 30_000 {
		t.Errorf("100 exits and 50 turns of 4 instructions on average: %d", n)
	}
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
