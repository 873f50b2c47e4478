package ir

import (
	"math/rand"
	"testing"
)

// member draws a number that a fact allows.
func (a Fact) member(r *rand.Rand) (uint64, bool) {
	for range 40 {
		x := a.One | r.Uint64()&a.Unknown
		switch r.Intn(4) {
		case 0:
			x = a.Min
		case 1:
			x = a.Max
		}
		if a.allows(x) {
			return x, true
		}
	}
	return 0, false
}

func (a Fact) allows(x uint64) bool {
	return x >= a.Min && x <= a.Max && x&^a.May() == 0 && x&a.One == a.One
}

func randomFact(r *rand.Rand) Fact {
	x := r.Uint64() >> r.Intn(64)
	switch r.Intn(5) {
	case 0:
		return Exactly(x)
	case 1:
		return upTo(1<<r.Intn(64) - 1)
	case 2:
		return Anything.Narrowed(ULE, x)
	case 3:
		return Anything.Narrowed(UGE, x)
	}
	unknown := r.Uint64() >> r.Intn(64)
	return Fact{One: x &^ unknown, Unknown: unknown, Max: ^uint64(0)}.tight()
}

// TestFactsHold computes with numbers that the facts allow: the result must be
// one that the resulting fact allows.
func TestFactsHold(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	f := &Func{Vals: make([]Ins, 4)}
	tested := 0
	for range 200000 {
		a, b := randomFact(r), randomFact(r)
		in := Ins{Op: Op(r.Intn(int(OpSExt-OpAdd)+1)) + OpAdd, W: 8, Kind: Scalar, A: 1, B: 2}
		switch {
		case in.Op == OpZExt || in.Op == OpSExt:
			in.W = uint8(1) << r.Intn(3)
		case r.Intn(2) == 0:
			in.W = 4
		}
		f.Vals[1], f.Vals[2], f.Vals[3] = Ins{}, Ins{}, in
		got := FactOf(&f.Vals[3], func(v Value) Fact { return [...]Fact{1: a, 2: b}[v] })
		x, ok := a.member(r)
		y, ok2 := b.member(r)
		if !ok || !ok2 {
			continue
		}
		z, ok := Eval(in.Op, in.W, x, y)
		if !ok {
			t.Fatalf("no value for %s", in.Op)
		}
		tested++
		if !got.allows(z) {
			t.Fatalf("%s.%d of %#x (%+v) and %#x (%+v) is %#x, which %+v does not allow", in.Op, in.W, x, a, y, b, z, got)
		}
		if u := a.Union(b); !u.allows(x) || !u.allows(y) {
			t.Fatalf("%+v or %+v gives %+v, which misses %#x or %#x", a, b, u, x, y)
		}
		c := Cmp(r.Intn(int(TEST) + 1))
		w := uint8(4 + 4*r.Intn(2))
		if holds, known := Decide(c, w, a, b); known && holds != c.Holds(w, x, y) {
			t.Fatalf("%s.%d of %#x (%+v) and %#x (%+v) is not %v", c, w, x, a, y, b, holds)
		}
		if c.Holds(4, x, y) && !a.Narrowed4(c, y).allows(x) {
			t.Fatalf("%#x %s.4 %#x: %+v becomes %+v", x, c, y, a, a.Narrowed4(c, y))
		}
		if c.Holds(8, x, y) && !a.Narrowed(c, y).allows(x) {
			t.Fatalf("%#x %s %#x: %+v becomes %+v", x, c, y, a, a.Narrowed(c, y))
		}
	}
	if tested < 100000 {
		t.Errorf("only %d of 200000 were tested", tested)
	}
}

func TestCmp(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	for range 20000 {
		x, y := r.Uint64()>>r.Intn(64), r.Uint64()>>r.Intn(64)
		if r.Intn(4) == 0 {
			y = x
		}
		c, w := Cmp(r.Intn(int(TEST)+1)), uint8(4+4*r.Intn(2))
		if c.Holds(w, x, y) != c.Swapped().Holds(w, y, x) {
			t.Fatalf("%s.%d %#x %#x swapped", c, w, x, y)
		}
		if inv, ok := c.Inverted(); ok && c.Holds(w, x, y) == inv.Holds(w, x, y) {
			t.Fatalf("%s.%d %#x %#x inverted", c, w, x, y)
		}
	}
}
