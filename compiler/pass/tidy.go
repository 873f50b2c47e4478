package pass

import (
	"slices"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// tidy simplifies the control flow of the function: it joins blocks in a
// straight line, skips blocks that only jump, and replaces parameters that
// always get the same value.
func tidy(s *state) {
	if ir.RemoveUnreachable(s.f) {
		s.shape()
	}
	for changed := true; changed; {
		// skipEmpty and joinLines remove what they make unreachable.
		if changed = sameTarget(s); changed {
			ir.RemoveUnreachable(s.f)
		}
		changed = skipEmpty(s) || changed
		changed = joinLines(s) || changed
		changed = sameParams(s) || changed
		if changed {
			s.shape()
		}
	}
	s.forget()
}

// sameTarget turns branches with equal sides into jumps.
func sameTarget(s *state) bool {
	changed := false
	for b := range s.f.Blocks {
		t := &s.f.Blocks[b].Term
		if t.Kind == ir.Branch && t.Then.To == t.Else.To && slices.Equal(t.Then.Args, t.Else.Args) {
			*t = ir.Term{Kind: ir.Jump, Then: t.Then, Pos: t.Pos}
			changed = true
		}
	}
	return changed
}

// edgeCounts returns the number of edges into each block; the entry has one
// more. The result is valid until the next call.
func (s *state) edgeCounts() []int32 {
	s.edges = reuse.Slice(s.edges, len(s.f.Blocks))
	n := s.edges
	clear(n)
	n[0]++
	for b := range s.f.Blocks {
		t := &s.f.Blocks[b].Term
		for i := range t.NumSuccs() {
			n[t.Succ(i).To]++
		}
	}
	return n
}

// maxHops is the maximum number of empty blocks that one edge skips at once. It
// ends the search in a cycle of empty blocks.
const maxHops = 64

// skipEmpty redirects edges to blocks that only jump to the targets of those
// blocks.
func skipEmpty(s *state) bool {
	f := s.f
	var uses []int32
	var skip []bool
	for b := 1; b < len(f.Blocks); b++ {
		d := &f.Blocks[b]
		if len(d.Ins) > 0 || d.Term.Kind != ir.Jump || d.Term.Then.To == ir.Block(b) {
			continue
		}
		// The parameters must not be used beyond the jump.
		if len(d.Params) > 0 {
			if uses == nil {
				uses = s.uses()
			}
			here := 0
			total := 0
			for _, p := range d.Params {
				total += int(uses[p])
				for _, a := range d.Term.Then.Args {
					if a == p {
						here++
					}
				}
			}
			if here != total {
				continue
			}
		}
		if skip == nil {
			skip = make([]bool, len(f.Blocks))
		}
		skip[b] = true
	}
	if skip == nil {
		return false
	}
	preds := s.edgeCounts()
	changed := false
	for b := range f.Blocks {
		t := &f.Blocks[b].Term
		for i := range t.NumSuccs() {
			e := t.Succ(i)
			from, hops := *e, 0
			for ; skip[e.To] && hops < maxHops; hops++ {
				mid := &f.Blocks[e.To]
				to := mid.Term.Then
				// A branch that passes arguments to a block with several
				// predecessors needs a block in between for the moves (see
				// ir.SplitCritical).
				if t.NumSuccs() > 1 && len(to.Args) > 0 && preds[to.To] > 1 || skip[to.To] && to.To == e.To {
					break
				}
				args := make([]ir.Value, len(to.Args))
				for k, a := range to.Args {
					args[k] = a
					for j, p := range mid.Params {
						if a == p {
							args[k] = e.Args[j]
						}
					}
				}
				preds[e.To]--
				preds[to.To]++
				*e = ir.Edge{To: to.To, Args: args}
			}
			if hops == maxHops {
				*e = from // an endless loop of empty blocks
			}
			changed = changed || e.To != from.To
		}
	}
	if changed {
		ir.RemoveUnreachable(f)
	}
	return changed
}

// joinLines appends to each block the block it jumps to, if that has no other
// predecessor.
func joinLines(s *state) bool {
	f := s.f
	preds := s.edgeCounts()
	changed := false
	for b := range f.Blocks {
		if preds[b] == 0 {
			continue
		}
		d := &f.Blocks[b]
		for d.Term.Kind == ir.Jump && preds[d.Term.Then.To] == 1 && d.Term.Then.To != ir.Block(b) && d.Term.Then.To != 0 {
			e := d.Term.Then
			next := &f.Blocks[e.To]
			for i, p := range next.Params {
				s.replace(p, e.Args[i])
			}
			for _, v := range next.Ins {
				f.Vals[v].Blk = ir.Block(b)
			}
			d.Ins = append(d.Ins, next.Ins...)
			d.Term = next.Term
			d.Cold = d.Cold || next.Cold
			*next = ir.BlockData{Name: "joined", Term: ir.Term{Kind: ir.Ret}}
			preds[e.To] = 0
			changed = true
		}
	}
	s.rewrite()
	if changed {
		ir.RemoveUnreachable(f)
	}
	return changed
}

// sameParams removes parameters that get the same value on every edge.
func sameParams(s *state) bool {
	f := s.f
	changed := false
	for again := true; again; {
		again = false
		if !slices.ContainsFunc(f.Blocks, func(d ir.BlockData) bool { return len(d.Params) > 0 }) {
			break
		}
		s.list = reuse.Slice(s.list, len(f.Vals))
		same := s.list // by parameter; -1 for several
		clear(same)
		for b := range f.Blocks {
			t := &f.Blocks[b].Term
			for i := range t.NumSuccs() {
				e := t.Succ(i)
				for k, a := range e.Args {
					p := f.Blocks[e.To].Params[k]
					switch {
					case a == p || a == same[p]:
					case same[p] == 0:
						same[p] = a
					default:
						same[p] = -1
					}
				}
			}
		}
		for b := range f.Blocks {
			d := &f.Blocks[b]
			for i := len(d.Params) - 1; i >= 0; i-- {
				p := d.Params[i]
				if same[p] <= 0 || s.use(same[p]) == p {
					continue
				}
				s.replace(p, same[p])
				dropParam(f, ir.Block(b), i)
				again, changed = true, true
			}
		}
		s.rewrite()
	}
	return changed
}

// dropParam removes parameter i of block b and the arguments for it.
func dropParam(f *ir.Func, b ir.Block, i int) {
	d := &f.Blocks[b]
	d.Params = slices.Delete(d.Params, i, i+1)
	for p := range f.Blocks {
		t := &f.Blocks[p].Term
		for k := range t.NumSuccs() {
			if e := t.Succ(k); e.To == b {
				e.Args = slices.Delete(e.Args, i, i+1)
			}
		}
	}
}
