package cost

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
)

// loop is a loop whose counter is a known number.
type loop struct {
	from, to, step int64
	op             string // that goes on
	work           int    // instructions of the body
}

// nest returns a program with loops in each other. With unknown, the body of the
// innermost one has a branch that nothing decides.
func nest(loops []loop, unknown bool) string {
	var b strings.Builder
	v := 0
	value := func(format string, args ...any) string {
		v++
		fmt.Fprintf(&b, "  %%%d = %s\n", v, fmt.Sprintf(format, args...))
		return fmt.Sprintf("%%%d", v)
	}
	type head struct {
		counter, step string
		block         int
	}
	b.WriteString("func f()\nb0\n")
	ret := value("const 0")
	clock := value("call ktime_get_ns()")
	var heads []head
	block := 0
	for _, l := range loops {
		from, to, step := value("const %d", l.from), value("const %d", l.to), value("const %d", l.step)
		block++
		fmt.Fprintf(&b, "  jump b%d(%s)\n", block, from)
		v++
		counter := fmt.Sprintf("%%%d", v)
		heads = append(heads, head{counter, step, block})
		// The block after the loop comes when all inner ones are written.
		fmt.Fprintf(&b, "b%d (%s)\n  br %s %s, %s, b%d, b%d\nb%d\n", block, counter, l.op, counter, to, block+1, 1000+len(heads), block+1)
		block++
		sum := counter
		for range l.work {
			sum = value("xor %s, %s", sum, clock)
		}
	}
	if unknown {
		fmt.Fprintf(&b, "  br ult %s, %s, b%d, b%d\nb%d\n  jump b%d()\nb%d\n  jump b%d()\nb%d\n", clock, heads[0].step, block+1, block+2, block+1, block+3, block+2, block+3, block+3)
		block += 3
	}
	for i := len(heads) - 1; i >= 0; i-- {
		h := heads[i]
		next := value("add %s, %s", h.counter, h.step)
		fmt.Fprintf(&b, "  jump b%d(%s)\nb%d\n", h.block, next, 1000+i+1)
	}
	fmt.Fprintf(&b, "  ret %s\n", ret)
	text := b.String()
	for i := range heads { // blocks are numbered without gaps
		text = strings.ReplaceAll(text, fmt.Sprintf("b%d\n", 1000+i+1), fmt.Sprintf("b%d\n", block+len(heads)-i))
		text = strings.ReplaceAll(text, fmt.Sprintf("b%d(", 1000+i+1), fmt.Sprintf("b%d(", block+len(heads)-i))
	}
	return text
}

// slotsOf takes each instruction of the IR for one of BPF.
func slotsOf(p *ir.Prog) []int {
	slots := make([]int, len(p.Funcs))
	for i, f := range p.Funcs {
		for b := range f.Blocks {
			slots[i] += len(f.Blocks[b].Ins) + 1
		}
	}
	return slots
}

// bounded fails the test if an estimate is outside of its limits or took long.
func bounded(t *testing.T, p *ir.Prog) Estimate {
	t.Helper()
	start := time.Now()
	e := Of(p, slotsOf(p), Limit)
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("an estimate took %v\n%s", d, p)
	}
	if e.Insns < 1 || e.Insns > Limit || e.Waiting < 0 || int(e.Pos) < 0 || e.Pos > 0 && int(e.Pos) >= len(p.Pos) {
		t.Errorf("an estimate of %+v\n%s", e, p)
	}
	return e
}

// FuzzLoops compares the estimate of loops whose numbers are known with the
// instructions that they execute: the verifier walks all turns. With a branch
// that nothing decides, it walks at least the turns.
func FuzzLoops(f *testing.F) {
	f.Add(int64(0), int64(10), int64(1), uint8(0), uint8(3), int64(0), int64(5), int64(1), uint8(1), false)
	f.Add(int64(-5), int64(100), int64(7), uint8(1), uint8(0), int64(3), int64(3), int64(1), uint8(0), true)
	f.Add(int64(1), int64(64), int64(3), uint8(2), uint8(1), int64(0), int64(0), int64(0), uint8(0), false)
	f.Fuzz(func(t *testing.T, from, to, step int64, op, work uint8, from2, to2, step2 int64, op2 uint8, unknown bool) {
		ops := []string{"ult", "slt", "ne", "ule"}
		loops := []loop{{from, to, step, ops[op%4], int(work % 16)}}
		if from2 != to2 {
			loops = append(loops, loop{from2, to2, step2, ops[op2%4], int(work / 16)})
		}
		p, err := ir.Parse("fuzz", nest(loops, unknown))
		if err != nil {
			t.Fatalf("%v\n%s", err, nest(loops, unknown))
		}
		env := irgen.NewEnv(nil)
		const steps = Limit / 20
		env.Steps = steps
		_, err = ir.Interp(p, env)
		if errors.Is(err, ir.ErrSteps) {
			return // TestLoops has those that are too long
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, p)
		}
		ran := steps - env.Steps
		e := bounded(t, p)
		if ran > 100 && (e.Insns < ran/2 || !unknown && e.Insns > 2*ran) {
			t.Errorf("%d instructions run, %d estimated\n%s", ran, e.Insns, p)
		}
	})
}

// FuzzEstimate estimates random programs: within bounds, without a panic.
func FuzzEstimate(f *testing.F) {
	f.Add([]byte("some bytes that choose a program"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4000 {
			t.Skip("long inputs find nothing that short ones do not")
		}
		bounded(t, irgen.Program(data, irgen.Options{World: true, Callbacks: true, ForEach: true, MayGoto: true, Atomics: true}))
	})
}
