package check

import (
	"strings"

	"probe/lang/hir"
	"probe/lang/syntax"
	"probe/lang/types"
)

// Foresee predicts from a parsed script what checking it is likely to ask the
// machine for.
func Foresee(f *syntax.File, builtins map[string]*types.Signature, kinds []hir.ProbeKind) hir.Foresight {
	var out hir.Foresight
	c := &checker{in: &Input{Builtins: builtins}}
	for _, it := range f.Items {
		p, ok := it.(*syntax.Probe)
		if !ok {
			syntax.Inspect(it, func(n syntax.Node) bool { out.Types = out.Types || c.namesTypes(n); return true })
			continue
		}
		var uses types.Uses
		see := func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Ident:
				uses.Add(c.usesOf(n.Name))
			case *syntax.Call:
				uses.Add(c.usesOf(n.Name))
			}
			out.Types = out.Types || c.namesTypes(n)
			return true
		}
		if p.Pred != nil {
			syntax.Inspect(p.Pred, see)
		}
		if p.Body != nil {
			syntax.Inspect(p.Body, see)
		}
		for _, ap := range p.Attach {
			word, _, has := strings.Cut(strings.TrimSpace(ap.Raw), ":")
			k := hir.FindKind(kinds, word)
			if k == nil || !has {
				continue
			}
			functions := k.Target == hir.TargetFunction || k.Target == hir.TargetEither
			out.Functions = out.Functions || functions
			out.Types = out.Types || k.KernelTypes || functions && (uses.Args || uses.Retval)
		}
	}
	return out
}

// namesTypes reports whether a part of a script names a type of the kernel, or
// looks through a pointer to one.
func (c *checker) namesTypes(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.Field:
		return n.Arrow
	case *syntax.Cast:
		return namesStruct(n.Type)
	case *syntax.Sizeof:
		return n.Type != nil
	case *syntax.Offsetof:
		return true
	case *syntax.Ident:
		sig := c.builtin(n.Name)
		return sig != nil && sig.KernelTypes
	case *syntax.Call:
		sig := c.builtin(n.Name)
		return sig != nil && sig.KernelTypes
	}
	return false
}

func namesStruct(t *syntax.TypeExpr) bool {
	switch t.Kind {
	case "struct", "union", "enum":
		return true
	}
	return false
}
