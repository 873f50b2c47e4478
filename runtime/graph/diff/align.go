package diff

// Kind is the kind of difference that a row of a comparison shows.
type Kind uint8

// The kinds of rows.
const (
	Same    Kind = iota
	OnlyA        // the call, with all below, is in A only
	OnlyB        // the call, with all below, is in B only
	Results      // the results differ
	Counts       // the numbers of calls in a row differ
)

// kinds are the names of the kinds in JSON.
var kinds = [...]string{"same", "only-a", "only-b", "results", "counts"}

// String returns the name of the kind.
func (k Kind) String() string { return kinds[k] }

// Row is one line of a comparison: a call of A, its partner in B, or only one
// of them.
type Row struct {
	Kind  Kind
	Depth int
	A, B  *Node
	// Elided is the number of calls below that are the same on both sides,
	// or exist on one side only, and have no rows of their own.
	Elided int
}

// walker collects the rows of two trees.
type walker struct {
	rows []Row
	// shape is the first row that differs in shape, by order of entry, result
	// the first that differs in results, by order of return; -1 for none.
	shape, result int
	all           bool // add rows for equal subtrees, too
}

// pair adds the rows of two calls of the same function.
func (w *walker) pair(a, b *Node, depth int) {
	at := len(w.rows)
	r := Row{Depth: depth, A: a, B: b}
	switch {
	case a.class != b.class && a.class.kind != 0 && b.class.kind != 0:
		r.Kind = Results
	case a.Count != b.Count:
		r.Kind = Counts
		if w.shape < 0 {
			w.shape = at
		}
	}
	if a.full == b.full && !w.all {
		r.Elided = a.size - 1
		w.rows = append(w.rows, r)
		return
	}
	w.rows = append(w.rows, r)
	ofA, ofB := a.children(), b.children()
	for _, p := range align(ofA, ofB) {
		switch {
		case p.a < 0:
			w.single(OnlyB, ofB[p.b], depth+1)
		case p.b < 0:
			w.single(OnlyA, ofA[p.a], depth+1)
		default:
			w.pair(ofA[p.a], ofB[p.b], depth+1)
		}
	}
	// The calls below have returned before a, so this result is the first that
	// differs only if none of theirs does.
	if r.Kind == Results && w.result < 0 {
		w.result = at
	}
}

// maxSingle is the maximum number of levels of a subtree without a partner that
// get rows.
const maxSingle = 4

// single adds the rows of a subtree that only one side has.
func (w *walker) single(kind Kind, x *Node, depth int) {
	if w.shape < 0 {
		w.shape = len(w.rows)
	}
	w.one(kind, x, depth, maxSingle)
}

func (w *walker) one(kind Kind, x *Node, depth, levels int) {
	r := Row{Kind: kind, Depth: depth}
	if kind == OnlyA {
		r.A = x
	} else {
		r.B = x
	}
	if levels == 1 {
		r.Elided = x.size - 1
	}
	w.rows = append(w.rows, r)
	if levels > 1 {
		for _, c := range x.children() {
			w.one(kind, c, depth+1, levels-1)
		}
	}
}

// match is a pair of indices; -1 stands for no partner.
type match struct{ a, b int }

// maxTable bounds the size of the table of align; for larger lists greedy looks
// for partners nearby.
const maxTable = 4 << 20

// align finds partners for children: calls of the same function in the same
// order, as many as possible, and among these ways one that pairs equal
// subtrees. It is the longest common subsequence with weights.
func align(a, b []*Node) []match {
	var head, tail []match
	for len(a) > 0 && len(b) > 0 && a[0].full == b[0].full {
		head = append(head, match{len(head), len(head)})
		a, b = a[1:], b[1:]
	}
	skip := len(head)
	for len(a) > 0 && len(b) > 0 && a[len(a)-1].full == b[len(b)-1].full {
		tail = append(tail, match{skip + len(a) - 1, skip + len(b) - 1})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var middle []match
	if len(a)*len(b) <= maxTable {
		middle = table(a, b)
	} else {
		middle = greedy(a, b)
	}
	for _, m := range middle {
		if m.a >= 0 {
			m.a += skip
		}
		if m.b >= 0 {
			m.b += skip
		}
		head = append(head, m)
	}
	for i := len(tail) - 1; i >= 0; i-- {
		head = append(head, tail[i])
	}
	return head
}

// weight returns the gain of pairing two calls. The gain of one more pair is
// larger than what the similarity of all other pairs can add up to in practice,
// so align first makes as many pairs as possible.
func weight(a, b *Node) int32 {
	switch {
	case a.Name != b.Name:
		return 0
	case a.full == b.full:
		return 12
	case a.shape == b.shape:
		return 11
	case a.class == b.class:
		return 10
	}
	return 9
}

// table aligns by dynamic programming. score[i][j] is the best for a[i:],
// b[j:].
func table(a, b []*Node) []match {
	n, m := len(a), len(b)
	score := make([]int32, (n+1)*(m+1))
	at := func(i, j int) *int32 { return &score[i*(m+1)+j] }
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			best := max(*at(i+1, j), *at(i, j+1))
			if g := weight(a[i], b[j]); g > 0 {
				best = max(best, g+*at(i+1, j+1))
			}
			*at(i, j) = best
		}
	}
	var out []match
	i, j := 0, 0
	for i < n && j < m {
		g := weight(a[i], b[j])
		switch {
		case g > 0 && *at(i, j) == g+*at(i+1, j+1):
			out = append(out, match{i, j})
			i, j = i+1, j+1
		case *at(i, j) == *at(i+1, j):
			out = append(out, match{i, -1})
			i++
		default:
			out = append(out, match{-1, j})
			j++
		}
	}
	for ; i < n; i++ {
		out = append(out, match{i, -1})
	}
	for ; j < m; j++ {
		out = append(out, match{-1, j})
	}
	return out
}

// nearby is the maximum distance, in children, at which greedy looks for a
// partner.
const nearby = 256

// greedy aligns long lists in linear time: each call gets the nearest partner.
func greedy(a, b []*Node) []match {
	var out []match
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		da, db := -1, -1
		for d := 0; d < nearby && (da < 0 && db < 0); d++ {
			if j+d < len(b) && a[i].Name == b[j+d].Name {
				db = d
			} else if i+d < len(a) && a[i+d].Name == b[j].Name {
				da = d
			}
		}
		switch {
		case db >= 0:
			for range db {
				out = append(out, match{-1, j})
				j++
			}
		case da >= 0:
			for range da {
				out = append(out, match{i, -1})
				i++
			}
		default:
			out = append(out, match{i, -1}, match{-1, j})
			i, j = i+1, j+1
			continue
		}
		out = append(out, match{i, j})
		i, j = i+1, j+1
	}
	for ; i < len(a); i++ {
		out = append(out, match{i, -1})
	}
	for ; j < len(b); j++ {
		out = append(out, match{-1, j})
	}
	return out
}
