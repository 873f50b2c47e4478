package elf

import (
	"cmp"
	"slices"
)

// nearest collects the names most similar to a wanted one.
type nearest struct {
	want string
	best []near
	prev []int
	next []int
}

type near struct {
	name     string
	distance int
}

const (
	maxNear = 3
	// maxCompared bounds the length of names compared; longer ones are mangled
	// C++ or Rust names, which nobody types by hand.
	maxCompared = 64
)

func newNearest(want string) *nearest {
	return &nearest{want: want, prev: make([]int, maxCompared+1), next: make([]int, maxCompared+1)}
}

// limit returns the maximum number of edits between names that count as
// similar.
func (n *nearest) limit() int { return min((len(n.want)+2)/3, 4) }

func (n *nearest) add(name string) {
	limit := n.limit()
	if len(n.best) == maxNear {
		limit = min(limit, n.best[maxNear-1].distance-1)
	}
	if diff := len(name) - len(n.want); diff > limit || -diff > limit || max(len(name), len(n.want)) > maxCompared {
		return
	}
	d := n.distance(name, limit)
	if d > limit || slices.ContainsFunc(n.best, func(b near) bool { return b.name == name }) {
		return
	}
	n.best = append(n.best, near{name, d})
	slices.SortStableFunc(n.best, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	n.best = n.best[:min(len(n.best), maxNear)]
}

// distance returns the number of insertions, deletions and replacements between
// name and the wanted one, or more than limit as soon as that is certain.
func (n *nearest) distance(name string, limit int) int {
	want := n.want
	for want != "" && name != "" && want[0] == name[0] {
		want, name = want[1:], name[1:]
	}
	for want != "" && name != "" && want[len(want)-1] == name[len(name)-1] {
		want, name = want[:len(want)-1], name[:len(name)-1]
	}
	for j := range len(name) + 1 {
		n.prev[j] = j
	}
	for i := range len(want) {
		n.next[0] = i + 1
		least := i + 1
		for j := range len(name) {
			cost := 1
			if want[i] == name[j] {
				cost = 0
			}
			d := min(n.prev[j]+cost, n.prev[j+1]+1, n.next[j]+1)
			n.next[j+1] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
		n.prev, n.next = n.next, n.prev
	}
	return n.prev[len(name)]
}

func (n *nearest) names() []string {
	var out []string
	for _, b := range n.best {
		out = append(out, b.name)
	}
	return out
}
