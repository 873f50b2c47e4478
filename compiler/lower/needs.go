package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// Needs returns the features that compiling a script can ask its target for:
// those in the records of its calls, and those that its sites, loops, maps and
// memory reads use. comm is the thread name of --comm, "" if not given;
// hashOnly is as in Config.
func Needs(p *hir.Script, builtins map[string]*builtin.Func, comm string, hashOnly bool) target.Set {
	n := target.Set{}
	if comm != "" {
		n.Add(target.TaskBTF, target.CommOffset)
	}
	for _, m := range p.Maps {
		if m.Value != nil && m.Value.IsAgg() && (m.Key != nil || hashOnly) {
			n.Add(target.NoPrealloc)
		}
	}
	for _, pr := range p.Probes {
		siteNeeds(n, pr.Site)
		expr := func(e hir.Expr) {
			if c, ok := e.(*hir.Call); ok {
				callNeeds(n, builtins[c.Sig.Name], pr)
			}
			exprNeeds(n, e, hashOnly)
		}
		stmt := func(s hir.Stmt) { stmtNeeds(n, s) }
		hir.WalkExpr(pr.Pred, expr, stmt)
		hir.WalkBlock(pr.Body, expr, stmt)
	}
	return n
}

// siteNeeds adds the features that the programs of a site use.
func siteNeeds(n target.Set, s *hir.Site) {
	if s == nil {
		return
	}
	if s.Attach.Kind.User() {
		n.Add(target.Overlap)
	}
	arg := func(a *hir.Arg) {
		switch a.Loc.Kind {
		case hir.LocFuncArg:
			n.Add(target.GetFuncArg)
		case hir.LocFuncRet:
			n.Add(target.GetFuncRet)
		}
	}
	for i := range s.Args {
		arg(&s.Args[i])
	}
	if s.Ret != nil {
		arg(s.Ret)
	}
	siteNeeds(n, s.Entry)
}

func callNeeds(n target.Set, b *builtin.Func, pr *hir.Probe) {
	if b == nil {
		return
	}
	n.Add(b.Needs...)
	n.Add(b.Prefers...)
	if b.PartNeeds != nil {
		sites, features := b.PartNeeds(pr)
		n.Add(features...)
		for _, s := range sites {
			siteNeeds(n, s)
		}
	}
}

func exprNeeds(n target.Set, e hir.Expr, hashOnly bool) {
	switch e := e.(type) {
	case *hir.MapGet:
		aggNeeds(n, e.Map, hashOnly)
	case *hir.Deref:
		if t := e.T; t.Kind == types.Record && t.Struct.BTF != 0 {
			n.Add(target.RdonlyCast)
		}
	}
}

// aggNeeds adds the features needed to read an aggregation as a number.
func aggNeeds(n target.Set, m *hir.Map, hashOnly bool) {
	if m.Value != nil && m.Value.IsAgg() && (m.Key != nil || hashOnly) {
		n.Add(target.PerCPULookup)
	}
}

func stmtNeeds(n target.Set, s hir.Stmt) {
	switch s := s.(type) {
	case *hir.ForMap:
		n.Add(target.ForEachMapElem)
		aggNeeds(n, s.Map, true)
		return
	case *hir.ForRange, *hir.While:
		n.Add(target.MayGoto, target.Loop)
	}
}
