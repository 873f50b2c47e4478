package lower

import (
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// plan decides how a probe's body is lowered; see outline.go.
func (f *fn) plan(pr *hir.Probe) {
	work, branches := f.effort(&hir.Block{Stmts: pr.Body.Stmts, Value: pr.Body.Value})
	hir.WalkExpr(pr.Pred, func(e hir.Expr) {
		w, n := f.expression(e)
		work, branches = work+5+w, branches+n
	}, nil)
	f.careful = len(f.u.parts[pr]) == 0 && (f.u.cfg.Careful[pr] || work > carefulWork || branches > carefulBranches)
	f.noteKept(pr)
	f.findCaptured(pr)
}

// Thresholds from which a program is lowered carefully: instructions that the
// verifier would walk if no paths multiplied, and branches.
const (
	carefulWork     = 4_000
	carefulBranches = 24
	turnWork        = 600
	searchWork      = 1_500 // of a loop over the bytes of a string: it has one way out
	fewTurns        = 4     // after which the verifier has seen a loop without branches
)

// byTurns reports whether each iteration of a loop becomes a function call.
func (f *fn) byTurns(turns int64, body *hir.Block) bool {
	if _, room := f.between(body); !f.careful || !room || f.needsCtx(body) {
		return false
	}
	work, branches := f.effort(body)
	return turns < 0 || branches > 0 || int64(work)*turns > turnWork
}

// effort estimates what the verifier walks of a block, and its branches.
func (f *fn) effort(b *hir.Block) (work, branches int) {
	if b == nil {
		return 0, 0
	}
	const cap = 1 << 40
	var inside []*hir.Block
	skip := map[any]bool{}
	loop := func(turns int, body *hir.Block, copies bool) {
		w, n := f.effort(body)
		switch t := f.Target(); {
		case n > 0:
			w *= 2
		case !copies && turns > fewTurns && int64(turns*w) > plainWork && (t.Has(target.MayGoto) || t.Has(target.Loop)):
			turns = fewTurns
		}
		work = min(work+turns*w, cap)
		branches += 2*n + 1
		inside = append(inside, body)
		hir.WalkBlock(body, func(e hir.Expr) { skip[e] = true }, func(s hir.Stmt) { skip[s] = true })
	}
	hir.WalkBlock(b, func(e hir.Expr) {
		if skip[e] {
			return
		}
		work += 5
		w, n := f.expression(e)
		work, branches = work+w, branches+n
	}, func(s hir.Stmt) {
		if skip[s] {
			return
		}
		work += 6
		switch s := s.(type) {
		case *hir.SetMap, *hir.Aggregate:
			work, branches = work+20, branches+1
		case *hir.ForRange:
			n := constTurns(s)
			if n < 0 || n > 1<<16 {
				n = 1 << 16
			}
			loop(int(n), s.Body, false)
		case *hir.While:
			loop(1<<16, s.Body, false)
		case *hir.ForMap:
			loop(16, s.Body, false)
		case *hir.Unroll:
			loop(int(s.N), s.Body, true)
		}
	})
	return work, branches
}

// expression returns the work and branches of an expression without its
// operands.
func (f *fn) expression(e hir.Expr) (work, branches int) {
	switch e := e.(type) {
	case *hir.MapGet:
		if e.Map.Value.IsAgg() {
			return 12 * f.u.Obj.NCPU, 2
		}
		return 12, 1
	case *hir.Cond, *hir.Logical, *hir.Elvis:
		return 4, 1
	case *hir.Binary:
		if t := e.L.Type(); e.Op >= hir.Eq && !t.IsScalar() && !t.IsAgg() {
			if _, ok := literal(e.R); ok {
				return t.Size / 4, 2
			}
			return min(12*t.Size, searchWork), 6
		}
	case *hir.Call:
		b := f.u.cfg.Builtins[e.Sig.Name]
		switch {
		case b != nil && b.Loops:
			n := 8
			for _, a := range e.Args {
				n = max(n, a.Type().Size)
			}
			return min(12*n, searchWork), 6
		case e.T != nil && (e.T.Kind == types.KStack || e.T.Kind == types.UStack):
			// A loop over the frames, which always ends in the same state.
			return 40, 2
		}
		if e.Sig.Async || len(e.Args) > 0 {
			return 16, 1
		}
	}
	return 0, 0
}

// length estimates the instructions that a block becomes, where it is lowered
// carefully: an unrolled body is a function then.
func length(b *hir.Block) int {
	n := 0
	hir.WalkBlock(b, func(e hir.Expr) {
		n += 3
		switch e := e.(type) {
		case *hir.MapGet:
			n += 12
		case *hir.Cond, *hir.Logical, *hir.Elvis, *hir.Deref:
			n += 5
		case *hir.Binary:
			if t := e.L.Type(); e.Op >= hir.Eq && !t.IsScalar() && !t.IsAgg() {
				n += t.Size/8 + 10
			}
		case *hir.Call:
			n += 25
		}
	}, func(s hir.Stmt) {
		n += 4
		switch s.(type) {
		case *hir.SetMap, *hir.Aggregate:
			n += 30
		case *hir.ForRange, *hir.ForMap, *hir.While:
			n += 40
		}
	})
	return n
}

func lengthOf(stmts []hir.Stmt) int { return length(&hir.Block{Stmts: stmts}) }

func lengthOfExpr(e hir.Expr) int {
	if hir.IsNil(e) {
		return 0
	}
	return length(&hir.Block{Value: e})
}
