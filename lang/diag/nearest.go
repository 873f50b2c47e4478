package diag

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest returns the candidate whose spelling is nearest to name, for messages
// such as "a map with a similar name exists". ok is false when no candidate is
// near enough: with more than one edit per three characters, two words are
// considered unrelated. An edit inserts, removes or replaces a character or
// swaps two neighbours. Equally near candidates are ordered by difference in
// length, then in case, then alphabetically.
func Nearest(name string, candidates []string) (best string, ok bool) {
	if near := NearestN(name, candidates, 1); len(near) > 0 {
		return near[0], true
	}
	return "", false
}

// NearestN returns at most n candidates nearest to name, the nearest first,
// under the same rule as Nearest.
func NearestN(name string, candidates []string, n int) []string {
	if name == "" || len(name) > 200 {
		return nil
	}
	type hit struct {
		text string
		dist int
	}
	limit := max(1, len(name)/3)
	lower := strings.ToLower(name)
	var hits []hit
	var rows [3][]int
	for _, c := range candidates {
		if c == name || c == "" || abs(len(c)-len(name)) > limit {
			continue
		}
		d := distance(lower, strings.ToLower(c), limit, &rows)
		if d > limit || d >= len(c) {
			continue
		}
		// Among equal distances the same length is nearer, then the same case.
		d *= 4
		if len(c) != len(name) {
			d += 2
		}
		if distance(name, c, limit, &rows)*4 > d {
			d++
		}
		hits = append(hits, hit{c, d})
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.dist, b.dist), cmp.Compare(a.text, b.text))
	})
	hits = slices.Compact(hits)
	out := make([]string, 0, min(n, len(hits)))
	for _, h := range hits[:min(n, len(hits))] {
		out = append(out, h.text)
	}
	return out
}

func abs(n int) int { return max(n, -n) }

// distance returns the edit distance of a and b with swaps of neighbours
// (optimal string alignment), or some number above limit once it is known to
// exceed limit. The rows are reused between calls.
func distance(a, b string, limit int, rows *[3][]int) int {
	for i := range rows {
		if len(rows[i]) <= len(b) {
			rows[i] = make([]int, len(b)+1)
		}
	}
	prev2, prev, cur := rows[0], rows[1], rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
			least = min(least, cur[j])
		}
		if least > limit {
			return limit + 1
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
