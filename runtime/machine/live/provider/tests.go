package provider

import (
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
)

// test runs once in a run that tests the script.
var test = &Provider{
	ProbeKind: hir.ProbeKind{Name: "test", Row: "P-TEST-01", Usage: "test:name",
		Doc:  "A test of the script, run once with --test. It passes if it returns 0, calls no errorf and exits with status 0.",
		Mode: hir.Test, Own: true},
	Min: 1, Max: 1, Type: "test", Expand: expandNamed,
}

// bench runs many times in a run that measures the script.
var bench = &Provider{
	ProbeKind: hir.ProbeKind{Name: "bench", Row: "P-BENCH-01", Usage: "bench:name",
		Doc:  "A benchmark of the script, run with --bench until it has taken a millisecond in all.",
		Mode: hir.Measure, Own: true},
	Min: 1, Max: 1, Type: "bench", Expand: expandNamed,
}

func expandNamed(r *request) []*hir.Site {
	name := r.part(0)
	if name == "" {
		r.errorf("bad-attach-point", -1, "a %s probe needs a name", r.p.Name).WithHelp("the form is `%s`", r.p.Usage)
		return nil
	}
	full := r.p.Name + ":" + name
	if r.set.used[full] {
		r.errorf("bad-attach-point", -1, "%q was used as the name for more than one %s probe", name, r.p.Name).
			WithCompat("\"%s\" was used as the name for more than one %s probe", name, strings.ToUpper(r.p.Name)).
			WithLabel("a second one of this name").WithHelp("give each its own name")
		return nil
	}
	r.matched = true
	if r.set.used != nil {
		r.set.used[full] = true
	}
	s := r.site(hir.ProgRawTP, types.SpaceNone, full)
	s.Attach = hir.Attach{Kind: hir.AttachRun, Symbol: name}
	return []*hir.Site{s}
}
