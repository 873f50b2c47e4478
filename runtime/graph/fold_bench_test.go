package graph

import "testing"

// BenchmarkFold is what looking for interruptions in a tree of 30 calls costs
// that has none.
func BenchmarkFold(b *testing.B) {
	t := &Tree{}
	for i := range int32(30) {
		t.Calls = append(t.Calls, Call{Parent: i - 1, End: 30, Depth: uint16(i)})
	}
	for b.Loop() {
		t.Fold()
		if t.Incomplete() {
			b.Fatal("incomplete")
		}
	}
}
