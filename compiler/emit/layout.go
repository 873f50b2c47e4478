package emit

import "probe/compiler/ir"

// layout orders the blocks: reverse postorder, so that most blocks fall
// through to the next, the inside of a loop before what follows it, and cold
// blocks last.
func layout(f *ir.Func, cfg *ir.CFG) []ir.Block {
	// The depth-first search must visit first the blocks that come last, since
	// postorder is reversed.
	n := len(f.Blocks)
	type frame struct {
		b    ir.Block
		next int
	}
	post := make([]ir.Block, 0, n)
	seen := make([]bool, n)
	stack := make([]frame, 0, 16)
	stack = append(stack, frame{})
	seen[0] = true
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		t := &f.Blocks[top.b].Term
		k := t.NumSuccs()
		if top.next == k {
			post = append(post, top.b)
			stack = stack[:len(stack)-1]
			continue
		}
		i := top.next
		if k == 2 && elseNext(f, cfg, top.b) {
			i = 0 + top.next
		} else if k == 2 {
			i = 1 - top.next
		}
		top.next++
		if to := t.Succ(i).To; !seen[to] {
			seen[to] = true
			stack = append(stack, frame{b: to})
		}
	}
	// A block that is only reached from cold blocks is cold too. This also
	// keeps every block after the blocks that dominate it.
	for i := len(post) - 1; i >= 0; i-- {
		if b := post[i]; b != 0 && f.Blocks[cfg.Idom[b]].Cold {
			f.Blocks[b].Cold = true
		}
	}
	order := make([]ir.Block, 0, len(post))
	for _, cold := range [...]bool{false, true} {
		for i := len(post) - 1; i >= 0; i-- {
			if b := post[i]; (f.Blocks[b].Cold && b != 0) == cold {
				order = append(order, b)
			}
		}
	}
	return order
}

// elseNext reports whether the Else side of a branch is the better one to place
// directly after it.
func elseNext(f *ir.Func, cfg *ir.CFG, b ir.Block) bool {
	t := &f.Blocks[b].Term
	x, y := t.Then.To, t.Else.To
	if cx, cy := f.Blocks[x].Cold, f.Blocks[y].Cold; cx != cy {
		return cx
	}
	if cfg.Depth[x] != cfg.Depth[y] {
		return cfg.Depth[y] > cfg.Depth[x]
	}
	// A bit test has no inverse, so it cannot jump to its Else side.
	return t.Kind == ir.Branch && t.Cmp == ir.TEST
}
