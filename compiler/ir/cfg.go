package ir

import (
	"slices"

	"probe/compiler/reuse"
)

// CFG is the shape of a function: order of blocks, predecessors, dominators and
// loops. It is valid until blocks or edges change.
type CFG struct {
	Order []Block   // the reachable blocks in reverse postorder
	Num   []int32   // position in Order by block, -1 for unreachable ones
	Preds [][]Block // by block; one entry for each edge, in order of Order
	Idom  []Block   // immediate dominator by block, -1 for the entry
	Depth []int32   // loops around a block
	Head  []Block   // header of the innermost loop around a block, -1 if none
	Outer []Block   // by loop header: header of the next loop outwards, -1 if none

	domIn, domOut []int32 // visit numbers in the dominator tree, once numbered is set
	numbered      bool
	back          bool // an edge leads to an earlier block of Order, or to its own

	// Memory for the next analysis.
	blocks  []Block
	ints    []int32
	flat    []Block
	visited []visit
}

// visit is a block on the way of a depth-first search.
type visit struct {
	b    Block
	next int // number of successors that were looked at
}

// NewCFG analyses f.
func NewCFG(f *Func) *CFG {
	c := &CFG{}
	c.Analyse(f)
	return c
}

// Analyse makes c the shape of f. It uses the memory of an earlier analysis, whose
// results are gone then.
func (c *CFG) Analyse(f *Func) {
	n := len(f.Blocks)
	c.blocks = reuse.Slice(c.blocks, 6*n)
	part := func(i int) []Block { return c.blocks[i*n : (i+1)*n : (i+1)*n] }
	c.Order, c.Idom, c.Head, c.Outer = part(0)[:0], part(1), part(2), part(3)
	c.ints = reuse.Slice(c.ints, 5*n)
	clear(c.ints)
	c.Num, c.Depth, c.domIn, c.domOut = c.ints[:n:n], c.ints[n:2*n:2*n], c.ints[2*n:3*n:3*n], c.ints[3*n:4*n:4*n]
	c.order(f)
	c.preds(f, c.ints[4*n:])
	c.dominators()
	c.numbered = false
	for i := range c.Head {
		c.Head[i], c.Outer[i] = -1, -1
	}
	if c.back {
		c.loops(part(4))
	}
}

// order computes the reverse postorder. Of two successors the first visited
// comes last, so the Then side follows its branch directly.
func (c *CFG) order(f *Func) {
	n := len(f.Blocks)
	post := c.Order
	for i := range c.Num {
		c.Num[i] = -1
	}
	stack := append(c.visited[:0], visit{})
	c.Num[0] = 0 // any number: seen
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		t := &f.Blocks[top.b].Term
		k := t.NumSuccs()
		if top.next == k {
			post = append(post, top.b)
			stack = stack[:len(stack)-1]
			continue
		}
		top.next++
		to := t.Then.To
		if top.next < k {
			to = t.Else.To
		}
		if c.Num[to] < 0 {
			c.Num[to] = 0
			stack = append(stack, visit{b: to})
		}
	}
	c.visited = stack
	slices.Reverse(post)
	c.Order = post[:len(post):n]
	for i, b := range post {
		c.Num[b] = int32(i)
	}
}

// preds collects the predecessors of all blocks in one slice. count is by block
// and zero.
func (c *CFG) preds(f *Func, count []int32) {
	total := 0
	c.back = false
	for i, b := range c.Order {
		t := &f.Blocks[b].Term
		k := t.NumSuccs()
		if k > 0 {
			count[t.Then.To]++
			c.back = c.back || c.Num[t.Then.To] <= int32(i)
		}
		if k > 1 {
			count[t.Else.To]++
			c.back = c.back || c.Num[t.Else.To] <= int32(i)
		}
		total += k
	}
	c.Preds = reuse.Slice(c.Preds, len(f.Blocks))
	clear(c.Preds)
	c.flat = reuse.Slice(c.flat, total)
	flat := c.flat
	for _, b := range c.Order {
		k := count[b]
		c.Preds[b], flat = flat[:0:k], flat[k:]
	}
	for _, b := range c.Order {
		t := &f.Blocks[b].Term
		k := t.NumSuccs()
		if k > 0 {
			c.Preds[t.Then.To] = append(c.Preds[t.Then.To], b)
		}
		if k > 1 {
			c.Preds[t.Else.To] = append(c.Preds[t.Else.To], b)
		}
	}
}

// dominators computes Idom after Cooper, Harvey and Kennedy, "A Simple, Fast
// Dominance Algorithm" (2001). It is quadratic in the worst case, but fast on
// the reducible graphs of scripts. Where no edge leads back, all predecessors
// come before their block, and one round is enough.
func (c *CFG) dominators() {
	for i := range c.Idom {
		c.Idom[i] = -1
	}
	c.Idom[0] = 0
	for changed := true; changed; {
		changed = false
		for _, b := range c.Order[1:] {
			var d Block = -1
			for _, p := range c.Preds[b] {
				switch {
				case c.Idom[p] < 0:
				case d < 0:
					d = p
				default:
					d = c.meet(d, p)
				}
			}
			if c.Idom[b] != d {
				c.Idom[b] = d
				changed = c.back
			}
		}
	}
	c.Idom[0] = -1
}

// meet returns the nearest common dominator of a and b, by walking up from the
// one that is later in Order.
func (c *CFG) meet(a, b Block) Block {
	for a != b {
		for c.Num[a] > c.Num[b] {
			a = c.Idom[a]
		}
		for c.Num[b] > c.Num[a] {
			b = c.Idom[b]
		}
	}
	return a
}

// number assigns each block its interval in the dominator tree. With it
// Dominates takes constant time.
func (c *CFG) number() {
	c.numbered = true
	n := len(c.Num)
	first := c.blocks[4*n : 6*n]
	next := first[n:]
	for i := range first {
		first[i] = -1
	}
	for i := len(c.Order) - 1; i > 0; i-- {
		b := c.Order[i]
		next[b] = first[c.Idom[b]]
		first[c.Idom[b]] = b
	}
	var clock int32
	for b := Block(0); b >= 0; {
		clock++
		c.domIn[b] = clock
		if first[b] >= 0 {
			b = first[b]
			continue
		}
		for {
			c.domOut[b] = clock
			if next[b] >= 0 {
				b = next[b]
				break
			}
			if b = c.Idom[b]; b < 0 {
				break
			}
		}
	}
}

// Cyclic reports whether an edge leads back to a block that comes before it in
// Order, or to its own.
func (c *CFG) Cyclic() bool { return c.back }

// Dominates reports whether every path to b leads through a; a block dominates
// itself.
func (c *CFG) Dominates(a, b Block) bool {
	if !c.numbered {
		c.number()
	}
	return c.domIn[a] <= c.domIn[b] && c.domIn[b] <= c.domOut[a]
}

// Common returns the nearest block that dominates both.
func (c *CFG) Common(a, b Block) Block { return c.meet(a, b) }

// IsBackEdge reports whether the edge from p to b closes a natural loop.
func (c *CFG) IsBackEdge(p, b Block) bool { return c.Dominates(b, p) }

// loops finds the natural loops. Headers are visited outermost first, so the
// last one to claim a block is the innermost.
func (c *CFG) loops(mark []Block) {
	c.number() // uses the memory of mark as well
	for i := range mark {
		mark[i] = -1
	}
	var work []Block
	for _, h := range c.Order {
		work = work[:0]
		for _, p := range c.Preds[h] {
			if c.IsBackEdge(p, h) && mark[p] != h {
				mark[p] = h
				work = append(work, p)
			}
		}
		if len(work) == 0 {
			continue
		}
		if mark[h] != h {
			mark[h] = h
			work = append(work, h)
		}
		for i := 0; i < len(work); i++ {
			b := work[i]
			c.Depth[b]++
			if b == h {
				c.Outer[h] = c.Head[h]
			}
			c.Head[b] = h
			if b == h {
				continue
			}
			for _, p := range c.Preds[b] {
				if mark[p] != h && c.Dominates(h, p) {
					mark[p] = h
					work = append(work, p)
				}
			}
		}
	}
}

// RemoveUnreachable drops the blocks that no path reaches and renumbers the
// others in their order. It reports whether there were any.
func RemoveUnreachable(f *Func) bool {
	var few [64]bool // most functions have fewer blocks
	var todo [64]Block
	seen, work := few[:], todo[:1]
	if len(f.Blocks) > len(few) {
		seen = make([]bool, len(f.Blocks))
	}
	seen = seen[:len(f.Blocks)]
	seen[0] = true
	n := 1
	for len(work) > 0 {
		t := &f.Blocks[work[len(work)-1]].Term
		work = work[:len(work)-1]
		for i := range t.NumSuccs() {
			if to := t.Succ(i).To; !seen[to] {
				seen[to] = true
				n++
				work = append(work, to)
			}
		}
	}
	if n == len(f.Blocks) {
		return false
	}
	// Each block moves to where an earlier one was.
	num := make([]Block, len(f.Blocks))
	n = 0
	for b, ok := range seen {
		if ok {
			num[b] = Block(n)
			f.Blocks[n] = f.Blocks[b]
			n++
		}
	}
	clear(f.Blocks[n:])
	f.Blocks = f.Blocks[:n]
	f.renumber(num)
	return true
}

// renumber applies new numbers of blocks to edges and values. num is by old number.
func (f *Func) renumber(num []Block) {
	for i := range f.Blocks {
		d := &f.Blocks[i]
		for k := range d.Term.NumSuccs() {
			e := d.Term.Succ(k)
			e.To = num[e.To]
		}
		for _, v := range d.Params {
			f.Vals[v].Blk = Block(i)
		}
		for _, v := range d.Ins {
			f.Vals[v].Blk = Block(i)
		}
	}
}

// SplitCritical puts an empty block on every edge from a block with several
// successors to one with several predecessors, so that each edge has a place
// for moves. Edges whose two ends are the same pair of blocks count twice.
func SplitCritical(f *Func) {
	preds := make([]int32, len(f.Blocks))
	for b := range f.Blocks {
		t := &f.Blocks[b].Term
		for i := range t.NumSuccs() {
			preds[t.Succ(i).To]++
		}
	}
	preds[0]++ // the call of the function is a predecessor of the entry
	critical := 0
	for b := range f.Blocks {
		if t := &f.Blocks[b].Term; t.NumSuccs() > 1 {
			for i := range 2 {
				if preds[t.Succ(i).To] > 1 {
					critical++
				}
			}
		}
	}
	if critical == 0 {
		return
	}
	f.Blocks = slices.Grow(f.Blocks, critical)
	for b, n := 0, len(f.Blocks); b < n; b++ {
		if f.Blocks[b].Term.NumSuccs() < 2 {
			continue
		}
		for i := range 2 {
			e := *f.Blocks[b].Term.Succ(i)
			if preds[e.To] < 2 {
				continue
			}
			f.Blocks = append(f.Blocks, BlockData{
				Term: Term{Kind: Jump, Then: e, Pos: f.Blocks[b].Term.Pos},
				Cold: f.Blocks[b].Cold || f.Blocks[e.To].Cold,
				Name: "split",
			})
			*f.Blocks[b].Term.Succ(i) = Edge{To: Block(len(f.Blocks) - 1)}
		}
	}
}

// lookBack is the maximum number of dominating branches that Above visits.
// Scripts with thousands of blocks would otherwise take quadratic time.
const lookBack = 24

// Above calls fn for the branches on the way to b, nearest first, with the side
// that leads there, until fn returns false. The outcome of each such comparison
// is known in b.
func (c *CFG) Above(f *Func, b Block, fn func(t *Term, then bool) bool) {
	for range lookBack {
		d := c.Idom[b]
		if d < 0 {
			return
		}
		t := &f.Blocks[d].Term
		// Only if the branch is the only predecessor of b is the taken side
		// known.
		if t.Kind == Branch && t.Then.To != t.Else.To && len(c.Preds[b]) == 1 {
			if !fn(t, t.Then.To == b) {
				return
			}
		}
		b = d
	}
}
