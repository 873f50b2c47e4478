package lower

import (
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// chain lowers a long `if … else if … else if …`, with some arms in each
// function. It reports whether it did.
func (f *fn) chain(e *hir.Cond) bool {
	if !f.careful || f.deepest() {
		return false
	}
	type arm struct {
		c    hir.Expr
		body hir.Expr
	}
	var arms []arm
	work := 0
	last := hir.Expr(e)
	for {
		c, ok := next(last)
		if !ok {
			break
		}
		if f.needsCtxExpr(c.C) || f.needsCtxExpr(c.Then) {
			return false
		}
		arms = append(arms, arm{c.C, c.Then})
		work += 16 + lengthOfExpr(c.C) + lengthOfExpr(c.Then)
		last = c.Else
	}
	if len(arms) < 8 || work <= pieceLength {
		return false
	}
	if f.needsCtxExpr(last) {
		return false
	}
	done := f.b.NewBlock("endif")
	for i := 0; i < len(arms); {
		j, work := i, 0
		for j < len(arms) && work < pieceLength {
			work += 16 + lengthOfExpr(arms[j].c) + lengthOfExpr(arms[j].body)
			j++
		}
		group := arms[i:j]
		var x exits
		for _, a := range group {
			if b := blockOf(a.body); b != nil {
				y := exitsOf(b)
				x.leave, x.ret = x.leave || y.leave, x.ret || y.ret
			}
		}
		n := f.outline("arms", 0, func(g *fn) {
			for _, a := range group {
				t, n := g.b.NewBlock("then"), g.b.NewBlock("else")
				g.cond(a.c, t, n)
				g.b.UseSealed(t)
				if !hir.IsNil(a.body) {
					g.Operand(a.body)
				}
				if !g.b.Done() {
					g.b.Ret(g.konst(wentOn))
				}
				g.b.UseSealed(n)
			}
			g.b.Ret(g.konst(elsewhere))
		})
		r := f.run(n, x)
		more := f.b.NewBlock("more")
		f.b.If(ir.EQ, 4, r, f.konst(elsewhere), more, done)
		f.b.UseSealed(more)
		i = j
	}
	if !hir.IsNil(last) {
		f.Operand(last)
	}
	f.b.Jump(done)
	f.b.UseSealed(done)
	return true
}

// next unwraps the condition that an else consists of.
func next(e hir.Expr) (*hir.Cond, bool) {
	switch e := e.(type) {
	case *hir.Cond:
		if e != nil && (e.T == nil || e.T.Kind == types.Void) {
			return e, true
		}
	case *hir.BlockX:
		if e == nil || e.Block == nil {
			return nil, false
		}
		switch {
		case len(e.Block.Stmts) == 0:
			return next(e.Block.Value)
		case len(e.Block.Stmts) == 1 && hir.IsNil(e.Block.Value):
			if ev, ok := e.Block.Stmts[0].(*hir.Eval); ok {
				return next(ev.X)
			}
		}
	}
	return nil, false
}

func blockOf(e hir.Expr) *hir.Block {
	if b, ok := e.(*hir.BlockX); ok && b != nil {
		return b.Block
	}
	if hir.IsNil(e) {
		return nil
	}
	return &hir.Block{Value: e}
}
