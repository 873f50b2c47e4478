package provider

import (
	"slices"
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
)

// begin runs once before anything is attached.
var begin = &Provider{
	ProbeKind: hir.ProbeKind{Name: "begin", Row: "P-BEGIN-01", Usage: "begin",
		Doc:   "Runs once before the other probes are attached. pid and comm are those of the tracer.",
		Phase: hir.BeforeAttach, Own: true},
	Type: "special", Expand: expandSpecial,
}

// end runs once after everything is detached.
var end = &Provider{
	ProbeKind: hir.ProbeKind{Name: "end", Row: "P-END-01", Usage: "end",
		Doc:   "Runs once after the other probes are detached and before the maps print.",
		Phase: hir.AfterDetach, Own: true},
	Type: "special", Expand: expandSpecial,
}

func expandSpecial(r *request) []*hir.Site {
	r.matched = true
	return []*hir.Site{r.site(hir.ProgRawTP, types.SpaceNone, r.p.Name)}
}

// The probe types that are not implemented yet.
var (
	iter  = later("iter", []string{"it"}, "P-ITER-01", "iter:task", "kernel iterators", false)
	self  = later("self", nil, "P-SELF-01", "self:signal:SIGUSR1", "probes on the tracer's own signals", false)
	test  = later("test", nil, "P-TEST-01", "test:name", "test probes", false)
	bench = later("bench", nil, "P-BENCH-01", "bench:name", "benchmark probes", false)
)

func later(name string, aliases []string, row, usage, what string, user bool) *Provider {
	p := &Provider{
		ProbeKind: hir.ProbeKind{Name: name, Aliases: aliases, Row: row, Usage: usage, Missing: true,
			Doc: strings.ToUpper(what[:1]) + what[1:] + ". Not supported yet."},
		Max: 8, Type: name, User: user,
		Expand: func(r *request) []*hir.Site {
			r.notSupported(row, what+" ("+r.p.Name+")")
			return nil
		},
	}
	if user {
		p.Target = hir.TargetProgram
	}
	return p
}

func sortSites(sites []*hir.Site) {
	slices.SortFunc(sites, func(a, b *hir.Site) int { return strings.Compare(a.Name, b.Name) })
}
