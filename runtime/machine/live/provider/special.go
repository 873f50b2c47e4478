package provider

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

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

// self runs when the tracer itself gets a signal.
var self = &Provider{
	ProbeKind: hir.ProbeKind{Name: "self", Row: "P-SELF-01", Usage: "self:signal:SIGUSR1",
		Doc: "Runs when the tracer gets the signal SIGUSR1. pid and comm are those of the tracer.",
		Own: true},
	Min: 2, Max: 2, Type: "special", Expand: expandSelf, List: listSelf,
}

// selfSignals are the signals of self: probes. The others have a meaning for the
// tracer already.
var selfSignals = map[string]unix.Signal{"SIGUSR1": unix.SIGUSR1}

func expandSelf(r *request) []*hir.Site {
	if trigger := r.part(0); trigger != "signal" {
		r.errorf("bad-attach-point", 0, "%s is not a supported trigger", orEmpty(trigger)).
			SameCompat().
			WithLabel("not a trigger").WithHelp("the form is `%s`", r.p.Usage)
		return nil
	}
	sig, ok := selfSignals[r.part(1)]
	if !ok {
		r.errorf("bad-attach-point", 1, "%s is not a supported signal", orEmpty(r.part(1))).
			SameCompat().
			WithLabel("not supported").WithHelp("the form is `%s`", r.p.Usage)
		return nil
	}
	r.matched = true
	s := r.site(hir.ProgRawTP, types.SpaceNone, "self:signal:"+r.part(1))
	s.Attach = hir.Attach{Kind: hir.AttachSignal, Signal: int(sig)}
	return []*hir.Site{s}
}

func listSelf(_ *Set, p *Provider, pattern string, yield func(Listed) bool) error {
	for name := range selfSignals {
		if match(pattern, "signal:"+name) && !yield(Listed{Name: p.Name + ":signal:" + name}) {
			return nil
		}
	}
	return nil
}

func expandSpecial(r *request) []*hir.Site {
	r.matched = true
	return []*hir.Site{r.site(hir.ProgRawTP, types.SpaceNone, r.p.Name)}
}

func sortSites(sites []*hir.Site) {
	slices.SortFunc(sites, func(a, b *hir.Site) int { return strings.Compare(a.Name, b.Name) })
}
