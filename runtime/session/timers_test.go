package session

import (
	"testing"
	"time"
)

// TestIntervals runs the schedule of four intervals by a clock of its own: those of
// one time come in the order of the script, times that were missed are skipped, and
// none is left out for good.
func TestIntervals(t *testing.T) {
	start := time.Unix(1000, 0)
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	var all []interval
	for i, period := range []int{20, 10, 20, 7} {
		p := time.Duration(period) * time.Millisecond
		all = append(all, interval{program: i, period: p, next: start.Add(p)})
	}
	runs := func(at int) (order []int) {
		now := ms(at)
		n := due(all, now)
		for i := range n {
			order = append(order, all[i].program)
			all[i].advance(now)
		}
		return order
	}
	for _, step := range []struct {
		at   int
		want []int
	}{
		{6, nil}, {7, []int{3}}, {10, []int{1}}, {14, []int{3}}, {20, []int{0, 1, 2}}, {21, []int{3}},
		{65, []int{3, 1, 0, 2}}, // after a pause
		{69, nil}, {70, []int{1, 3}}, {80, []int{3, 0, 1, 2}},
	} {
		got := runs(step.at)
		if len(got) != len(step.want) {
			t.Fatalf("at %d ms: %v, want %v", step.at, got, step.want)
		}
		for i := range got {
			if got[i] != step.want[i] {
				t.Errorf("at %d ms: %v, want %v", step.at, got, step.want)
			}
		}
	}
}
