package infer

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// ints returns all integer types that a script can meet, those of literals too.
func ints() []*types.Type {
	out := []*types.Type{litBig}
	for i, size := range []int{1, 2, 4, 8} {
		out = append(out, types.IntType(size, true), types.IntType(size, false), LitPos[i], litNeg[i])
	}
	return out
}

// holds reports whether every value of t is one of w.
func holds(w, t *types.Type) bool {
	if t.Signed == w.Signed || t.Flex {
		return w.Size >= t.Size
	}
	return w.Signed && w.Size > t.Size
}

// TestPromoteInts: the type of two integers has room for both, up to 64 bits,
// whatever their order, and does not change when it is joined again.
func TestPromoteInts(t *testing.T) {
	for _, a := range ints() {
		for _, b := range ints() {
			p, ok := Promote(a, b)
			q, _ := Promote(b, a)
			if !ok || !SameType(p, q) {
				t.Fatalf("%s and %s: %s, the other way round %s", a, b, p, q)
			}
			if p.Size < 8 && (!holds(p, a) || !holds(p, b)) {
				t.Errorf("%s cannot hold both %s and %s", p, a, b)
			}
			for _, x := range []*types.Type{a, b} {
				if again, _ := Promote(p, x); !SameType(again, p) {
					t.Errorf("%s and %s give %s, with %s again %s: inference would not end", a, b, p, x, again)
				}
			}
			if s := Settle(p); s.Flex || !SameType(Settle(s), s) {
				t.Errorf("%s settles to %s", p, s)
			}
		}
	}
}

// TestFoldInts compares folding with the arithmetic of big numbers.
func TestFoldInts(t *testing.T) {
	lit := func(r *rand.Rand) (*hir.Int, *big.Int) {
		v := r.Uint64() >> r.IntN(64)
		if r.IntN(2) == 0 {
			n := -int64(v >> 1)
			return Lit(source.Span{}, uint64(n), n < 0), big.NewInt(n)
		}
		return Lit(source.Span{}, v, false), new(big.Int).SetUint64(v)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		x, bx := lit(r)
		y, by := lit(r)
		for _, text := range []string{"+", "-", "*", "/", "%"} {
			want := new(big.Int)
			switch text {
			case "+":
				want.Add(bx, by)
			case "-":
				want.Sub(bx, by)
			case "*":
				want.Mul(bx, by)
			default:
				if by.Sign() == 0 {
					continue
				}
				if text == "/" {
					want.Quo(bx, by)
				} else {
					want.Rem(bx, by)
				}
			}
			got, p := Fold(Ops[text], x, y, source.Span{})
			if p != nil {
				if want.IsInt64() || want.IsUint64() {
					t.Fatalf("%s %s %s = %s, but: %s (%s)", bx, text, by, want, p.Message, p.Label)
				}
				continue
			}
			if g := bigOf(got.(*hir.Int)); g.Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s, folded to %s", bx, text, by, want, g)
			}
		}
	}
}

// TestCellWidens: a cell that has taken a type still holds it after any other.
func TestCellWidens(t *testing.T) {
	for _, a := range ints() {
		for _, b := range ints() {
			var c Cell
			c.Set(a)
			v := c.Version
			c.Set(a)
			if c.Version != v {
				t.Errorf("setting %s twice counts as a change", a)
			}
			p, _ := Promote(c.Raw, b)
			c.Set(p)
			if c.Typ.Flex || c.Typ.Size < max(a.Size, b.Size) {
				t.Errorf("%s, then %s: the cell holds %s", a, b, c.Typ)
			}
		}
	}
}
