package fgraph

import (
	"probe/compiler/target"
	"probe/lang/hir"
)

// Needs returns the features that Programs can ask the target for, and the
// sites of its programs.
func Needs(pr *hir.Probe) (sites []*hir.Site, features []target.Feature) {
	plan, _ := pr.Site.Plan.(*Plan)
	if plan == nil {
		return nil, nil
	}
	for i := range plan.Parts {
		part := &plan.Parts[i]
		sites = append(sites, part.Enter)
		if part.Exit == nil {
			features = append(features, target.SessionReturn)
		} else {
			sites = append(sites, part.Exit)
		}
		if part.Func == "" {
			features = append(features, target.FuncIP)
		}
	}
	return sites, features
}
