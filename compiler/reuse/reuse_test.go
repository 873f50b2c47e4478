package reuse

import (
	"slices"
	"testing"
)

func TestSlice(t *testing.T) {
	a := []int{1, 2, 3}
	if b := Slice(a, 2); &b[0] != &a[0] || len(b) != 2 {
		t.Errorf("%v is not the memory of %v", b, a)
	}
	if b := Slice(a, 4); len(b) != 4 || cap(b) < 6 {
		t.Errorf("%d elements, room for %d", len(b), cap(b))
	}
	if b := Zeroed(a, 3); &b[0] != &a[0] || !slices.Equal(b, []int{0, 0, 0}) {
		t.Errorf("%v", b)
	}
	if b := Zeroed([]int(nil), 0); len(b) != 0 {
		t.Errorf("%v", b)
	}
}
